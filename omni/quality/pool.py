"""The fitted router of one pool: expected quality and cost of every model of the pool on a new prompt.

Quality = the model's mean on the fit prompts + a share of the deviation that a stack of learners predicts from the
prompt's features. The share is what held-out predictions support, down to 0: then every choice is the best mixture
of single models. On a prompt unlike all fit prompts the deviations fade, and the best single model is chosen.
A model with few scores or none is expected to be where what is known of it from elsewhere puts it beside the others,
and has to promise more before it is chosen.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from omni.errors import InputError
from omni.quality.amounts import AmountHead, fit_amounts
from omni.quality.calibrate import Calibration, fit_calibration
from omni.quality.features import FeatureMap, fit_features
from omni.quality.gaps import fill_low_rank
from omni.quality.guard import Trust, choose_shrink, relevance, unbiased_scores
from omni.quality.means import fit_means, thin_doubt
from omni.quality.newcomers import RISK, Levels, expect_newcomers, fill_newcomers, find_newcomers
from omni.quality.novelty import Familiarity, fit_familiarity
from omni.quality.stack import LEARNERS, Compiled, Trainer
from omni.quality.weigh import HeldOut, Weigher, find_parts

N_FOLDS = 5
MIN_FOR_STACK = 30
"""Scored prompts below which no deviation is learned from them."""
UNLEARNED_SPREAD = 0.1
"""Usual size of a model's deviation on one prompt where none was learned, score units."""
NO_TRUST = Trust(0.0, 0.0, 0.0)


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
    latency_s: np.ndarray | None
    """(n, m) expected seconds until the whole answer is there; NaN for a model without a recorded latency."""
    reference: int
    """Index of the model with the best mean."""
    doubt: np.ndarray
    """(m,) score units to take off `quality` when choosing: a model with few scores has to promise more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A router fitted on one pool of models; immutable."""

    feature_map: FeatureMap
    mean: np.ndarray
    """(m,) expected score."""
    mean_se: np.ndarray
    doubt: np.ndarray
    """(m,) by how much its standard error exceeds the most scored model's; a share of it all for newcomers."""
    spread: np.ndarray
    """(m,) standard deviation of what the prediction leaves unsaid."""
    stack: Compiled | None
    """None = no deviations were learned."""
    familiarity: Familiarity | None
    """How far they hold for a prompt; None = no deviations were learned."""
    calibration: Calibration | None
    """None = no deviations were learned."""
    trust: Trust
    weights: dict[str, float]
    """Per learner, of the contrasts between models."""
    cost: AmountHead
    latency: AmountHead | None
    """None = no latency was given."""
    n_fit: int
    n_scored: int

    def predict(self, features: np.ndarray) -> PoolPrediction:
        """Expected quality and cost; `features` (n, d), the same columns as at the fit."""
        linear = self.feature_map.linear(np.atleast_2d(features))
        quality = np.repeat(self.mean[None], len(linear), axis=0)
        unsaid, familiar = np.broadcast_to(self.spread, quality.shape), np.ones((len(linear), 1))
        if self.stack is not None and self.familiarity is not None:
            familiar = self.familiarity.share(self.feature_map.near(linear))[:, None]
            quality += familiar * self.stack.predict(linear)
            unsaid = unsaid * np.sqrt(2.0 - familiar**2)
        quality = into_range(quality)
        if self.calibration is not None:
            moved = self.calibration.shift(_promised(quality, self.doubt).value)
            quality = into_range(quality + familiar * moved[:, None])
        reference = int(np.argmax(self.mean - self.doubt))
        error = np.hypot(self.mean_se, unsaid)
        gain_error = np.hypot(error, error[:, [reference]])
        gain_error[:, reference] = 0.0
        return PoolPrediction(
            quality=quality,
            quality_se=error,
            gain_se=gain_error,
            cost_usd=self.cost.predict(linear),
            latency_s=None if self.latency is None else self.latency.predict(linear),
            reference=reference,
            doubt=self.doubt,
        )

    def describe(self) -> dict[str, object]:
        """The figures behind the pool: weights, share of the deviations used, its held-out gain and error."""
        return {
            "n_fit": self.n_fit,
            "n_scored": self.n_scored,
            "weights": {name: round(weight, 4) for name, weight in self.weights.items() if weight > 0},
            "shrink": self.trust.shrink,
            "cv_gain": round(self.trust.gain, 6),
            "cv_gain_se": round(self.trust.gain_se, 6),
            "cost_trust": round(self.cost.trust, 4),
        }


def fit_pool(
    features: np.ndarray,
    scores: np.ndarray,
    costs_usd: np.ndarray,
    *,
    groups: np.ndarray,
    categories: np.ndarray | None,
    levels: Levels | None = None,
    latencies_s: np.ndarray | None = None,
    seed: int = 0,
) -> Pool:
    """Fits the router of one pool.

    Args:
        features: (n, d) prompt features, one row a fit prompt.
        scores: (n, m) in 0..1, NaN = not scored.
        costs_usd: (n, m) USD per answer, NaN = unknown.
        groups: (n,) prompts with the same value stay in one fold.
        categories: (n,) labels or None; used in training only, never asked of a new prompt.
        levels: what is known of the models from elsewhere, read where one has few scores; None = nothing.
        latencies_s: (n, m) seconds to the whole answer, NaN = unknown; None = none was recorded.
        seed: of folds and landmarks; same input and seed, same pool.

    Raises:
        InputError: the arrays do not belong together, or there is no score.
    """
    features, costs_usd = np.atleast_2d(np.asarray(features, np.float32)), np.asarray(costs_usd, float)
    scores = np.asarray(scores, float)
    _check(features, scores, costs_usd)
    n_prompts, n_models = costs_usd.shape
    folds = fold_of(groups, min(N_FOLDS, max(2, n_prompts)), seed)
    feature_map = fit_features(features, seed)
    linear = feature_map.linear(features)
    is_new = find_newcomers(scores)
    filled = fill_newcomers(scores, is_new) if is_new.any() else fill_low_rank(scores)
    means = fit_means(scores, filled, None if levels is None else expect_newcomers(levels, scores))
    n_scored = int(np.isfinite(scores).any(1).sum())
    start = Pool(
        feature_map=feature_map,
        mean=means.value,
        mean_se=means.se,
        doubt=thin_doubt(scores) if levels is None else np.where(is_new, RISK * means.se, thin_doubt(scores)),
        spread=np.full(n_models, UNLEARNED_SPREAD),
        stack=None,
        familiarity=None,
        calibration=None,
        trust=NO_TRUST,
        weights={},
        cost=fit_amounts(linear, costs_usd, folds),
        latency=None if latencies_s is None else fit_amounts(linear, np.asarray(latencies_s, float), folds),
        n_fit=n_prompts,
        n_scored=n_scored,
    )
    if n_scored < MIN_FOR_STACK or (~is_new).sum() < 2:
        return start
    codes = category_codes(categories, n_prompts)
    # Around their own mean: the means are pulled together, and learners with an intercept would undo that.
    trainer = Trainer(feature_map, features, filled - filled.mean(0), codes, folds)
    return _learn(start, trainer, scores, costs_usd, seed=seed)


def fold_of(groups: np.ndarray, n_folds: int, seed: int) -> np.ndarray:
    """(n,) fold from 0, whole groups together, every fold used."""
    _, group = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    n_groups = int(group.max()) + 1
    if n_groups < n_folds:
        return np.arange(len(group)) % min(n_folds, len(group))
    return (np.random.default_rng(seed).permutation(n_groups) % n_folds)[group]


def category_codes(categories: np.ndarray | None, n_prompts: int) -> np.ndarray:
    """(n,) category numbers from 0, or all -1 when there are none."""
    if categories is None:
        return np.full(n_prompts, -1)
    return np.unique(np.asarray(categories).astype(str), return_inverse=True)[1]


def into_range(quality: np.ndarray) -> np.ndarray:
    """Brings (n, m) expected scores into 0..1; a prompt's level moves first, so that differences last."""
    over = np.maximum(quality.max(1, keepdims=True) - 1.0, 0.0)
    return np.clip(quality - over, 0.0, 1.0)


def _learn(start: Pool, trainer: Trainer, scores: np.ndarray, costs_usd: np.ndarray, *, seed: int) -> Pool:
    """Adds the learned deviations to a pool of means; the models with scores say how far those are believed."""
    own = np.flatnonzero(~find_newcomers(scores))
    kept, cost = _of_models(scores, own), start.cost
    seen, mean, worth = np.isfinite(kept), start.mean[own], (start.mean - start.doubt)[own]
    parts = find_parts(relevance(worth, cost.usable(cost.mean)[own]))
    held_out, deviations = _of_models(trainer.out_of_fold(), own), _of_models(trainer.deviations, own)
    weigher = Weigher(held_out, deviations, seen, parts, trainer.folds)
    combined = weigher.out_of_fold()
    trust = choose_shrink(
        worth,
        combined.contrasts,
        _of_models(cost.usable(cost.predict(trainer.mapped.linear)), own),
        unbiased_scores(kept, seen, mean),
        _of_models(cost.usable(np.where(np.isfinite(costs_usd), costs_usd, cost.mean)), own),
    )
    weights, wide = weigher.solve(), parts.among(own, len(start.mean))
    transforms = {
        name: wide.transform(trust.shrink * weights.contrasts[i], weights.level[i]) for i, name in enumerate(LEARNERS)
    }
    believed = combined._replace(contrasts=trust.shrink * combined.contrasts)
    unsaid = np.maximum(trust.shrink * combined.contrasts.std(0), 0.01)
    spread = np.full(len(start.mean), unsaid.mean())
    spread[own] = unsaid
    return replace(
        start,
        stack=Compiled(trainer.fit().fold(transforms), start.feature_map),
        familiarity=fit_familiarity(trainer.mapped.near, trainer.folds, seed),
        calibration=_calibrate(_Worth(mean, start.doubt[own]), deviations, trainer.folds, believed, kept),
        spread=spread,
        trust=trust,
        weights={name: float(weights.contrasts[i]) for i, name in enumerate(LEARNERS)},
    )


def _of_models(values: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """(..., m) values of some models."""
    return values if len(columns) == values.shape[-1] else np.ascontiguousarray(values[..., columns])


class _Worth(NamedTuple):
    """(m,) each."""

    mean: np.ndarray
    doubt: np.ndarray


class _Promised(NamedTuple):
    """Of the chosen model, (n,) each."""

    model: np.ndarray
    value: np.ndarray


def _promised(quality: np.ndarray, doubt: np.ndarray) -> _Promised:
    """What (n, m) predicted quality says of the models chosen where only quality counts."""
    model = np.argmax(quality - doubt, axis=1)
    return _Promised(model, quality[np.arange(len(quality)), model])


def _calibrate(
    worth: _Worth, deviations: np.ndarray, folds: np.ndarray, combined: HeldOut, scores: np.ndarray
) -> Calibration:
    """Learns from choices on held-out prompts, by means and deviations of the other folds."""
    quality = worth.mean - deviations.mean(0) + combined.contrasts + combined.level[:, None]
    for fold in range(int(folds.max()) + 1):
        rows = folds == fold
        quality[rows] += deviations[~rows].mean(0)
    chosen = _promised(into_range(quality), worth.doubt)
    return fit_calibration(chosen.value, scores[np.arange(len(scores)), chosen.model])


def _check(features: np.ndarray, scores: np.ndarray, costs_usd: np.ndarray) -> None:
    if not len(features):
        raise InputError("features has 0 rows; expected at least one fit prompt. Check the recording's split column.")
    if scores.ndim != 2 or len(scores) != len(features) or costs_usd.shape != scores.shape:
        raise InputError(
            f"scores {scores.shape!r} and costs_usd {costs_usd.shape!r} do not fit features {features.shape!r}; "
            "expected (n_prompts, n_models) for both. Pass arrays of the same prompts and models."
        )
    if not np.isfinite(scores).any():
        raise InputError("scores holds no number; expected at least one. Serve a pool without outcomes by its models.")
