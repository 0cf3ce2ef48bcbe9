"""Learners of one pool: each predicts score minus the model's mean from a prompt's features.

All are closed-form, so the held-out predictions that weigh them against each other cost little more than one fit. All
end in a linear map onto the models, so that the weighing folds into their tables and a prediction is one pass.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from omni.quality.features import KERNELS, FeatureMap, Mapped, solve_ridge

N_NEIGHBOURS = 64
NEIGHBOUR_SOFTNESS = 0.1
NEIGHBOUR_SHRINK = 3.0
TABLE_SHRINK = 10.0
"""Prompts' worth of the model's mean in every table cell."""
KERNEL_STRENGTH = {"kernel_all": 10.0, "kernel_static": 3.0, "kernel_ngram": 3.0}
DIFFICULTY_STRENGTH = 10.0
CATEGORY_STRENGTH = 3.0
CATEGORY_SHARPNESS = 8.0
MAX_CATEGORIES = 40
CHUNK = 512
LEARNERS = (*(spec.name for spec in KERNELS), "neighbours", "category", "category_sharp", "difficulty")


class Line(NamedTuple):
    """A linear map with intercept."""

    slope: np.ndarray
    intercept: np.ndarray

    def at(self, rows: np.ndarray) -> np.ndarray:
        return rows @ self.slope + self.intercept

    def onto(self, transform: np.ndarray) -> "Line":
        """This map followed by `transform` (m, m)."""
        return Line(self.slope @ transform, self.intercept @ transform)


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

    def plus(self, other: "Moments", sign: float = 1.0) -> "Moments":
        return Moments(
            self.n + sign * other.n,
            self.x + sign * other.x,
            self.y + sign * other.y,
            self.xx + sign * other.xx,
            self.xy + sign * other.xy,
        )

    def solve(self, strength: float) -> Line:
        """The ridge regression."""
        n = max(self.n, 1.0)
        mean_x, mean_y = self.x / n, self.y / n
        gram = (self.xx - n * np.outer(mean_x, mean_x)).astype(np.float64)
        slope = solve_ridge(gram, (self.xy - n * np.outer(mean_x, mean_y)).astype(np.float64), strength)
        return Line(slope, mean_y - mean_x @ slope)


class FoldMoments:
    """Moments per fold, to solve a regression on all folds or on all but one."""

    def __init__(self, x: np.ndarray, y: np.ndarray, folds: np.ndarray) -> None:
        """`x` (n, d), `y` (n, k), `folds` (n,) from 0."""
        x, y = x.astype(np.float32, copy=False), y.astype(np.float32, copy=False)
        self._parts = [Moments.of(x[folds == fold], y[folds == fold]) for fold in range(int(folds.max()) + 1)]
        self._all = self._parts[0]
        for part in self._parts[1:]:
            self._all = self._all.plus(part)

    def solve(self, strength: float, left_out: int | None = None) -> Line:
        moments = self._all if left_out is None else self._all.plus(self._parts[left_out], -1.0)
        return moments.solve(strength)


@dataclass(frozen=True, slots=True, kw_only=True)
class Learners:
    """Learners fitted on the same prompts; a name that is absent contributes nothing."""

    names: tuple[str, ...]
    lines: Mapping[str, Line]
    """Kernels: similarity to landmarks to models."""
    near: np.ndarray
    near_values: np.ndarray
    category_line: Line | None
    category_tables: Mapping[str, np.ndarray]
    ease_line: Line
    ease_scale: float
    ease_curve: Line

    def predict(self, name: str, mapped: Mapped) -> np.ndarray:
        """(n, m): the deviation one learner predicts."""
        for index, spec in enumerate(KERNELS):
            if spec.name == name:
                return self.lines[name].at(mapped.kernels[index])
        return self.predict_table(name, mapped.linear, mapped.near)

    def predict_table(self, name: str, linear: np.ndarray, near: np.ndarray) -> np.ndarray:
        """(n, m): a learner that is not a regression."""
        if name == "neighbours":
            return neighbour_mean(self.near, self.near_values, near)
        if name == "difficulty":
            return self.ease_curve.at(ease_basis(self.ease_line.at(linear)[:, 0] / self.ease_scale))
        if self.category_line is None:
            return np.zeros((len(linear), self.near_values.shape[1]))
        closeness = self.category_line.at(linear)
        share = flat_shares(closeness) if name == "category" else sharp_shares(closeness)
        return share @ self.category_tables[name]

    def fold(self, transforms: Mapping[str, np.ndarray]) -> "Learners":
        """The same learners, each followed by its (m, m) transform; those with none or a zero one are dropped."""
        used = tuple(name for name in self.names if name in transforms and np.any(transforms[name]))
        return replace(
            self,
            names=used,
            lines={name: line.onto(transforms[name]) for name, line in self.lines.items() if name in used},
            near_values=_onto(self.near_values, transforms, "neighbours").astype(np.float32),
            category_tables={n: _onto(t, transforms, n) for n, t in self.category_tables.items()},
            ease_curve=self.ease_curve.onto(transforms["difficulty"]) if "difficulty" in used else self.ease_curve,
        )


class Compiled:
    """Folded learners behind one call; regressions read similarities directly, without whitening."""

    __slots__ = ("_feature_map", "_kernel_lines", "_learners", "_tables")

    def __init__(self, learners: Learners, feature_map: FeatureMap) -> None:
        self._learners, self._feature_map = learners, feature_map
        self._kernel_lines = [
            Line((feature_map.whiteners[i] @ line.slope).astype(np.float32), line.intercept) if line else None
            for i, line in enumerate(learners.lines.get(spec.name) for spec in KERNELS)
        ]
        self._tables = [name for name in learners.names if name not in learners.lines]

    def predict(self, linear: np.ndarray) -> np.ndarray:
        """(n, d) linear features -> (n, m) deviations."""
        feature_map, learners = self._feature_map, self._learners
        out = np.zeros((len(linear), learners.near_values.shape[1]))
        if any(self._kernel_lines):
            for line, similarity in zip(self._kernel_lines, feature_map.similarities(linear), strict=True):
                if line is not None:
                    out += line.at(similarity)
        near = feature_map.near(linear) if "neighbours" in self._tables else linear[:, :0]
        for name in self._tables:
            out += learners.predict_table(name, linear, near)
        return out


class Trainer:
    """Fits all learners on any union of folds, from sums kept per fold."""

    def __init__(
        self,
        feature_map: FeatureMap,
        features: np.ndarray,
        deviations: np.ndarray,
        codes: np.ndarray,
        folds: np.ndarray,
    ) -> None:
        """`deviations` (n, m) without gaps; `codes` (n,) category or -1 for all; `folds` (n,) from 0."""
        self.mapped = mapped = feature_map.apply(features)
        self.deviations, self.folds = deviations, folds
        n_categories = int(codes.max()) + 1
        if not 2 <= n_categories <= MAX_CATEGORIES:
            n_categories = 0
        self.indicator = np.eye(n_categories)[codes] if n_categories else np.zeros((len(codes), 0))
        ease = deviations.mean(1, keepdims=True)
        self._linear = FoldMoments(mapped.linear, np.hstack([ease, self.indicator]), folds)
        self._spaces = {
            spec.name: FoldMoments(kernel, deviations, folds)
            for spec, kernel in zip(KERNELS, mapped.kernels, strict=True)
        }
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
        ease = self._linear.solve(DIFFICULTY_STRENGTH, left_out)
        scale = float(self.ease[keep].std()) or 1.0
        category, tables = None, {}
        if member.shape[1]:
            whole = self._linear.solve(CATEGORY_STRENGTH, left_out)
            category = Line(whole.slope[:, 1:], whole.intercept[1:])
            table = member.T @ values / (member.sum(0)[:, None] + TABLE_SHRINK)
            tables = {"category": table, "category_sharp": table}
        return Learners(
            names=LEARNERS,
            lines={name: space.solve(KERNEL_STRENGTH[name], left_out) for name, space in self._spaces.items()},
            near=self.mapped.near[keep],
            near_values=values.astype(np.float32),
            category_line=category,
            category_tables=tables,
            ease_line=Line(ease.slope[:, :1], ease.intercept[:1]),
            ease_scale=scale,
            ease_curve=Moments.of(ease_basis(self.ease[keep] / scale), values).solve(0.05 * len(values)),
        )

    def out_of_fold(self) -> np.ndarray:
        """(k, n, m) in the order of `LEARNERS`: each prompt predicted by learners that never saw its fold."""
        out = np.zeros((len(LEARNERS), *self.deviations.shape), dtype=np.float32)
        for fold in range(self.n_folds):
            rows = self.folds == fold
            mapped = Mapped(
                self.mapped.linear[rows],
                tuple(kernel[rows] for kernel in self.mapped.kernels),
                self.mapped.near[rows],
            )
            learners = self.fit(fold)
            for index, name in enumerate(LEARNERS):
                out[index, rows] = learners.predict(name, mapped)
        return out


def flat_shares(closeness: np.ndarray) -> np.ndarray:
    """(n, c) regression on category indicators -> shares that sum to 1, close to the regression."""
    share = np.clip(closeness, 0.0, None)
    return share / np.maximum(share.sum(1, keepdims=True), 1e-9)


def sharp_shares(closeness: np.ndarray) -> np.ndarray:
    """(n, c) -> shares that sum to 1, mostly on the closest category."""
    share = np.exp(CATEGORY_SHARPNESS * (closeness - closeness.max(1, keepdims=True)))
    return share / share.sum(1, keepdims=True)


def ease_basis(ease: np.ndarray) -> np.ndarray:
    """(n,) standardised predicted ease -> (n, 4) basis of a smooth curve."""
    z = np.clip(ease, -3.0, 3.0)
    return np.stack([z, z**2 - 1.0, np.maximum(z - 1.0, 0.0), np.maximum(-z - 1.0, 0.0)], axis=1)


def neighbour_mean(near: np.ndarray, values: np.ndarray, query: np.ndarray) -> np.ndarray:
    """(n, m) similarity-weighted mean of the nearest prompts' values, shrunk to zero."""
    out = np.zeros((len(query), values.shape[1]))
    k = min(N_NEIGHBOURS, len(near))
    for start in range(0, len(query), CHUNK):
        similarity = query[start : start + CHUNK] @ near.T
        chosen = np.argpartition(similarity, len(near) - k, axis=1)[:, len(near) - k :]
        close = similarity[np.arange(len(similarity))[:, None], chosen]
        weight = np.exp((close - close.max(1, keepdims=True)) / NEIGHBOUR_SOFTNESS)
        summed = np.matmul(weight[:, None, :], values[chosen])[:, 0]
        out[start : start + CHUNK] = summed / (weight.sum(1) + NEIGHBOUR_SHRINK)[:, None]
    return out


def _onto(table: np.ndarray, transforms: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    return table @ transforms[name] if name in transforms else table
