"""k nearest neighbours: the mean outcome of the most similar fit prompts."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from evals.policies.base import POLICIES, FitData, LearnedPolicy, Policy, Prediction, Prompts
from evals.policies.learning import Scaler, Targets, fill_targets, fold_of_rows, routing_loss

NEIGHBOURS = (5, 10, 20, 40, 80, 160)
PRIOR_WEIGHT = 1.0
"""Weight of the model's overall mean beside the neighbours; matters where few of them are scored."""
N_VALIDATION = 2000
"""Fit prompts, drawn by the seed, that are predicted to choose k."""
_CHUNK = 1024


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The fit prompts and their outcomes."""

    scaler: Scaler
    rows: np.ndarray
    targets: Targets
    n_neighbours: int

    @property
    def params(self) -> dict[str, Any]:
        """The k chosen."""
        return {"k": self.n_neighbours}

    def predict(self, prompts: Prompts) -> Prediction:
        """Means over the k most similar fit prompts by cosine."""
        queries = self.scaler.direct_rows(prompts.features)
        chunks = [slice(start, start + _CHUNK) for start in range(0, len(queries), _CHUNK)]
        found = [_nearest(queries[chunk] @ self.rows.T, self.n_neighbours) for chunk in chunks]
        return _average(np.concatenate(found), self.targets)


def fit_knn(fit: FitData) -> Neighbours:
    """Keeps the fit side; k by predicting fit prompts from prompts of other folds."""
    scaler, targets, folds = Scaler.fit(fit.prompts.features), fill_targets(fit), fold_of_rows(fit)
    rows = scaler.direct_rows(fit.prompts.features)
    candidates = [k for k in NEIGHBOURS if k * 3 <= len(rows)] or [min(3, len(rows))]
    if not folds.any() or len(candidates) == 1:
        return Neighbours(scaler, rows, targets, candidates[0])
    drawn = np.random.default_rng(fit.seed).permutation(len(rows))[:N_VALIDATION]
    nearest = []
    for chunk in np.array_split(drawn, max(1, len(drawn) // _CHUNK)):
        similarity = rows[chunk] @ rows.T
        similarity[folds[chunk][:, None] == folds[None, :]] = -np.inf
        nearest.append(_nearest(similarity, candidates[-1]))
    ordered = np.concatenate(nearest)
    losses = [
        (routing_loss(_average(ordered[:, :k], targets, with_cost=False).quality, fit.scores[drawn]), k)
        for k in candidates
    ]
    return Neighbours(scaler, rows, targets, min(losses)[1])


def _nearest(similarity: np.ndarray, k: int) -> np.ndarray:
    """(n, k) columns of the greatest similarity, greatest first."""
    k = min(k, similarity.shape[1])
    top = np.argpartition(similarity, similarity.shape[1] - k, axis=1)[:, -k:]
    order = np.argsort(-np.take_along_axis(similarity, top, axis=1), axis=1, kind="stable")
    return np.take_along_axis(top, order, axis=1)


def _average(nearest: np.ndarray, targets: Targets, *, with_cost: bool = True) -> Prediction:
    n, k = nearest.shape
    ones = np.ones(n * k)
    from scipy import sparse  # here: a second of start-up

    weights = sparse.csr_matrix((ones, nearest.ravel(), np.arange(0, n * k + 1, k)), shape=(n, len(targets.scores)))
    total = weights @ np.where(targets.known, targets.scores, 0.0) + PRIOR_WEIGHT * targets.mean_score
    quality = total / (weights @ targets.known.astype(float) + PRIOR_WEIGHT)
    cost = None if targets.costs is None or not with_cost else (weights @ targets.costs) / k
    return Prediction(quality=quality, cost_usd=cost)


@POLICIES.register("knn", place=60)
def create_knn() -> Policy:
    """k nearest neighbours by cosine."""
    return LearnedPolicy(fit_knn)
