"""The labelled sentences of data/labels/privacy.csv, and how well the findings agree with them."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from omni.config import DATA_DIR
from omni.reading.privacy import find_private
from omni.types import Span

Split = Literal["dev", "heldout"]
_MARKED = re.compile(r"\[\[(?P<kind>[a-z_]+):(?P<value>.+?)\]\]", re.DOTALL)
_REPEATED = re.compile(r"⟨(?P<text>[^⟨⟩×]+)×(?P<times>\d+)⟩")
"""Made-up keys stand in parts, so that nobody's scanner takes the file for a leak."""
COVERED = 2 / 3
"""A label counts as found when this share of its characters is covered by a finding of its kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """A prompt and what is private in it."""

    split: str
    language: str
    text: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Counts of one kind."""

    n_labels: int
    n_found: int
    n_findings: int
    n_right: int


def load_sentences(split: Split) -> list[Sentence]:
    """The sentences of one half."""
    with (DATA_DIR / "labels" / "privacy.csv").open(encoding="utf-8", newline="") as file:
        return [read_sentence(row) for row in csv.DictReader(file) if row["split"] == split]


def read_sentence(row: dict[str, str]) -> Sentence:
    """A row without its marks, and where they were."""
    marked = _REPEATED.sub(lambda match: match["text"] * int(match["times"]), row["text"])
    text, spans, end = "", [], 0
    for match in _MARKED.finditer(marked):
        text += marked[end : match.start()]
        spans.append(Span(kind=match["kind"], message_index=0, start=len(text), end=len(text) + len(match["value"])))
        text, end = text + match["value"], match.end()
    return Sentence(split=row["split"], language=row["language"], text=text + marked[end:], spans=tuple(spans))


def compare(sentences: Iterable[Sentence], *, any_kind: bool = False) -> dict[str, Agreement]:
    """Counts by kind and under "all". `any_kind`: a finding of another kind is right, too: it is masked as well."""
    counts: dict[str, Counter[str]] = {}
    for sentence in sentences:
        found = find_private(sentence.text, 0, sentence.language)
        for what, span, is_right in _verdicts(sentence.spans, found, any_kind=any_kind):
            for kind in (span.kind, "all"):
                counter = counts.setdefault(kind, Counter())
                counter[what] += 1
                counter[f"{what} right"] += is_right
    return {
        kind: Agreement(
            n_labels=c["label"], n_found=c["label right"], n_findings=c["finding"], n_right=c["finding right"]
        )
        for kind, c in sorted(counts.items())
    }


def _verdicts(labels: Iterable[Span], found: list[Span], *, any_kind: bool) -> Iterator[tuple[str, Span, bool]]:
    labels = list(labels)
    for label in labels:
        same = [span for span in found if any_kind or span.kind == label.kind]
        covered = sum(_overlap(label, span) for span in same)
        yield "label", label, covered >= COVERED * (label.end - label.start)
    for span in found:
        same = [label for label in labels if any_kind or span.kind == label.kind]
        yield "finding", span, sum(_overlap(label, span) for label in same) >= 0.5 * (span.end - span.start)


def _overlap(one: Span, other: Span) -> int:
    return max(0, min(one.end, other.end) - max(one.start, other.start))
