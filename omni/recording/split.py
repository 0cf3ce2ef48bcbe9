"""Which prompts of a recording are fitted on and which are tested on: by text, in whole groups, the same everywhere."""

import hashlib
import unicodedata
from collections.abc import Sequence
from typing import Literal

Side = Literal["fit", "test"]

FIT_SHARE = 0.7


def normalise_text(text: str) -> str:
    """The text as compared for equality: NFKC, casefolded, runs of white space as one space."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def text_key(text: str) -> str:
    """A stable key (32 hex digits) of the normalised text; equal texts of any source share it."""
    return hashlib.sha256(normalise_text(text).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def side_of(key: str) -> Side:
    """`fit` for 70 % of the keys, by a hash, so that it does not depend on other prompts, order or seed."""
    digest = hashlib.sha256(b"split:" + key.encode("utf-8", "surrogatepass")).digest()
    return "fit" if int.from_bytes(digest[:8], "big") / 2**64 < FIT_SHARE else "test"


def join_groups(group_ids: Sequence[str], keys: Sequence[str]) -> list[int]:
    """Numbers the connected sets of rows that share a group id or a key.

    Args:
        group_ids: per row; rows of one conversation or passage share it.
        keys: per row; rows of one text share it.

    Returns:
        Per row the index of the first row of its set.
    """
    parent = list(range(len(keys)))

    def find(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for labels in (group_ids, keys):
        first: dict[str, int] = {}
        for row, label in enumerate(labels):
            low, high = sorted((find(first.setdefault(label, row)), find(row)))
            parent[high] = low
    return [find(row) for row in range(len(keys))]


def split_rows(joined: Sequence[int], keys: Sequence[str]) -> list[Side]:
    """The side of each row, decided for each joined set by its smallest key.

    A row alone in its set is decided by its own key, and so falls on the same side in every recording.
    """
    smallest: dict[int, str] = {}
    for label, key in zip(joined, keys, strict=True):
        smallest[label] = min(key, smallest.get(label, key))
    sides = {label: side_of(key) for label, key in smallest.items()}
    return [sides[label] for label in joined]
