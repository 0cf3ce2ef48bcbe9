"""What is expected of models on prompts: the one form that every source of quality answers in."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from omni.types import PromptProfile


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
    """Seconds to the whole answer as learned from recorded ones; None = the published speed of the model says."""


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
