"""Valid objects from few arguments. Everything is drawn from a seed."""

import numpy as np
import pandas as pd

from omni.recording import Recording

CATEGORIES = ("algebra", "poems", "trivia")


def build_recording(
    n_prompts: int = 240,
    n_models: int = 4,
    *,
    name: str = "synthetic",
    seed: int = 0,
    n_groups: int | None = None,
    n_categories: int = 3,
    missing: float = 0.0,
    with_costs: bool = True,
    dominant: int | None = None,
    graded: bool = False,
) -> Recording:
    """A recording where models differ in what they are good at and dearer ones are better on the whole.

    Args:
        n_groups: fewer groups than prompts puts prompts together; None = each prompt is its own.
        n_categories: 0 = the source has none.
        missing: share of cells without a score.
        dominant: index of a model that is right everywhere and cheapest.
        graded: scores between 0 and 1 instead of right or wrong.
    """
    rng = np.random.default_rng(seed)
    topic = rng.integers(max(1, n_categories), size=n_prompts)
    centres = rng.normal(size=(max(1, n_categories), 12))
    features = (centres[topic] + 0.5 * rng.normal(size=(n_prompts, 12))).astype(np.float32)
    skill = np.linspace(0.35, 0.7, n_models) + 0.25 * rng.normal(size=(max(1, n_categories), n_models))
    chance = np.clip(skill[topic], 0.05, 0.95)
    scores = chance if graded else (rng.random((n_prompts, n_models)) < chance).astype(float)
    price = np.geomspace(0.1, 5.0, n_models)
    if dominant is not None:
        scores[:, dominant] = 1.0
        price[dominant] = 0.01
    output_tokens = rng.integers(50, 400, size=(n_prompts, n_models)).astype(float)
    costs = output_tokens * price / 1e6
    scores = np.where(rng.random(scores.shape) < missing, np.nan, scores)
    groups = np.arange(n_prompts) if n_groups is None else rng.integers(n_groups, size=n_prompts)
    is_fit = np.random.default_rng(seed + 1).random(groups.max() + 1)[groups] < 0.6
    names = [f"model-{chr(ord('a') + index)}" for index in range(n_models)]
    return Recording(
        name=name,
        title="A synthetic recording",
        source="made by tests/builders.py",
        licence="none",
        languages=("en",),
        score_meaning="1 = right",
        notes="",
        models=pd.DataFrame(
            {
                "model_id": [None] * n_models,
                "open_weight": [True] * n_models,
                "params_total_b": np.geomspace(1, 70, n_models),
                "price_in_usd_per_mtok": price,
                "price_out_usd_per_mtok": price,
                "price_basis": ["listed" if with_costs else None] * n_models,
            },
            index=pd.Index(names, name="model"),
        ),
        prompts=pd.DataFrame(
            {
                "prompt_id": [f"p{index}" for index in range(n_prompts)],
                "prompt": None,
                "task": "knowledge",
                "category": [CATEGORIES[index] if n_categories else None for index in topic],
                "language": "en",
                "reference": None,
                "group_id": [f"g{group}" for group in groups],
                "split": np.where(is_fit, "fit", "test"),
            }
        ),
        scores=scores,
        costs_usd=np.where(np.isnan(scores) | (not with_costs), np.nan, costs),
        latencies_s=np.full(scores.shape, np.nan),
        input_tokens=np.full(scores.shape, 100.0),
        output_tokens=np.where(np.isnan(scores), np.nan, output_tokens),
        features=features,
        feature_fingerprint="synthetic",
        cost_basis="listed" if with_costs else None,
        latency_basis=None,
    )
