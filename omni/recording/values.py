"""The checked values of a recording."""

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd

from omni.errors import RecordingError
from omni.recording.costs import CostBasis
from omni.types import PromptProfile

TYPICAL_INPUT_TOKENS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One checked recording; matrices are (n_prompts, n_models) float64, NaN = unknown, columns as in `models`."""

    name: str
    title: str
    source: str
    """Public address or Hub dataset id, with the revision where known."""
    licence: str
    languages: tuple[str, ...]
    score_meaning: str
    """What a score of 1 means."""
    notes: str
    models: pd.DataFrame
    """Index `model`; model_id (str | None), open_weight (bool), params_total_b, price_in_usd_per_mtok,
    price_out_usd_per_mtok (NaN = unknown), price_basis ("listed" | "estimated" | None)."""
    prompts: pd.DataFrame
    """RangeIndex; prompt_id, prompt (None when the text stays out), task, category, language and reference
    (None = unknown), group_id (rows that belong together or have equal text), split ("fit" | "test")."""
    scores: np.ndarray
    costs_usd: np.ndarray
    latencies_s: np.ndarray
    """Of the whole answer."""
    input_tokens: np.ndarray
    output_tokens: np.ndarray
    features: np.ndarray = field(repr=False)
    """(n_prompts, n_features) float32: embedding, then signals."""
    feature_fingerprint: str
    """Which feature maker made `features`; empty when a stored file does not say."""
    cost_basis: CostBasis | None
    """None when not one cost is known."""
    latency_basis: Literal["recorded"] | None
    profiles: tuple[PromptProfile, ...] = field(default=(), repr=False)
    """What reading found in each prompt, with its feature row; typical profiles when none are given."""
    draw_scores: np.ndarray | None = field(default=None, repr=False)
    """(n_draws, n_prompts, n_models) scores of single answers, where models answered a prompt several times: `scores`
    holds their means. Models are drawn independently. None with one answer each, and for mixed recordings."""
    profile_version: str = ""
    """Fingerprint of the reader that made `profiles`; empty for typical ones."""
    cautions: tuple[str, ...] = ()
    """What reading the files brought up and a reader of the figures must know, in sentences."""

    def __post_init__(self) -> None:
        if not self.profiles:
            object.__setattr__(self, "profiles", tuple(typical_profiles(self.features, self.input_tokens)))

    @property
    def n_prompts(self) -> int:
        return len(self.prompts)

    @property
    def n_models(self) -> int:
        return len(self.models)

    @property
    def is_fit(self) -> np.ndarray:
        """(n_prompts,) bool."""
        return (self.prompts["split"] == "fit").to_numpy()

    @property
    def is_test(self) -> np.ndarray:
        """(n_prompts,) bool."""
        return (self.prompts["split"] == "test").to_numpy()

    def subset(self, *, rows: np.ndarray | None = None, models: list[str] | None = None) -> "Recording":
        """The same recording on fewer prompts or models.

        Args:
            rows: bool mask or positions of prompts; None = all.
            models: names in the order wanted; None = all.

        Raises:
            RecordingError: a model that the recording does not have.
        """
        names = list(self.models.index) if models is None else models
        columns = self.models.index.get_indexer(pd.Index(names, dtype=object))
        if (columns < 0).any():
            unknown = names[int(np.flatnonzero(columns < 0)[0])]
            raise RecordingError(
                f"recording {self.name}: no model {unknown!r}; it has {', '.join(self.models.index[:8])} …"
            )
        keep = np.arange(self.n_prompts)[slice(None) if rows is None else rows]
        cells = np.ix_(keep, columns)
        return replace(
            self,
            models=self.models.iloc[columns],
            prompts=self.prompts.iloc[keep].reset_index(drop=True),
            scores=self.scores[cells],
            draw_scores=None if self.draw_scores is None else self.draw_scores[:, cells[0], cells[1]],
            costs_usd=self.costs_usd[cells],
            latencies_s=self.latencies_s[cells],
            input_tokens=self.input_tokens[cells],
            output_tokens=self.output_tokens[cells],
            features=self.features[keep],
            profiles=tuple(self.profiles[row] for row in keep),
        )


def typical_profiles(features: np.ndarray, input_tokens: np.ndarray) -> list[PromptProfile]:
    """A typical profile per prompt, as long as the (n_prompts, n_models) recorded input says, for prompts unread."""
    known = np.isfinite(input_tokens)
    total = np.where(known, input_tokens, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    lengths = np.where(known.any(axis=1), np.rint(total), TYPICAL_INPUT_TOKENS).astype(int).tolist()
    return [
        PromptProfile.typical(input_tokens=length, features=row) for length, row in zip(lengths, features, strict=True)
    ]
