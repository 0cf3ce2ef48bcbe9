"""The fitted router of one pool: expected quality and cost of every model of the pool on a new prompt.

Quality = the model's mean on the fit prompts + a share of the deviation that a stack of learners predicts from the
prompt's features. The share is what held-out predictions support, down to 0: then every choice is the best mixture
of single models. Without scores, a prior from public benchmarks takes the means' place.
"""

from dataclasses import dataclass, field

import numpy as np

from omni.errors import InputError
from omni.quality.cost_head import CostHead, fill_two_way, fit_cost_head
from omni.quality.features import FeatureMap, fit_features
from omni.quality.guard import Trust, choose_shrink, relevance
from omni.quality.stack import LEARNERS, Learners, Trainer, build_spaces, normal_equations, solve_weights

N_FOLDS = 5
MIN_FOR_STACK = 30
"""Scored prompts below which no deviation is learned from them."""
WEIGHT_DOUBT = 3.0
"""Prompts' worth of belief in the starting weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AbilityPrior:
    """What public benchmarks say of the pool's models before any outcome of this pool is seen."""

    ability: np.ndarray
    """(m, n_tasks) logits, higher is better."""
    se: np.ndarray
    """(m, n_tasks) standard errors of `ability`, logits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolPrediction:
    """Expected outcome of every model on every prompt; n prompts, m models in the order of the fit."""

    quality: np.ndarray
    """(n, m) expected score, 0..1."""
    quality_se: np.ndarray
    """(n, m) standard error of `quality`."""
    gain_se: np.ndarray
    """(n, m) standard error of quality minus the reference model's; 0 for the reference."""
    cost_usd: np.ndarray
    """(n, m) expected USD for the answer; NaN for a model without a known cost."""
    reference: int
    """Index of the model with the best mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A router fitted on one pool of models; immutable."""

    feature_map: FeatureMap
    mean: np.ndarray
    mean_se: np.ndarray
    spread: np.ndarray
    """(m,) standard deviation of what the prediction leaves unsaid, per model."""
    weights: np.ndarray
    """(k,) weight per learner, 0 or more."""
    names: tuple[str, ...]
    trust: Trust
    learners: Learners | None
    cost: CostHead
    prior: AbilityPrior | None
    prior_weight: float
    n_fit: int
    n_scored: np.ndarray = field(repr=False)

    def predict(
        self, features: np.ndarray, tasks: np.ndarray | None = None, difficulty: np.ndarray | None = None
    ) -> PoolPrediction:
        """Expected quality and cost.

        Args:
            features: (n, d), the same columns as at the fit.
            tasks: (n, n_tasks) task shares, needed only where a prior is in use.
            difficulty: (n,) logits subtracted from the prior's ability; 0 when absent.
        """
        linear = self.feature_map.linear(np.atleast_2d(features))
        deviation = self._deviation(np.atleast_2d(features), linear)
        if self.prior is not None and self.prior_weight > 0.0:
            deviation = deviation + self.prior_weight * prior_deviation(self.prior, tasks, difficulty, len(linear))
        raw = self.mean + deviation
        reference = int(np.argmax(self.mean))
        quality_se = np.broadcast_to(np.hypot(self.mean_se, self.spread), raw.shape)
        gain_se = np.sqrt(quality_se**2 + quality_se[:, [reference]] ** 2)
        gain_se[:, reference] = 0.0
        return PoolPrediction(
            quality=np.clip(raw, 0.0, 1.0) * (1.0 - 1e-6) + 5e-7 * np.tanh(raw),
            quality_se=quality_se,
            gain_se=gain_se,
            cost_usd=self.cost.predict(linear),
            reference=reference,
        )

    def describe(self) -> dict[str, object]:
        """The figures behind the pool: weights, share of the deviations used, its held-out gain and error."""
        return {
            "n_fit": self.n_fit,
            "weights": {name: round(float(w), 4) for name, w in zip(self.names, self.weights, strict=True) if w > 0},
            "shrink": self.trust.shrink,
            "cv_gain": self.trust.gain,
            "cv_gain_se": self.trust.gain_se,
            "cost_trust": self.cost.trust,
            "prior_weight": self.prior_weight,
        }

    def _deviation(self, features: np.ndarray, linear: np.ndarray) -> np.ndarray:
        used = [i for i, weight in enumerate(self.weights) if weight > 0]
        if self.learners is None or not used or self.trust.shrink == 0.0:
            return np.zeros((len(linear), len(self.mean)))
        mapped = self.feature_map.apply(features)
        spaces = build_spaces(self.feature_map, mapped)
        each = self.learners.predict(mapped, spaces, [self.names[i] for i in used])
        return self.trust.shrink * np.tensordot(self.weights[used], each, axes=1)


def fit_pool(
    features: np.ndarray,
    scores: np.ndarray | None,
    costs_usd: np.ndarray,
    *,
    groups: np.ndarray,
    categories: np.ndarray | None,
    priors: AbilityPrior | None = None,
    tasks: np.ndarray | None = None,
    seed: int = 0,
) -> Pool:
    """Fits the router of one pool.

    Args:
        features: (n, d) prompt features, one row a fit prompt.
        scores: (n, m) in 0..1, NaN = not scored; None = no outcomes at all, `priors` decide.
        costs_usd: (n, m) USD per answer, NaN = unknown.
        groups: (n,) prompts with the same value stay in one fold.
        categories: (n,) labels or None; used in training only, never asked of a new prompt.
        priors: abilities from public benchmarks.
        tasks: (n, n_tasks) task shares of the fit prompts, for `priors`.
        seed: of folds, landmarks and clusters; same input and seed, same pool.

    Raises:
        InputError: the arrays do not belong together, or there is neither score nor prior.
    """
    features, costs_usd = np.atleast_2d(np.asarray(features, np.float32)), np.asarray(costs_usd, float)
    _check(features, scores, costs_usd, priors)
    folds = fold_of(groups, min(N_FOLDS, max(2, len(features))), seed)
    feature_map = fit_features(features, seed)
    mapped = feature_map.apply(features)
    cost = fit_cost_head(mapped.linear, costs_usd, folds)
    if scores is None:
        assert priors is not None
        return _prior_pool(feature_map, cost, priors, len(features))
    scores = np.asarray(scores, float)
    seen = np.isfinite(scores)
    mean, mean_se, filled = _means(scores, seen)
    n_used = int(seen.any(1).sum())
    base = {
        "feature_map": feature_map, "mean": mean, "mean_se": mean_se, "cost": cost, "names": LEARNERS,
        "prior": priors, "n_fit": len(features), "n_scored": seen.sum(0),
    }  # fmt: skip
    if n_used < MIN_FOR_STACK or len(mean) < 2:
        return Pool(
            **base, spread=_floor(seen), weights=np.zeros(len(LEARNERS)), trust=Trust(0.0, 0.0, 0.0), learners=None,
            prior_weight=1.0 if priors is not None and tasks is not None else 0.0,
        )  # fmt: skip
    spaces = build_spaces(feature_map, mapped)
    trainer = Trainer(mapped, spaces, filled - mean, category_codes(categories, len(features)), folds)
    held_out = trainer.out_of_fold(LEARNERS)
    matter = relevance(mean, np.nan_to_num(cost.mean_usd, nan=np.nanmax(cost.mean_usd, initial=1.0)))
    weights, deviations = _stack(held_out, filled - mean, seen, matter, folds)
    trust = choose_shrink(
        mean, deviations, _usable(cost.predict(mapped.linear)), filled, _usable(fill_costs(costs_usd, cost.mean_usd))
    )
    return Pool(
        **base, spread=np.maximum(trust.shrink * deviations.std(0), 1e-3), weights=weights, trust=trust,
        learners=trainer.fit(), prior_weight=0.0,
    )  # fmt: skip


def fold_of(groups: np.ndarray, n_folds: int, seed: int) -> np.ndarray:
    """(n,) fold from 0, whole groups together, every fold used."""
    _, group = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    n_groups = int(group.max()) + 1
    if n_groups < n_folds:
        return np.arange(len(group)) % n_folds
    return (np.random.default_rng(seed).permutation(n_groups) % n_folds)[group]


def category_codes(categories: np.ndarray | None, n_prompts: int) -> np.ndarray:
    """(n,) category numbers from 0, or all -1 when there is nothing to tell prompts apart by."""
    if categories is None:
        return np.full(n_prompts, -1)
    _, codes = np.unique(np.asarray(categories).astype(str), return_inverse=True)
    return codes


def fill_costs(costs_usd: np.ndarray, mean_usd: np.ndarray) -> np.ndarray:
    """(n, m) costs with unknown cells set to the model's mean."""
    return np.where(np.isfinite(costs_usd), costs_usd, mean_usd)


def prior_deviation(
    prior: AbilityPrior, tasks: np.ndarray | None, difficulty: np.ndarray | None, n_prompts: int
) -> np.ndarray:
    """(n, m) prior quality on the prompts minus prior quality on a prompt of even task mixture."""
    if tasks is None:
        return np.zeros((n_prompts, len(prior.ability)))
    even = _sigmoid(prior.ability.mean(1))
    hard = 0.0 if difficulty is None else np.asarray(difficulty)[:, None]
    return _sigmoid(np.asarray(tasks) @ prior.ability.T - hard) - even


def _stack(
    held_out: np.ndarray, target: np.ndarray, seen: np.ndarray, matter: np.ndarray, folds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Weights (k,) on all folds, and (n, m) deviations combined with weights that never saw the prompt's fold."""
    grams, moments = normal_equations(held_out, target, seen, matter)
    start = np.zeros(len(held_out))
    doubt = WEIGHT_DOUBT / max(len(target), 1)

    def solve(rows: np.ndarray) -> np.ndarray:
        return solve_weights(grams[rows].sum(0), moments[rows].sum(0), prior=start, strength=doubt)

    deviations = np.zeros(target.shape)
    for fold in range(int(folds.max()) + 1):
        inside = folds == fold
        deviations[inside] = np.tensordot(solve(~inside), held_out[:, inside], axes=1)
    return solve(np.ones(len(folds), bool)), deviations


def _means(scores: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean per model over all fit prompts, its standard error, and the scores with gaps filled."""
    filled = fill_two_way(scores)
    n_seen = seen.sum(0)
    raw = filled.mean(0)
    noise = np.where(seen, filled - raw, 0.0).std(0) * np.sqrt(len(scores) / np.maximum(n_seen, 1))
    noise = np.where(n_seen > 1, np.maximum(noise, 0.02), 0.4)
    error = noise / np.sqrt(np.maximum(n_seen, 1))
    well = n_seen > 0
    centre = float(np.average(raw[well], weights=1.0 / error[well] ** 2))
    between = max(float(raw[well].var()) - float((error[well] ** 2).mean()), 0.0025)
    keep = np.where(well, between / (between + error**2), 0.0)
    return centre + keep * (raw - centre), np.sqrt(keep) * error + (1 - keep) * np.sqrt(between), filled


def _prior_pool(feature_map: FeatureMap, cost: CostHead, prior: AbilityPrior, n_fit: int) -> Pool:
    even = _sigmoid(prior.ability.mean(1))
    slope = even * (1.0 - even)
    n_models = len(even)
    return Pool(
        feature_map=feature_map, mean=even, mean_se=slope * prior.se.mean(1), spread=np.full(n_models, 0.02),
        weights=np.zeros(len(LEARNERS)), names=LEARNERS, trust=Trust(0.0, 0.0, 0.0), learners=None, cost=cost,
        prior=prior, prior_weight=1.0, n_fit=n_fit, n_scored=np.zeros(n_models, int),
    )  # fmt: skip


def _check(features: np.ndarray, scores: np.ndarray | None, costs_usd: np.ndarray, priors: AbilityPrior | None) -> None:
    if not len(features):
        raise InputError("features has 0 rows; expected at least one fit prompt. Check the recording's split column.")
    if scores is None and priors is None:
        raise InputError("scores is None and priors is None; expected one of them. Pass scores or an AbilityPrior.")
    shape = costs_usd.shape if scores is None else np.shape(scores)
    if len(shape) != 2 or shape[0] != len(features) or costs_usd.shape != shape:
        raise InputError(
            f"scores {shape!r} and costs_usd {costs_usd.shape!r} do not fit features {features.shape!r}; "
            "expected (n_prompts, n_models) for both. Pass arrays of the same prompts and models."
        )
    if scores is not None and not np.isfinite(np.asarray(scores, float)).any():
        raise InputError("scores holds no number; expected at least one. Pass scores=None with priors instead.")


def _usable(costs: np.ndarray) -> np.ndarray:
    """Costs with unknown models set to the dearest, so that an unknown cost never looks cheap."""
    return np.where(np.isfinite(costs), costs, np.nanmax(costs) if np.isfinite(costs).any() else 0.0)


def _floor(seen: np.ndarray) -> np.ndarray:
    return np.full(seen.shape[1], 1e-3)


def _sigmoid(logit: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-logit))
