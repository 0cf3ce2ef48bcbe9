"""From a conversation to a decision: read, estimate, filter, choose."""

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from omni.catalog import Catalog, load_catalog
from omni.errors import InputError, NoModelAvailable
from omni.policy import PRESETS, candidate_facts, exclude, utilities
from omni.quality.abilities import TASKS
from omni.quality.live import QUALITY_PARTS, Estimate, LiveQuality, gain_se
from omni.reading import Reader, load_reader
from omni.types import (
    Conversation,
    Decision,
    Exclusion,
    Preferences,
    PromptProfile,
    Safety,
    ScoreTable,
    Structure,
    Task,
    Weights,
)

MAX_PROMPT_CHARS = 4_000_000
"""About a million tokens: more than any window in the catalog."""
TYPICAL_INPUT_TOKENS = 200
BATCH = 256
"""Prompts worked out side by side; more would only take more memory."""


class Router:
    """Chooses one model of a catalog for a conversation; immutable, may be shared between threads."""

    def __init__(self, catalog: Catalog, reader: Reader) -> None:
        self.catalog = catalog
        self.reader = reader
        self.quality = LiveQuality(catalog.models)
        self.facts = candidate_facts(catalog.models)
        self._versions = (catalog.version, reader.fingerprint)
        self._model_ids = np.array(self.facts.model_ids, dtype=object)
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
        served: frozenset[str] | None = None,
    ) -> Decision:
        """Decides which model answers.

        Args:
            preferences: None = balanced, no limits.
            served: ids that a connected provider offers; None = not known.

        Raises:
            InputError: nothing to read, or over 4 million characters.
            NoModelAvailable: every model was excluded.
        """
        _check(conversation)
        profile = self.reader.read(conversation)
        return self._decide([conversation], [profile], preferences or Preferences(), served)[0]

    def route_batch(
        self, conversations: Sequence[Conversation], preferences: Preferences | None = None
    ) -> list[Decision]:
        """The same decisions as `route`, one per conversation, faster: they are worked out side by side."""
        for conversation in conversations:
            _check(conversation)
        decisions: list[Decision] = []
        for start in range(0, len(conversations), BATCH):
            chunk = conversations[start : start + BATCH]
            decisions += self._decide(chunk, self.reader.read_batch(chunk), preferences or Preferences(), None)
        return decisions

    def _decide(
        self,
        conversations: Sequence[Conversation],
        profiles: Sequence[PromptProfile],
        preferences: Preferences,
        served: frozenset[str] | None,
    ) -> list[Decision]:
        weights = preferences.weights or PRESETS[preferences.preset]
        estimate = self.quality.estimate(profiles)
        filtered = [
            exclude(self.facts, profile, preferences, cost, served)
            for profile, cost in zip(profiles, estimate.cost_usd, strict=True)
        ]
        order = self._reference_order(weights)
        references = np.array([[_first_kept(order, kept, excluded)] for kept, excluded in filtered])
        tables = self._ranked(estimate, np.array([kept for kept, _ in filtered]), references, weights, profiles)
        ids = _decision_ids(conversations, preferences, None if served is None else sorted(served), self._versions)
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
            )
            for decision_id, profile, (_, excluded), reference, table in zip(
                ids, profiles, filtered, references[:, 0].tolist(), tables, strict=True
            )
        ]

    def _ranked(
        self,
        estimate: Estimate,
        kept: np.ndarray,
        references: np.ndarray,
        weights: Weights,
        profiles: Sequence[PromptProfile],
    ) -> list[ScoreTable]:
        cost = estimate.cost_usd
        rows = np.arange(len(kept))[:, None]
        doubt = gain_se(estimate.quality_se, references)
        parts = utilities(estimate.quality, doubt, cost, estimate.latency_s, weights, cost[rows, references])
        utility = np.where(kept, sum(parts.values()), -np.inf)
        # Model ids are in order, and a stable sort keeps that order among equals.
        orders = np.argsort(-utility, axis=1, kind="stable")
        places = orders + rows * orders.shape[1]
        columns = [
            column.take(places)
            for column in (
                *parts.values(),
                *estimate.quality_parts,
                estimate.quality_se,
                cost,
                estimate.latency_s,
                estimate.output_tokens,
            )
        ]
        listed = self.quality.cost_listed.take(orders)
        published = self.quality.latency_published.take(orders)
        ids = self._model_ids.take(orders)
        part_names = tuple(parts)
        return [
            _score_table(
                ids[row, :n].tolist(),
                part_names,
                [column[row, :n] for column in columns],
                (listed[row, :n], published[row, :n]),
                profile.input_tokens,
            )
            for row, (n, profile) in enumerate(zip(kept.sum(axis=1).tolist(), profiles, strict=True))
        ]

    def _rank_on_typical_prompt(self, weights: Weights) -> tuple[int, ...]:
        """All models, best first on an average prompt: the one fixed model a person with these weights would take."""
        estimate = self.quality.estimate([typical_profile()])
        no_doubt = np.zeros_like(estimate.quality)
        parts = utilities(estimate.quality, no_doubt, estimate.cost_usd, estimate.latency_s, weights, np.inf)
        return tuple(np.argsort(-np.sum(list(parts.values()), axis=0)[0], kind="stable").tolist())


def load_router() -> Router:
    """The router over the shipped catalog and parameters."""
    return Router(load_catalog(), load_reader())


def typical_profile() -> PromptProfile:
    """A prompt of middle difficulty that asks for every text task in equal parts."""
    text_tasks = [task for task in TASKS if task is not Task.VISION]
    return PromptProfile(
        language="en",
        script="Latn",
        tasks={task: 1 / len(text_tasks) for task in text_tasks},
        difficulty=0.5,
        input_tokens=TYPICAL_INPUT_TOKENS,
        n_images=0,
        n_turns=1,
        needs_tools=False,
        needs_json=False,
        structure=Structure(),
        privacy=(),
        safety=Safety.GENERAL,
        features=np.zeros(0, dtype=np.float32),
    )


def _score_table(
    model_ids: list[str],
    part_names: tuple[str, ...],
    columns: list[np.ndarray],
    bases: tuple[np.ndarray, np.ndarray],
    input_tokens: int,
) -> ScoreTable:
    n_parts, n_quality = len(part_names), len(QUALITY_PARTS)
    quality_se, cost_usd, latency_s, output_tokens = columns[n_parts + n_quality :]
    return ScoreTable(
        model_ids=tuple(model_ids),
        parts=dict(zip(part_names, columns[:n_parts], strict=True)),
        quality_parts=dict(zip(QUALITY_PARTS, columns[n_parts : n_parts + n_quality], strict=True)),
        quality_se=quality_se,
        cost_usd=cost_usd,
        cost_listed=bases[0],
        latency_s=latency_s,
        latency_published=bases[1],
        input_tokens=input_tokens,
        output_tokens=output_tokens,
    )


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
    served_ids: list[str] | None,
    versions: tuple[str, str],
) -> list[str]:
    # Frozen dataclasses of plain values: their repr names every field, and costs less than a JSON document.
    shared = f"{preferences!r}, {served_ids!r}, {versions!r}"
    bases = (f"({conversation!r}, {shared})" for conversation in conversations)
    return [hashlib.sha256(basis.encode("utf-8", "surrogatepass")).hexdigest()[:16] for basis in bases]
