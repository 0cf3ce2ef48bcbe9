"""What the public source of quality rests on: benchmarks, boards and recordings, as observations of models.

`data/router/public.safetensors` holds them as figures; no text of any prompt is in it. `evals/studies/train_public.py`
writes it. A recording whose prompts are given is left out, as a part of a mixed one too.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open

from omni.catalog.lineage import ModelFacts
from omni.config import DATA_DIR
from omni.errors import OmniError
from omni.quality.benchmarks import Scale
from omni.quality.kriging import Observed

KNOWLEDGE_FILE = "router/public.safetensors"
SAME_PROMPT = 0.995
"""Cosine from which two embeddings are the same prompt."""
SAME_SOURCE = 0.15
"""Share of a source's remembered prompts whose presence in a recording gives the source away."""
SOURCE_ARRAYS = ("length_moments", "length_slopes", "centre", "difficulty", "sketch")


class Posterior(NamedTuple):
    """What is expected of some models in English."""

    mean: np.ndarray
    """(m, N_SKILLS) logits, of which differences count."""
    variance: np.ndarray
    """(m, N_SKILLS, N_SKILLS) covariance of a model's skills against the mean of all models, logits²."""
    log_length: np.ndarray
    """(m,) log of output tokens, up to a constant."""
    languages: np.ndarray
    """(2,) logits that a foreign language adds, and that tuning for a language adds, at the chat skill."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Source:
    """Sums over one recording's fit side; d columns of the length design, see `public.length_design`."""

    abilities: Observed
    lengths: Observed | None
    """Logarithms of mean output tokens; None = not recorded."""
    length_moments: np.ndarray
    """(d, d) covariance of the design."""
    length_slopes: np.ndarray
    """(d,) covariance of the design with how much longer than usual the answers to a prompt are, in logs."""
    centre: np.ndarray
    """(d,) mean of the design."""
    difficulty: np.ndarray
    """(3,): mean logit of the read difficulty, its variance, and its covariance with the logit of failing."""
    sketch: np.ndarray
    """(k, n_embedding) int8: some prompts' embeddings, to know the recording again."""

    @property
    def name(self) -> str:
        return self.abilities.source


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Knowledge:
    """Everything shipped, or what is left of it after leaving recordings out."""

    scales: dict[str, Scale]
    benchmarks: tuple[Observed, ...]
    """The catalog's benchmarks by skill, then other boards."""
    sources: tuple[Source, ...]
    posterior_row: dict[str, int]
    """`card_digest` to row of `posterior`; empty when recordings were left out."""
    posterior: Posterior
    version: str

    def without(self, features: np.ndarray) -> "Knowledge":
        """The same without the recordings whose prompts are among these (n, d) feature rows."""
        kept = tuple(source for source in self.sources if not _holds(features, source.sketch))
        return self if len(kept) == len(self.sources) else replace(self, sources=kept, posterior_row={})

    @property
    def facts(self) -> dict[str, ModelFacts]:
        """By key, what is known of the models seen."""
        blocks = (*self.benchmarks, *(source.abilities for source in self.sources))
        return {model.key: model for block in reversed(blocks) for model in block.models}


def load_knowledge(path: Path) -> Knowledge:
    """What was saved.

    Raises:
        OmniError: the file is missing or is not one of ours.
    """
    try:
        with safe_open(path, "np") as file:
            about = json.loads(file.metadata()["about"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        return _from_file(about, tensors)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise OmniError(
            f"{str(path)!r} cannot be read ({error}); expected what benchmarks and recordings say of models. "
            "Run `python -m evals.studies train_public`."
        ) from error


@cache
def shipped_knowledge() -> Knowledge:
    """Read once a process."""
    return load_knowledge(DATA_DIR / KNOWLEDGE_FILE)


def card_digest(facts: ModelFacts, value: np.ndarray) -> str:
    """What the posterior of a card depends on: its facts and what its benchmark scores say."""
    return hashlib.sha256(f"{facts!r} {np.round(value, 3).tolist()!r}".encode()).hexdigest()[:16]


def _from_file(about: dict[str, Any], tensors: dict[str, np.ndarray]) -> Knowledge:
    figures = {name: array if array.dtype == np.int8 else array.astype(float) for name, array in tensors.items()}
    facts = [_to_facts(told) for told in about["facts"]]
    blocks, start = [], 0
    for told in about["blocks"]:
        end = start + len(told["models"])
        blocks.append(
            Observed(
                source=told["source"],
                models=[facts[row] for row in told["models"]],
                skills=np.array(told["skills"]),
                language=told["language"],
                value=figures["value"][start:end],
                variance=figures["variance"][start:end],
                is_benchmark=told["is_benchmark"],
            )
        )
        start = end
    own = iter(blocks[about["n_benchmarks"] :])
    sources = []
    for has_lengths in about["has_lengths"]:
        abilities = next(own)
        arrays = {name: figures[f"{abilities.source}.{name}"] for name in SOURCE_ARRAYS}
        sources.append(Source(abilities=abilities, lengths=next(own) if has_lengths else None, **arrays))
    posterior = Posterior(*(figures[f"posterior.{name}"] for name in Posterior._fields))
    return Knowledge(
        scales={name: Scale(*scale) for name, scale in about["scales"].items()},
        benchmarks=tuple(blocks[: about["n_benchmarks"]]),
        sources=tuple(sources),
        posterior_row=about["posterior_row"],
        posterior=posterior,
        version=about["version"],
    )


def _to_facts(told: dict[str, Any]) -> ModelFacts:
    values: dict[str, Any] = {name: tuple(part) if isinstance(part, list) else part for name, part in told.items()}
    return ModelFacts(**values)


def _holds(features: np.ndarray, sketch: np.ndarray) -> bool:
    n_embedding = sketch.shape[1]
    if features.shape[1] < n_embedding:
        return False
    nearest = (unit_rows(sketch.astype(np.float32)) @ unit_rows(features[:, :n_embedding]).T).max(axis=1)
    return bool((nearest >= SAME_PROMPT).mean() >= SAME_SOURCE)


def unit_rows(rows: np.ndarray) -> np.ndarray:
    """The rows at length 1; zeros stay zeros."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9))
