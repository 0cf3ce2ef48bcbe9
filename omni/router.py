"""From a conversation to a decision: read, estimate, filter, choose."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache

import numpy as np

from omni.catalog import Catalog, load_catalog
from omni.errors import InputError, NoModelAvailable
from omni.policy import PRESETS, candidate_facts, exclude, utilities
from omni.quality.abilities import TASKS
from omni.quality.live import Estimate, LiveQuality, gain_se
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


class Router:
    """Chooses one model of a catalog for a conversation; immutable, may be shared between threads."""

    def __init__(self, catalog: Catalog, reader: Reader) -> None:
        self.catalog = catalog
        self.reader = reader
        self.quality = LiveQuality(catalog.models)
        self.facts = candidate_facts(catalog.models)
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
        return self._decide(conversation, self.reader.read(conversation), preferences or Preferences(), served)

    def route_batch(
        self, conversations: Sequence[Conversation], preferences: Preferences | None = None
    ) -> list[Decision]:
        """The same decisions as `route`, one per conversation; reading is shared between them, so it is faster."""
        for conversation in conversations:
            _check(conversation)
        wishes = preferences or Preferences()
        profiles = self.reader.read_batch(conversations)
        return [self._decide(c, p, wishes, None) for c, p in zip(conversations, profiles, strict=True)]

    def _decide(
        self,
        conversation: Conversation,
        profile: PromptProfile,
        preferences: Preferences,
        served: frozenset[str] | None,
    ) -> Decision:
        weights = preferences.weights or PRESETS[preferences.preset]
        estimate = self.quality.estimate(profile)
        kept, excluded = exclude(self.facts, profile, preferences, estimate.cost_usd, served)
        if not kept.any():
            raise NoModelAvailable(_nobody_left(excluded))
        reference = next(row for row in self._reference_order(weights) if kept[row])
        scores = self._ranked(estimate, kept, reference, weights, profile.input_tokens)
        return Decision(
            decision_id=_decision_id(conversation, preferences, served, self.catalog.version, self.parameters_version),
            catalog_version=self.catalog.version,
            parameters_version=self.parameters_version,
            profile=profile,
            preferences=preferences,
            weights=weights,
            reference_model_id=self.facts.model_ids[reference],
            scores=scores,
            excluded=excluded,
        )

    def _ranked(
        self, estimate: Estimate, kept: np.ndarray, reference: int, weights: Weights, input_tokens: int
    ) -> ScoreTable:
        parts = _parts(estimate, reference, weights)
        rows = np.flatnonzero(kept)
        # Model ids are in order, and a stable sort keeps that order among equals.
        rows = rows[np.argsort(-sum(parts.values())[rows], kind="stable")]
        ids = self.facts.model_ids
        return ScoreTable(
            model_ids=tuple(ids[row] for row in rows.tolist()),
            parts={name: values[rows] for name, values in parts.items()},
            quality_parts={name: values[rows] for name, values in estimate.quality_parts.items()},
            quality_se=estimate.quality_se[rows],
            cost_usd=estimate.cost_usd[rows],
            cost_listed=self.quality.cost_listed[rows],
            latency_s=estimate.latency_s[rows],
            latency_published=self.quality.latency_published[rows],
            input_tokens=input_tokens,
            output_tokens=estimate.output_tokens[rows],
        )

    def _rank_on_typical_prompt(self, weights: Weights) -> tuple[int, ...]:
        """All models, best first on an average prompt: the one fixed model a person with these weights would take."""
        estimate = self.quality.estimate(typical_profile())
        parts = utilities(
            estimate.quality, np.zeros(len(estimate.quality)), estimate.cost_usd, estimate.latency_s, weights, np.inf
        )
        return tuple(np.argsort(-sum(parts.values()), kind="stable").tolist())


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


def _parts(estimate: Estimate, reference: int, weights: Weights) -> dict[str, np.ndarray]:
    doubt = gain_se(estimate.quality_se, reference)
    reference_cost = estimate.cost_usd[reference]
    return utilities(estimate.quality, doubt, estimate.cost_usd, estimate.latency_s, weights, reference_cost)


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


def _decision_id(
    conversation: Conversation, preferences: Preferences, served: frozenset[str] | None, *versions: str
) -> str:
    basis = [asdict(conversation), asdict(preferences), None if served is None else sorted(served), *versions]
    return hashlib.sha256(json.dumps(basis, ensure_ascii=False).encode("utf-8", "surrogatepass")).hexdigest()[:16]
