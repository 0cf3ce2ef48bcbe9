"""What the shipped recordings say of models and prompts in general, so that a new pool is served without outcomes.

Each source is kept as sums over its fit side (moments), and knowledge is solved from the sums of the sources that may
be used: a recording that is itself shipped, whole or as a part of a mixed one, is left out by recognising its prompts.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from omni.config import DATA_DIR
from omni.errors import OmniError
from omni.quality.kriging import N_SKILLS
from omni.recording import Recording
from omni.types import Task

TRANSFER_FILE = "router/transfer.safetensors"
SKILL_OF_TASK = {Task.MATH: 0, Task.REASONING: 0, Task.CODE: 1, Task.KNOWLEDGE: 2}
"""Skills are deduction 0, code 1, knowledge 2 and chat 3, which is everything else. Mathematics and reasoning go
together: benchmarks of mathematics rank models on reasoning recordings better than benchmarks of reasoning do."""
SIGNAL_SCALE = 0.3
N_SKETCH = 64
SAME_PROMPT = 0.995
"""Cosine from which two embeddings are the same prompt."""
SAME_SOURCE = 0.15
"""Share of a source's remembered prompts whose presence in a recording gives the source away."""
TARGETS = ("difficulty", "length")
LABELS = "labels"
_ARRAYS = ("value", "variance", "log_length", "moments", "slopes", "class_sum", "class_n", "sketch")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SourceFacts:
    """Sums over one recording's fit side; n prompts, m models, d columns of the design."""

    name: str
    models: tuple[tuple[str, str | None, float | None], ...]
    """Name, Hub id, billions of parameters."""
    value: np.ndarray
    """(m,) logit of the mean score."""
    variance: np.ndarray
    log_length: np.ndarray
    """(m,) log of the mean output tokens, NaN = unknown."""
    moments: np.ndarray
    """(d, d) covariance of the design."""
    slopes: np.ndarray
    """(len(TARGETS), d) covariance of the design with each target."""
    class_sum: np.ndarray
    """(N_SKILLS, d) sums of the design by stated skill."""
    class_n: np.ndarray
    """(N_SKILLS,)"""
    sketch: np.ndarray
    """(k, n_embedding) int8: some prompts, to know the recording again; shares no text."""

    @property
    def skills(self) -> np.ndarray:
        """(N_SKILLS,) shares of the stated skills."""
        return np.asarray(self.class_n / max(float(self.class_n.sum()), 1.0))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Transfer:
    """Everything shipped, or what is left of it after leaving sources out."""

    sources: tuple[SourceFacts, ...]
    """Recordings; the labelled prompts of this project stand apart in `labels`."""
    labels: SourceFacts
    n_embedding: int
    feature_fingerprint: str
    fingerprint: str

    def without(self, features: np.ndarray) -> "Transfer":
        """The same without the recordings whose prompts are among these feature rows."""
        return replace(self, sources=tuple(source for source in self.sources if not self._holds(features, source)))

    def _holds(self, features: np.ndarray, source: SourceFacts) -> bool:
        if features.shape[1] < self.n_embedding:
            return False
        rows = _unit(features[:, : self.n_embedding])
        nearest = (_unit(source.sketch.astype(np.float32)) @ rows.T).max(axis=1)
        return bool((nearest >= SAME_PROMPT).mean() >= SAME_SOURCE)


def build_transfer(
    recordings: Sequence[Recording], label_features: np.ndarray, label_tasks: Sequence[str], n_embedding: int
) -> Transfer:
    """Sums up the fit sides of unmixed recordings and the labelled prompts; deterministic."""
    design = make_design(label_features, np.full(len(label_features), np.nan), n_embedding)
    sums, counts = _by_skill(design, [Task(task) for task in label_tasks])
    nothing = np.zeros(0)
    labels = SourceFacts(
        name=LABELS,
        models=(),
        value=nothing,
        variance=nothing,
        log_length=nothing,
        moments=np.cov(design.T, bias=True),
        slopes=np.zeros((len(TARGETS), design.shape[1])),
        class_sum=sums,
        class_n=counts,
        sketch=np.zeros((0, n_embedding), dtype=np.int8),
    )
    sources = tuple(summarise_source(recording, n_embedding) for recording in recordings)
    maker = recordings[0].feature_fingerprint if recordings else ""
    bare = Transfer(sources=sources, labels=labels, n_embedding=n_embedding, feature_fingerprint=maker, fingerprint="")
    digest = hashlib.sha256()
    for name, array in sorted(_tensors(bare).items()):
        digest.update(name.encode() + np.round(array.astype(np.float64), 4).tobytes())
    return replace(bare, fingerprint=digest.hexdigest()[:16])


def summarise_source(recording: Recording, n_embedding: int) -> SourceFacts:
    """The sums of one recording's fit side."""
    rows = np.flatnonzero(recording.is_fit)
    scores, tokens = recording.scores[rows], recording.output_tokens[rows]
    seen = np.isfinite(scores)
    n_seen = seen.sum(axis=0)
    mean = (np.where(seen, scores, 0.0).sum(axis=0) + 0.5) / (n_seen + 1.0)
    logs = np.log(np.where(tokens > 0, tokens, np.nan))
    design = make_design(recording.features[rows], _prompt_tokens(recording.input_tokens[rows]), n_embedding)
    centred = design - design.mean(axis=0)
    targets = np.stack([_difficulty(scores), _relative_length(logs)])
    targets = np.nan_to_num(targets - np.nanmean(targets, axis=1, keepdims=True)) if len(rows) else targets
    tasks = [Task(task) if task in set(Task) else Task.CHAT for task in recording.prompts["task"].to_numpy()[rows]]
    sums, counts = _by_skill(design, tasks)
    chosen = np.unique(np.linspace(0, len(rows) - 1, N_SKETCH).astype(int))
    facts = recording.models
    return SourceFacts(
        name=recording.name,
        models=tuple(
            (str(name), _text(row["model_id"]), _number(row["params_total_b"])) for name, row in facts.iterrows()
        ),
        value=np.log(mean / (1.0 - mean)),
        variance=1.0 / (np.maximum(n_seen, 1) * mean * (1.0 - mean)),
        log_length=_log_mean(tokens),
        moments=centred.T @ centred / len(rows),
        slopes=targets @ centred / len(rows),
        class_sum=sums,
        class_n=counts,
        sketch=np.round(127 * _unit(recording.features[rows[chosen], :n_embedding])).astype(np.int8),
    )


def make_design(features: np.ndarray, input_tokens: np.ndarray, n_embedding: int) -> np.ndarray:
    """(n, d) columns that heads are linear in: embedding, scaled signals, length of the prompt."""
    rows = np.array(features, dtype=float)
    rows[:, n_embedding:] *= SIGNAL_SCALE
    known = np.isfinite(input_tokens)
    usual = float(np.median(input_tokens[known])) if known.any() else 150.0
    length = SIGNAL_SCALE * (np.log(np.where(known, input_tokens, usual) + 10.0) - 5.0)
    return np.column_stack([rows, length])


def save_transfer(transfer: Transfer, path: Path) -> None:
    """Writes the sums as one file; no text of any prompt is in it."""
    names = {
        "n_embedding": transfer.n_embedding,
        "feature_fingerprint": transfer.feature_fingerprint,
        "fingerprint": transfer.fingerprint,
        "sources": [{"name": source.name, "models": source.models} for source in transfer.sources],
    }
    save_file(_tensors(transfer), path, metadata={"about": json.dumps(names)})


def load_transfer(path: Path) -> Transfer:
    """The shipped sums.

    Raises:
        OmniError: the file is missing or is not one of ours.
    """
    try:
        with safe_open(path, "np") as file:
            about = json.loads(file.metadata()["about"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise OmniError(
            f"{str(path)!r} cannot be read ({error}); expected the sums of recordings. Run `python -m omni fit`."
        ) from error
    sources = [
        SourceFacts(
            name=entry["name"],
            models=tuple((name, model_id, size) for name, model_id, size in entry["models"]),
            **{array: _unpacked(array, tensors[f"{entry['name']}.{array}"]) for array in _ARRAYS},
        )
        for entry in [*about["sources"], {"name": LABELS, "models": []}]
    ]
    return Transfer(
        sources=tuple(sources[:-1]),
        labels=sources[-1],
        n_embedding=about["n_embedding"],
        feature_fingerprint=about["feature_fingerprint"],
        fingerprint=about["fingerprint"],
    )


@cache
def shipped_transfer() -> Transfer:
    """Read once a process."""
    return load_transfer(DATA_DIR / TRANSFER_FILE)


def _tensors(transfer: Transfer) -> dict[str, np.ndarray]:
    tensors = {}
    for source in (*transfer.sources, transfer.labels):
        for name in _ARRAYS:
            array = getattr(source, name)
            if name == "moments":
                array = array[np.triu_indices(len(array))]
            kind = np.int8 if name == "sketch" else np.float32
            tensors[f"{source.name}.{name}"] = np.ascontiguousarray(array, dtype=kind)
    return tensors


def _unpacked(name: str, array: np.ndarray) -> np.ndarray:
    if name == "sketch":
        return array
    if name != "moments":
        return array.astype(float)
    size = int((np.sqrt(8 * len(array) + 1) - 1) / 2)
    full = np.zeros((size, size))
    full[np.triu_indices(size)] = array
    return full + np.triu(full, 1).T


def _by_skill(design: np.ndarray, tasks: Sequence[Task]) -> tuple[np.ndarray, np.ndarray]:
    codes = np.array([SKILL_OF_TASK.get(task, N_SKILLS - 1) for task in tasks], dtype=int)
    member = np.eye(N_SKILLS)[codes]
    return member.T @ design, member.sum(axis=0)


def _difficulty(scores: np.ndarray) -> np.ndarray:
    """(n,) logit of the share of the pool that fails."""
    seen = np.isfinite(scores)
    right, total = np.where(seen, scores, 0.0).sum(axis=1), seen.sum(axis=1)
    return np.where(total > 0, np.log((total - right + 0.5) / (right + 0.5)), np.nan)


def _relative_length(logs: np.ndarray) -> np.ndarray:
    """(n,) how much longer than usual the pool's answers are, in logs."""
    seen = np.isfinite(logs)
    usual = np.where(seen, logs, 0.0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    apart = np.where(seen, logs - usual, 0.0).sum(axis=1)
    return np.where(seen.any(axis=1), apart / np.maximum(seen.sum(axis=1), 1), np.nan if seen.any() else 0.0)


def _log_mean(tokens: np.ndarray) -> np.ndarray:
    seen = np.isfinite(tokens) & (tokens > 0)
    mean = np.where(seen, tokens, 0.0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    return np.where(mean > 0, np.log(np.maximum(mean, 1e-9)), np.nan)


def _prompt_tokens(input_tokens: np.ndarray) -> np.ndarray:
    seen = np.isfinite(input_tokens)
    total = np.where(seen, input_tokens, 0.0).sum(axis=1)
    return np.where(seen.any(axis=1), total / np.maximum(seen.sum(axis=1), 1), np.nan)


def _unit(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, float | int) and np.isfinite(value) else None
