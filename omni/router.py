"""From a conversation to a decision: read, estimate, filter, choose."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache, reduce
from pathlib import Path

import numpy as np

from omni.catalog import Catalog, load_catalog
from omni.conditions import NOTHING_KNOWN, Conditions, ModelHealth
from omni.config import DATA_DIR
from omni.errors import InputError, NoModelAvailable
from omni.learning.places import hold_places
from omni.memory import remember_last
from omni.policy import PRESETS, availability, candidate_facts, exclude, utilities
from omni.quality.abilities import AbilityTable
from omni.quality.ability_file import shipped_abilities
from omni.quality.live import Estimate, LiveQuality, gain_se
from omni.reading import Reader, load_reader
from omni.rules import NO_RULES, RuleBook, Ruling, load_rules
from omni.sessions import switch_part
from omni.types import (
    Conversation,
    Decision,
    Exclusion,
    Preferences,
    PromptProfile,
    ScoreTable,
    Task,
    Weights,
)

MAX_PROMPT_CHARS = 4_000_000
"""About a million tokens: more than any window in the catalog."""
_NO_WISHES = Preferences()
BATCH = 256
"""Prompts worked out side by side; more would only take more memory."""


class Router:
    """Chooses one model of a catalog for a conversation; immutable, may be shared between threads."""

    def __init__(
        self,
        catalog: Catalog,
        reader: Reader,
        rules: RuleBook = NO_RULES,
        *,
        abilities: AbilityTable | None = None,
    ) -> None:
        """`abilities` of the catalog's models, None = worked out from its scores."""
        self.catalog = catalog
        self.reader = reader
        self.rules = rules
        self.quality = LiveQuality(catalog.models, abilities)
        self.facts = candidate_facts(catalog.models)
        self._versions = (catalog.version, reader.fingerprint, rules.version)
        self._model_ids = np.array(self.facts.model_ids, dtype=object)
        self._availability = remember_last(self._blend_availability)
        self._texts = (remember_last(_served_text), remember_last(_health_text), remember_last(_residuals_text))
        self._reference_order = lru_cache(maxsize=256)(self._rank_on_typical_prompt)

    @property
    def parameters_version(self) -> str:
        """Fingerprint of the trained parameters that read a prompt."""
        return self.reader.fingerprint

    def route(
        self,
        conversation: Conversation,
        preferences: Preferences | None = None,
        *,
        conditions: Conditions | None = None,
    ) -> Decision:
        """Decides which model answers.

        Args:
            preferences: None = balanced, no limits.
            conditions: what is served, how it does, and where the conversation has been; None = nothing is known.

        Raises:
            InputError: nothing to read, or over 4 million characters.
            NoModelAvailable: every model was excluded.
        """
        _check(conversation)
        profile = self.reader.read(conversation)
        return self._decide([conversation], [profile], preferences or _NO_WISHES, conditions or NOTHING_KNOWN)[0]

    def route_batch(
        self,
        conversations: Sequence[Conversation],
        preferences: Preferences | None = None,
        *,
        conditions: Conditions | None = None,
    ) -> list[Decision]:
        """The same decisions as `route`, one per conversation, faster: they are worked out side by side."""
        preferences, conditions = preferences or _NO_WISHES, conditions or NOTHING_KNOWN
        for conversation in conversations:
            _check(conversation)
        decisions: list[Decision] = []
        for start in range(0, len(conversations), BATCH):
            chunk = conversations[start : start + BATCH]
            decisions += self._decide(chunk, self.reader.read_batch(chunk), preferences, conditions)
        return decisions

    def _decide(
        self,
        conversations: Sequence[Conversation],
        profiles: Sequence[PromptProfile],
        preferences: Preferences,
        conditions: Conditions,
    ) -> list[Decision]:
        weights = preferences.weights or PRESETS[preferences.preset]
        estimate = self.quality.estimate(profiles, conditions)
        rulings = [self.rules.ruling(profile) for profile in profiles]
        filtered = [
            exclude(self.facts, profile, preferences, cost, conditions=conditions, ruling=ruling)
            for profile, cost, ruling in zip(profiles, estimate.cost_usd, rulings, strict=True)
        ]
        kept = np.array([mask for mask, _ in filtered])
        order = self._reference_order(weights)
        references = [_first_kept(order, mask, excluded) for mask, excluded in filtered]
        parts = self._parts(estimate, references, weights)
        stays = self._add_state(parts, kept, weights, conditions, rulings)
        tables = self._ranked(estimate, parts, kept, profiles)
        ids = _decision_ids(conversations, preferences, self._conditions_text(conditions), self._versions)
        return [
            Decision(
                decision_id=decision_id,
                catalog_version=self.catalog.version,
                parameters_version=self._versions[1],
                profile=profile,
                preferences=preferences,
                weights=weights,
                reference_model_id=self.facts.model_ids[reference],
                scores=table,
                excluded=excluded,
                action="refuse" if ruling.refusal else "ask_guard" if ruling.objection else "answer",
                message=ruling.refusal or ruling.objection,
                rules=ruling.applied,
                local_only=preferences.local_only or ruling.is_local_only,
                sticky_model_id=stay,
            )
            for decision_id, profile, (_, excluded), reference, table, ruling, stay in zip(
                ids, profiles, filtered, references, tables, rulings, stays, strict=True
            )
        ]

    def _parts(self, estimate: Estimate, references: Sequence[int], weights: Weights) -> dict[str, np.ndarray]:
        cost = estimate.cost_usd
        places = np.array([row * cost.shape[1] + reference for row, reference in enumerate(references)])
        doubt = gain_se(estimate.quality_se, places)
        return utilities(estimate.quality, doubt, cost, estimate.latency_s, weights, cost.take(places)[:, None])

    def _add_state(
        self,
        parts: dict[str, np.ndarray],
        kept: np.ndarray,
        weights: Weights,
        conditions: Conditions,
        rulings: Sequence[Ruling],
    ) -> list[str | None]:
        """Adds the parts that only some decisions have: availability, switch, policy.

        Returns:
            Per prompt the model that the conversation was with, where it may go on.
        """
        if conditions.health:
            lost = 1 - self._availability(conditions.health)
            parts["availability"] = np.broadcast_to(-weights.quality_per_failure * lost, kept.shape)
        if any(ruling.prefer_safe for ruling in rulings):
            parts["policy"] = np.array([[ruling.prefer_safe] for ruling in rulings]) * self.facts.safety
        sticky = conditions.sticky
        row = None if sticky is None else self.facts.row.get(sticky.model_id)
        if sticky is None or row is None:
            return [None] * len(kept)
        parts["switch"] = switch_part(kept, row, sticky.switch_cost)
        return [sticky.model_id if stay else None for stay in kept[:, row].tolist()]

    def _ranked(
        self,
        estimate: Estimate,
        parts: dict[str, np.ndarray],
        kept: np.ndarray,
        profiles: Sequence[PromptProfile],
    ) -> list[ScoreTable]:
        others = [values for name, values in parts.items() if name != "quality"]
        utility = np.where(kept, reduce(np.add, others, estimate.quality_unvoted), -np.inf)
        # Model ids are in order, and a stable sort keeps that order among equals.
        if estimate.quality is estimate.quality_unvoted:
            orders = np.negative(utility, out=utility).argsort(axis=1, kind="stable")
        else:
            orders, parts["place"] = hold_places(utility, estimate.quality - estimate.quality_unvoted)
        figures = np.array(
            [
                *parts.values(),
                *estimate.quality_parts.values(),
                estimate.quality_se,
                estimate.cost_usd,
                estimate.latency_s,
                estimate.output_tokens,
            ]
        )
        part_names, quality_names = tuple(parts), tuple(estimate.quality_parts)
        tables = []
        for row, (mask, profile) in enumerate(zip(kept, profiles, strict=True)):
            order = orders[row, : np.count_nonzero(mask)]
            # numpy takes faster where it need not raise an error
            names, own = _without_policy(part_names, figures[:, row].take(order, axis=1, mode="clip"))
            tables.append(
                ScoreTable(
                    model_ids=tuple(self._model_ids.take(order).tolist()),
                    part_names=names,
                    quality_names=quality_names,
                    figures=own,
                    cost_listed=self.quality.cost_listed.take(order),
                    latency_basis=estimate.latency_basis.take(order),
                    input_tokens=profile.input_tokens,
                )
            )
        return tables

    def _blend_availability(self, health: Mapping[str, ModelHealth]) -> np.ndarray:
        return availability(health, self.facts.row)

    def _conditions_text(self, conditions: Conditions) -> str:
        if conditions is NOTHING_KNOWN:
            return ""
        served, health, residuals = self._texts
        live = f"{served(conditions.served)}, {health(conditions.health)}, {residuals(conditions.residuals)}"
        return f"{live}, {sorted(conditions.local)!r}, {conditions.sticky!r}"

    def _rank_on_typical_prompt(self, weights: Weights) -> tuple[int, ...]:
        """All models, best first on an average prompt: the one fixed model a person with these weights would take."""
        estimate = self.quality.estimate([PromptProfile.typical()])
        no_doubt = np.zeros_like(estimate.quality)
        parts = utilities(estimate.quality, no_doubt, estimate.cost_usd, estimate.latency_s, weights, np.inf)
        return tuple(np.argsort(-np.sum(list(parts.values()), axis=0)[0], kind="stable").tolist())


def load_router(policy_path: Path | None = None) -> Router:
    """The router over the shipped catalog, parameters and policy.

    Args:
        policy_path: the operator's own rules, which come after the shipped ones.
    """
    own = [] if policy_path is None else [policy_path]
    catalog, rules = load_catalog(), load_rules(DATA_DIR / "policy.yml", *own)
    return Router(catalog, load_reader(), rules, abilities=shipped_abilities(catalog.version))


def _without_policy(names: tuple[str, ...], figures: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of parts and rows of figures without a policy part that is another prompt's, read side by side."""
    if "policy" not in names or figures[names.index("policy")].any():
        return names, figures
    place = names.index("policy")
    return names[:place] + names[place + 1 :], np.delete(figures, place, axis=0)


def _first_kept(order: Sequence[int], kept: np.ndarray, excluded: Sequence[Exclusion]) -> int:
    row = next((row for row in order if kept[row]), None)
    if row is None:
        raise NoModelAvailable(_nobody_left(excluded))
    return row


def _check(conversation: Conversation) -> None:
    n_chars = sum(len(message.text) for message in conversation.messages)
    if n_chars > MAX_PROMPT_CHARS:
        raise InputError(f"The prompt has {n_chars:,} characters; {MAX_PROMPT_CHARS:,} at most. Shorten it.")
    if not conversation.last_user_text.strip() and not conversation.n_images:
        raise InputError("The prompt is empty; write what you want to know.")


def _nobody_left(excluded: Sequence[Exclusion]) -> str:
    counts: dict[str, int] = {}
    for exclusion in excluded:
        counts[exclusion.reason.value] = counts.get(exclusion.reason.value, 0) + 1
    listed = ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items(), key=lambda item: -item[1]))
    return (
        f"No model can answer this: {listed}. Relax the allow and deny lists or the cost ceiling, or shorten the input."
    )


def _decision_ids(
    conversations: Sequence[Conversation],
    preferences: Preferences,
    conditions_text: str,
    versions: tuple[str, ...],
) -> list[str]:
    # Frozen dataclasses of plain values: their repr names every field, and costs less than a JSON document.
    shared = f"{_preferences_text(preferences)}, {conditions_text}, {versions!r}"
    bases = [f"({conversation!r}, {shared})".encode("utf-8", "surrogatepass") for conversation in conversations]
    return [hashlib.sha256(basis).hexdigest()[:16] for basis in bases]


@lru_cache(maxsize=256)
def _preferences_text(preferences: Preferences) -> str:
    return repr(preferences)


def _served_text(served: frozenset[str] | None) -> str:
    # a set's own order differs between processes
    return repr(None if served is None else sorted(served))


def _health_text(health: Mapping[str, ModelHealth]) -> str:
    return repr(sorted(health.items()))


def _residuals_text(residuals: Mapping[Task, Mapping[str, float]]) -> str:
    return repr([(task.value, sorted(of_models.items())) for task, of_models in sorted(residuals.items())])
