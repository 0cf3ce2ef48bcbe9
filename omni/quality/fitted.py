"""Quality fitted on the recorded outcomes of one pool: what each of its models scores and costs on a new prompt.

Expected quality = the model's mean on the fit prompts + deviations that stacked learners predict from the prompt's
features. On a prompt unlike all fit prompts the deviations fade, and the models' means decide. A model with few scores
or none stands where public knowledge puts it beside the others, with a wide standard error.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from omni.errors import InputError
from omni.quality.cost import AmountHead, fit_amounts
from omni.quality.estimate import Expected
from omni.quality.features import FeatureMap, fit_features
from omni.quality.imputation import fill_low_rank
from omni.quality.learners import LEARNERS, Learners, Trainer, Weights, find_nearest, weigh_learners
from omni.quality.means import fit_means
from omni.quality.newcomers import Levels, expect_newcomers, fill_newcomers, find_newcomers
from omni.quality.novelty import Familiarity, fit_familiarity
from omni.types import ModelCard, PromptProfile

N_FOLDS = 5
MIN_FOR_LEARNERS = 30
"""Scored prompts below which no deviation is learned from them."""
NEWCOMER_RISK = 0.5
"""Standard errors of its mean that a model with few outcomes or none must promise more."""
FAMILIAR_SHARE = 0.5
"""Share of the learned deviations that a prompt must be familiar enough for, to count as one of a kind seen before."""
MAX_REMEMBERED = 10_000
"""Fit prompts that are kept as neighbours, drawn by the seed: each costs time at every decision."""
SIMILARITY, CATEGORY, DIFFICULTY = "similarity", "category", "difficulty"
PART_OF_LEARNER = {"kernel": SIMILARITY, "neighbours": SIMILARITY, "category": CATEGORY, "difficulty": DIFFICULTY}
QUALITY_PARTS = ("mean", SIMILARITY, CATEGORY, DIFFICULTY, "limits")
"""What the expected score is made of; "limits" keeps it within 0..1."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PoolOutcomes:
    """The recorded outcomes that a pool is fitted on: n prompts, m models; NaN = unknown."""

    model_ids: tuple[str, ...]
    """Sorted."""
    features: np.ndarray
    """(n, d) feature rows."""
    scores: np.ndarray
    """(n, m) in 0..1."""
    costs_usd: np.ndarray
    """(n, m) per answer."""
    output_tokens: np.ndarray
    """(n, m)"""
    latencies_s: np.ndarray
    """(n, m) to the whole answer."""
    groups: np.ndarray
    """(n,) prompts with the same value stay in one fold."""
    categories: np.ndarray
    """(n,) labels, None = none; used in fitting only, never asked of a new prompt."""
    prompt_ids: np.ndarray
    """(n,) names, by which evidence is shown."""
    prices: np.ndarray
    """(m, 2) USD per million input and output tokens that the costs rest on; NaN = unknown."""


class SimilarPrompts(NamedTuple):
    """The fit prompts most similar to a prompt, the most similar first."""

    prompt_ids: tuple[str, ...]
    categories: tuple[str | None, ...]
    similarity: np.ndarray
    """(k,) cosine, -1..1."""
    scores: np.ndarray
    """(k, m) recorded scores, NaN = not scored; columns follow `model_ids`."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedQuality:
    """The quality model of one pool; immutable."""

    model_ids: tuple[str, ...]
    version: str
    feature_map: FeatureMap
    mean: np.ndarray
    """(m,) expected score over the fit prompts."""
    mean_se: np.ndarray
    """(m,) its standard error."""
    spread: np.ndarray
    """(m,) standard deviation of the learned differences between models; 0 when none were learned."""
    learners: Learners | None
    """None = too few scored prompts to learn deviations from."""
    weights: Weights | None
    familiarity: Familiarity | None
    cost: AmountHead
    """USD per answer."""
    tokens: AmountHead
    """Output tokens per answer."""
    latency: AmountHead | None
    """Seconds per answer; None = none were recorded."""
    price_factor: np.ndarray
    """(m,) present price over the price that the costs rest on."""
    prices: np.ndarray
    """(m, 2) see `PoolOutcomes`."""
    is_new: np.ndarray
    """(m,) bool: models with few outcomes or none."""
    level_share: np.ndarray
    """(m,) sums to 1: how much each model counts in the level of a prompt; newcomers do not."""
    remembered: np.ndarray
    """(k, m) scores of the prompts that are kept as neighbours, NaN = not scored."""
    remembered_ids: tuple[str, ...]
    remembered_categories: tuple[str | None, ...]
    n_fit: int
    n_scored: int

    def expect(self, profiles: Sequence[PromptProfile]) -> Expected:
        """Expected quality, tokens and cost of every model of the pool on each prompt.

        Raises:
            InputError: the prompts' features are of another form than those that the pool was fitted on.
        """
        features = np.array([profile.features for profile in profiles], dtype=float)
        if features.shape[1:] != self.feature_map.centre.shape:
            raise InputError(
                f"The router was fitted on {self.feature_map.centre.size} features a prompt and got "
                f"{features.shape[-1]}; fit it again with: python -m evals fit RECORDING --out FILE."
            )
        mapped = self.feature_map.apply(features)
        shape = (len(features), len(self.mean))
        parts = {name: np.zeros(shape) for name in QUALITY_PARTS}
        parts["mean"] += self.mean
        familiar = np.ones((len(features), 1))
        if self.learners is not None and self.weights is not None and self.familiarity is not None:
            found = find_nearest(self.learners.near, mapped.near)
            familiar = self.familiarity.share(found)[:, None]
            for name, deviations in self.learners.predict(mapped, found).items():
                parts[PART_OF_LEARNER[name]] += familiar * self.weights.weigh(name, deviations, self.level_share)
        unlimited = np.add.reduce(list(parts.values()))
        quality = into_range(unlimited)
        parts["limits"] = quality - unlimited
        return Expected(
            quality_parts=parts,
            quality=quality,
            quality_se=np.sqrt(self.mean_se**2 + (1.0 - familiar**2) * self.spread**2),
            output_tokens=self.tokens.predict(mapped.linear),
            cost_usd=self.cost.predict(mapped.linear) * self.price_factor,
            latency_s=None if self.latency is None else self.latency.predict(mapped.linear),
            risk=self.risk,
            is_familiar=familiar[:, 0] >= FAMILIAR_SHARE,
        )

    def expect_typical(self) -> Expected:
        """The pool's means: what to expect of each model over the fit prompts."""
        quality = into_range(self.mean[None])
        return Expected(
            quality_parts={"mean": self.mean[None], "limits": quality - self.mean},
            quality=quality,
            quality_se=self.mean_se[None],
            output_tokens=self.tokens.mean[None],
            cost_usd=(self.cost.mean * self.price_factor)[None],
            latency_s=None if self.latency is None else self.latency.mean[None],
            risk=self.risk,
        )

    @property
    def risk(self) -> np.ndarray | None:
        """(m,) what models with few outcomes or none must promise more; None where all have enough."""
        return np.where(self.is_new, NEWCOMER_RISK * self.mean_se, 0.0) if self.is_new.any() else None

    def with_cards(self, cards: Sequence[ModelCard]) -> "FittedQuality":
        """The same pool at the prices of `cards`, where these and the recording's are known."""
        by_id = {card.model_id: card for card in cards}
        factor = np.ones(len(self.model_ids))
        for row, model_id in enumerate(self.model_ids):
            card = by_id.get(model_id)
            if card is None or card.price_in_usd_per_mtok is None or card.price_out_usd_per_mtok is None:
                continue
            now = card.price_in_usd_per_mtok + card.price_out_usd_per_mtok
            then = float(self.prices[row].sum())
            if np.isfinite(then) and then > 0:
                factor[row] = now / then
        return replace(self, price_factor=factor)

    def familiarity_of(self, profile: PromptProfile) -> float | None:
        """0..1: the share of the learned deviations that the prompt gets; None when none were learned."""
        if self.learners is None or self.familiarity is None:
            return None
        near = self.feature_map.apply(np.asarray(profile.features, dtype=float)[None]).near
        return float(self.familiarity.share(find_nearest(self.learners.near, near))[0])

    def nearest(self, profile: PromptProfile, k: int) -> SimilarPrompts:
        """The `k` fit prompts most similar to this one, with what each model scored on them."""
        if self.learners is None:
            return SimilarPrompts((), (), np.zeros(0), np.zeros((0, len(self.model_ids))))
        near = self.feature_map.apply(np.asarray(profile.features, dtype=float)[None]).near
        found = find_nearest(self.learners.near, near, k)
        order = np.argsort(-found.similarity[0], kind="stable")
        rows = found.rows[0][order]
        return SimilarPrompts(
            tuple(self.remembered_ids[row] for row in rows),
            tuple(self.remembered_categories[row] for row in rows),
            found.similarity[0][order],
            self.remembered[rows],
        )

    def describe(self) -> dict[str, object]:
        """The figures behind the pool: how many prompts, and how much each learner counts."""
        weights = {} if self.weights is None else self.weights.contrasts
        return {
            "n_fit": self.n_fit,
            "n_scored": self.n_scored,
            "weights": {name: round(weight, 4) for name, weight in weights.items() if weight > 0},
            "cost_trust": round(self.cost.trust, 4),
        }


def fit_quality(data: PoolOutcomes, *, levels: Levels | None = None, seed: int = 0) -> FittedQuality:
    """Fits the quality model of one pool.

    Args:
        levels: what public knowledge says of the models, read where one has few scores; None = nothing.
        seed: of folds and landmarks; same input and seed, same pool.

    Raises:
        InputError: the arrays do not belong together, or there is no score.
    """
    _check(data)
    scores = np.asarray(data.scores, dtype=float)
    n_prompts, n_models = scores.shape
    folds = fold_of(data.groups, min(N_FOLDS, max(2, n_prompts)), seed)
    feature_map = fit_features(data.features, seed)
    mapped = feature_map.apply(data.features)
    is_new = find_newcomers(scores)
    filled = fill_newcomers(scores, is_new) if is_new.any() else fill_low_rank(scores)
    means = fit_means(scores, filled, None if levels is None else expect_newcomers(levels, scores))
    has_latency = np.isfinite(data.latencies_s).any()
    kept = np.sort(np.random.default_rng(seed).permutation(n_prompts)[:MAX_REMEMBERED])
    pool = FittedQuality(
        model_ids=data.model_ids,
        version="",
        feature_map=feature_map,
        mean=means.value,
        mean_se=means.se,
        spread=np.zeros(n_models),
        learners=None,
        weights=None,
        familiarity=None,
        cost=fit_amounts(mapped.linear, data.costs_usd, folds),
        tokens=fit_amounts(mapped.linear, data.output_tokens, folds),
        latency=fit_amounts(mapped.linear, data.latencies_s, folds) if has_latency else None,
        price_factor=np.ones(n_models),
        prices=data.prices,
        is_new=is_new,
        level_share=~is_new / max((~is_new).sum(), 1),
        remembered=scores[kept],
        remembered_ids=tuple(str(data.prompt_ids[row]) for row in kept),
        remembered_categories=tuple(data.categories[row] for row in kept),
        n_fit=n_prompts,
        n_scored=int(np.isfinite(scores).any(1).sum()),
    )
    if pool.n_scored >= MIN_FOR_LEARNERS and (~is_new).sum() >= 2:
        # around their own mean: the means are shrunk, and learners with an intercept would undo that
        deviations = filled - filled.mean(0)
        trainer = Trainer(mapped, feature_map.whitener(), deviations, category_codes(data.categories), folds)
        pool = _with_learners(pool, trainer, np.isfinite(scores), kept, seed)
    return replace(pool, version=fingerprint_of(pool))


def fold_of(groups: np.ndarray, n_folds: int, seed: int) -> np.ndarray:
    """(n,) fold from 0, whole groups together, every fold used."""
    _, group = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    n_groups = int(group.max()) + 1
    if n_groups < n_folds:
        return np.arange(len(group)) % min(n_folds, len(group))
    return (np.random.default_rng(seed).permutation(n_groups) % n_folds)[group]


def category_codes(categories: np.ndarray) -> np.ndarray:
    """(n,) category numbers from 0, or all -1 when a prompt has none."""
    labels = np.asarray(categories, dtype=object)
    if any(label is None for label in labels):
        return np.full(len(labels), -1)
    return np.unique(labels.astype(str), return_inverse=True)[1]


def into_range(quality: np.ndarray) -> np.ndarray:
    """Brings (n, m) expected scores into 0..1; a prompt's level moves first, so that differences last."""
    over = np.maximum(quality.max(1, keepdims=True) - 1.0, 0.0)
    return np.clip(quality - over, 0.0, 1.0)


def fingerprint_of(pool: FittedQuality) -> str:
    """16 hex digits of what decides: means, learned deviations, costs."""
    digest = hashlib.sha256("\n".join(pool.model_ids).encode())
    arrays = [pool.mean, pool.mean_se, pool.cost.mean, pool.cost.line.slope, pool.feature_map.landmarks]
    if pool.learners is not None and pool.weights is not None:
        arrays += [pool.learners.kernel.slope, pool.learners.near_values]
        arrays.append(np.array([pool.weights.contrasts[name] for name in LEARNERS]))
    for array in arrays:
        digest.update(np.ascontiguousarray(array, dtype=float).tobytes())
    return digest.hexdigest()[:16]


def _with_learners(
    pool: FittedQuality, trainer: Trainer, seen: np.ndarray, kept: np.ndarray, seed: int
) -> FittedQuality:
    """Adds the learned deviations; the models with scores say how far each learner is believed."""
    own = ~pool.is_new
    held_out = trainer.out_of_fold()
    weights = weigh_learners(
        {name: values[:, own] for name, values in held_out.items()}, trainer.deviations[:, own], seen[:, own]
    )
    combined = np.add.reduce([weights.weigh(name, values, pool.level_share) for name, values in held_out.items()])
    contrasts = combined - (combined @ pool.level_share)[:, None]
    learners = trainer.fit()
    return replace(
        pool,
        spread=contrasts.std(0),
        learners=replace(learners, near=learners.near[kept], near_values=learners.near_values[kept]),
        weights=weights,
        familiarity=fit_familiarity(trainer.mapped.near, trainer.folds, seed),
    )


def _check(data: PoolOutcomes) -> None:
    features, scores = np.asarray(data.features), np.asarray(data.scores)
    if not len(features):
        raise InputError("features has 0 rows; expected at least one fit prompt. Check the recording's split column.")
    if scores.ndim != 2 or len(scores) != len(features) or data.costs_usd.shape != scores.shape:
        raise InputError(
            f"scores {scores.shape!r} and costs_usd {data.costs_usd.shape!r} do not fit features {features.shape!r}; "
            "expected (n_prompts, n_models) for both. Pass arrays of the same prompts and models."
        )
    if not np.isfinite(scores).any():
        raise InputError("scores holds no number; expected at least one. Serve a pool without outcomes by its models.")
