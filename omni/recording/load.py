"""A recording: real models' real outcomes on the same prompts, which replay reads instead of calling a model.

A folder with recording.yml, models.csv, prompts.parquet, outcomes.parquet and, instead of text, features.parquet; or a
recording.yml alone that names the `parts` it joins. `load_recording` checks everything once.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd

from omni.config import DATA_DIR
from omni.errors import RecordingError
from omni.recording.costs import fill_costs
from omni.recording.mix import mix
from omni.recording.tables import (
    PromptTable,
    RecordingCard,
    read_card,
    read_features,
    read_models,
    read_outcomes,
    read_prompts,
)
from omni.recording.values import Recording
from omni.types import Conversation, PromptProfile

_READ_BATCH = 512
NO_PROFILES = "Prompts were not read and have no text: to the public router they are all alike."
OTHER_READER = "Prompts were read by another version of this project."


class PromptReader(Protocol):
    """The part of `omni.reading.Reader` that a recording needs."""

    @property
    def fingerprint(self) -> str: ...
    @property
    def feature_fingerprint(self) -> str: ...
    def read_batch(self, conversations: Sequence[Conversation]) -> list[PromptProfile]: ...


def load_recording(path_or_name: str | Path, reader: PromptReader | None = None) -> Recording:
    """The checked recording of a folder, or a shipped one by its name.

    Args:
        path_or_name: a name under data/recordings (`mmlupro`) or the path of any folder in the format.
        reader: reads the prompts where their text is there; None = the shipped one, loaded only when needed.

    Raises:
        RecordingError: nothing there by that name, or a file breaks the format; the text says file, column and row.
    """
    folder = find_recording(path_or_name)
    card = read_card(folder)
    if card.parts:
        return _load_mixed(folder, card, reader)
    models = read_models(folder)
    prompts = read_prompts(folder)
    prompt_ids = prompts.rows["prompt_id"].tolist()
    outcomes = read_outcomes(folder, prompt_ids, list(models.index))
    scored = ~np.isnan(outcomes.figures["score"]).all(axis=0)
    figures = {name: matrix[:, scored] for name, matrix in outcomes.figures.items()}
    read = _read_prompts(folder, prompts, reader)
    costs = fill_costs(figures, models[scored], _estimate_input(prompts, figures["input_tokens"]))
    unscored = list(models.index[~scored])
    dropped = f"Left out, because they have no score: {', '.join(unscored)}." if unscored else ""
    latencies = np.where(np.isnan(figures["score"]), np.nan, figures["latency_s"])
    return Recording(
        name=card.name or folder.resolve().name,
        title=card.title or card.name or folder.resolve().name,
        source=f"{card.source}@{card.revision}" if card.revision else card.source,
        licence=card.licence,
        languages=card.languages or _languages(prompts.rows),
        score_meaning=card.score_meaning,
        notes=card.notes.strip(),
        models=models[scored],
        prompts=prompts.rows,
        scores=figures["score"],
        draw_scores=None if outcomes.draw_scores is None else outcomes.draw_scores[:, :, scored],
        costs_usd=costs.costs_usd,
        latencies_s=latencies,
        input_tokens=costs.input_tokens,
        output_tokens=costs.output_tokens,
        features=read.features,
        feature_fingerprint=read.feature_fingerprint,
        profiles=tuple(read.profiles),
        profile_version=read.version,
        cost_basis=(card.cost_basis or costs.basis) if costs.basis else None,
        latency_basis=None if np.isnan(latencies).all() else "recorded",
        cautions=tuple(filter(None, (prompts.warning, costs.note, dropped, read.caution))),
    )


def recordings_folder() -> Path:
    """Where the shipped recordings are."""
    return DATA_DIR / "recordings"


def shipped_names() -> list[str]:
    """The names of the shipped recordings, sorted."""
    return sorted(path.parent.name for path in recordings_folder().glob("*/recording.yml"))


def find_recording(path_or_name: str | Path) -> Path:
    """The folder meant by a path or a shipped name; a shipped name wins over a folder of that name.

    Raises:
        RecordingError: it is neither.
    """
    if isinstance(path_or_name, str) and path_or_name in shipped_names():
        return recordings_folder() / path_or_name
    folder = Path(path_or_name)
    if os.path.isdir(folder):  # unlike Path.is_dir, it takes names that no folder can have
        return folder
    what = "is a file" if os.path.isfile(folder) else "is neither a folder nor a shipped recording"
    raise RecordingError(
        f"recording {str(path_or_name)!r} {what}; give a folder with recording.yml, models.csv, prompts.parquet and "
        f"outcomes.parquet, or one of: {', '.join(shipped_names()) or 'none shipped'}."
    )


def _load_mixed(folder: Path, card: RecordingCard, reader: PromptReader | None) -> Recording:
    """Joins the parts that a mixed recording names; they stand beside it or among the shipped ones."""

    parts = []
    for part in card.parts:
        beside = folder.resolve().parent / part
        place = beside if (beside / "recording.yml").is_file() else find_recording(part)
        if read_card(place).parts:
            raise RecordingError(
                f"{folder / 'recording.yml'}: parts: {part!r} is itself mixed; name its parts instead."
            )
        parts.append(load_recording(place, reader))
    mixed = mix(parts, models=card.models or None, name=card.name or folder.resolve().name)
    return replace(
        mixed,
        title=card.title or mixed.title,
        source=card.source or mixed.source,
        licence=card.licence or mixed.licence,
        score_meaning=card.score_meaning or mixed.score_meaning,
        notes=card.notes.strip() or mixed.notes,
    )


class _Read(NamedTuple):
    features: np.ndarray
    """(n_prompts, n_features) float32."""
    feature_fingerprint: str
    profiles: list[PromptProfile]
    """Empty = the prompts could not be read."""
    version: str
    caution: str


def _read_prompts(folder: Path, prompts: PromptTable, reader: PromptReader | None) -> _Read:
    """Features and profiles: of the text where it is there, else as stored."""
    if prompts.has_text:
        reader = reader or _shipped_reader()
        texts = prompts.rows["prompt"].tolist()
        conversations = [Conversation.from_prompt(text) for text in texts]
        profiles = [
            profile
            for start in range(0, len(texts), _READ_BATCH)
            for profile in reader.read_batch(conversations[start : start + _READ_BATCH])
        ]
        rows = np.array([profile.features for profile in profiles], dtype=np.float32)
        return _Read(rows, reader.feature_fingerprint, profiles, reader.fingerprint, "")
    stored = read_features(folder, prompts.rows["prompt_id"].tolist())
    if stored is None:
        row = int(np.flatnonzero(prompts.rows["prompt"].isna())[0])
        raise RecordingError(
            f"{folder / 'prompts.parquet'}: column prompt, row {row + 1}: no text, and there is no features.parquet; "
            "write the text of every prompt, or the features of every prompt."
        )
    caution = NO_PROFILES if stored.profiles is None else ""
    if stored.profiles is not None and stored.profile_version != (reader or _shipped_reader()).fingerprint:
        caution = OTHER_READER
    return _Read(stored.values, stored.fingerprint, stored.profiles or [], stored.profile_version, caution)


def _shipped_reader() -> PromptReader:
    from omni.reading import shipped_reader  # here: a recording that is only listed needs no reader

    return shipped_reader()


def _estimate_input(prompts: PromptTable, known: np.ndarray) -> np.ndarray | None:
    """(n_prompts,) tokens estimated from the text, only when some are not recorded; None without text."""
    if not prompts.has_text or not np.isnan(known).all(axis=1).any():
        return None
    from omni.reading.tokens import estimate_tokens

    return np.array([float(estimate_tokens(text)) for text in prompts.rows["prompt"]])


def _languages(rows: pd.DataFrame) -> tuple[str, ...]:
    return tuple(sorted({str(value) for value in rows["language"] if value is not None}))
