"""How much each learner counts: non-negative weights fitted on held-out predictions, by kind of difference.

A deviation has three parts, weighed apart: the level (all models do better or worse; choices ignore it), the main
contrast between models (usually strong against weak: what difficulty changes), and the other contrasts.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

COMMON_DOUBT = 15.0
"""Prompts' worth of belief in the starting weights: 0, and 1 for a prior."""
PART_DOUBT = 20.0
"""Prompts' worth of belief that a part's weights are those of all contrasts."""
MIN_RELEVANCE = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Projections of (n, m) deviations: level, main contrast, other contrasts; they sum to the identity."""

    level: np.ndarray
    """(m,) weights of the mean over models, sum 1."""
    scale: np.ndarray
    """(m,) square root of each model's relevance."""
    axes: tuple[np.ndarray, ...]
    """Per contrast part (m, r) orthonormal directions in the scaled space."""

    def contrasts(self, deviations: np.ndarray) -> np.ndarray:
        """(..., m) -> (..., m) scaled differences to the level."""
        return (deviations - (deviations @ self.level)[..., None]) * self.scale

    def seen_contrasts(self, deviations: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """The same for rows with gaps: differences to the level of the seen cells, 0 in the others."""
        weight = seen * self.level
        share = weight / np.maximum(weight.sum(1, keepdims=True), 1e-12)
        level = (np.where(seen, deviations, 0.0) * share).sum(-1, keepdims=True)
        return np.where(seen, deviations - level, 0.0) * self.scale

    def transform(self, part_weights: np.ndarray, level_weight: float) -> np.ndarray:
        """(m, m) matrix that right-multiplies raw deviations of one learner."""
        n_models = len(self.level)
        centre = (np.eye(n_models) - np.outer(self.level, np.ones(n_models))) * self.scale
        mixed = sum(weight * axis @ axis.T for weight, axis in zip(part_weights, self.axes, strict=True))
        return centre @ (mixed / self.scale) + level_weight * np.outer(self.level, np.ones(n_models))


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """One row of weights per part, one column per learner."""

    parts: np.ndarray
    """(n_parts, k)"""
    level: np.ndarray
    """(k,)"""


def find_parts(deviations: np.ndarray, relevance: np.ndarray) -> Parts:
    """Parts of (n, m) deviations without gaps; `relevance` (m,) 0..1 says how much a model matters."""
    relevance = np.maximum(relevance, MIN_RELEVANCE)
    whole = Parts(level=relevance / relevance.sum(), scale=np.sqrt(relevance), axes=())
    scaled = whole.contrasts(deviations)
    _, vectors = np.linalg.eigh(scaled.T @ scaled)
    vectors = vectors[:, ::-1]
    n_models = len(relevance)
    axes = (vectors,) if n_models < 3 else (vectors[:, :1], vectors[:, 1:])
    return Parts(level=whole.level, scale=whole.scale, axes=axes)


class Weigher:
    """Fits weights on any union of folds, from sums kept per fold."""

    def __init__(
        self,
        held_out: np.ndarray,
        deviations: np.ndarray,
        seen: np.ndarray,
        parts: Parts,
        folds: np.ndarray,
        start: np.ndarray,
    ) -> None:
        """`held_out` (k, n, m) by learner, `deviations` (n, m) true where `seen`, `folds` (n,) from 0, `start` (k,)."""
        self.parts, self.folds, self.start = parts, folds, start
        self.projected = [parts.contrasts(held_out) @ axis for axis in parts.axes]
        truth, predicted = parts.contrasts(deviations), self.projected
        level = deviations
        if not seen.all():
            truth, masked = parts.seen_contrasts(deviations, seen), parts.seen_contrasts(held_out, seen)
            predicted = [masked @ axis for axis in parts.axes]
            level = np.where(seen, deviations, 0.0)
        rows = [folds == fold for fold in range(int(folds.max()) + 1)]
        self.sums = [
            [_sums(hat[:, r].reshape(len(hat), -1), (truth @ axis)[r].ravel()) for r in rows]
            for hat, axis in zip(predicted, parts.axes, strict=True)
        ]
        held_level, true_level = held_out @ parts.level, level @ parts.level
        self.level_sums = [_sums(held_level[:, r], true_level[r]) for r in rows]

    def solve(self, left_out: int | None = None) -> Weights:
        """Weights on every fold but one (None = on all)."""
        rows = self.folds if left_out is None else self.folds[self.folds != left_out]
        n_prompts = max(len(rows), 1)
        sums = [_without(per_fold, left_out) for per_fold in self.sums]
        gram, moment = _total(sums)
        common = solve_weights(gram, moment, self.start, COMMON_DOUBT / n_prompts)
        parts = [solve_weights(g, m, common, PART_DOUBT / n_prompts) for g, m in sums]
        level = solve_weights(*_without(self.level_sums, left_out), self.start, COMMON_DOUBT / n_prompts)
        return Weights(parts=np.stack(parts), level=level)

    def out_of_fold(self) -> np.ndarray:
        """(n, m) contrasts combined with weights that never saw the prompt's fold, in score units, without level."""
        out = np.zeros((len(self.folds), len(self.parts.level)))
        for fold in range(int(self.folds.max()) + 1):
            rows = self.folds == fold
            weights = self.solve(fold).parts
            for weight, hat, axis in zip(weights, self.projected, self.parts.axes, strict=True):
                out[rows] += np.tensordot(weight, hat[:, rows], axes=1) @ axis.T
        return out / self.parts.scale


def solve_weights(gram: np.ndarray, moment: np.ndarray, prior: np.ndarray, doubt: float) -> np.ndarray:
    """(k,) non-negative weights that minimise the squared error plus `doubt` x the distance to `prior`."""
    size = float(np.trace(gram)) / len(moment)
    if size <= 0.0:
        return prior.copy()
    ridge = gram + (doubt + 1e-8) * size * np.eye(len(moment))
    factor = np.linalg.cholesky(ridge)
    weights, _ = nnls(factor.T, np.linalg.solve(factor, moment + doubt * size * prior))
    return weights


def _sums(predicted: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    wide = predicted.astype(np.float64)
    return wide @ wide.T, wide @ truth


def _total(sums: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    return np.sum([gram for gram, _ in sums], axis=0), np.sum([moment for _, moment in sums], axis=0)


def _without(per_fold: list[tuple[np.ndarray, np.ndarray]], left_out: int | None) -> tuple[np.ndarray, np.ndarray]:
    return _total([sums for fold, sums in enumerate(per_fold) if fold != left_out])
