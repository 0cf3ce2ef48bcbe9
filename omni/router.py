"""From a conversation to a decision: read, estimate, filter, choose. The only place that chooses a model."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, reduce
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from omni.caps import MAX_MESSAGES, MAX_PROMPT_CHARS, check_length
from omni.catalog import Catalog, load_catalog
from omni.catalog.pool import pool_catalog
from omni.conditions import NOTHING_KNOWN, Conditions, ModelHealth
from omni.config import DATA_DIR
from omni.errors import InputError, NoModelAvailable
from omni.evidence import Evidence, find_evidence
from omni.learning.places import hold_places
from omni.memory import remember_last
from omni.policy import PRESETS, availability, candidate_facts, exclude, gain_se, hard_prompt_part, utilities
from omni.quality.estimate import Estimate, QualityModel, estimate_under, tabulate_residuals
from omni.quality.latency import Speeds
from omni.quality.public import load_public
from omni.reading import Reader, load_reader
from omni.rules import NO_RULES, RuleBook, Ruling, load_rules
from omni.sessions import switch_part
from omni.types import (
    Conversation,
    Decision,
    Exclusion,
    ModelCard,
    Preferences,
    PromptProfile,
    RouterName,
    ScoreTable,
    Task,
    Weights,
)

if TYPE_CHECKING:
    from omni.quality.router_file import FittedRouter

BATCH = 256
"""Prompts worked out side by side; more would only take more memory."""
NO_MODEL = -1
OPTIONAL_PARTS = ("policy", "hard_prompt")
"""Parts of the utility that a decision only has where they are not zero."""
_UTILITY_DECIMALS = 12
"""Utilities are compared to this many: sums of another order differ beyond, and equals go by model id."""
_NO_PREFERENCES = Preferences()


class Scored(NamedTuple):
    """What is settled about some prompts before anything is weighed; n prompts, m models."""

    estimate: Estimate
    kept: np.ndarray
    """(n, m) bool: the models that may answer."""
    excluded: list[tuple[Exclusion, ...]]
    rulings: list[Ruling]


class Ranking(NamedTuple):
    """The models in order of their utility."""

    parts: dict[str, np.ndarray]
    """By name (n, m): their sum is the utility."""
    orders: np.ndarray
    """(n, m) columns, best first; those that may not answer come last."""
    references: np.ndarray
    """(n,) column of the model that the evidence rule protects."""
    stays: list[str | None]
    """Per prompt the model that the conversation was with and that may go on."""


class Router:
    """Chooses one model of a catalog for a conversation; immutable, may be shared between threads."""

    def __init__(
        self,
        catalog: Catalog,
        reader: Reader | None,
        quality: QualityModel,
        rules: RuleBook = NO_RULES,
        *,
        name: RouterName,
        other_cards: Sequence[ModelCard] = (),
    ) -> None:
        """A router over the models of `catalog`.

        Args:
            reader: None = prompts come as profiles, see `choose`.
            quality: of the same models, in the same order.
            name: what decisions, logs and the page call it.
            other_cards: further models from whose published speeds those of the catalog are estimated.
        """
        self.catalog = catalog
        self.quality = quality
        self.rules = rules
        self.name = name
        self.facts = candidate_facts(catalog.models)
        if quality.model_ids != self.facts.model_ids:
            raise ValueError("the quality model is of other models than the catalog")
        self.cost_listed = np.array([card.price_basis == "listed" for card in catalog.models])
        self._reader = reader
        self._other_cards = other_cards
        self._speeds = Speeds(catalog.models, other_cards)
        self._versions = (catalog.version, "" if reader is None else reader.fingerprint, quality.version, rules.version)
        self._model_ids = np.array(self.facts.model_ids, dtype=object)
        self._availability = remember_last(self._blend_availability)
        self._residuals = remember_last(self._tabulate_residuals)
        self._texts = (remember_last(_served_text), remember_last(_health_text), remember_last(_residuals_text))
        self._default_order = lru_cache(maxsize=256)(self._rank_on_typical_prompt)

    @property
    def reader(self) -> Reader:
        """What reads the prompts.

        Raises:
            ValueError: the router was built for profiles only.
        """
        if self._reader is None:
            raise ValueError("this router reads no prompts: give it a reader")
        return self._reader

    @property
    def parameters_version(self) -> str:
        """Fingerprints of the parameters that read a prompt and that foretell quality."""
        return f"{self._versions[1]}-{self._versions[2]}"

    def over(self, catalog: Catalog) -> "Router":
        """The same router for the same models with other prices, limits and speeds, as servers state them now."""
        quality = self.quality.with_cards(catalog.models)
        return Router(catalog, self._reader, quality, self.rules, name=self.name, other_cards=self._other_cards)

    def route(
        self,
        conversation: Conversation,
        preferences: Preferences | None = None,
        *,
        conditions: Conditions | None = None,
    ) -> Decision:
        """Decides which model answers: a batch of one.

        Args:
            preferences: None = balanced, no limits.
            conditions: what is served, how it does, and where the conversation has been; None = nothing is known.

        Raises:
            InputError: nothing to read, or over 4 million characters.
            NoModelAvailable: every model was excluded.
        """
        return self.route_batch([conversation], preferences, conditions=conditions)[0]

    def route_batch(
        self,
        conversations: Sequence[Conversation],
        preferences: Preferences | None = None,
        *,
        conditions: Conditions | None = None,
    ) -> list[Decision]:
        """One decision per conversation, worked out side by side; raises as `route`."""
        preferences, conditions = preferences or _NO_PREFERENCES, conditions or NOTHING_KNOWN
        for conversation in conversations:
            check_conversation(conversation)
        decisions: list[Decision] = []
        for start in range(0, len(conversations), BATCH):
            chunk = conversations[start : start + BATCH]
            decisions += self._decide(chunk, self.reader.read_batch(chunk), preferences, conditions)
        return decisions

    def choose(
        self,
        profiles: Sequence[PromptProfile],
        settings: Sequence[Weights],
        preferences: Preferences | None = None,
        *,
        conditions: Conditions | None = None,
    ) -> np.ndarray:
        """The same choices for prompts that were read already, at many settings of the weights.

        Returns:
            (n_settings, n_prompts) places in `catalog.models`; `NO_MODEL` where every model was excluded.
        """
        preferences, conditions = preferences or _NO_PREFERENCES, conditions or NOTHING_KNOWN
        scored = self._score(profiles, preferences, conditions)
        can_answer = scored.kept.any(axis=1)
        chosen = np.full((len(settings), len(profiles)), NO_MODEL)
        for row, weights in enumerate(settings):
            best = self._rank(scored, weights, conditions).orders[:, 0]
            chosen[row] = np.where(can_answer, best, NO_MODEL)
        return chosen

    def estimate(self, profiles: Sequence[PromptProfile], conditions: Conditions | None = None) -> Estimate:
        """What is expected of each model on each prompt, under the conditions."""
        conditions = conditions or NOTHING_KNOWN
        residuals = self._residuals(conditions.residuals) if conditions.residuals else None
        return estimate_under(self.quality.expect(profiles), profiles, conditions, self._speeds, residuals)

    def evidence(self, decision: Decision, texts: Mapping[str, str] | None = None) -> Evidence | None:
        """The recorded outcomes behind one of its decisions; None where public benchmarks decide.

        Args:
            texts: recorded prompts by id, where they may be shown.
        """
        return find_evidence(self.quality, decision, texts)

    def _decide(
        self,
        conversations: Sequence[Conversation],
        profiles: Sequence[PromptProfile],
        preferences: Preferences,
        conditions: Conditions,
    ) -> list[Decision]:
        weights = preferences.weights or PRESETS[preferences.preset]
        scored = self._score(profiles, preferences, conditions)
        for mask, excluded in zip(scored.kept, scored.excluded, strict=True):
            if not mask.any():
                raise NoModelAvailable(_no_model_left(excluded))
        ranking = self._rank(scored, weights, conditions)
        ids = _decision_ids(conversations, preferences, self._conditions_text(conditions), self._versions)
        return [
            Decision(
                decision_id=decision_id,
                catalog_version=self.catalog.version,
                parameters_version=self.parameters_version,
                router=self.name,
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
            for decision_id, profile, excluded, reference, table, ruling, stay in zip(
                ids,
                profiles,
                scored.excluded,
                ranking.references.tolist(),
                self._tables(scored, ranking, profiles),
                scored.rulings,
                ranking.stays,
                strict=True,
            )
        ]

    def _score(self, profiles: Sequence[PromptProfile], preferences: Preferences, conditions: Conditions) -> Scored:
        """Estimates and filters: everything but the weights."""
        estimate = self.estimate(profiles, conditions)
        rulings = [self.rules.ruling(profile) for profile in profiles]
        filtered = [
            exclude(self.facts, profile, preferences, cost, conditions=conditions, ruling=ruling)
            for profile, cost, ruling in zip(profiles, estimate.cost_usd, rulings, strict=True)
        ]
        return Scored(
            estimate=estimate,
            kept=np.array([mask for mask, _ in filtered]),
            excluded=[excluded for _, excluded in filtered],
            rulings=rulings,
        )

    def _rank(self, scored: Scored, weights: Weights, conditions: Conditions) -> Ranking:
        """The choice: every model's utility, and their order."""
        estimate, kept = scored.estimate, scored.kept
        default_order = self._default_order(weights)
        references = default_order[kept[:, default_order].argmax(axis=1)]
        doubt = gain_se(estimate.quality_se, references)
        figures = (estimate.quality, doubt, estimate.cost_usd, estimate.latency_s)
        parts = utilities(*figures, weights, references, estimate.risk)
        if (given_back := hard_prompt_part(parts, references, kept, estimate.is_familiar)) is not None:
            parts["hard_prompt"] = given_back
        stays = self._add_state(parts, kept, weights, conditions, scored.rulings)
        others = [values for name, values in parts.items() if name != "quality"]
        utility = np.round(reduce(np.add, others, estimate.quality_unvoted), _UTILITY_DECIMALS)
        utility[~kept] = -np.inf
        # Model ids are in order, and a stable sort keeps that order among equals.
        if estimate.quality is estimate.quality_unvoted:
            orders = np.negative(utility, out=utility).argsort(axis=1, kind="stable")
        else:
            orders, parts["place"] = hold_places(utility, estimate.quality - estimate.quality_unvoted)
        return Ranking(parts, orders, references, stays)

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

    def _tables(self, scored: Scored, ranking: Ranking, profiles: Sequence[PromptProfile]) -> list[ScoreTable]:
        estimate = scored.estimate
        figures = np.array(
            [
                *ranking.parts.values(),
                *estimate.quality_parts.values(),
                np.broadcast_to(estimate.quality_se, estimate.quality.shape),
                estimate.cost_usd,
                estimate.latency_s,
                estimate.output_tokens,
            ]
        )
        part_names, quality_names = tuple(ranking.parts), tuple(estimate.quality_parts)
        tables = []
        for row, (mask, profile) in enumerate(zip(scored.kept, profiles, strict=True)):
            order = ranking.orders[row, : np.count_nonzero(mask)]
            # numpy takes faster where it need not raise an error
            names, own = _without_empty(part_names, figures[:, row].take(order, axis=1, mode="clip"))
            tables.append(
                ScoreTable(
                    model_ids=tuple(self._model_ids.take(order).tolist()),
                    part_names=names,
                    quality_names=quality_names,
                    figures=own,
                    cost_listed=self.cost_listed.take(order),
                    latency_basis=estimate.latency_basis.take(order),
                    input_tokens=profile.input_tokens,
                )
            )
        return tables

    def _blend_availability(self, health: Mapping[str, ModelHealth]) -> np.ndarray:
        return availability(health, self.facts.row)

    def _tabulate_residuals(self, residuals: Mapping[Task, Mapping[str, float]]) -> np.ndarray | None:
        return tabulate_residuals(residuals, self.facts.row)

    def _conditions_text(self, conditions: Conditions) -> str:
        if conditions is NOTHING_KNOWN:
            return ""
        served, health, residuals = self._texts
        live = f"{served(conditions.served)}, {health(conditions.health)}, {residuals(conditions.residuals)}"
        return f"{live}, {sorted(conditions.local)!r}, {conditions.sticky!r}"

    def _rank_on_typical_prompt(self, weights: Weights) -> np.ndarray:
        """(m,) all models, best first on a typical prompt: the fixed model that a person with these weights takes."""
        expected = self.quality.expect_typical()
        seconds = self._speeds.expect(expected.output_tokens, expected.latency_s, {}).seconds
        # a model of which little is known is not taken by default: each is doubted by its own standard error
        alike, first = replace(weights, z_dearer=weights.z), np.zeros(1, dtype=int)
        figures = (expected.quality, expected.quality_se, expected.cost_usd, seconds)
        parts = utilities(*figures, alike, first, expected.risk)
        utility = np.round(reduce(np.add, parts.values())[0], _UTILITY_DECIMALS)
        return np.argsort(-utility, kind="stable")


def check_conversation(conversation: Conversation) -> None:
    """Whether a conversation can be routed.

    Raises:
        InputError: nothing to read, over 4 million characters, or over 2,048 messages.
    """
    check_length("messages", conversation.messages, MAX_MESSAGES, unit="messages")
    n_chars = sum(len(message.text) for message in conversation.messages)
    if n_chars > MAX_PROMPT_CHARS:
        raise InputError(f"The prompt has {n_chars:,} characters; {MAX_PROMPT_CHARS:,} at most. Shorten it.")
    if not conversation.last_user_text.strip() and not conversation.n_images:
        raise InputError("The prompt is empty; write what you want to know.")


def _without_empty(names: tuple[str, ...], figures: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of parts and rows of figures without optional parts that are another prompt's, worked out beside it."""
    empty = [names.index(name) for name in OPTIONAL_PARTS if name in names and not figures[names.index(name)].any()]
    if not empty:
        return names, figures
    return tuple(name for place, name in enumerate(names) if place not in empty), np.delete(figures, empty, axis=0)


def _no_model_left(excluded: Sequence[Exclusion]) -> str:
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


def load_router(policy_path: Path | None = None, *, router: Path | None = None) -> Router:
    """The router over the shipped catalog and policy, or one that was fitted on recorded outcomes.

    Args:
        policy_path: the operator's own rules, which come after the shipped ones.
        router: a file that `python -m evals fit` wrote; its models are the candidates. None = public benchmarks.

    Raises:
        InputError: the file cannot be used, with what to do.
    """
    own = [] if policy_path is None else [policy_path]
    rules = load_rules(DATA_DIR / "policy.yml", *own)
    if router is None:
        return public_router(load_catalog(), load_reader(), rules)
    from omni.quality.router_file import load_fitted  # here: most runs need none

    return fitted_router(load_fitted(router), load_catalog(), load_reader(), rules, file_name=router.name)


def public_router(
    catalog: Catalog,
    reader: Reader | None,
    rules: RuleBook = NO_RULES,
    *,
    without: np.ndarray | None = None,
    other_cards: Sequence[ModelCard] = (),
) -> Router:
    """A router that goes by public benchmarks of the catalog's models.

    Args:
        reader: None = prompts come as profiles.
        without: (n, n_features) of a recording; shipped recordings that share prompts with it are not used.
        other_cards: further models from whose published speeds missing ones are estimated.
    """
    quality = load_public(catalog.models, without=without)
    name = RouterName(
        source="public", title="Public benchmarks", file_name=None, fingerprint=quality.version, as_of=None
    )
    return Router(catalog, reader, quality, rules, name=name, other_cards=other_cards)


def fitted_router(
    fitted: "FittedRouter",
    catalog: Catalog,
    reader: Reader | None,
    rules: RuleBook = NO_RULES,
    *,
    file_name: str | None = None,
) -> Router:
    """A router that goes by recorded outcomes of its models.

    Args:
        catalog: the shipped one, for what is public of the models.
        reader: None = prompts come as profiles.

    Raises:
        InputError: the reader makes other features than the router was fitted on.
    """
    card = fitted.card
    if reader is not None and reader.feature_fingerprint != card.feature_fingerprint:
        raise InputError(
            f"The router {file_name or card.title!r} was fitted on features {card.feature_fingerprint!r}, and this "
            f"program makes {reader.feature_fingerprint!r}; fit it again with: "
            "python -m evals fit RECORDING --out FILE."
        )
    name = RouterName(
        source="fitted",
        title=card.title,
        file_name=file_name,
        fingerprint=fitted.quality.version,
        as_of=card.fitted_at,
    )
    pool = pool_catalog(fitted.models, catalog)
    return Router(pool, reader, fitted.quality, rules, name=name, other_cards=catalog.models)
