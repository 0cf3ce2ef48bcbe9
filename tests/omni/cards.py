"""Builders of catalog and decision values: valid objects from few arguments."""

from dataclasses import replace
from datetime import date

import numpy as np

from omni.types import BenchmarkScore, ModelCard, PromptProfile, Safety, Structure, Task


def model_card(model_id: str, **changes: object) -> ModelCard:
    """A listed chat model of 30 billion parameters with a window of 32,000 tokens."""
    card = ModelCard(
        model_id=model_id,
        owner=model_id.split("/")[0],
        family=None,
        display_name=model_id.split("/")[-1],
        license="Apache 2.0",
        release_date=date(2025, 6, 1),
        params_total_b=30.0,
        params_active_b=None,
        context_tokens=32_000,
        max_output_tokens=None,
        input_modalities=frozenset({"text"}),
        supports_tools=True,
        supports_reasoning=False,
        structured_output=True,
        role="chat",
        variant_of=None,
        in_huggingchat=False,
        price_in_usd_per_mtok=0.2,
        price_out_usd_per_mtok=0.6,
        price_basis="listed",
        prices=(),
        scores=(),
        speeds=(),
        output_tokens_per_s=80.0,
        time_to_first_token_s=0.5,
        inherited=frozenset(),
        sources={},
    )
    return replace(card, **changes)  # type: ignore[arg-type]


def benchmark_score(benchmark: str, category: str, score: float, **changes: object) -> BenchmarkScore:
    """A percentage without a variant."""
    value = BenchmarkScore(
        benchmark=benchmark,
        category=category,
        score=score,
        unit="%",
        higher_is_better=True,
        variant="",
        as_of=date(2026, 8, 1),
        source="test",
        inherited_from=None,
    )
    return replace(value, **changes)  # type: ignore[arg-type]


def prompt_profile(**changes: object) -> PromptProfile:
    """An English coding prompt of middle difficulty and 100 tokens."""
    profile = PromptProfile(
        language="en",
        script="Latn",
        tasks={Task.CODE: 1.0},
        difficulty=0.5,
        input_tokens=100,
        n_images=0,
        n_turns=1,
        needs_tools=False,
        needs_json=False,
        structure=Structure(),
        privacy=(),
        safety=Safety.GENERAL,
        features=np.zeros(0, dtype=np.float32),
    )
    return replace(profile, **changes)  # type: ignore[arg-type]
