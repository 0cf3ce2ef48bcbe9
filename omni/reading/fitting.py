"""Fits the two heads: tasks from the label set, difficulty from recorded outcomes. Deterministic."""

import csv
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import normalize

from omni.errors import OmniError
from omni.reading.cues import CueFinder
from omni.reading.features import FeatureMaker, TextReading
from omni.reading.heads import TASKS, Heads
from omni.reading.ngrams import N_BINS, N_WORD_BINS

# chosen by cross-validation on the training labels, see data/router/CARD.md
_SCALE_SIGNALS = 0.3
_SCALE_CUES = 0.5
_STRENGTH = 4.0
_N_FOLDS = 4
_TASK_OFFSET_SHRINK = 3.0
_LEVEL_RIDGE = 20.0
_TASK_SCALE = 3.0
LEVEL_SHARES = {1: 0.05, 2: 0.15, 3: 0.35, 4: 0.6, 5: 0.85}
"""What a difficulty label means: the expected share of mid-field models (8 to 30 billion parameters) that fail."""
RIDGE_GRID = (3e2, 3e3, 3e4, 3e5, 3e6)


class Label(NamedTuple):
    """One labelled prompt."""

    task: str
    language: str
    prompt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeSource:
    """What one recording says about difficulty."""

    name: str
    task: str
    """The task its prompts are counted under."""
    features: np.ndarray
    """(n_prompts, n_features)"""
    difficulty: np.ndarray
    """Logit of one minus the mean score over open models, (n_prompts,)."""


class DifficultyFit(NamedTuple):
    """Difficulty weights from recordings, and how they do on a recording left out."""

    weights: np.ndarray
    ridge: float
    loso: dict[str, float]
    """Correlation with the truth inside each source when that source was left out of the fit."""


def load_labels(path: Path) -> list[Label]:
    """Rows of a label file with the columns task, language, prompt.

    Raises:
        OmniError: The file is missing, lacks a column, or names an unknown task.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [Label(row["task"], row["language"], row["prompt"]) for row in csv.DictReader(file)]
    except (OSError, KeyError) as error:
        raise OmniError(
            f"The labels {str(path)!r} cannot be read ({error}); expected the columns task, language, prompt."
        ) from error
    unknown = {row.task for row in rows} - set(TASKS)
    if unknown:
        raise OmniError(f"{str(path)!r} names the tasks {sorted(unknown)!r}; expected one of {', '.join(TASKS)}.")
    return rows


def load_levels(path: Path, n_labels: Mapping[str, int]) -> np.ndarray:
    """Difficulty of every labelled prompt as the logit of the share of models that fail, (n_labels,).

    Args:
        path: A file with the columns file, row (1-based within that file), level.
        n_labels: Prompts of each label file, in the order in which the files are joined.

    Raises:
        OmniError: The file is missing, or a prompt has no level or an unknown one.
    """
    starts = dict(zip(n_labels, np.cumsum([0, *n_labels.values()]).tolist(), strict=False))
    shares = np.full(sum(n_labels.values()), np.nan)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                shares[starts[row["file"]] + int(row["row"]) - 1] = LEVEL_SHARES[int(row["level"])]
    except (OSError, KeyError, ValueError, IndexError) as error:
        raise OmniError(
            f"The levels {str(path)!r} cannot be read ({error!r}); expected the columns file, row and level (1 to 5)."
        ) from error
    if np.isnan(shares).any():
        missing = int(np.flatnonzero(np.isnan(shares))[0]) + 1
        raise OmniError(f"{str(path)!r} has no level for labelled prompt {missing}; expected one for each prompt.")
    return np.log(shares / (1 - shares))


class TaskTable:
    """The label set as one sparse table, in blocks that are scaled against each other."""

    def __init__(self, readings: Sequence[TextReading], cues: np.ndarray, n_embedding: int) -> None:
        self.gram_table, self.gram_idf = _tfidf([(r.grams.bins, r.grams.weights) for r in readings], N_BINS)
        counts = [(r.word_counts.bins, r.word_counts.weights) for r in readings]
        self.word_table, self.word_idf = _tfidf(counts, N_WORD_BINS)
        dense = np.array([r.row for r in readings])
        self.dense_scale = np.ones(dense.shape[1], dtype=np.float32)
        self.dense_scale[n_embedding:] = _SCALE_SIGNALS
        self.table = hstack(
            [csr_matrix(dense * self.dense_scale), csr_matrix(cues * _SCALE_CUES), self.gram_table, self.word_table]
        ).tocsr()
        self.starts = np.cumsum([0, dense.shape[1], cues.shape[1], N_BINS, N_WORD_BINS])


def fit_tasks(table: TaskTable, tasks: Sequence[str]) -> dict[str, np.ndarray]:
    """Weights of the task head by the names in `Heads`, without difficulty."""
    model = _classifier().fit(table.table, np.array(tasks))
    order = [list(model.classes_).index(task.value) for task in TASKS]
    weights = model.coef_[order].T
    dense, cue, gram, word = (weights[table.starts[i] : table.starts[i + 1]] for i in range(4))
    return {
        "task_dense": dense * table.dense_scale[:, None],
        "task_cues": cue * _SCALE_CUES,
        "task_grams": gram,
        "task_words": word,
        "task_bias": model.intercept_[order],
        "gram_idf": table.gram_idf,
        "word_idf": table.word_idf,
    }


def cross_validate_tasks(table: TaskTable, tasks: Sequence[str]) -> float:
    """Share right over stratified folds of the training labels, 0..1."""
    truth = np.array(tasks)
    right = np.zeros(len(truth), dtype=bool)
    for fit, test in StratifiedKFold(_N_FOLDS, shuffle=True, random_state=0).split(truth, truth):
        right[test] = _classifier().fit(table.table[fit], truth[fit]).predict(table.table[test]) == truth[test]
    return float(right.mean())


def fit_difficulty(sources: Sequence[OutcomeSource]) -> DifficultyFit:
    """Ridge on rows centred within their source, strength by leave-one-source-out, plus a level per task."""
    centred = [_centre(source) for source in sources]
    left_out = {ridge: _leave_one_out(sources, centred, ridge) for ridge in RIDGE_GRID}
    ridge = max(RIDGE_GRID, key=lambda strength: float(np.mean(list(left_out[strength].correlations.values()))))
    # a strong ridge finds the direction and shrinks its length: the length comes from the sources left out
    slope = _ridge(centred, ridge) * left_out[ridge].scale
    levels = [float(source.difficulty.mean()) - float(source.features.mean(axis=0) @ slope) for source in sources]
    constant = float(np.mean(levels))
    offsets = []
    for task in TASKS:
        deviations = [level - constant for level, source in zip(levels, sources, strict=True) if source.task == task]
        offsets.append(sum(deviations) / (len(deviations) + _TASK_OFFSET_SHRINK))
    return DifficultyFit(np.concatenate([slope, offsets, [constant]]), ridge, left_out[ridge].correlations)


def fit_levels(features: np.ndarray, tasks: Sequence[str], levels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Difficulty weights for visitors' prompts: what recordings teach, and on top what the labelled levels say.

    Args:
        features: (n_labels, n_features) of the labelled prompts.
        levels: (n_labels,) logits of the share of models that fail.
        weights: The weights of `fit_difficulty`; their slope is kept, their levels are for benchmark items and are not.
    """
    slope = weights[: features.shape[1]]
    one_hot = (np.array(tasks)[:, None] == np.array(TASKS)) * _TASK_SCALE
    model = Ridge(alpha=_LEVEL_RIDGE).fit(np.hstack([features, one_hot]), levels - features @ slope)
    learned, offsets = model.coef_[: len(slope)], model.coef_[len(slope) :] * _TASK_SCALE
    return np.concatenate([slope + learned, offsets, [model.intercept_]])


def build_heads(features: FeatureMaker, cues: CueFinder, labels: Sequence[Label], difficulty: np.ndarray) -> Heads:
    """The heads fitted on labels, with the given difficulty weights."""
    table = build_task_table(features, cues, labels)
    parts = fit_tasks(table, [label.task for label in labels])
    parts["difficulty"] = difficulty
    parts = {name: np.asarray(values, dtype=np.float32) for name, values in parts.items()}
    return Heads(**parts, fingerprint=fingerprint_of(parts, features.fingerprint), trained_on="")


def build_task_table(features: FeatureMaker, cues: CueFinder, labels: Sequence[Label]) -> TaskTable:
    """Reads every labelled prompt."""
    readings = [features.read_text(label.prompt) for label in labels]
    found = np.array([cues.vector(reading.words, reading.canonical.flat) for reading in readings])
    return TaskTable(readings, found, features.n_embedding)


def fingerprint_of(parts: dict[str, np.ndarray], feature_fingerprint: str) -> str:
    """Sixteen hex digits over the parameters, rounded so that another processor's last bit does not count."""
    digest = hashlib.sha256(feature_fingerprint.encode())
    for name in sorted(parts):
        digest.update(name.encode())
        digest.update((np.round(parts[name].astype(np.float64), 2) + 0.0).astype(np.float32).tobytes())
    return digest.hexdigest()[:16]


def _classifier() -> LogisticRegression:
    return LogisticRegression(C=_STRENGTH, max_iter=300, tol=1e-4)


def _tfidf(rows: Sequence[tuple[np.ndarray, np.ndarray]], n_bins: int) -> tuple[csr_matrix, np.ndarray]:
    bins = np.concatenate([row[0] for row in rows])
    starts = np.concatenate([[0], np.cumsum([len(row[0]) for row in rows])])
    table = csr_matrix((np.concatenate([row[1] for row in rows]), bins, starts), shape=(len(rows), n_bins))
    idf = np.log((1 + len(rows)) / (1 + np.bincount(bins, minlength=n_bins))) + 1.0
    return normalize(table.multiply(idf[None, :]).tocsr()), idf.astype(np.float32)


class _Centred(NamedTuple):
    gram: np.ndarray
    """Features crossed with themselves, mean over prompts, (n_features, n_features)."""
    target: np.ndarray
    """Features crossed with the target, mean over prompts, (n_features,)."""


def _centre(source: OutcomeSource) -> _Centred:
    features = source.features.astype(np.float64)
    features = features - features.mean(axis=0)
    target = source.difficulty - source.difficulty.mean()
    weight = np.sqrt(len(target))  # a large source says more, but not in proportion
    return _Centred(weight * features.T @ features / len(target), weight * features.T @ target / len(target))


def _ridge(parts: Sequence[_Centred], ridge: float) -> np.ndarray:
    gram = np.sum([part.gram for part in parts], axis=0)
    target = np.sum([part.target for part in parts], axis=0)
    return np.linalg.solve(gram + ridge * 1e-3 * np.eye(len(gram)), target)


class _LeftOut(NamedTuple):
    correlations: dict[str, float]
    scale: float
    """What to multiply the slope by so that it predicts logits of sources it has not seen."""


def _leave_one_out(sources: Sequence[OutcomeSource], parts: Sequence[_Centred], ridge: float) -> _LeftOut:
    correlations = {}
    crossed = squared = 0.0
    for source in sources:
        others = [part for other, part in zip(sources, parts, strict=True) if other.name != source.name]
        predicted = source.features @ _ridge(others, ridge)
        predicted -= predicted.mean()
        weight = np.sqrt(len(predicted))
        crossed += weight * float(np.mean(predicted * source.difficulty))
        squared += weight * float(np.mean(predicted**2))
        correlations[f"{source.name} {source.task}"] = float(np.corrcoef(predicted, source.difficulty)[0, 1])
    return _LeftOut(correlations, max(crossed / squared, 0.0) if squared else 0.0)
