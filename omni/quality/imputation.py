"""Filling missing scores and costs: from the model's mean and from how the prompt went for the other models."""

import numpy as np

N_ROUNDS = 20
NOISE_MARGIN = 1.5


def fill_two_way(values: np.ndarray, *, rounds: int = 12, prompt_shrink: float = 1.0) -> np.ndarray:
    """Fills NaN cells of (n, m) with model effect + prompt effect; a model without any cell gets the models' mean."""
    seen = np.isfinite(values)
    if seen.all():
        return values.copy()
    known = np.where(seen, values, 0.0)
    n_row, n_col = seen.sum(1), seen.sum(0)
    model, prompt = np.zeros(values.shape[1]), np.zeros(len(values))
    for _ in range(rounds):
        model = np.where(seen, known - prompt[:, None], 0.0).sum(0) / np.maximum(n_col, 1)
        model[n_col == 0] = model[n_col > 0].mean() if (n_col > 0).any() else 0.0
        prompt = np.where(seen, known - model, 0.0).sum(1) / (n_row + prompt_shrink)
    return np.where(seen, values, model + prompt[:, None])


def fill_low_rank(values: np.ndarray) -> np.ndarray:
    """Fills NaN cells of (n, m) from the directions in which models differ together.

    Iterated principal components, each shrunk by the noise it stands on (the lower quartile of their variances).
    """
    seen = np.isfinite(values)
    filled = fill_two_way(values)
    if seen.all() or values.shape[1] < 3:
        return filled
    for _ in range(N_ROUNDS):
        mean = filled.mean(0)
        apart = filled - mean
        variance, directions = np.linalg.eigh(apart.T @ apart / len(filled))
        keep = np.maximum(1.0 - NOISE_MARGIN * np.quantile(variance, 0.25) / np.maximum(variance, 1e-12), 0.0)
        smooth = mean + apart @ (directions * keep) @ directions.T
        filled = np.where(seen, values, smooth)
    return filled
