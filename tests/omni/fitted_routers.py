"""A small fitted router over the shipped reader's features, for tests of who uses one."""

from datetime import date
from functools import cache

import numpy as np

from omni.catalog.pool import PoolModel
from omni.quality.fitted import PoolOutcomes, fit_quality
from omni.quality.router_file import FittedRouter, RouterCard, RouterSource
from omni.reading import shipped_reader
from omni.types import Conversation

MODEL_IDS = ("Qwen/Qwen3-8B", "unlisted/Own-9B", "zai-org/GLM-4.6")
"""One is in no catalog."""
SUMS = "What is {n} plus {m}? Give the number only."
POEMS = "Write a short poem about the {n}th leaf of tree {m}."


def recorded_prompts(n: int = 60) -> dict[str, str]:
    """Prompts by id: sums and poems in turn."""
    return {f"{('sum', 'poem')[at % 2]}-{at}": (SUMS, POEMS)[at % 2].format(n=at, m=at * 7 + 3) for at in range(n)}


@cache
def a_fitted_router(n: int = 60, *, name: str = "toys", seed: int = 0, fingerprint: str | None = None) -> FittedRouter:
    """The first model is good at sums, the last at poems; the second is fair at both."""
    reader = shipped_reader()
    prompts = recorded_prompts(n)
    profiles = reader.read_batch([Conversation.from_prompt(text) for text in prompts.values()])
    is_poem = np.arange(n) % 2
    rng = np.random.default_rng(seed)
    chance = np.column_stack([0.9 - 0.6 * is_poem, np.full(n, 0.5), 0.3 + 0.6 * is_poem])
    data = PoolOutcomes(
        model_ids=MODEL_IDS,
        features=np.array([profile.features for profile in profiles]),
        scores=np.round(np.clip(chance + 0.05 * rng.normal(size=chance.shape), 0, 1), 3),
        costs_usd=np.tile([1e-5, 2e-5, 8e-5], (n, 1)) * rng.uniform(0.8, 1.2, (n, 3)),
        output_tokens=np.full((n, 3), 120.0),
        latencies_s=np.full((n, 3), np.nan),
        groups=np.arange(n),
        categories=np.array([("sums", "poems")[at] for at in is_poem], dtype=object),
        prompt_ids=np.array(list(prompts)),
        prices=np.array([[0.1, 0.1], [0.2, 0.2], [0.6, 0.6]]),
    )
    models = tuple(
        PoolModel(
            name=model_id, model_id=model_id, params_total_b=9.0, price_in_usd_per_mtok=price,
            price_out_usd_per_mtok=price, price_basis="listed", longest_input_tokens=200,
        )
        for model_id, price in zip(MODEL_IDS, (0.1, 0.2, 0.6), strict=True)
    )  # fmt: skip
    card = RouterCard(
        fitted_at=date(2026, 11, 28),
        side="fit",
        feature_fingerprint=fingerprint or reader.feature_fingerprint,
        recordings=(RouterSource(name=name, source="made up", n_prompts=n),),
        also=(),
        verdict={},
        cautions=(),
    )
    return FittedRouter(quality=fit_quality(data, seed=seed), models=models, card=card)
