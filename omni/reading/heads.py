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
from omni.reading.ngrams import take_rows
from omni.reading.side_by_side import CountTable, weighted_sums
from omni.types import Task

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
    trained_on: str
    """Labels and recordings, in words; empty when the file does not say."""

    def task_shares(self, reading: TextReading, cues: np.ndarray) -> np.ndarray:
        """Share per task in the order of `TASKS`, (n_tasks,) float64, sums to 1."""
        logits = reading.row @ self.task_dense + cues @ self.task_cues + self.task_bias
        logits += _sparse(*reading.grams, self.gram_idf, self.task_grams)
        logits += _sparse(*reading.word_counts, self.word_idf, self.task_words)
        exponents = np.exp((logits - logits.max()).astype(np.float64))
        return exponents / exponents.sum()

    def task_shares_of(self, readings: TextReadings, cues: np.ndarray) -> np.ndarray:
        """What `task_shares` says of each text, (n_texts, n_tasks); `cues` is (n_texts, n_cues)."""
        logits = np.array([reading.row @ self.task_dense for reading in readings.texts])
        logits += np.array([found @ self.task_cues for found in cues])
        logits += self.task_bias
        logits += _sparse_of(readings.grams, self.gram_idf, self.task_grams)
        logits += _sparse_of(readings.word_counts, self.word_idf, self.task_words)
        exponents = np.exp((logits - logits.max(axis=1, keepdims=True)).astype(np.float64))
        return exponents / exponents.sum(axis=1, keepdims=True)

    def difficulty_of(self, row: np.ndarray, shares: np.ndarray) -> float:
        """Expected share of mid-field models that fail, 0..1."""
        n_features = len(row)
        logit = row @ self.difficulty[:n_features] + shares @ self.difficulty[n_features:-1] + self.difficulty[-1]
        return 1.0 / (1.0 + math.exp(-logit))


def save_heads(heads: Heads, path: Path) -> None:
    """Writes the heads in half precision where that does not change a share by more than rounding."""
    wide = {"task_dense", "task_cues", "task_bias", "difficulty"}
    tensors = {
        name: np.ascontiguousarray(getattr(heads, name), dtype=np.float32 if name in wide else np.float16)
        for name in _TENSORS
    }
    save_file(tensors, path, metadata={"fingerprint": heads.fingerprint, "trained_on": heads.trained_on})


def load_heads(path: Path) -> Heads:
    """The shipped heads.

    Raises:
        OmniError: The file is missing or lacks a tensor.
    """
    try:
        with safe_open(path, "np") as file:
            tensors = {name: file.get_tensor(name).astype(np.float32) for name in _TENSORS}
            about = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise OmniError(
            f"The heads {str(path)!r} cannot be read ({error}); expected the tensors {', '.join(_TENSORS)}. "
            f"Run `python -m omni fit` to rebuild them."
        ) from error
    return Heads(**tensors, fingerprint=about.get("fingerprint", ""), trained_on=about.get("trained_on", ""))


def _sparse(bins: np.ndarray, weights: np.ndarray, idf: np.ndarray, table: np.ndarray) -> np.ndarray:
    values = weights * take_rows(idf, bins)
    norm = math.sqrt(values @ values)
    if not norm:
        return np.zeros(table.shape[1], dtype=np.float32)
    return (values @ take_rows(table, bins)) / np.float32(norm)


def _sparse_of(table: CountTable, idf: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    values = table.weights * idf.take(table.bins)
    sums = weighted_sums(table.bins, table.starts, values, matrix)
    parts = (values[start:end] for start, end in pairwise(table.starts))
    norms = np.array([math.sqrt(part @ part) or 1.0 for part in parts], dtype=np.float32)
    return sums / norms[:, None]
