"""Hashed character 2- to 4-grams and their projection on a few directions, for wording in any script.

The grams are hashed with a polynomial over code points, weighted by sublinear term frequency times inverse document
frequency, and projected on the leading directions of a truncated SVD over the labelled prompts
(`python -m evals.studies train-reader`).
"""

import math
from functools import lru_cache
from itertools import accumulate, pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors.numpy import load_file

from omni.errors import OmniError

N_BINS = 1 << 14
N_DIRECTIONS = 64
_BITS = np.uint32(32 - 14)
_BASE = np.uint32(1_000_003)
_MIX = np.uint32(2_654_435_761)
N_WORD_BINS = 1 << 15
_WORD_BITS = np.uint32(32 - 15)
_WORD_MASK = N_WORD_BINS - 1
_IS_WORD = np.uint32(N_WORD_BINS)
"""Set in the key of a word, so that words are sorted behind all grams."""
_PAIR_MIX = np.uint32(2_246_822_519)
GRAM_SIZES = (2, 3, 4)


class GramCounts(NamedTuple):
    """The character grams of one text."""

    bins: np.ndarray
    """Distinct bins, ascending, (n_bins_used,) int64."""
    weights: np.ndarray
    """1 + log count of each, float32."""


class GramProjection:
    """Directions of character grams; `matrix` is (N_BINS, n_directions) with the idf inside."""

    def __init__(self, matrix: np.ndarray) -> None:
        self.matrix = np.ascontiguousarray(matrix, dtype=np.float32)

    def vector(self, grams: GramCounts) -> np.ndarray:
        """L2-normalised directions, (n_directions,) float32; zeros for a text without grams."""
        return normalised(grams.weights @ take_rows(self.matrix, grams.bins))


def take_rows(matrix: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The rows of a matrix, which has to have them all: numpy takes them faster where it need not raise an error."""
    return matrix.take(rows, axis=0, mode="clip")


def normalised(total: np.ndarray) -> np.ndarray:
    """A vector with length one; zeros stay zeros."""
    norm = math.sqrt(total @ total)
    return total / norm if norm else total


def count_grams(codes: np.ndarray) -> GramCounts:
    """Grams of a text given as code points, (n_chars,) uint32."""
    return count_grams_and_words(codes, np.empty(0, dtype=np.int64))[0]


def count_grams_and_words(codes: np.ndarray, piece_ids: np.ndarray) -> tuple[GramCounts, GramCounts]:
    """Grams of a text, and hashed word pieces and pairs of neighbours; both are sorted in one go.

    Args:
        codes: Code points, (n_chars,) uint32.
        piece_ids: Ids of the word pieces, (n_pieces,) int64.
    """
    ends_of_sizes = list(accumulate([max(len(codes) + 1 - size, 0) for size in GRAM_SIZES], initial=0))
    n_grams, n_pieces = ends_of_sizes[-1], len(piece_ids)
    keys = np.empty(n_grams + 2 * n_pieces + 1, dtype=np.uint32)
    rolling = codes
    for size, (start, end) in zip(GRAM_SIZES, pairwise(ends_of_sizes), strict=True):
        longer = keys[start:end]
        np.multiply(rolling[:-1], _BASE, out=longer)
        longer += codes[size - 1 :]
        rolling = longer
    grams, words = keys[:n_grams], keys[n_grams:]
    grams *= _MIX
    grams >>= _BITS
    padded = np.zeros(n_pieces + 2, dtype=np.uint32)
    ids, pairs = padded[1:-1], words[n_pieces:]
    np.add(piece_ids, 1, out=ids, casting="unsafe")
    np.multiply(ids, _MIX, out=words[:n_pieces])
    np.multiply(padded[:-1], _BASE, out=pairs)
    pairs += padded[1:]
    pairs *= _PAIR_MIX
    words >>= _WORD_BITS
    words |= _IS_WORD
    # numpy sorts 32-bit integers faster than 16-bit ones
    keys.sort()
    starts, counts = run_lengths(keys)
    bins = keys.take(starts).astype(np.int64)
    weights = _log_weights().take(counts, mode="clip")
    first_word = int(bins.searchsorted(_IS_WORD))
    return (
        GramCounts(bins[:first_word], weights[:first_word]),
        GramCounts(bins[first_word:] & _WORD_MASK, weights[first_word:]),
    )


def run_lengths(ordered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each run of equal values begins, and how long it is."""
    is_border = np.empty(len(ordered) + 1, dtype=bool)
    is_border[0] = is_border[-1] = True
    np.not_equal(ordered[1:], ordered[:-1], out=is_border[1:-1])
    borders = is_border.nonzero()[0]
    return borders[:-1], borders[1:] - borders[:-1]


@lru_cache(maxsize=1)
def _log_weights() -> np.ndarray:
    """1 + log count by count; no text is longer than the table."""
    return (1.0 + np.log(np.maximum(np.arange(1 << 16), 1))).astype(np.float32)


def code_points(flat: str) -> np.ndarray:
    """Code points of a one-line text with a space at both ends, (n_chars + 2,) uint32."""
    padded = f" {flat} "
    if flat.isascii():
        return np.frombuffer(padded.encode(), dtype=np.uint8).astype(np.uint32)
    return np.frombuffer(padded.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def load_projection(path: Path) -> GramProjection:
    """The shipped projection.

    Raises:
        OmniError: The file is missing or has another shape.
    """
    try:
        matrix = load_file(path)["projection"]
    except (OSError, KeyError, ValueError) as error:
        raise OmniError(
            f"The character-gram directions {str(path)!r} cannot be read ({error}); expected a safetensors file with "
            f"'projection'. Restore it from the repository."
        ) from error
    if matrix.ndim != 2 or matrix.shape[0] != N_BINS:
        raise OmniError(
            f"{str(path)!r} holds a projection of shape {matrix.shape!r}; expected ({N_BINS}, n). "
            f"Restore it from the repository."
        )
    return GramProjection(matrix)
