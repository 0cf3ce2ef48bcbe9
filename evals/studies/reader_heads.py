"""Fits what reading learns: gram directions, task shares from labels, difficulty from levels and outcomes."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.linalg import cholesky
from scipy.linalg.lapack import dpotri
from scipy.optimize import minimize
from scipy.sparse import csr_matrix, hstack
from scipy.special import logsumexp, softmax
from sklearn.decomposition import TruncatedSVD
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import normalize

from evals.studies.labels import Figures, joined
from omni.reading.heads import TASKS
from omni.reading.ngrams import N_BINS, N_DIRECTIONS, N_WORD_BINS, GramCounts, GramProjection

# chosen with whole families left out, see evals/studies/LOG.md
SCALE_SIGNALS = 0.3
SCALE_CUES = 0.5
_STRENGTH = 1.0
_RIDGE = 1.0
_LEAST_SQUARES_SHARE = 8.0
"""Weight of the least-squares scores, about 0..1, beside the logits."""
_REAL_WEIGHT = 1.0
"""Weight of all real prompts together against that of all own labels."""
_FAMILY_POWER = 0.5
"""A family of n prompts weighs as n to this power."""
_BALANCE = 0.7
"""How far the tasks are made to weigh the same: 0 = not at all, 1 = wholly."""
_OFFSET_RIDGE = 0.2
_TASK_OFFSET_SHRINK = 3.0
_LEVEL_RIDGE = 20.0
_TASK_SCALE = 3.0
RIDGE_GRID = (3e2, 3e3, 3e4, 3e5, 3e6)


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


class LeftOut(NamedTuple):
    """What heads say of real prompts whose family they were not fitted on."""

    rows: np.ndarray
    """Positions of the prompts in the table."""
    family: str
    logits: np.ndarray
    """(n_rows, n_tasks)"""


class Calibration(NamedTuple):
    """What turns logits of the task head into shares."""

    temperature: float
    offsets: np.ndarray
    """(n_tasks,) added to the logits after they are divided."""

    def shares(self, logits: np.ndarray) -> np.ndarray:
        """Share of each task, (n, n_tasks)."""
        return np.asarray(softmax(logits / self.temperature + self.offsets, axis=1))


def fit_directions(grams: Sequence[GramCounts], *, n_directions: int = N_DIRECTIONS, seed: int = 0) -> GramProjection:
    """The directions of character grams: idf, then truncated SVD of L2-normalised rows."""
    table, idf = _tfidf(grams, N_BINS)
    svd = TruncatedSVD(n_components=n_directions, n_iter=7, random_state=seed).fit(table)
    return GramProjection((svd.components_ * idf[None, :]).T)


def feature_rows(figures: Figures, projection: GramProjection) -> np.ndarray:
    """The feature rows of figures, (n, n_features) float32."""
    directions = np.array([projection.vector(counts) for counts in figures.grams])
    return np.hstack([figures.static, directions, figures.signals]).astype(np.float32)


class TaskTable:
    """Own labels and then real prompts as one sparse table, in blocks that are scaled against each other."""

    def __init__(self, own: Figures, real: Figures, projection: GramProjection) -> None:
        figures = joined(own, real)
        self.tasks = figures.tasks.astype(str)
        self.families = figures.families
        self.weights = _weights(figures)
        grams, self.gram_idf = _tfidf(figures.grams, N_BINS)
        words, self.word_idf = _tfidf(figures.words, N_WORD_BINS)
        dense = feature_rows(figures, projection)
        self.scale = np.ones(dense.shape[1], dtype=np.float32)
        self.scale[dense.shape[1] - figures.signals.shape[1] :] = SCALE_SIGNALS
        cues = csr_matrix(figures.cues * SCALE_CUES)
        self.table = hstack([csr_matrix(dense * self.scale), cues, grams, words]).tocsr()
        self.starts = np.cumsum([0, dense.shape[1], figures.cues.shape[1], N_BINS, N_WORD_BINS])

    def parts(self, weights: np.ndarray, bias: np.ndarray) -> dict[str, np.ndarray]:
        """Weights of the table's columns, (n_columns, n_tasks), by the names in `Heads`, without difficulty."""
        dense, cues, grams, words = (weights[self.starts[part] : self.starts[part + 1]] for part in range(4))
        return {
            "task_dense": dense * self.scale[:, None],
            "task_cues": cues * SCALE_CUES,
            "task_grams": grams,
            "task_words": words,
            "task_bias": bias,
            "gram_idf": self.gram_idf,
            "word_idf": self.word_idf,
        }


def fit_tasks(table: TaskTable) -> dict[str, np.ndarray]:
    """The task head, not yet calibrated: the sum of a logistic regression and a least-squares classifier.

    On families left out the sum is right more often than either, and both are linear.
    """
    weights, bias = _fit_logistic(table, np.arange(len(table.tasks)))
    least = _LeastSquares(table)
    weights += _LEAST_SQUARES_SHARE * (table.table.T @ least.dual)
    return table.parts(weights, bias + _LEAST_SQUARES_SHARE * (least.dual.sum(axis=0) + least.means))


def task_logits(parts: dict[str, np.ndarray], figures: Figures, projection: GramProjection) -> np.ndarray:
    """What the task head says of figures, (n, n_tasks)."""
    grams, _ = _tfidf(figures.grams, N_BINS, parts["gram_idf"])
    words, _ = _tfidf(figures.words, N_WORD_BINS, parts["word_idf"])
    logits = feature_rows(figures, projection) @ parts["task_dense"] + figures.cues @ parts["task_cues"]
    return np.asarray(logits + grams @ parts["task_grams"] + words @ parts["task_words"] + parts["task_bias"])


def leave_families_out(table: TaskTable) -> Iterator[LeftOut]:
    """What heads fitted without each family say of its prompts."""
    least = _LeastSquares(table)
    for family in sorted(set(table.families) - {""}):
        is_left_out = table.families == family
        rows = np.flatnonzero(is_left_out)
        weights, bias = _fit_logistic(table, np.flatnonzero(~is_left_out))
        logits = table.table[rows] @ weights + bias + _LEAST_SQUARES_SHARE * least.left_out(rows)
        yield LeftOut(rows, family, np.asarray(logits))


def fit_calibration(left_out: Sequence[LeftOut], tasks: np.ndarray) -> Calibration:
    """What makes shares honest on families left out: one temperature, and a small offset per task.

    Args:
        tasks: Of all rows of the table.
    """
    logits = np.concatenate([part.logits for part in left_out])
    names = np.array([task.value for task in TASKS])
    truth = tasks[np.concatenate([part.rows for part in left_out])][:, None] == names

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        scaled = logits * np.exp(values[0]) + values[1:]
        errors = softmax(scaled, axis=1) - truth
        total = np.mean(logsumexp(scaled, axis=1) - scaled[truth]) + _OFFSET_RIDGE * np.sum(values[1:] ** 2)
        slope = np.mean(np.sum(errors * logits, axis=1)) * np.exp(values[0])
        return float(total), np.append(slope, errors.mean(axis=0) + 2 * _OFFSET_RIDGE * values[1:])

    found = minimize(loss, np.zeros(len(TASKS) + 1), jac=True, method="L-BFGS-B").x
    return Calibration(float(np.exp(-found[0])), found[1:])


def calibrated(parts: dict[str, np.ndarray], calibration: Calibration) -> dict[str, np.ndarray]:
    """The task head with its logits divided by the temperature and the offsets added."""
    scaled = {
        name: values / calibration.temperature if name.startswith("task_") else values for name, values in parts.items()
    }
    return scaled | {"task_bias": scaled["task_bias"] + calibration.offsets}


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


def fingerprint_of(parts: dict[str, np.ndarray], feature_fingerprint: str) -> str:
    """Sixteen hex digits over the parameters, rounded so that another processor's last bit does not count."""
    digest = hashlib.sha256(feature_fingerprint.encode())
    for name in sorted(parts):
        digest.update(name.encode())
        digest.update((np.round(parts[name].astype(np.float64), 2) + 0.0).astype(np.float32).tobytes())
    return digest.hexdigest()[:16]


def _fit_logistic(table: TaskTable, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights (n_columns, n_tasks) and bias of a logistic regression on some rows."""
    model = LogisticRegression(C=_STRENGTH, max_iter=200, tol=1e-3)
    model.fit(table.table[rows], table.tasks[rows], sample_weight=table.weights[rows])
    order = [list(model.classes_).index(task.value) for task in TASKS]
    return model.coef_[order].T, model.intercept_[order]


class _LeastSquares:
    """Weighted ridge regression on the indicator of each task, in its dual form.

    Source: left-out residuals of kernel ridge regression, Rasmussen and Williams 2006, section 5.4.2.
    """

    def __init__(self, table: TaskTable) -> None:
        n_rows = len(table.tasks)
        indicators = (table.tasks[:, None] == np.array([task.value for task in TASKS])).astype(float)
        self.means = np.average(indicators, axis=0, weights=table.weights)
        self._targets = indicators - self.means
        kernel = (table.table @ table.table.T).toarray().astype(np.float64) + 1.0
        kernel[np.arange(n_rows), np.arange(n_rows)] += _RIDGE / table.weights
        lower = cholesky(kernel, lower=True, overwrite_a=True, check_finite=False)
        inverse, _ = dpotri(lower, lower=1, overwrite_c=1)
        self._inverse = np.tril(inverse) + np.tril(inverse, -1).T
        self.dual = self._inverse @ self._targets

    def left_out(self, rows: np.ndarray) -> np.ndarray:
        """What a fit without these rows says of them, (n_rows, n_tasks)."""
        residuals = np.linalg.solve(self._inverse[np.ix_(rows, rows)], self.dual[rows])
        return np.asarray(self._targets[rows] - residuals + self.means)


def _weights(figures: Figures) -> np.ndarray:
    """Weight of each prompt: families by a power of their size, real prompts together as own ones, tasks balanced."""
    is_real = figures.families != ""
    weights = np.ones(len(figures))
    names, positions, sizes = np.unique(figures.families[is_real].astype(str), return_inverse=True, return_counts=True)
    if len(names):
        of_real = sizes[positions] ** (_FAMILY_POWER - 1.0)
        weights[is_real] = of_real * _REAL_WEIGHT * max((~is_real).sum(), 1) / of_real.sum()
    tasks, of_task = np.unique(figures.tasks.astype(str), return_inverse=True)
    totals = np.bincount(of_task, weights=weights, minlength=len(tasks))
    return np.asarray(weights * ((totals.mean() / totals) ** _BALANCE)[of_task])


def _tfidf(rows: Sequence[GramCounts], n_bins: int, idf: np.ndarray | None = None) -> tuple[csr_matrix, np.ndarray]:
    bins = np.concatenate([row.bins for row in rows])
    starts = np.concatenate([[0], np.cumsum([len(row.bins) for row in rows])])
    table = csr_matrix((np.concatenate([row.weights for row in rows]), bins, starts), shape=(len(rows), n_bins))
    if idf is None:
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


class _OneOut(NamedTuple):
    correlations: dict[str, float]
    scale: float
    """What to multiply the slope by so that it predicts logits of sources it has not seen."""


def _leave_one_out(sources: Sequence[OutcomeSource], parts: Sequence[_Centred], ridge: float) -> _OneOut:
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
    return _OneOut(correlations, max(crossed / squared, 0.0) if squared else 0.0)
