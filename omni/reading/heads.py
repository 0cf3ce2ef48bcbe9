"""The two trained heads: the task mixture of a prompt and its difficulty; shipped as data/router/heads.safetensors."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from omni.errors import OmniError
from omni.reading.features import TextReading
from omni.reading.ngrams import take_rows
from omni.reading.structure import SIGNAL_NAMES
from omni.types import Task

TASKS: tuple[Task, ...] = tuple(Task)
_LARGEST = {"log_chars": 0.6, "log_words": 0.75, "log_lines": 0.7, "log_line_chars": 0.9, "log_numbers": 0.5}
"""About 1,500 characters, 200 words, 12 lines, 550 characters a line and 20 numbers."""
_LARGEST_SIGNALS = np.array([_LARGEST.get(name, np.inf) for name in SIGNAL_NAMES], dtype=np.float32)
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

    def difficulty_of(self, row: np.ndarray, shares: np.ndarray) -> float:
        """Expected share of mid-field models that fail, 0..1."""
        n_features = len(row)
        logit = (
            difficulty_rows(row) @ self.difficulty[:n_features]
            + shares @ self.difficulty[n_features:-1]
            + self.difficulty[-1]
        )
        return 1.0 / (1.0 + math.exp(-logit))


def difficulty_rows(rows: np.ndarray) -> np.ndarray:
    """Feature rows as difficulty reads them: beyond a page, more text does not make a prompt harder, (..., n)."""
    bounded = rows.copy()
    signals = bounded[..., rows.shape[-1] - len(SIGNAL_NAMES) :]
    np.minimum(signals, _LARGEST_SIGNALS, out=signals)
    return bounded


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
            f"Run `python -m evals.studies train-reader` to rebuild them."
        ) from error
    return Heads(**tensors, fingerprint=about.get("fingerprint", ""), trained_on=about.get("trained_on", ""))


def _sparse(bins: np.ndarray, weights: np.ndarray, idf: np.ndarray, table: np.ndarray) -> np.ndarray:
    values = weights * take_rows(idf, bins)
    norm = math.sqrt(values @ values)
    if not norm:
        return np.zeros(table.shape[1], dtype=np.float32)
    return (values @ take_rows(table, bins)) / np.float32(norm)
