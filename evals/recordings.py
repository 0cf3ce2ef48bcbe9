"""Recordings listed, and written as a folder in the format."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from omni.errors import RecordingError
from omni.recording import Recording, find_recording, recordings_folder, shipped_names
from omni.recording.mix import keys_of
from omni.recording.profiles import profile_columns, profile_metadata
from omni.recording.tables import FIGURES, INT8_SCALE, read_card, read_models
from omni.types import PromptProfile

_WHOLE = ("input_tokens", "output_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingEntry:
    """What a list of recordings shows of each."""

    name: str
    title: str
    n_prompts: int
    n_models: int
    languages: tuple[str, ...]
    licence: str
    score_meaning: str


def list_recordings(folder: Path | None = None) -> list[RecordingEntry]:
    """The recordings in a folder of recordings, by name, without reading their outcomes; None = the shipped ones.

    Raises:
        RecordingError: one of them breaks the format.
    """
    if folder is None:
        paths = [recordings_folder() / name for name in shipped_names()]
    else:
        paths = sorted(path.parent for path in folder.glob("*/recording.yml"))
    return [_entry(path) for path in paths]


def _entry(folder: Path) -> RecordingEntry:
    card = read_card(folder)
    if card.parts:
        folders = [_part_folder(folder, part) for part in card.parts]
        shared = set.intersection(*(set(keys_of(read_models(part))) for part in folders))
        entries = [_entry(part) for part in folders]
        counts = sum(entry.n_prompts for entry in entries), len(set(card.models) or shared)
        languages = tuple(sorted({language for entry in entries for language in entry.languages}))
        licence = "; ".join(dict.fromkeys(entry.licence for entry in entries))
        meaning = "; ".join(f"{entry.name}: {entry.score_meaning}" for entry in entries)
    else:
        counts = _count_prompts(folder / "prompts.parquet"), len(read_models(folder))
        languages, licence, meaning = card.languages, card.licence, card.score_meaning
    return RecordingEntry(
        name=card.name or folder.name,
        title=card.title or folder.name,
        n_prompts=counts[0],
        n_models=counts[1],
        languages=languages,
        licence=card.licence or licence,
        score_meaning=card.score_meaning or meaning,
    )


def _count_prompts(path: Path) -> int:
    try:
        return pq.read_metadata(path).num_rows
    except (pa.ArrowException, OSError) as error:
        raise RecordingError(
            f"{path}: missing, or no Parquet file ({type(error).__name__}); write it again."
        ) from error


def _part_folder(folder: Path, part: str) -> Path:
    beside = folder.parent / part
    return beside if (beside / "recording.yml").is_file() else find_recording(part)


def write_recording(recording: Recording, folder: Path, *, with_text: bool = True) -> Path:
    """Writes a recording as a folder in the format and returns the folder; of several draws, their means.

    Args:
        with_text: False leaves prompts and references out; the features stand for them.
    """
    about = ("name", "title", "source", "licence", "score_meaning", "notes", "cost_basis")
    card = {name: getattr(recording, name) for name in about} | {"languages": list(recording.languages)}
    columns, rows = np.nonzero(~np.isnan(recording.scores.T))
    figures = {
        "score": recording.scores, "input_tokens": recording.input_tokens, "output_tokens": recording.output_tokens,
        "cost_usd": recording.costs_usd, "latency_s": recording.latencies_s,
    }  # fmt: skip
    outcomes = pd.DataFrame(
        {"prompt_id": recording.prompts["prompt_id"].to_numpy()[rows], "model": recording.models.index[columns]}
        | {name: matrix[rows, columns] for name, matrix in figures.items()}
    )
    prompts = recording.prompts if with_text else recording.prompts.drop(columns=["prompt", "reference"])
    write_tables(folder, card=card, models=recording.models.reset_index(), prompts=prompts, outcomes=outcomes)
    write_features(
        folder,
        recording.prompts["prompt_id"].tolist(),
        recording.features,
        n_embedding=recording.features.shape[1],
        fingerprint=recording.feature_fingerprint,
        as_int8=False,
        profiles=recording.profiles,
        profile_version=recording.profile_version,
    )
    return folder


def write_tables(
    folder: Path, *, card: dict[str, Any], models: pd.DataFrame, prompts: pd.DataFrame, outcomes: pd.DataFrame
) -> None:
    """Writes recording.yml, models.csv, prompts.parquet and outcomes.parquet, compactly; empty columns are left out."""
    folder.mkdir(parents=True, exist_ok=True)
    write_card(folder, card)
    models.assign(open_weight=models["open_weight"].map({True: "true", False: "false"})).to_csv(
        folder / "models.csv", index=False, lineterminator="\n"
    )
    filled = prompts.dropna(axis=1, how="all")
    arrays: dict[str, pa.Array] = {
        column: pa.array(filled[column].where(filled[column].notna(), None), pa.string()) for column in filled
    }
    _write(folder / "prompts.parquet", pa.table(arrays))
    arrays = {column: pa.array(outcomes[column], pa.string()) for column in ("prompt_id", "model")}
    for column in FIGURES:
        if column in outcomes and outcomes[column].notna().any():
            arrays[column] = _compact(outcomes[column].to_numpy(float), whole=column in _WHOLE, name=column)
    _write(folder / "outcomes.parquet", pa.table(arrays))


def write_card(folder: Path, card: dict[str, Any]) -> None:
    """Writes recording.yml, without empty fields."""
    kept = {key: value for key, value in card.items() if value}
    text = yaml.safe_dump(kept, allow_unicode=True, sort_keys=False, width=110)
    (folder / "recording.yml").write_text(text, encoding="utf-8")


def write_features(
    folder: Path,
    prompt_ids: Sequence[str],
    features: np.ndarray,
    *,
    n_embedding: int,
    fingerprint: str,
    as_int8: bool = True,
    profiles: Sequence[PromptProfile] = (),
    profile_version: str = "",
) -> None:
    """Writes features.parquet: the embedding as int8 (times 127) or float32, the signals as float32, the profiles.

    Args:
        features: (n_prompts, n_embedding + n_signals).
        profiles: what reading found in each prompt; left out without a `profile_version`.
    """
    embedding = features[:, :n_embedding].astype(np.float32)
    block = np.clip(np.rint(embedding * INT8_SCALE), -127, 127).astype(np.int8) if as_int8 else embedding
    columns = {"prompt_id": pa.array(list(prompt_ids), pa.string()), "embedding": _lists(block)}
    if features.shape[1] > n_embedding:
        columns["signals"] = _lists(features[:, n_embedding:].astype(np.float32))
    metadata = {b"fingerprint": fingerprint.encode()}
    if profile_version:
        columns |= profile_columns(profiles)
        metadata |= profile_metadata(profile_version)
    _write(folder / "features.parquet", pa.table(columns).replace_schema_metadata(metadata))


def _lists(block: np.ndarray) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(block).ravel()), block.shape[1]).cast(
        pa.list_(pa.from_numpy_dtype(block.dtype))
    )


def _compact(values: np.ndarray, *, whole: bool, name: str) -> pa.Array:
    """Token counts as int32, costs as float64 (they are tiny), the rest as float32; NaN as null."""
    known = ~np.isnan(values)
    if whole:
        return pa.array(np.where(known, np.rint(values), 0).astype(np.int32), mask=~known)
    return pa.array(values.astype(np.float64 if name == "cost_usd" else np.float32), mask=~known)


def _write(path: Path, table: pa.Table) -> None:
    pq.write_table(table, path, compression="zstd", compression_level=19)
