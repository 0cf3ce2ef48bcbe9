"""How much each learner counts: non-negative weights fitted on held-out predictions.

A deviation has two parts, weighed apart: the level (all models do better or worse; choices ignore it) and the contrasts
between models. One weight a learner serves all contrasts: weighing the main one, or price tiers, apart gains nothing.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

DOUBT = 15.0
"""Prompts' worth of belief in weights of 0."""
MIN_RELEVANCE = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Takes (n, m) deviations apart: a level per prompt, and each model's contrast to it."""

    level: np.ndarray
    """(m,) weights of the mean over models, sum 1."""
    scale: np.ndarray
    """(m,) square root of each model's relevance."""

    def among(self, columns: np.ndarray, n_models: int) -> "Parts":
        """The same models as these columns of a wider pool, whose other models have no say in the level."""
        level, scale = np.zeros(n_models), np.zeros(n_models)
        level[columns], scale[columns] = self.level, self.scale
        return Parts(level=level, scale=scale)

    def contrasts(self, deviations: np.ndarray) -> np.ndarray:
        """(..., m) -> (..., m) scaled differences to the level."""
        return (deviations - (deviations @ self.level)[..., None]) * self.scale

    def seen_contrasts(self, deviations: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """The same for rows with gaps: differences to the level of the seen cells, 0 in the others."""
        weight = seen * self.level
        share = weight / np.maximum(weight.sum(1, keepdims=True), 1e-12)
        level = (np.where(seen, deviations, 0.0) * share).sum(-1, keepdims=True)
        return np.where(seen, deviations - level, 0.0) * self.scale

    def transform(self, contrast_weight: float, level_weight: float) -> np.ndarray:
        """(m, m) matrix that right-multiplies raw deviations of one learner."""
        level = np.outer(self.level, np.ones(len(self.level)))
        return contrast_weight * (np.eye(len(level)) - level) + level_weight * level


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """One weight per learner, (k,) each."""

    contrasts: np.ndarray
    level: np.ndarray


class HeldOut(NamedTuple):
    """Combined predictions with weights that never saw the prompt's fold, score units."""

    contrasts: np.ndarray
    """(n, m)"""
    level: np.ndarray
    """(n,)"""


def find_parts(relevance: np.ndarray) -> Parts:
    """Parts for models of which `relevance` (m,) 0..1 says how much each matters."""
    relevance = np.maximum(relevance, MIN_RELEVANCE)
    return Parts(level=relevance / relevance.sum(), scale=np.sqrt(relevance))


class Weigher:
    """Fits weights on any union of folds, from sums kept per fold."""

    def __init__(
        self,
        held_out: np.ndarray,
        deviations: np.ndarray,
        seen: np.ndarray,
        parts: Parts,
        folds: np.ndarray,
    ) -> None:
        """`held_out` (k, n, m) by learner, `deviations` (n, m) true where `seen`, `folds` (n,) from 0."""
        self.parts, self.folds, self.held_out = parts, folds, held_out
        predicted, truth, level = parts.contrasts(held_out), parts.contrasts(deviations), deviations
        if not seen.all():
            predicted, truth = parts.seen_contrasts(held_out, seen), parts.seen_contrasts(deviations, seen)
            level = np.where(seen, deviations, 0.0)
        rows = [folds == fold for fold in range(int(folds.max()) + 1)]
        self.sums = [_sums(predicted[:, r].reshape(len(predicted), -1), truth[r].ravel()) for r in rows]
        self.held_level, true_level = held_out @ parts.level, level @ parts.level
        self.level_sums = [_sums(self.held_level[:, r], true_level[r]) for r in rows]

    def solve(self, left_out: int | None = None) -> Weights:
        """Weights on every fold but one (None = on all)."""
        n_prompts = len(self.folds) if left_out is None else int((self.folds != left_out).sum())
        doubt = DOUBT / max(n_prompts, 1)
        contrasts, level = (solve_weights(*_without(sums, left_out), doubt) for sums in (self.sums, self.level_sums))
        return Weights(contrasts=contrasts, level=level)

    def out_of_fold(self) -> HeldOut:
        """Every prompt predicted with weights from the other folds."""
        whole, level = np.zeros(self.held_out.shape[1:]), np.zeros(len(self.folds))
        for fold in range(int(self.folds.max()) + 1):
            rows, weights = self.folds == fold, self.solve(fold)
            whole[rows] = np.tensordot(weights.contrasts, self.held_out[:, rows], axes=1)
            level[rows] = weights.level @ self.held_level[:, rows]
        return HeldOut(whole - (whole @ self.parts.level)[:, None], level)


def solve_weights(gram: np.ndarray, moment: np.ndarray, doubt: float) -> np.ndarray:
    """(k,) non-negative weights that minimise the squared error plus `doubt` x their squares."""
    size = float(np.trace(gram)) / len(moment)
    if size <= 0.0:
        return np.zeros(len(moment))
    ridge = gram + (doubt + 1e-8) * size * np.eye(len(moment))
    factor = np.linalg.cholesky(ridge)
    weights, _ = nnls(factor.T, np.linalg.solve(factor, moment))
    return weights


def _sums(predicted: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    wide = predicted.astype(np.float64)
    return wide @ wide.T, wide @ truth


def _without(per_fold: list[tuple[np.ndarray, np.ndarray]], left_out: int | None) -> tuple[np.ndarray, np.ndarray]:
    kept = [sums for fold, sums in enumerate(per_fold) if fold != left_out]
    return np.sum([gram for gram, _ in kept], axis=0), np.sum([moment for _, moment in kept], axis=0)
