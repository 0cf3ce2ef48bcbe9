"""Valid values from few arguments."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from omni.catalog import Catalog
from omni.conditions import Conditions
from omni.gateway import Chunk, Gateway, Provider, Question, Usage
from omni.policy import PRESETS
from omni.types import (
    BenchmarkScore,
    Conversation,
    Decision,
    Exclusion,
    Explanation,
    Flip,
    ModelCard,
    Preferences,
    PromptProfile,
    Reason,
    RouterName,
    ScoreTable,
    Span,
    Structure,
    Task,
)
from omni.ui.door import Caller
from omni.ui.services import Services
from tests.omni.cards import benchmark_score, model_card, prompt_profile

CALLER = Caller(visitor="someone")
PUBLIC = RouterName(source="public", title="Public benchmarks", file_name=None, fingerprint="0f1e2d3c", as_of=None)
MODEL_IDS = ("org/Alpha-70B", "org/Beta-8B", "org/Gamma-3B")


def a_score(category: str = "math", score: float = 50.0, **changes: Any) -> BenchmarkScore:
    """A score on a benchmark of that category."""
    return benchmark_score(f"{category}_bench", category, score, source="example.org/board", **changes)


def a_card(model_id: str = "org/Alpha-70B", **changes: Any) -> ModelCard:
    """A listed chat model with one score and one named source."""
    card = model_card(model_id, params_total_b=70.0, scores=(a_score(),), sources={"license": "huggingface.co"})
    return replace(card, **{"family": "alpha", "in_huggingchat": True, **changes})


def a_catalog(model_ids: Sequence[str] = MODEL_IDS) -> Catalog:
    cards = tuple(
        a_card(model_id, params_total_b=70.0 / (row + 1), scores=(a_score(score=50.0 - row),))
        for row, model_id in enumerate(sorted(model_ids))
    )
    return Catalog(models=cards, version="2026-11-22-abcdef01", attributions=("Scores: Example Board, CC-BY-4.0.",))


def a_profile(**changes: Any) -> PromptProfile:
    """A German question of mathematics with an address in it."""
    profile = prompt_profile(
        language="de",
        tasks={Task.MATH: 0.7, Task.REASONING: 0.3},
        difficulty=0.4,
        input_tokens=42,
        structure=Structure(has_latex=True),
        privacy=(Span(kind="email", message_index=0, start=0, end=3),),
    )
    return replace(profile, **changes)


def a_decision(
    model_ids: Sequence[str] = MODEL_IDS,
    *,
    preferences: Preferences | None = None,
    excluded: Sequence[Exclusion] | None = None,
) -> Decision:
    preferences = preferences or Preferences()
    n = len(model_ids)
    quality = np.linspace(0.9, 0.7, n)
    cost = np.linspace(0.002, 0.0002, n)
    scores = ScoreTable(
        model_ids=tuple(model_ids),
        part_names=("quality", "cost", "latency", "evidence"),
        quality_names=("ability", "difficulty"),
        figures=np.array(
            [
                *(quality, -2 * cost, np.full(n, -0.01), np.zeros(n)),
                *(quality - 0.1, np.full(n, 0.1)),
                *(np.full(n, 0.05), cost, np.linspace(6.0, 2.0, n), np.full(n, 300.0)),
            ]
        ),
        cost_listed=np.ones(n, dtype=bool),
        latency_basis=np.ones(n, dtype=int),
        input_tokens=42,
    )
    if excluded is None:
        excluded = (Exclusion(model_id="org/Tiny-1B", reason=Reason.CONTEXT_WINDOW, detail="window of 2048 tokens"),)
    return Decision(
        decision_id="0123456789abcdef",
        catalog_version="2026-11-22-abcdef01",
        parameters_version="p1",
        router=PUBLIC,
        profile=a_profile(),
        preferences=preferences,
        weights=preferences.weights or PRESETS[preferences.preset],
        reference_model_id=model_ids[-1],
        scores=scores,
        excluded=tuple(excluded),
    )


def an_explanation(decision: Decision) -> Explanation:
    return Explanation(
        headline=f"{decision.chosen.model_id} answers: best expected quality for its price.",
        reasons=("Strong at math.", "Costs little."),
        runner_up="org/Beta-8B came second.",
        flips=(Flip(what="if cost counted twice", model_id="org/Gamma-3B"),),
        exclusions=("1 model has too small a window.",),
        sources=("Example Board, 2026-08-01",),
    )


class FakeRouter:
    """Chooses the served model that comes first; cheap presets turn the order around."""

    name = PUBLIC
    parameters_version = "p1"
    trained_on = "12 prompts <of ours>"

    def __init__(self) -> None:
        self.catalog = a_catalog()
        self.asked: list[tuple[Conversation, Preferences]] = []

    def route(
        self,
        conversation: Conversation,
        preferences: Preferences | None = None,
        *,
        conditions: Conditions | None = None,
    ) -> Decision:
        preferences = preferences or Preferences()
        self.asked.append((conversation, preferences))
        served = None if conditions is None else conditions.served
        ids = [model_id for model_id in MODEL_IDS if served is None or model_id in served]
        return a_decision(ids[::-1] if preferences.preset == "cheap" else ids, preferences=preferences)

    def evidence(self, _: Decision) -> None:
        return None


@dataclass
class FakeServer:
    """A model server that answers from memory."""

    provider: Provider = field(default_factory=lambda: Provider(name="fake", base_url="http://127.0.0.1:1/v1"))
    names: tuple[str, ...] = MODEL_IDS
    chunks: tuple[Chunk, ...] = (
        Chunk(reasoning="Let me see."),
        Chunk(text="Forty"),
        Chunk(text="-two."),
        Chunk(usage=Usage(input_tokens=10, output_tokens=20), finish_reason="stop"),
    )
    asked: list[tuple[str, Question]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    """Visitors' own tokens, as they came."""

    async def list_models(self) -> tuple[str, ...]:
        return self.names

    async def stream(self, served_name: str, question: Question, api_key: str | None = None) -> AsyncIterator[Chunk]:
        self.asked.append((served_name, question))
        self.keys.append(api_key)
        for chunk in self.chunks:
            await asyncio.sleep(0)
            yield chunk

    async def close(self) -> None:
        return None


def fake_services(*servers: FakeServer) -> Services:
    catalog = a_catalog()
    ids = [card.model_id for card in catalog.models]
    return Services(
        router=FakeRouter(),
        gateway=Gateway(servers, ids, frame_s=0.0),
        explain=lambda decision, *_: an_explanation(decision),
    )
