"""Filters with reason codes, utility in stated units, and the evidence rule. Pure functions on columns."""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import translate
from functools import lru_cache

import numpy as np

from omni.conditions import NOTHING_KNOWN, Conditions, ModelHealth
from omni.errors import InputError
from omni.rules import NO_RULING, Ruling
from omni.types import (
    OUTPUT_RESERVE_TOKENS,
    UNKNOWN_WINDOW_TOKENS,
    Exclusion,
    ModelCard,
    Preferences,
    Preset,
    PromptProfile,
    Reason,
    Weights,
)

UNCENSORED_NAMES = ("dolphin", "uncensored", "abliterated", "euryale", "magnum", "mythomax", "rocinante")
"""Parts of names under which fine-tunes without refusals are published."""

PERMISSIVENESS = "speechmap"
"""A benchmark under "safety" that rewards answering; it says nothing of harm."""

LOW_QUALITY = 0.3
"""When every model is expected to score less on a prompt, saving money or time on it earns nothing."""

PRESETS: Mapping[Preset, Weights] = {
    "balanced": Weights(quality_per_usd=20.0, quality_per_s=0.002, z=0.05, z_dearer=0.05),
    "quality": Weights(quality_per_usd=1.0, quality_per_s=0.0002, z=0.05, z_dearer=0.05),
    "fast": Weights(quality_per_usd=10.0, quality_per_s=0.015, z=0.05, z_dearer=0.05),
    "cheap": Weights(quality_per_usd=200.0, quality_per_s=0.0005, z=0.05, z_dearer=0.05),
}
"""What each preset trades: balanced gives up two points of quality for 0.001 USD or for ten seconds.

The standard errors of evidence were chosen on fit sides of the shipped recordings and of others kept for development,
for both sources of quality: none at all scores 0.1 points more on the shipped ones and 0.7 less on the others; asking a
dearer model for more costs the public router 0.05.
"""


def dial_weights(*, quality_per_usd: float, quality_per_s: float = 0.0) -> Weights:
    """Weights by two dials, with the evidence rule of the balanced preset.

    Args:
        quality_per_usd: quality (0..1) given up for one US dollar less on this prompt, 0 or more.
        quality_per_s: the same for one second less.

    Raises:
        InputError: a weight is negative or not a number.
    """
    for name, value in (("quality_per_usd", quality_per_usd), ("quality_per_s", quality_per_s)):
        if not (math.isfinite(value) and value >= 0):
            raise InputError(f"{name} is {value!r}; expected a number from 0 up, in quality (0..1) per unit.")
    return replace(PRESETS["balanced"], quality_per_usd=quality_per_usd, quality_per_s=quality_per_s)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CandidateFacts:
    """What the filters ask of every model, in columns of length n_models. NaN = unknown."""

    model_ids: tuple[str, ...]
    licences: tuple[str | None, ...]
    answers: np.ndarray
    """bool: a chat-capable role."""
    not_answering: tuple[Exclusion, ...]
    """The models without such a role: the same in every decision."""
    smallest_window: float
    """Tokens that every model takes."""
    context_tokens: np.ndarray
    reads_images: np.ndarray
    """bool; unknown counts as no."""
    calls_tools: np.ndarray
    writes_json: np.ndarray
    uncensored: np.ndarray
    """bool: published as a fine-tune without refusals."""
    safety: np.ndarray
    """Mean rank on harm benchmarks, 1 = best, 0 = worst or never measured."""
    row: Mapping[str, int]
    """Model id to its place in the columns."""

    def are_in(self, model_ids: Iterable[str]) -> np.ndarray:
        """(n_models,) bool: which models are named."""
        named = np.zeros(len(self.model_ids), dtype=bool)
        named[[self.row[model_id] for model_id in model_ids if model_id in self.row]] = True
        return named


def candidate_facts(cards: Sequence[ModelCard]) -> CandidateFacts:
    """The columns that the filters ask for."""
    context_tokens = np.array([card.context_tokens or np.nan for card in cards], dtype=float)
    return CandidateFacts(
        model_ids=tuple(card.model_id for card in cards),
        licences=tuple(card.license for card in cards),
        answers=np.array([_answers(card) for card in cards]),
        not_answering=tuple(
            Exclusion(model_id=card.model_id, reason=Reason.ROLE, detail=f"is a {card.role} model")
            for card in cards
            if not _answers(card)
        ),
        smallest_window=float(np.fmin.reduce(context_tokens, initial=UNKNOWN_WINDOW_TOKENS)),
        context_tokens=context_tokens,
        reads_images=np.array(["image" in card.input_modalities for card in cards]),
        calls_tools=np.array([bool(card.supports_tools) for card in cards]),
        writes_json=np.array([bool(card.structured_output) for card in cards]),
        uncensored=np.array([any(n in card.model_id.lower() for n in UNCENSORED_NAMES) for card in cards]),
        safety=_safety(cards),
        row={card.model_id: row for row, card in enumerate(cards)},
    )


def _safety(cards: Sequence[ModelCard]) -> np.ndarray:
    measured: dict[str, list[tuple[float, int]]] = {}
    for row, card in enumerate(cards):
        for score in card.scores:
            if score.category == "safety" and not score.benchmark.startswith(PERMISSIVENESS):
                measured.setdefault(score.benchmark, []).append(
                    (score.score if score.higher_is_better else -score.score, row)
                )
    ranks: dict[int, list[float]] = {}
    for scores in measured.values():
        ordered = sorted(value for value, _ in scores)
        for value, row in scores:
            ranks.setdefault(row, []).append((ordered.index(value) + 1) / len(ordered))
    return np.array([np.mean(ranks[row]) if row in ranks else 0.0 for row in range(len(cards))])


def _answers(card: ModelCard) -> bool:
    return card.role not in ("guard", "translate")


def utilities(
    quality: np.ndarray,
    gain_se: np.ndarray,
    cost_usd: np.ndarray,
    latency_s: np.ndarray,
    weights: Weights,
    reference: np.ndarray,
    risk: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """The parts of the utility, named; their sum ranks the candidates.

    Args:
        quality: (n_prompts, n_models) expected quality, 0..1.
        gain_se: the same shape: standard error of the quality difference to the reference model, 0 for itself.
        cost_usd: the same shape, expected cost of the answer; NaN counts as the dearest known.
        latency_s: the same shape, expected seconds until the whole answer is there; NaN as the slowest known.
        weights: prices of cost, latency and missing evidence in units of quality.
        reference: (n_prompts,) column of the model that the preset takes by default; a dearer one needs more evidence.
        risk: (n_models,) quality that a model must promise more, whatever the weights; None = none must.
    """
    own = reference[:, None]
    cost, seconds = _worst_for_unknown(cost_usd), _worst_for_unknown(latency_s)
    cost_of_reference = np.take_along_axis(cost, own, axis=1)
    doubt_price = np.where(cost > cost_of_reference, -weights.z_dearer, -weights.z)
    return {
        "quality": quality,
        "cost": -weights.quality_per_usd * cost,
        "evidence": doubt_price * gain_se - (0.0 if risk is None else risk),
        "latency": -weights.quality_per_s * seconds,
    }


def hard_prompt_part(
    parts: Mapping[str, np.ndarray], reference: np.ndarray, kept: np.ndarray, is_familiar: np.ndarray | None
) -> np.ndarray | None:
    """What a prompt that all kept models are likely to fail gives back: savings against the reference earn nothing.

    So the most able model wins among those that cost no more than the reference. Where outcomes of such prompts were
    seen, a low expectation is measured and differences between models keep their size, so the rule does not apply.

    Args:
        parts: of the utility, see `utilities`.
        reference: (n_prompts,) column of the model that the preset takes by default.
        kept: (n_prompts, n_models) bool.
        is_familiar: (n_prompts,) bool; None = nowhere.

    Returns:
        (n_prompts, n_models) to add to the utility; None when there is no such prompt.
    """
    is_hard = np.where(kept, parts["quality"], 0.0).max(axis=1) < LOW_QUALITY
    if is_familiar is not None:
        is_hard &= ~is_familiar
    if not is_hard.any():
        return None
    price = parts["cost"] + parts["latency"]
    saved = price - np.take_along_axis(price, reference[:, None], axis=1)
    return np.where(is_hard[:, None] & (saved > 0), -saved, 0.0)


def gain_se(quality_se: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Standard error (n_prompts, n_models) of the quality difference to each prompt's reference column (n_prompts,).

    The errors of two models are taken as independent.
    """
    own = reference[:, None]
    # errors lie between 0 and 1: np.hypot's care for overflow would cost eight times as much
    variance = quality_se * quality_se
    difference = np.sqrt(variance + np.take_along_axis(variance, own, axis=1))
    np.put_along_axis(difference, own, 0.0, axis=1)
    return difference


def availability(health: Mapping[str, ModelHealth], row: Mapping[str, int]) -> np.ndarray:
    """(n_models,) chance of an answer that somebody still waits for; 1 for models never asked."""
    chance = np.ones(len(row))
    for model_id, seen in health.items():
        if model_id in row:
            chance[row[model_id]] = seen.answered * seen.awaited
    return chance


def exclude(
    facts: CandidateFacts,
    profile: PromptProfile,
    preferences: Preferences,
    cost_usd: np.ndarray,
    *,
    conditions: Conditions = NOTHING_KNOWN,
    ruling: Ruling = NO_RULING,
) -> tuple[np.ndarray, tuple[Exclusion, ...]]:
    """Which models may answer.

    Args:
        cost_usd: (n_models,) expected cost of this answer.
        conditions: who is served where, and whether a tool loop holds the conversation to its model.
        ruling: what the operator's policy asks for on this prompt.

    Returns:
        A mask (n_models,) of the models left, and for every other model the first reason that removed it.
    """
    sieve = _Sieve(facts)
    _remove_by_wish(sieve, preferences)
    _remove_by_rule(sieve, ruling)
    served, local = conditions.served, conditions.local
    if served is not None:
        sieve.remove(~facts.are_in(served), Reason.NO_LIVE_PROVIDER, "no connected provider offers it")
    if preferences.local_only or ruling.is_local_only:
        sieve.remove(~facts.are_in(local), Reason.LOCAL_ONLY, "no server on this machine offers it")
    _remove_by_ability(sieve, profile)
    if preferences.max_cost_usd is not None:
        limit = f"${preferences.max_cost_usd:g}"
        sieve.remove(np.isnan(cost_usd), Reason.COST_UNKNOWN, f"has no known price to hold against {limit}")
        dear = cost_usd > preferences.max_cost_usd
        sieve.remove(dear, Reason.OVER_MAX_COST, f"expected cost ${{}} is over {limit}", cost_usd.tolist())
    sticky = conditions.sticky
    if sticky is not None and sticky.is_locked and sieve.keeps(sticky.model_id):
        detail = f"the tools that {sticky.model_id} called are still answering"
        sieve.remove(~facts.are_in((sticky.model_id,)), Reason.LOCKED, detail)
    return sieve.kept, tuple(sieve.excluded)


@lru_cache(maxsize=8192)
def _exclusion(model_id: str, reason: Reason, detail: str) -> Exclusion:
    return Exclusion(model_id=model_id, reason=reason, detail=detail)


class _Sieve:
    """The models still standing, and the first reason of each that fell."""

    def __init__(self, facts: CandidateFacts) -> None:
        self.facts = facts
        self.kept = facts.answers.copy()
        self.excluded: list[Exclusion] = list(facts.not_answering)

    def remove(self, bad: np.ndarray, reason: Reason, detail: str, values: Sequence[object] | None = None) -> None:
        """Removes the rows of `bad`; `{}` in `detail` shows a row's own value."""
        for row in np.flatnonzero(bad & self.kept).tolist():
            shown = detail if values is None else detail.format(_shown(values[row]))
            self.excluded.append(_exclusion(self.facts.model_ids[row], reason, shown))
        self.kept &= ~bad

    def keeps(self, model_id: str) -> bool:
        """Whether the model may still answer."""
        row = self.facts.row.get(model_id)
        return row is not None and bool(self.kept[row])

    def remove_named(self, bad: Callable[[str], bool], reason: Reason, detail: str) -> None:
        """Removes the models whose id is `bad`."""
        ids = self.facts.model_ids
        self.remove(np.fromiter(map(bad, ids), dtype=bool, count=len(ids)), reason, detail)


def _remove_by_wish(sieve: _Sieve, preferences: Preferences) -> None:
    if preferences.allow:
        allow = _globs(preferences.allow)
        sieve.remove_named(lambda m: not allow(m.lower()), Reason.NOT_ALLOWED, "is not on the allow list")
    if preferences.deny:
        deny = _globs(preferences.deny)
        sieve.remove_named(lambda m: deny(m.lower()), Reason.DENIED, "is on the deny list")
    if preferences.licences_denied:
        licences = sieve.facts.licences
        bad = np.array([licence in preferences.licences_denied for licence in licences])
        sieve.remove(bad, Reason.LICENCE, "licence {} is excluded", licences)


def _remove_by_rule(sieve: _Sieve, ruling: Ruling) -> None:
    if ruling.excludes_uncensored:
        sieve.remove(sieve.facts.uncensored, Reason.SAFETY, "is tuned not to refuse, which the policy excludes here")
    if ruling.models_denied:
        denied = _globs(ruling.models_denied)
        sieve.remove_named(lambda m: denied(m.lower()), Reason.POLICY, "is excluded by the operator's policy")
    if ruling.licences_denied:
        licences = sieve.facts.licences
        bad = np.array([licence in ruling.licences_denied for licence in licences])
        sieve.remove(bad, Reason.POLICY, "licence {} is excluded by the operator's policy", licences)


def _remove_by_ability(sieve: _Sieve, profile: PromptProfile) -> None:
    facts = sieve.facts
    need = profile.input_tokens + OUTPUT_RESERVE_TOKENS
    if need > facts.smallest_window:
        _remove_by_window(sieve, need)
    if profile.n_images:
        sieve.remove(~facts.reads_images, Reason.MODALITY, "does not read images")
    if profile.needs_tools:
        sieve.remove(~facts.calls_tools, Reason.TOOLS, "is not known to call tools")
    if profile.needs_json:
        sieve.remove(~facts.writes_json, Reason.STRUCTURED_OUTPUT, "is not known to hold to a JSON format")


def _remove_by_window(sieve: _Sieve, need: int) -> None:
    windows = sieve.facts.context_tokens
    unknown = np.isnan(windows)
    small = np.where(unknown, UNKNOWN_WINDOW_TOKENS, windows) < need
    sieve.remove(unknown & small, Reason.CONTEXT_WINDOW, f"states no window, {need:,} tokens are needed")
    detail = f"window of {{}} tokens, {need:,} are needed with the answer"
    sieve.remove(small, Reason.CONTEXT_WINDOW, detail, windows.tolist())


def _worst_for_unknown(values: np.ndarray) -> np.ndarray:
    # both pass over NaN; where nothing is known, nothing is worse
    return np.fmin(values, np.fmax.reduce(values, axis=-1, keepdims=True, initial=0.0))


@lru_cache(maxsize=256)
def _globs(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    """A test whether a lower-case id matches any of the globs."""
    match = re.compile("|".join(translate(pattern.lower()) for pattern in patterns)).match
    return lambda model_id: match(model_id) is not None


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"
    return str(value)
