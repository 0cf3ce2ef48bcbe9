"""Look-up tables: mean score per category, and per k-means cluster."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evals.policies.base import POLICIES, FitData, LearnedPolicy, Policy, Prediction, Prompts
from evals.policies.learning import Scaler, Targets, fill_targets, fold_of_rows, routing_loss

MIN_CELLS = 5
"""A category's mean with fewer scored prompts than this is the model's overall mean."""
CLUSTERS = (8, 16, 32, 64)
SHRINKAGE = (2.0, 8.0, 32.0, 128.0)
"""Prompts at which a cluster's own mean is believed half."""


@dataclass(frozen=True, slots=True)
class CategoryTable:
    """Mean score and cost per category."""

    quality: dict[Any, np.ndarray]
    cost: dict[Any, np.ndarray | None]
    mean_score: np.ndarray
    mean_cost: np.ndarray | None
    params: dict[str, Any]

    def predict(self, prompts: Prompts) -> Prediction:
        """Rows of the table; the overall mean for a category not seen on fit."""
        quality = np.stack([self.quality.get(name, self.mean_score) for name in prompts.categories])
        if self.mean_cost is None:
            return Prediction(quality=quality, cost_usd=None)
        cost = np.stack([self.cost.get(name, self.mean_cost) for name in prompts.categories])
        return Prediction(quality=quality, cost_usd=cost)


def fit_task_table(fit: FitData) -> CategoryTable:
    """Means of the recorded scores by category. It is told the category of a test prompt, as no router is."""
    targets = fill_targets(fit)
    quality: dict[Any, np.ndarray] = {}
    cost: dict[Any, np.ndarray | None] = {}
    for name in dict.fromkeys(value for value in fit.prompts.categories if value is not None):
        rows = fit.prompts.categories == name
        n_known = targets.known[rows].sum(axis=0)
        total = np.where(targets.known[rows], targets.scores[rows], 0.0).sum(axis=0)
        quality[name] = np.where(n_known >= MIN_CELLS, total / np.maximum(n_known, 1), targets.mean_score)
        cost[name] = None if targets.costs is None else targets.costs[rows].mean(axis=0)
    return CategoryTable(quality, cost, targets.mean_score, targets.mean_cost, {"n_categories": len(quality)})


@dataclass(frozen=True, slots=True)
class ClusterTable:
    """Shrunk means per cluster of prompts."""

    scaler: Scaler
    centres: np.ndarray
    quality: np.ndarray
    """(n_clusters, n_models)."""
    cost: np.ndarray | None
    params: dict[str, Any] = field(default_factory=dict)

    def predict(self, prompts: Prompts) -> Prediction:
        """The row of the nearest centre."""
        label = nearest_centre(self.scaler.direct_rows(prompts.features), self.centres)
        return Prediction(quality=self.quality[label], cost_usd=None if self.cost is None else self.cost[label])


def fit_kmeans(fit: FitData) -> ClusterTable:
    """Clusters of the fit prompts' features; number of clusters and shrinkage by cross-validation.

    The clusters see all fit prompts (without their outcomes), the tables only the folds they are tested against.
    """
    scaler, targets, folds = Scaler.fit(fit.prompts.features), fill_targets(fit), fold_of_rows(fit)
    rows = scaler.direct_rows(fit.prompts.features)
    best: tuple[float, np.ndarray, int, float] | None = None
    for n_clusters in [n for n in CLUSTERS if n * 4 <= len(rows)] or [1]:
        centres = _centres(rows, n_clusters, fit.seed)
        labels = nearest_centre(rows, centres)
        for shrinkage, loss in _table_losses(labels, targets, folds, fit.scores):
            if best is None or loss < best[0]:
                best = (loss, centres, n_clusters, shrinkage)
    assert best is not None
    _, centres, n_clusters, shrinkage = best
    table = _sums(nearest_centre(rows, centres), targets, np.ones(len(rows), dtype=bool), n_clusters)
    quality = (table.score + shrinkage * targets.mean_score) / (table.n_scored + shrinkage)
    cost = None
    if table.cost is not None and targets.mean_cost is not None:
        cost = (table.cost + shrinkage * targets.mean_cost) / (table.n_rows[:, None] + shrinkage)
    return ClusterTable(scaler, centres, quality, cost, {"n_clusters": n_clusters, "shrinkage": shrinkage})


def nearest_centre(rows: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """(n,) index of the nearest centre by Euclidean distance."""
    return np.argmin((centres**2).sum(axis=1) - 2.0 * rows @ centres.T, axis=1)


@dataclass(frozen=True, slots=True)
class _Sums:
    score: np.ndarray
    n_scored: np.ndarray
    cost: np.ndarray | None
    n_rows: np.ndarray


def _sums(labels: np.ndarray, targets: Targets, keep: np.ndarray, n_clusters: int) -> _Sums:
    member = np.zeros((n_clusters, int(keep.sum())))
    member[labels[keep], np.arange(member.shape[1])] = 1.0
    known = targets.known[keep]
    return _Sums(
        score=member @ np.where(known, targets.scores[keep], 0.0),
        n_scored=member @ known.astype(float),
        cost=None if targets.costs is None else member @ targets.costs[keep],
        n_rows=member.sum(axis=1),
    )


def _table_losses(
    labels: np.ndarray, targets: Targets, folds: np.ndarray, scores: np.ndarray
) -> list[tuple[float, float]]:
    """(shrinkage, loss) of tables made without the fold they are tested on."""
    n_clusters = int(labels.max()) + 1
    held_out = [folds == fold for fold in np.unique(folds)] if folds.any() else []
    tables = [_sums(labels, targets, ~out, n_clusters) for out in held_out]
    losses = []
    for shrinkage in SHRINKAGE:
        predicted = np.empty_like(scores)
        for out, table in zip(held_out, tables, strict=True):
            quality = (table.score + shrinkage * targets.mean_score) / (table.n_scored + shrinkage)
            predicted[out] = quality[labels[out]]
        losses.append((shrinkage, routing_loss(predicted, scores) if held_out else 0.0))
    return losses


def _centres(rows: np.ndarray, n_clusters: int, seed: int) -> np.ndarray:
    if n_clusters == 1:
        return rows.mean(axis=0, keepdims=True)
    from sklearn.cluster import MiniBatchKMeans  # here: a second of start-up

    model = MiniBatchKMeans(n_clusters, n_init=1, batch_size=1024, max_iter=30, random_state=seed)
    return model.fit(rows).cluster_centers_.astype(np.float32)


@POLICIES.register("task_table", place=50)
def create_task_table() -> Policy:
    """The best model per category."""
    return LearnedPolicy(fit_task_table)


@POLICIES.register("kmeans", place=61)
def create_kmeans() -> Policy:
    """The best model per cluster of prompts."""
    return LearnedPolicy(fit_kmeans)
