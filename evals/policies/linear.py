"""Linear heads on the features: ridge regression, and ridge onto the factors of the score matrix."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from evals.policies.base import POLICIES, FitData, LearnedPolicy, Policy, Prediction, Prompts
from evals.policies.learning import Scaler, Targets, fill_targets, fold_of_rows, routing_loss

ALPHAS = (30.0, 100.0, 300.0, 1e3, 3e3, 1e4, 3e4, 1e5, 3e5)
"""Ridge penalties on features of unit variance."""
RANKS = (1, 2, 4, 8)
COST_ALPHA = 300.0


@dataclass(frozen=True, slots=True)
class LinearHeads:
    """score = mean + x·w per model; cost the same way, kept within what was seen on fit."""

    scaler: Scaler
    quality_weights: np.ndarray
    mean_score: np.ndarray
    cost_weights: np.ndarray | None
    mean_cost: np.ndarray | None
    cost_range: tuple[np.ndarray, np.ndarray] | None
    params: dict[str, Any]

    def predict(self, prompts: Prompts) -> Prediction:
        """Two matrix products."""
        rows = self.scaler.scale_rows(prompts.features)
        quality = rows @ self.quality_weights + self.mean_score
        if self.cost_weights is None or self.mean_cost is None or self.cost_range is None:
            return Prediction(quality=quality, cost_usd=None)
        cost = np.clip(rows @ self.cost_weights + self.mean_cost, *self.cost_range)
        return Prediction(quality=quality, cost_usd=cost)


class _Moments(NamedTuple):
    """X'X and X'Y of some rows; those of a training set are the whole's less the held-out fold's."""

    gram: np.ndarray
    cross: np.ndarray

    @classmethod
    def of(cls, rows: np.ndarray, targets: np.ndarray) -> "_Moments":
        return cls((rows.T @ rows).astype(float), (rows.T @ targets.astype(np.float32, copy=False)).astype(float))

    def without(self, held_out: "_Moments") -> "_Moments":
        return _Moments(self.gram - held_out.gram, self.cross - held_out.cross)

    def weights(self, alpha: float) -> np.ndarray:
        """(n_features, n_targets) ridge solution."""
        penalised = self.gram + alpha * np.eye(len(self.gram))
        from scipy.linalg import cho_factor, cho_solve  # here: a second of start-up

        return cho_solve(cho_factor(penalised, overwrite_a=True), self.cross).astype(np.float32)


def fit_ridge(fit: FitData) -> LinearHeads:
    """Ridge per model on filled scores; one penalty for all, by cross-validation."""
    scaler, targets, folds = Scaler.fit(fit.prompts.features), fill_targets(fit), fold_of_rows(fit)
    rows = scaler.scale_rows(fit.prompts.features)
    centred = (targets.scores - targets.mean_score).astype(np.float32)
    alpha = ALPHAS[-1]
    whole = _Moments.of(rows, centred)
    if folds.any():
        predicted = np.empty((len(ALPHAS), *centred.shape), dtype=np.float32)
        for fold in np.unique(folds):
            out = folds == fold
            training = whole.without(_Moments.of(rows[out], centred[out]))
            for i, candidate in enumerate(ALPHAS):
                predicted[i, out] = rows[out] @ training.weights(candidate) + targets.mean_score
        losses = [routing_loss(table, fit.scores) for table in predicted]
        alpha = ALPHAS[int(np.argmin(losses))]
    return _with_costs(scaler, rows, targets, whole.weights(alpha), {"alpha": alpha})


def fit_matrix_factorisation(fit: FitData) -> LinearHeads:
    """Score = mean + factors of the prompt x factors of the model, the prompt's factors by ridge from its features.

    The factors are scikit-learn's TruncatedSVD of the filled scores less the model means; rank and penalty by
    cross-validation. Source: the matrix-factorisation router of RouteLLM (arXiv:2406.18665), linear in the features.
    """
    scaler, targets, folds = Scaler.fit(fit.prompts.features), fill_targets(fit), fold_of_rows(fit)
    rows = scaler.scale_rows(fit.prompts.features)
    centred = (targets.scores - targets.mean_score).astype(np.float32)
    smallest = int((folds != np.bincount(folds).argmax()).sum()) if folds.any() else len(rows)
    ranks = [rank for rank in RANKS if rank < min(smallest, centred.shape[1])]
    if not ranks:
        flat = np.zeros((rows.shape[1], centred.shape[1]), dtype=np.float32)
        return _with_costs(scaler, rows, targets, flat, {"rank": 0})
    whole = _Moments.of(rows, centred)
    rank, alpha = ranks[0], ALPHAS[-1]
    if folds.any():
        predicted = {(r, a): np.empty_like(centred) for r in ranks for a in ALPHAS[1::2]}
        for fold in np.unique(folds):
            out = folds == fold
            training = whole.without(_Moments.of(rows[out], centred[out]))
            directions = _directions(centred[~out], ranks[-1], fit.seed)
            heads = {a: training.weights(a) for a in ALPHAS[1::2]}
            for r, a in predicted:
                onto = directions[:r].T @ directions[:r]
                predicted[r, a][out] = rows[out] @ (heads[a] @ onto) + targets.mean_score
        rank, alpha = min(predicted, key=lambda choice: routing_loss(predicted[choice], fit.scores))
    directions = _directions(centred, rank, fit.seed)
    weights = whole.weights(alpha) @ (directions.T @ directions)
    return _with_costs(scaler, rows, targets, weights, {"rank": rank, "alpha": alpha})


def _directions(centred: np.ndarray, rank: int, seed: int) -> np.ndarray:
    """(rank, n_models) orthonormal rows."""
    rank = min(rank, *(size - 1 for size in centred.shape))
    from sklearn.decomposition import TruncatedSVD  # here: a second of start-up

    with np.errstate(invalid="ignore"):  # models that score alike leave no variance to explain a share of
        return TruncatedSVD(rank, n_iter=3, random_state=seed).fit(centred).components_.astype(np.float32)


def _with_costs(
    scaler: Scaler, rows: np.ndarray, targets: Targets, weights: np.ndarray, params: dict[str, Any]
) -> LinearHeads:
    cost_weights, cost_range = None, None
    if targets.costs is not None and targets.mean_cost is not None:
        unit = float(targets.mean_cost.mean()) or 1.0
        scaled = (targets.costs - targets.mean_cost) / unit
        cost_weights = _Moments.of(rows, scaled).weights(COST_ALPHA) * unit
        cost_range = (targets.costs.min(axis=0), targets.costs.max(axis=0))
    return LinearHeads(
        scaler=scaler,
        quality_weights=weights,
        mean_score=targets.mean_score,
        cost_weights=cost_weights,
        mean_cost=targets.mean_cost,
        cost_range=cost_range,
        params=params,
    )


@POLICIES.register("ridge", place=62)
def create_ridge() -> Policy:
    """Ridge regression with a cost head."""
    return LearnedPolicy(fit_ridge)


@POLICIES.register("matrix_factorisation", place=63)
def create_matrix_factorisation() -> Policy:
    """Low-rank scores, ridge onto the factors, and a cost head."""
    return LearnedPolicy(fit_matrix_factorisation)
