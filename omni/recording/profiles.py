"""What reading found in the prompts of a recording, as columns of features.parquet: figures stand for the text."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from omni.types import PromptProfile, Safety, Structure, Task

VERSION_KEY = b"profile_version"
TASKS_KEY = b"profile_tasks"
_PLAIN = {
    "language": pa.string(),
    "script": pa.string(),
    "difficulty": pa.float64(),
    "profile_tokens": pa.int64(),
    "n_images": pa.int32(),
    "n_turns": pa.int32(),
    "needs_tools": pa.bool_(),
    "needs_json": pa.bool_(),
    "safety": pa.string(),
}
"""Column to type; `profile_tokens` is `PromptProfile.input_tokens`."""


def profile_columns(profiles: Sequence[PromptProfile]) -> dict[str, pa.Array]:
    """The columns of features.parquet that hold `profiles`; form and personal data of the text are left out."""
    shares = np.array([[profile.tasks.get(task, 0.0) for task in Task] for profile in profiles])
    columns: dict[str, pa.Array] = {"tasks": pa.array(list(shares), pa.list_(pa.float64()))}
    for name, kind in _PLAIN.items():
        field = "input_tokens" if name == "profile_tokens" else name
        columns[name] = pa.array([getattr(profile, field) for profile in profiles], kind)
    return columns


def profile_metadata(version: str) -> dict[bytes, bytes]:
    """What goes beside the columns: the reader's fingerprint, and the order of the task shares."""
    return {VERSION_KEY: version.encode(), TASKS_KEY: ",".join(Task).encode()}


def profiles_from(table: pa.Table, metadata: Mapping[bytes, bytes], features: np.ndarray) -> list[PromptProfile] | None:
    """The profiles that `table` holds, in its order; None where it holds none, or holds them in a form not known.

    Args:
        features: (n_prompts, n_features) the feature rows that go with them.
    """
    if VERSION_KEY not in metadata or not {"tasks", *_PLAIN} <= set(table.column_names):
        return None
    try:
        tasks = [Task(name) for name in metadata.get(TASKS_KEY, b"").decode().split(",")]
        shares = np.array(table.column("tasks").to_pylist(), dtype=float)
        columns = {name: table.column(name).to_pylist() for name in _PLAIN}
        rows = zip(*columns.values(), strict=True)
        return [
            _profile(dict(zip(tasks, own.tolist(), strict=True)), dict(zip(_PLAIN, row, strict=True)), feature_row)
            for own, row, feature_row in zip(shares, rows, features, strict=True)
        ]
    except (UnicodeDecodeError, ValueError, TypeError, KeyError):
        return None


def _profile(tasks: dict[Task, float], row: dict[str, Any], features: np.ndarray) -> PromptProfile:
    return PromptProfile(
        language=row["language"],
        script=row["script"],
        tasks=tasks,
        difficulty=row["difficulty"],
        input_tokens=row["profile_tokens"],
        n_images=row["n_images"],
        n_turns=row["n_turns"],
        needs_tools=row["needs_tools"],
        needs_json=row["needs_json"],
        structure=Structure(),
        privacy=(),
        safety=Safety(row["safety"]),
        features=features,
    )
