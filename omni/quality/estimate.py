"""What is expected of models on prompts: the one form that every source of quality answers in."""

from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import NamedTuple, Protocol

import numpy as np

from omni.conditions import Conditions
from omni.quality.latency import Speeds
from omni.types import ModelCard, PromptProfile, Task

TASKS = tuple(Task)
_EDGE = 1e-6
"""Votes move a quality in logits, which 0 and 1 have none of."""


class Expected(NamedTuple):
    """Expected outcome of every model on some prompts; arrays are (n_prompts, n_models)."""

    quality_parts: dict[str, np.ndarray]
    """By name, in units of the score (0..1); they sum to the expected quality."""
    quality: np.ndarray
    """0..1, the sum of the parts."""
    quality_se: np.ndarray
    """Standard error of the expected quality, 0..1; what all models share is left out, since no choice rests on it."""
    output_tokens: np.ndarray
    """Tokens billed as output, hidden reasoning included; NaN = unknown."""
    cost_usd: np.ndarray
    """Of the whole answer; NaN = unknown."""
    latency_s: np.ndarray | None = None
    """Seconds to the whole answer as learned from recorded ones, NaN = unknown; None = none was recorded."""
    risk: np.ndarray | None = None
    """(n_models,) quality that a model must promise more because nothing like it was seen here; None = none must."""
    is_familiar: np.ndarray | None = None
    """(n_prompts,) bool: outcomes of such prompts were seen, so that a low expectation is measured; None = nowhere."""


class QualityModel(Protocol):
    """A source of quality: public benchmarks, or the recorded outcomes of a pool."""

    @property
    def model_ids(self) -> tuple[str, ...]:
        """The columns of what is expected, sorted."""
        ...

    @property
    def version(self) -> str:
        """Fingerprint of the parameters."""
        ...

    def expect(self, profiles: Sequence[PromptProfile]) -> Expected:
        """What to expect of each model on each prompt; one prompt is a batch of one."""
        ...

    def expect_typical(self) -> Expected:
        """The same on one usual prompt, from which the reference model of a preset is chosen."""
        ...

    def with_cards(self, cards: Sequence[ModelCard]) -> "QualityModel":
        """The same for the same models with other prices and limits, as servers state them now."""
        ...


class Estimate(NamedTuple):
    """Expected figures under the present conditions; arrays are (n_prompts, n_models)."""

    quality: np.ndarray
    """0..1."""
    quality_unvoted: np.ndarray
    """The same without people's votes; the same array when nobody voted."""
    quality_se: np.ndarray
    quality_parts: dict[str, np.ndarray]
    """By name, in units of the score; they sum to `quality`. "feedback" is what votes add."""
    cost_usd: np.ndarray
    latency_s: np.ndarray
    latency_basis: np.ndarray
    """(n_models,) index into `LATENCY_BASES`."""
    output_tokens: np.ndarray
    risk: np.ndarray | None
    """(n_models,) see `Expected`."""
    is_familiar: np.ndarray | None
    """(n_prompts,) see `Expected`."""


def estimate_under(
    expected: Expected,
    profiles: Sequence[PromptProfile],
    conditions: Conditions,
    speeds: Speeds,
    residuals: np.ndarray | None,
) -> Estimate:
    """Adds votes, published speeds and what was seen of servers to what a quality model expects.

    Args:
        residuals: (n_tasks, n_models) logits that votes add, rows in the order of `Task`; None = nobody voted.
    """
    latency = speeds.expect(expected.output_tokens, expected.latency_s, conditions.health)
    parts, quality = dict(expected.quality_parts), expected.quality
    if residuals is not None:
        logits = np.einsum("pt,tm->pm", task_shares(profiles), residuals)
        inside = np.clip(quality, _EDGE, 1 - _EDGE)
        voted = 1.0 / (1.0 + (1.0 - inside) / inside * np.exp(-logits))
        quality = np.where(logits == 0.0, expected.quality, voted)
        parts["feedback"] = quality - expected.quality
    return Estimate(
        quality=quality,
        quality_unvoted=expected.quality,
        quality_se=expected.quality_se,
        quality_parts=parts,
        cost_usd=expected.cost_usd,
        latency_s=latency.seconds,
        latency_basis=latency.basis,
        output_tokens=expected.output_tokens,
        risk=expected.risk,
        is_familiar=expected.is_familiar,
    )


def task_shares(profiles: Sequence[PromptProfile]) -> np.ndarray:
    """(n_prompts, n_tasks) in the order of `Task`."""
    return np.array([list(map(profile.tasks.get, TASKS, repeat(0.0))) for profile in profiles])


def tabulate_residuals(residuals: Mapping[Task, Mapping[str, float]], row: Mapping[str, int]) -> np.ndarray | None:
    """(n_tasks, n_models) logits from votes; `row` is each model's column. None where nobody voted on these models."""
    table = np.zeros((len(TASKS), len(row)))
    for task, of_models in residuals.items():
        for model_id, logits in of_models.items():
            if model_id in row:
                table[TASKS.index(task), row[model_id]] = logits
    return table if table.any() else None
