"""The two trained heads: the task mixture of a prompt and its difficulty; shipped as data/router/heads.safetensors."""

import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from omni.errors import OmniError
from omni.reading.features import TextReading, TextReadings
from omni.reading.ngrams import count_bins
from omni.reading.side_by_side import CountTable, count_rows, weighted_sums
from omni.types import Task

N_WORD_BINS = 1 << 15
_WORD_SHIFT = np.uint32(32 - 15)
_ONE = np.uint32(2_654_435_761)
_PAIR = np.uint32(1_000_003)
_PAIR_MIX = np.uint32(2_246_822_519)
TASKS: tuple[Task, ...] = tuple(Task)
_TENSORS = ("task_dense", "task_cues", "task_grams", "task_words", "task_bias", "gram_idf", "word_idf", "difficulty")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """Linear heads over what `TextReading` holds."""

    task_dense: np.ndarray
    """(n_features, n_tasks): weights of the feature row."""
    task_cues: np.ndarray
    """(n_cues, n_tasks)"""
    task_grams: np.ndarray
    """(N_BINS, n_tasks): weights of L2-normalised character-gram tf-idf."""
    task_words: np.ndarray
    """(N_WORD_BINS, n_tasks): weights of L2-normalised word and word-pair tf-idf."""
    task_bias: np.ndarray
    """(n_tasks,)"""
    gram_idf: np.ndarray
    word_idf: np.ndarray
    difficulty: np.ndarray
    """(n_features + n_tasks + 1,): weights of the feature row, of the task shares, and the constant."""
    fingerprint: str

    def task_shares(self, reading: TextReading, cues: np.ndarray) -> np.ndarray:
        """Share per task in the order of `TASKS`, (n_tasks,) float64, sums to 1."""
        logits = reading.row @ self.task_dense + cues @ self.task_cues + self.task_bias
        logits += _sparse(reading.grams.bins, reading.grams.weights, self.gram_idf, self.task_grams)
        bins, weights = count_words(reading.piece_ids)
        logits += _sparse(bins, weights, self.word_idf, self.task_words)
        exponents = np.exp((logits - logits.max()).astype(np.float64))
        return exponents / exponents.sum()

    def task_shares_of(self, readings: TextReadings, cues: np.ndarray) -> np.ndarray:
        """What `task_shares` says of each text, (n_texts, n_tasks); `cues` is (n_texts, n_cues)."""
        logits = np.array([reading.row @ self.task_dense for reading in readings.texts])
        logits += np.array([found @ self.task_cues for found in cues])
        logits += self.task_bias
        logits += _sparse_of(readings.grams, self.gram_idf, self.task_grams)
        logits += _sparse_of(count_words_of(readings), self.word_idf, self.task_words)
        exponents = np.exp((logits - logits.max(axis=1, keepdims=True)).astype(np.float64))
        return exponents / exponents.sum(axis=1, keepdims=True)

    def difficulty_of(self, row: np.ndarray, shares: np.ndarray) -> float:
        """Expected share of mid-field models that fail, 0..1."""
        n_features = len(row)
        logit = row @ self.difficulty[:n_features] + shares @ self.difficulty[n_features:-1] + self.difficulty[-1]
        return 1.0 / (1.0 + math.exp(-logit))


def count_words(piece_ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hashed bins of word pieces and pairs of neighbours with 1 + log count: (n,) int64 and (n,) float32."""
    ids = (piece_ids + 1).astype(np.uint32)
    padded = np.zeros(len(ids) + 2, dtype=np.uint32)
    padded[1:-1] = ids
    pairs = (padded[:-1] * _PAIR + padded[1:]) * _PAIR_MIX
    hashed = (np.concatenate([ids * _ONE, pairs]) >> _WORD_SHIFT).astype(np.uint16)
    return count_bins(hashed)


def count_words_of(readings: TextReadings) -> CountTable:
    """What `count_words` says of each text."""
    starts = np.array(readings.piece_starts)
    n_texts = len(starts) - 1
    rows = np.repeat(np.arange(n_texts, dtype=np.uint32), np.diff(starts))
    ids = (readings.piece_ids + 1).astype(np.uint32)
    # a zero before each text and one after the last, as if each text stood alone
    padded = np.zeros(len(ids) + n_texts + 1, dtype=np.uint32)
    padded[np.arange(1, len(ids) + 1) + rows] = ids
    pair_rows = np.repeat(np.arange(n_texts, dtype=np.uint32), np.diff(starts) + 1)
    pairs = (padded[:-1] * _PAIR + padded[1:]) * _PAIR_MIX
    hashed = np.concatenate([ids * _ONE, pairs]) >> _WORD_SHIFT
    return count_rows(np.concatenate([rows, pair_rows]) << np.uint32(16) | hashed, n_texts)


def save_heads(heads: Heads, path: Path) -> None:
    """Writes the heads in half precision where that does not change a share by more than rounding."""
    wide = {"task_dense", "task_cues", "task_bias", "difficulty"}
    tensors = {
        name: np.ascontiguousarray(getattr(heads, name), dtype=np.float32 if name in wide else np.float16)
        for name in _TENSORS
    }
    save_file(tensors, path, metadata={"fingerprint": heads.fingerprint})


def load_heads(path: Path) -> Heads:
    """The shipped heads.

    Raises:
        OmniError: The file is missing or lacks a tensor.
    """
    try:
        with safe_open(path, "np") as file:
            tensors = {name: file.get_tensor(name).astype(np.float32) for name in _TENSORS}
            fingerprint = (file.metadata() or {}).get("fingerprint", "")
    except (OSError, SafetensorError) as error:
        raise OmniError(
            f"The heads {str(path)!r} cannot be read ({error}); expected the tensors {', '.join(_TENSORS)}. "
            f"Run `python -m omni fit` to rebuild them."
        ) from error
    return Heads(**tensors, fingerprint=fingerprint)


def _sparse(bins: np.ndarray, weights: np.ndarray, idf: np.ndarray, table: np.ndarray) -> np.ndarray:
    values = weights * idf.take(bins)
    norm = math.sqrt(values @ values)
    if not norm:
        return np.zeros(table.shape[1], dtype=np.float32)
    return (values @ table.take(bins, axis=0)) / np.float32(norm)


def _sparse_of(table: CountTable, idf: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    values = table.weights * idf.take(table.bins)
    sums = weighted_sums(table, values, matrix)
    parts = (values[start:end] for start, end in pairwise(table.starts))
    norms = np.array([math.sqrt(part @ part) or 1.0 for part in parts], dtype=np.float32)
    return sums / norms[:, None]
