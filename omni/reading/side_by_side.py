"""Counting for many texts side by side.

What a text gets does not depend on the texts beside it: whole numbers are counted, floats are worked out element by
element, and every sum of floats runs over one text with the same call that a text alone gets.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from omni.reading.ngrams import (
    GRAM_SIZES,
    GramCounts,
    code_points,
    hash_words,
    log_weights,
    mix_grams,
    roll_grams,
    run_lengths,
)

MAX_TEXTS = 256
"""Texts counted together; more would only take more memory."""
_TEXTS_PER_TAKE = 16
_ROW_SHIFT = np.uint32(16)
_NO_TEXT = np.uint32(0xFFFF_FFFF)


class JoinedCodes(NamedTuple):
    """Code points of several one-line texts, each with a space at both ends."""

    codes: np.ndarray
    """(n_codes,) uint32"""
    starts: list[int]
    """Where each text begins, and the end of the last."""
    rows: np.ndarray
    """Which text each code point belongs to, (n_codes,) uint32."""
    is_ascii: bool

    def of_text(self, row: int) -> np.ndarray:
        """The code points of one text without the spaces around it."""
        return self.codes[self.starts[row] + 1 : self.starts[row + 1] - 1]


class CountTable(NamedTuple):
    """Bins and weights of several texts, one after another."""

    bins: np.ndarray
    """Distinct within a text and ascending, int64."""
    weights: np.ndarray
    """1 + log count of each, float32."""
    starts: list[int]
    """Where each text begins, and the end of the last."""

    def of_texts(self, texts: range) -> "CountTable":
        """The counts of some texts on end."""
        begin, end = self.starts[texts.start], self.starts[texts.stop]
        starts = [start - begin for start in self.starts[texts.start : texts.stop + 1]]
        return CountTable(self.bins[begin:end], self.weights[begin:end], starts)

    def of_text(self, row: int) -> GramCounts:
        """The counts of one text."""
        part = slice(self.starts[row], self.starts[row + 1])
        return GramCounts(self.bins[part], self.weights[part])


def join_codes(flats: Sequence[str]) -> JoinedCodes:
    """The code points of one-line texts, at most `MAX_TEXTS`."""
    joined = "  ".join(flats)
    lengths = [len(flat) + 2 for flat in flats]
    rows = np.repeat(np.arange(len(flats), dtype=np.uint32), lengths)
    return JoinedCodes(code_points(joined), list(accumulate(lengths, initial=0)), rows, joined.isascii())


def count_grams_of(joined: JoinedCodes) -> CountTable:
    """What `count_grams` says of each text."""
    codes, n_codes = joined.codes, len(joined.codes)
    keys = np.zeros((len(GRAM_SIZES), n_codes), dtype=np.uint32)
    roll_grams(codes, [key[: max(n_codes + 1 - size, 0)] for key, size in zip(keys, GRAM_SIZES, strict=True)])
    mix_grams(keys)
    keys |= joined.rows << _ROW_SHIFT
    ends = np.array(joined.starts[1:])
    for key, size in zip(keys, GRAM_SIZES, strict=True):
        for overhang in range(1, size):
            # a gram that begins here would end in the next text
            key[ends - overhang] = _NO_TEXT
    return count_rows(keys.ravel(), len(joined.starts) - 1)


def count_words_of(piece_ids: np.ndarray, piece_starts: Sequence[int]) -> CountTable:
    """What `count_grams_and_words` says of the words of each text.

    Args:
        piece_ids: Of all texts, one after another, int64.
        piece_starts: Where each text begins in `piece_ids`, and the end of the last.
    """
    lengths = np.diff(piece_starts)
    n_texts = len(lengths)
    rows = np.repeat(np.arange(n_texts, dtype=np.uint32), lengths)
    ids = (piece_ids + 1).astype(np.uint32)
    # a zero before each text and one after the last, as if each text stood alone
    padded = np.zeros(len(ids) + n_texts + 1, dtype=np.uint32)
    padded[np.arange(1, len(ids) + 1) + rows] = ids
    keys = np.empty(2 * len(ids) + n_texts, dtype=np.uint32)
    hash_words(ids, padded, keys)
    pair_rows = np.repeat(np.arange(n_texts, dtype=np.uint32), lengths + 1)
    keys |= np.concatenate([rows, pair_rows]) << _ROW_SHIFT
    return count_rows(keys, n_texts)


def count_rows(
    keys: np.ndarray, n_rows: int, *, value_bits: int = 16, weight_of: np.ndarray | None = None
) -> CountTable:
    """Counts of values by text.

    Args:
        keys: Row of the text in the upper bits, value in the lower ones, uint32; all bits set stands for nothing.
        n_rows: At most `MAX_TEXTS`.
        value_bits: Bits of a value.
        weight_of: Weight by count; None = 1 + log count.
    """
    ordered = np.sort(keys)
    begins, counts = run_lengths(ordered)
    distinct = ordered[begins]
    starts = np.searchsorted(distinct, np.arange(n_rows + 1, dtype=np.uint32) << np.uint32(value_bits)).tolist()
    # what stands for nothing is sorted to the end
    distinct, counts = distinct[: starts[-1]], counts[: starts[-1]]
    bins = (distinct & np.uint32((1 << value_bits) - 1)).astype(np.int64)
    return CountTable(bins, (log_weights() if weight_of is None else weight_of).take(counts, mode="clip"), starts)


def weighted_sums(bins: np.ndarray, starts: Sequence[int], values: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Of each text the sum of the matrix' rows at its bins, times `values`; (n_texts, n_columns) float32.

    Args:
        bins: Of all texts, one after another, int64.
        starts: Where each text begins in `bins`, and the end of the last.
        values: As long as `bins`, float32.
        matrix: (n_bins, n_columns)
    """
    n_texts = len(starts) - 1
    sums = np.empty((n_texts, matrix.shape[1]), dtype=np.float32)
    for first in range(0, n_texts, _TEXTS_PER_TAKE):
        texts = range(first, min(first + _TEXTS_PER_TAKE, n_texts))
        begin, end = starts[first], starts[texts.stop]
        taken = matrix.take(bins[begin:end], axis=0).astype(np.float32, copy=False)
        for row in texts:
            here, stop = starts[row], starts[row + 1]
            np.matmul(values[here:stop], taken[here - begin : stop - begin], out=sums[row])
    return sums
