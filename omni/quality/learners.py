"""Learners of one pool: each predicts score minus the model's mean from a prompt's features; stacking weighs them.

All are closed-form, so the held-out predictions that weigh them cost little more than one fit. A deviation has two
parts that are weighed apart: the level (all models do better or worse; no choice rests on it) and the contrasts
between models. Weights are non-negative and fitted on held-out predictions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

from omni.quality.features import Mapped, solve_ridge

N_NEIGHBOURS = 64
NEIGHBOUR_SOFTNESS = 0.1
NEIGHBOUR_SHRINK = 3.0
TABLE_SHRINK = 10.0
"""Prompts' worth of the model's mean in every table cell."""
KERNEL_STRENGTH = 10.0
DIFFICULTY_STRENGTH = 10.0
CATEGORY_STRENGTH = 3.0
MAX_CATEGORIES = 40
CHUNK = 512
LEARNERS = ("kernel", "neighbours", "category", "difficulty")
WEIGHT_SHRINK = 15.0
"""Prompts' worth of belief in weights of 0."""
BELIEVED_SHARE = 0.75
"""Of the weighed contrasts between models; what held-out gains over all recordings support."""


class Line(NamedTuple):
    """A linear map with intercept."""

    slope: np.ndarray
    intercept: np.ndarray

    def at(self, rows: np.ndarray) -> np.ndarray:
        return np.asarray(rows @ self.slope + self.intercept)


class Moments(NamedTuple):
    """Sums over prompts from which a ridge regression of y on x is solved; they add and subtract over folds."""

    n: float
    x: np.ndarray
    y: np.ndarray
    xx: np.ndarray
    xy: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray, y: np.ndarray) -> "Moments":
        return cls(float(len(x)), x.sum(0), y.sum(0), x.T @ x, x.T @ y)

    def minus(self, other: "Moments") -> "Moments":
        return Moments(self.n - other.n, self.x - other.x, self.y - other.y, self.xx - other.xx, self.xy - other.xy)

    def solve(self, strength: float) -> Line:
        centre, mean = self.x / self.n, self.y / self.n
        gram = self.xx - self.n * np.outer(centre, centre)
        slope = solve_ridge(gram, self.xy - self.n * np.outer(centre, mean), strength)
        return Line(slope, mean - centre @ slope)


class FoldMoments:
    """Moments per fold, so that a regression without any fold is one subtraction and one solve."""

    def __init__(self, x: np.ndarray, y: np.ndarray, folds: np.ndarray) -> None:
        self._parts = [Moments.of(x[folds == fold], y[folds == fold]) for fold in range(int(folds.max()) + 1)]
        self._all = Moments(*(sum(parts[1:], parts[0]) for parts in zip(*self._parts, strict=True)))

    def solve(self, strength: float, left_out: int | None = None) -> Line:
        """The line on every fold but one (None = on all)."""
        return (self._all if left_out is None else self._all.minus(self._parts[left_out])).solve(strength)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Learners:
    """The learners fitted on the same prompts; m models."""

    kernel: Line
    """Similarity to landmarks -> (m,)."""
    near: np.ndarray
    """(n_fit, p) unit vectors of the fit prompts."""
    near_values: np.ndarray
    """(n_fit, m) their deviations."""
    category: Line | None
    """Features -> closeness to each category; None = there are none."""
    category_table: np.ndarray
    """(n_categories, m)"""
    ease: Line
    """Features -> how much better than usual all models do."""
    ease_scale: float
    ease_curve: Line
    """`ease_basis` -> (m,)."""

    def predict(self, mapped: Mapped, found: "Nearest") -> dict[str, np.ndarray]:
        """Per learner the (n, m) deviation it predicts; `found` are the neighbours among `near`."""
        n_models = self.near_values.shape[1]
        category = np.zeros((len(mapped.linear), n_models))
        if self.category is not None:
            category = category_shares(self.category.at(mapped.linear)) @ self.category_table
        return {
            "kernel": self.kernel.at(mapped.kernel),
            "neighbours": neighbour_mean(self.near_values, found),
            "category": category,
            "difficulty": self.ease_curve.at(ease_basis(self.ease.at(mapped.linear)[:, 0] / self.ease_scale)),
        }


class Trainer:
    """Fits all learners on any union of folds, from sums kept per fold."""

    def __init__(
        self, mapped: Mapped, whitener: np.ndarray, deviations: np.ndarray, codes: np.ndarray, folds: np.ndarray
    ) -> None:
        """`deviations` (n, m) without gaps; `codes` (n,) category or -1 for all; `folds` (n,) from 0."""
        self._whitener = whitener
        self.mapped, self.deviations, self.folds = mapped, deviations, folds
        n_categories = int(codes.max()) + 1
        if not 2 <= n_categories <= MAX_CATEGORIES:
            n_categories = 0
        self.indicator = np.eye(n_categories)[codes] if n_categories else np.zeros((len(codes), 0))
        ease = deviations.mean(1, keepdims=True)
        self._linear = FoldMoments(mapped.linear, np.hstack([ease, self.indicator]), folds)
        self._kernel = FoldMoments(mapped.kernel @ whitener, deviations, folds)
        self.ease = np.zeros(len(folds))
        for fold in range(self.n_folds):
            rows = folds == fold
            self.ease[rows] = self._linear.solve(DIFFICULTY_STRENGTH, fold).at(mapped.linear[rows])[:, 0]

    @property
    def n_folds(self) -> int:
        return int(self.folds.max()) + 1

    def fit(self, left_out: int | None = None) -> Learners:
        """All learners on every fold but one (None = on all)."""
        keep = np.ones(len(self.folds), bool) if left_out is None else self.folds != left_out
        values, member = self.deviations[keep], self.indicator[keep]
        kernel = self._kernel.solve(KERNEL_STRENGTH, left_out)
        ease = self._linear.solve(DIFFICULTY_STRENGTH, left_out)
        scale = float(self.ease[keep].std()) or 1.0
        category = None
        if member.shape[1]:
            whole = self._linear.solve(CATEGORY_STRENGTH, left_out)
            category = Line(whole.slope[:, 1:], whole.intercept[1:])
        return Learners(
            kernel=Line(self._whitener @ kernel.slope, kernel.intercept),
            near=self.mapped.near[keep],
            near_values=values,
            category=category,
            category_table=member.T @ values / (member.sum(0)[:, None] + TABLE_SHRINK),
            ease=Line(ease.slope[:, :1], ease.intercept[:1]),
            ease_scale=scale,
            ease_curve=Moments.of(ease_basis(self.ease[keep] / scale), values).solve(0.05 * len(values)),
        )

    def out_of_fold(self) -> dict[str, np.ndarray]:
        """Per learner (n, m): each prompt predicted by learners that never saw its fold."""
        out = {name: np.zeros(self.deviations.shape) for name in LEARNERS}
        for fold in range(self.n_folds):
            rows = self.folds == fold
            learners, mapped = self.fit(fold), self.mapped.rows(rows)
            predicted = learners.predict(mapped, find_nearest(learners.near, mapped.near))
            for name in LEARNERS:
                out[name][rows] = predicted[name]
        return out


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weights:
    """How much each learner counts, by name."""

    contrasts: Mapping[str, float]
    level: Mapping[str, float]

    def weigh(self, name: str, deviations: np.ndarray, share: np.ndarray) -> np.ndarray:
        """What one learner's (n, m) deviations add to the expected score.

        `share` (m,) sums to 1: how much each model counts in the prompt's level; newcomers do not.
        """
        level = deviations @ share
        return self.contrasts[name] * deviations + ((self.level[name] - self.contrasts[name]) * level)[:, None]


def weigh_learners(held_out: Mapping[str, np.ndarray], deviations: np.ndarray, seen: np.ndarray) -> Weights:
    """Non-negative weights that best explain what was `seen` of (n, m) deviations from held-out predictions."""
    share = seen / np.maximum(seen.sum(1, keepdims=True), 1)

    def level_of(values: np.ndarray) -> np.ndarray:
        return (np.where(seen, values, 0.0) * share).sum(1, keepdims=True)

    truth_level = level_of(deviations)
    truth = np.where(seen, deviations - truth_level, 0.0).ravel()
    levels = np.stack([level_of(held_out[name])[:, 0] for name in LEARNERS])
    contrasts = np.stack([np.where(seen, held_out[name] - level_of(held_out[name]), 0.0).ravel() for name in LEARNERS])
    strength = WEIGHT_SHRINK / max(len(deviations), 1)
    of_contrasts = BELIEVED_SHARE * non_negative_weights(contrasts, truth, strength)
    of_level = non_negative_weights(levels, truth_level[:, 0], strength)
    return Weights(
        contrasts=dict(zip(LEARNERS, of_contrasts.tolist(), strict=True)),
        level=dict(zip(LEARNERS, of_level.tolist(), strict=True)),
    )


def non_negative_weights(predicted: np.ndarray, truth: np.ndarray, strength: float) -> np.ndarray:
    """(k,) non-negative weights of (k, n) predictions by least squares; `strength` pulls them to 0."""
    gram, moment = predicted @ predicted.T, predicted @ truth
    size = float(np.trace(gram)) / len(moment)
    if size <= 0.0:
        return np.zeros(len(moment))
    factor = np.linalg.cholesky(gram + (strength + 1e-8) * size * np.eye(len(moment)))
    weights, _ = nnls(factor.T, np.linalg.solve(factor, moment))
    return np.asarray(weights)


def category_shares(closeness: np.ndarray) -> np.ndarray:
    """(n, c) regression on category indicators -> shares that sum to 1, close to the regression."""
    share = np.clip(closeness, 0.0, None)
    return np.asarray(share / np.maximum(share.sum(1, keepdims=True), 1e-9))


def ease_basis(ease: np.ndarray) -> np.ndarray:
    """(n,) standardised predicted ease -> (n, 4) basis of a smooth curve."""
    z = np.clip(ease, -3.0, 3.0)
    return np.stack([z, z**2 - 1.0, np.maximum(z - 1.0, 0.0), np.maximum(-z - 1.0, 0.0)], axis=1)


class Nearest(NamedTuple):
    """The most similar of some prompts."""

    rows: np.ndarray
    """(n, k) positions, in no order."""
    similarity: np.ndarray
    """(n, k) cosine, -1..1."""


def find_nearest(near: np.ndarray, query: np.ndarray, k: int = N_NEIGHBOURS) -> Nearest:
    """The `k` rows of `near` (n_fit, p) most similar to each row of `query` (n, p); fewer when there are fewer."""
    k = min(k, len(near))
    rows = np.empty((len(query), k), dtype=np.intp)
    close = np.empty((len(query), k))
    # rounded, then the first of equals: which of many alike are taken must not hang on the last bits of a product
    by_row = 1e-14 * np.arange(len(near))
    for start in range(0, len(query), CHUNK):
        part = slice(start, start + CHUNK)
        similarity = np.round(query[part] @ near.T, 8) - by_row
        rows[part] = np.argpartition(similarity, len(near) - k, axis=1)[:, len(near) - k :]
        close[part] = np.take_along_axis(similarity, rows[part], axis=1)
    return Nearest(rows, close)


def neighbour_mean(values: np.ndarray, found: Nearest) -> np.ndarray:
    """(n, m) similarity-weighted mean of the nearest prompts' values (n_fit, m), shrunk to zero."""
    best = found.similarity.max(axis=1, keepdims=True)
    weight = np.exp((found.similarity - best) / NEIGHBOUR_SOFTNESS)
    out = np.empty((len(weight), values.shape[1]))
    for start in range(0, len(weight), CHUNK):
        part = slice(start, start + CHUNK)
        out[part] = np.matmul(weight[part, None, :], values[found.rows[part]])[:, 0]
    return out / (weight.sum(axis=1, keepdims=True) + NEIGHBOUR_SHRINK)
