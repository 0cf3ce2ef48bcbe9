"""Learners of one pool: each predicts score minus the model's mean; their weighted sum is the prediction.

Every learner has a closed form, so the cross-validated predictions that fit the weights cost little more than one fit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

from omni.quality.features import FeatureMap, Mapped, solve_ridge

N_NEIGHBOURS = 64
NEIGHBOUR_SOFTNESS = 0.1
NEIGHBOUR_SHRINK = 3.0
TABLE_SHRINK = 10.0
"""Prompts' worth of the model's mean in every table cell."""
DIFFICULTY_STRENGTH = 10.0
MAX_CATEGORIES = 40
SIGNAL_DAMPING = 0.25


class LinearSpec(NamedTuple):
    """A ridge regression: in which space, how strong."""

    name: str
    space: str
    strength: float


LINEAR = (
    LinearSpec("ridge_weak", "damped", 10.0),
    LinearSpec("ridge_strong", "damped", 100.0),
    LinearSpec("ngram_weak", "ngram", 1.0),
    LinearSpec("ngram_strong", "ngram", 10.0),
    LinearSpec("kernel_narrow", "kernel0", 10.0),
    LinearSpec("kernel_wide", "kernel1", 1.0),
)
LEARNERS = (*(spec.name for spec in LINEAR), "neighbours", "clusters_16", "clusters_64", "category", "difficulty")


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

    def solve(self, strength: float) -> tuple[np.ndarray, np.ndarray]:
        """Ridge coefficients (d, m) and intercept (m,)."""
        mean_x, mean_y = self.x / self.n, self.y / self.n
        gram = self.xx - self.n * np.outer(mean_x, mean_x)
        slope = solve_ridge(gram.astype(np.float64), self.xy - self.n * np.outer(mean_x, mean_y), strength)
        return slope, mean_y - mean_x @ slope


def total(parts: Sequence[Moments]) -> Moments:
    return Moments(*(sum(column[1:], column[0]) for column in zip(*parts, strict=True)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Learners:
    """All learners fitted on the same prompts."""

    slopes: dict[str, tuple[np.ndarray, np.ndarray]]
    near: np.ndarray
    near_values: np.ndarray
    tables: tuple[np.ndarray, ...]
    category_slope: tuple[np.ndarray, np.ndarray] | None
    category_table: np.ndarray | None
    difficulty_slope: tuple[np.ndarray, np.ndarray]
    difficulty_scale: float
    difficulty_curve: tuple[np.ndarray, np.ndarray]

    def predict(self, mapped: Mapped, spaces: dict[str, np.ndarray], names: Sequence[str]) -> np.ndarray:
        """(k, n, m): the deviation each of the named learners predicts."""
        return np.stack([self._one(name, mapped, spaces) for name in names])

    def _one(self, name: str, mapped: Mapped, spaces: dict[str, np.ndarray]) -> np.ndarray:
        for spec in LINEAR:
            if spec.name == name:
                slope, intercept = self.slopes[name]
                return spaces[spec.space] @ slope + intercept
        if name == "neighbours":
            return neighbour_mean(self.near, self.near_values, mapped.near)
        if name.startswith("clusters"):
            index = LEARNERS.index(name) - LEARNERS.index("clusters_16")
            return self.tables[index][mapped.clusters[index]]
        if name == "category":
            if self.category_slope is None or self.category_table is None:
                return np.zeros((len(mapped.linear), self.near_values.shape[1]))
            return category_shares(mapped.linear, self.category_slope) @ self.category_table
        slope, intercept = self.difficulty_slope
        ease = (mapped.linear @ slope + intercept)[:, 0] / self.difficulty_scale
        curve, level = self.difficulty_curve
        return ease_basis(ease) @ curve + level


def build_spaces(feature_map: FeatureMap, mapped: Mapped) -> dict[str, np.ndarray]:
    """The matrices that the ridge regressions read."""
    damped = mapped.linear.copy()
    damped[:, feature_map.signals] *= SIGNAL_DAMPING
    kernels = {f"kernel{i}": kernel for i, kernel in enumerate(mapped.kernels)}
    return {"damped": damped, "ngram": mapped.linear[:, feature_map.ngram], **kernels}


def category_shares(linear: np.ndarray, slope: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """(n, n_categories) shares that sum to 1, from a regression on category indicators."""
    share = np.clip(linear @ slope[0] + slope[1], 0.0, None)
    return share / np.maximum(share.sum(1, keepdims=True), 1e-9)


def ease_basis(ease: np.ndarray) -> np.ndarray:
    """(n,) standardised predicted ease -> (n, 4) smooth curve basis."""
    bounded = np.clip(ease, -3.0, 3.0)
    return np.stack(
        [bounded, bounded**2 - 1.0, np.maximum(bounded - 1.0, 0.0), np.maximum(-bounded - 1.0, 0.0)], axis=1
    )


def neighbour_mean(near: np.ndarray, values: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Similarity-weighted mean of the nearest prompts' deviations, shrunk to zero; (n, m)."""
    out = np.zeros((len(query), values.shape[1]))
    k = min(N_NEIGHBOURS, len(near))
    for start in range(0, len(query), 512):
        similarity = query[start : start + 512] @ near.T
        chosen = np.argpartition(-similarity, k - 1, axis=1)[:, :k]
        close = np.take_along_axis(similarity, chosen, 1)
        weight = np.exp((close - close.max(1, keepdims=True)) / NEIGHBOUR_SOFTNESS)
        summed = np.matmul(weight[:, None, :], values[chosen])[:, 0]
        out[start : start + 512] = summed / (weight.sum(1) + NEIGHBOUR_SHRINK)[:, None]
    return out


class Trainer:
    """Fits all learners on any union of folds, from sums kept per fold."""

    def __init__(
        self,
        mapped: Mapped,
        spaces: dict[str, np.ndarray],
        deviations: np.ndarray,
        codes: np.ndarray,
        folds: np.ndarray,
    ) -> None:
        """`deviations` (n, m) without gaps; `codes` (n,) category or -1 for all; `folds` (n,) from 0."""
        self.mapped, self.spaces, self.deviations, self.folds = mapped, spaces, deviations, folds
        self.n_categories = int(codes.max()) + 1 if len(codes) else 0
        if not 2 <= self.n_categories <= MAX_CATEGORIES:
            self.n_categories = 0
        self.indicator = np.eye(self.n_categories)[codes] if self.n_categories else np.zeros((len(codes), 0))
        ease = deviations.mean(1, keepdims=True)
        self.targets = np.hstack([deviations, ease, self.indicator]).astype(np.float32)
        rows = [folds == fold for fold in range(int(folds.max()) + 1)]
        sources = {"linear": mapped.linear, **spaces}
        self.parts = {
            name: [Moments.of(x[r].astype(np.float32), self.targets[r]) for r in rows] for name, x in sources.items()
        }
        self.totals = {name: total(parts) for name, parts in self.parts.items()}
        self.ease = self._out_of_fold_ease(rows)

    def _out_of_fold_ease(self, rows: list[np.ndarray]) -> np.ndarray:
        out = np.zeros(len(self.folds))
        for fold, inside in enumerate(rows):
            slope, intercept = self._slope("linear", fold, DIFFICULTY_STRENGTH)
            out[inside] = (self.mapped.linear[inside] @ slope + intercept)[:, self.n_models]
        return out

    @property
    def n_models(self) -> int:
        return self.deviations.shape[1]

    def _slope(self, space: str, left_out: int | None, strength: float) -> tuple[np.ndarray, np.ndarray]:
        moments = self.totals[space]
        if left_out is not None:
            moments = moments.minus(self.parts[space][left_out])
        return moments.solve(strength)

    def fit(self, left_out: int | None = None) -> Learners:
        """All learners on every fold but one (None = on all)."""
        keep = np.ones(len(self.folds), bool) if left_out is None else self.folds != left_out
        m, values = self.n_models, self.deviations[keep]
        slopes = {}
        for spec in LINEAR:
            slope, intercept = self._slope(spec.space, left_out, spec.strength)
            slopes[spec.name] = (slope[:, :m], intercept[:m])
        slope, intercept = self._slope("linear", left_out, DIFFICULTY_STRENGTH)
        shares = self.indicator[keep]
        scale = float(self.ease[keep].std()) or 1.0
        curve = Moments.of(ease_basis(self.ease[keep] / scale), values).solve(0.05 * len(values))
        return Learners(
            slopes=slopes,
            near=self.mapped.near[keep],
            near_values=values.astype(np.float32),
            tables=tuple(cell_means(labels[keep], values, int(labels.max()) + 1) for labels in self.mapped.clusters),
            category_slope=(slope[:, m + 1 :], intercept[m + 1 :]) if self.n_categories else None,
            category_table=shares.T @ values / (shares.sum(0)[:, None] + TABLE_SHRINK) if self.n_categories else None,
            difficulty_slope=(slope[:, m : m + 1], intercept[m : m + 1]),
            difficulty_scale=scale,
            difficulty_curve=curve,
        )

    def out_of_fold(self, names: Sequence[str]) -> np.ndarray:
        """(k, n, m): each prompt predicted by learners that never saw its fold."""
        out = np.zeros((len(names), *self.deviations.shape))
        for fold in range(int(self.folds.max()) + 1):
            inside = self.folds == fold
            spaces = {name: x[inside] for name, x in self.spaces.items()}
            out[:, inside] = self.fit(fold).predict(take(self.mapped, inside), spaces, names)
        return out


def take(mapped: Mapped, rows: np.ndarray) -> Mapped:
    """The chosen prompts of `mapped`."""
    return Mapped(
        mapped.linear[rows],
        tuple(kernel[rows] for kernel in mapped.kernels),
        mapped.near[rows],
        tuple(labels[rows] for labels in mapped.clusters),
    )


def cell_means(labels: np.ndarray, values: np.ndarray, n_cells: int) -> np.ndarray:
    """(n_cells, m) mean deviation per cell, shrunk to zero."""
    onto = np.zeros((n_cells, values.shape[1]))
    np.add.at(onto, labels, values)
    return onto / (np.bincount(labels, minlength=n_cells)[:, None] + TABLE_SHRINK)


def normal_equations(
    predictions: np.ndarray, target: np.ndarray, seen: np.ndarray, relevance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Per prompt: (n, k, k) and (n, k) of the regression on differences between models.

    Args:
        predictions: (k, n, m) deviations by learner.
        target: (n, m) true deviations; anything where not `seen`.
        seen: (n, m) bool, cells with a score.
        relevance: (m,) weight of each model, 0..1.
    """
    weight = seen * relevance
    share = weight / np.maximum(weight.sum(1, keepdims=True), 1e-12)
    centred = predictions - (predictions * share).sum(2, keepdims=True)
    goal = np.where(seen, target, 0.0)
    goal = goal - (goal * share).sum(1, keepdims=True)
    left = np.moveaxis(centred * np.sqrt(weight), 0, 1)
    right = goal * np.sqrt(weight)
    return left @ np.swapaxes(left, 1, 2), (left @ right[:, :, None])[:, :, 0]


def solve_weights(gram: np.ndarray, moment: np.ndarray, *, prior: np.ndarray, strength: float) -> np.ndarray:
    """Non-negative weights (k,) that minimise the squared error plus `strength` x distance to `prior`."""
    size = float(np.trace(gram)) / len(moment)
    if size <= 0.0:
        return prior.copy()
    ridge = gram + (strength + 1e-8) * size * np.eye(len(moment))
    factor = np.linalg.cholesky(ridge)
    weights, _ = nnls(factor.T, np.linalg.solve(factor, moment + strength * size * prior))
    return weights
