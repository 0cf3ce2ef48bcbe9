"""A small pool with a planted structure, for the tests of the fitted router."""

from typing import NamedTuple

import numpy as np


class Planted(NamedTuple):
    features: np.ndarray
    scores: np.ndarray
    costs_usd: np.ndarray
    groups: np.ndarray
    topic: np.ndarray


def plant(n_prompts: int = 400, n_models: int = 4, *, signal: float = 0.35, seed: int = 0) -> Planted:
    """Two topics, visible in the features; even models are better at one, odd ones at the other, by `signal`."""
    rng = np.random.default_rng(seed)
    topic = rng.integers(0, 2, n_prompts)
    features = rng.normal(size=(n_prompts, 12)).astype(np.float32)
    features[:, 0] += 4.0 * topic
    side = np.where((np.arange(n_models) % 2)[None, :] == topic[:, None], signal, -signal)
    chance = np.clip(0.5 + 0.02 * np.arange(n_models) + side, 0.02, 0.98)
    scores = (rng.random((n_prompts, n_models)) < chance).astype(float)
    costs = (1.0 + np.arange(n_models)) * 1e-4 * rng.uniform(0.8, 1.2, (n_prompts, n_models))
    return Planted(features, scores, costs, np.arange(n_prompts), topic)
