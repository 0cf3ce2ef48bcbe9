"""What was recorded on prompts like the one decided: the evidence behind a fitted router's choice. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from omni.quality.estimate import QualityModel
    from omni.types import Decision

N_SIMILAR = 64
"""Recorded prompts that a mean is taken over."""
N_NEAREST = 5
"""Recorded prompts that are shown one by one."""
N_CANDIDATES = 3
"""Leading candidates whose scores are shown."""
MAX_TEXT_CHARS = 280
"""Of a recorded prompt's text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedPrompt:
    """One recorded prompt, and what the leading candidates scored on it."""

    prompt_id: str
    category: str | None
    similarity: float
    """Cosine, -1..1."""
    scores: Mapping[str, float | None]
    """By model id, 0..1; None = not recorded."""
    text: str | None = None
    """Its beginning; None = the recording has none, or a router file was loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Recorded outcomes on the prompts most similar to the one decided."""

    n_similar: int
    """Prompts looked at; 0 = too few were recorded to tell similar ones apart."""
    n_compared: int
    """Those on which every model of `means` has a score."""
    means: Mapping[str, float]
    """Model id to its mean score over the compared prompts, 0..1: the chosen model, then the runner-up. Empty when
    no prompt has a score of both."""
    nearest: tuple[RecordedPrompt, ...]
    """The most similar first."""
    familiarity: float | None = None
    """0..1: how far the prompt is like the recorded ones, and so how much is learned from these; None = nothing is."""

    def to_json(self) -> dict[str, Any]:
        """As plain values; unknown is None."""
        return {
            "n_similar": self.n_similar,
            "n_compared": self.n_compared,
            "familiarity": None if self.familiarity is None else round(self.familiarity, 4),
            "means": dict(self.means),
            "nearest": [
                {
                    "prompt_id": prompt.prompt_id,
                    "category": prompt.category,
                    "similarity": round(prompt.similarity, 4),
                    "scores": dict(prompt.scores),
                    "text": prompt.text,
                }
                for prompt in self.nearest
            ],
        }


def find_evidence(
    quality: "QualityModel", decision: "Decision", texts: Mapping[str, str] | None = None
) -> Evidence | None:
    """The recorded outcomes behind a decision; None for a router that goes by public benchmarks.

    Args:
        quality: of the router that decided.
        texts: recorded prompts by id, where they may be shown.
    """
    from omni.quality.fitted import FittedQuality  # here: most decisions need none

    if not isinstance(quality, FittedQuality) or not len(decision.candidates):
        return None
    found = quality.nearest(decision.profile, N_SIMILAR)
    leading = decision.scores.model_ids[:N_CANDIDATES]
    columns = [quality.model_ids.index(model_id) for model_id in leading]
    scores = found.scores[:, columns]
    compared = scores[np.isfinite(scores[:, :2]).all(axis=1), :2]
    means = dict(zip(leading[:2], compared.mean(axis=0).tolist(), strict=True)) if len(compared) else {}
    shown, texts = range(min(N_NEAREST, len(found.prompt_ids))), texts or {}
    return Evidence(
        n_similar=len(found.prompt_ids),
        n_compared=len(compared),
        means=means,
        familiarity=quality.familiarity_of(decision.profile),
        nearest=tuple(
            RecordedPrompt(
                prompt_id=found.prompt_ids[row],
                category=found.categories[row],
                similarity=float(found.similarity[row]),
                scores=_known(leading, scores[row]),
                text=beginning(texts[found.prompt_ids[row]]) if found.prompt_ids[row] in texts else None,
            )
            for row in shown
        ),
    )


def _known(model_ids: Sequence[str], scores: np.ndarray) -> dict[str, float | None]:
    known = [float(score) if np.isfinite(score) else None for score in scores]
    return dict(zip(model_ids, known, strict=True))


def beginning(text: str) -> str:
    """The first characters of a prompt, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_TEXT_CHARS else f"{line[: MAX_TEXT_CHARS - 1]}…"
