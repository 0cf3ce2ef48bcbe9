"""What a few outcomes say of a pool's abilities: Gaussian posterior over models and skills, by Laplace steps.

score(prompt, model) is a chance with logit expected + shares(prompt) · ability(model) + luck of the prompt. Prompts are
compared within, so that what all models find hard says nothing of their differences. How far the pool strays from what
was expected of it is learned with the abilities: a grid of prior widths, weighed by their evidence.
"""

from typing import NamedTuple

import numpy as np

from omni.quality.kriging import LEVEL_VAR, N_SKILLS, logistic

PROMPT_SD = 1.2
"""Of a prompt's difficulty around what is expected of it, logits."""
SKILL_LEVEL_VAR = 0.1
"""Of a skill's level around the pool's, logits²."""
MODEL_SKILL_SD = 0.2
"""Of a model's own skill in one pool, logits."""
WIDTHS = (0.4, 0.6, 0.8, 1.0, 1.4)
"""Prior standard deviations tried, as shares of the stated ones."""
WIDTH_SD = 0.5
"""Of the logarithm of the width, around 0."""
MIN_VAR = 0.04
"""Least variance of one score."""
N_STEPS = 3


class Learned(NamedTuple):
    """After the outcomes."""

    shift: np.ndarray
    """(m, N_SKILLS) logits that a model's ability moves by, what all models share included."""
    covariance: np.ndarray
    """(N_SKILLS, N_SKILLS, m, m) of it."""


class _Fit(NamedTuple):
    shift: np.ndarray
    covariance: np.ndarray
    evidence: float


def learn(spread: np.ndarray, expected: np.ndarray, shares: np.ndarray, scores: np.ndarray) -> Learned:
    """Abilities after n prompts with outcomes.

    Args:
        spread: (N_SKILLS, N_SKILLS, m, m) covariance of abilities before, the pool's level left out.
        expected: (n, m) logits before.
        shares: (n, N_SKILLS) mixture of skills of each prompt.
        scores: (n, m) in 0..1, NaN = not seen.
    """
    m = scores.shape[1]
    own = spread + MODEL_SKILL_SD**2 * np.eye(N_SKILLS)[:, :, None, None] * np.eye(m)
    level = LEVEL_VAR + SKILL_LEVEL_VAR * np.eye(N_SKILLS)[:, :, None, None]
    fits = [_fit(_flat(width**2 * own + level), expected, shares, scores) for width in WIDTHS]
    evidence = np.array([fit.evidence - 0.5 * (np.log(w) / WIDTH_SD) ** 2 for fit, w in zip(fits, WIDTHS, strict=True)])
    weight = np.exp(evidence - evidence.max())
    weight /= weight.sum()
    shift = np.tensordot(weight, [fit.shift for fit in fits], axes=1)
    covariance = np.tensordot(weight, [fit.covariance for fit in fits], axes=1)
    return Learned(shift, covariance.reshape(m, N_SKILLS, m, N_SKILLS).transpose(1, 3, 0, 2))


def _flat(covariance: np.ndarray) -> np.ndarray:
    """(N_SKILLS, N_SKILLS, m, m) as a matrix whose rows run over models, then skills."""
    m = covariance.shape[2]
    return covariance.transpose(2, 0, 3, 1).reshape(m * N_SKILLS, m * N_SKILLS)


def _fit(prior: np.ndarray, expected: np.ndarray, shares: np.ndarray, scores: np.ndarray) -> _Fit:
    """Laplace approximation with one prior."""
    (n, m), seen = scores.shape, np.isfinite(scores)
    shift = np.zeros((m, N_SKILLS))
    for _ in range(N_STEPS):
        moved = shares @ shift.T
        chance = logistic(expected + moved)
        weight = np.maximum(chance * (1.0 - chance), MIN_VAR)
        target = np.where(seen, (np.where(seen, scores, 0.0) - chance) / weight, 0.0) + moved
        weight = np.where(seen, weight, 0.0)
        # The prompt's luck is integrated out: what is left compares models on the same prompt.
        total = PROMPT_SD**-2 + weight.sum(axis=1, keepdims=True)
        blocks = np.einsum("ij,ia,ib->jab", weight, shares, shares)
        shared = ((weight / np.sqrt(total))[:, :, None] * shares[:, None, :]).reshape(n, m * N_SKILLS)
        precision = -shared.T @ shared
        for model, block in enumerate(blocks):
            rows = slice(model * N_SKILLS, (model + 1) * N_SKILLS)
            precision[rows, rows] += block
        pull = weight * target - weight * (weight * target).sum(axis=1, keepdims=True) / total
        side = (pull.T @ shares).reshape(m * N_SKILLS)
        system = np.eye(len(prior)) + precision @ prior
        after = prior @ np.linalg.inv(system)
        shift = (after @ side).reshape(m, N_SKILLS)
    evidence = 0.5 * float(side @ shift.ravel()) - 0.5 * float(np.linalg.slogdet(system)[1])
    return _Fit(shift, (after + after.T) / 2, evidence)
