"""Reads and checks the files of a recording folder; every complaint names file, column and row, and what to do."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError, field_validator

from omni.errors import RecordingError
from omni.recording.profiles import VERSION_KEY, profiles_from
from omni.recording.split import join_groups, split_rows, text_key
from omni.types import PromptProfile

FIGURES = ("score", "input_tokens", "output_tokens", "cost_usd", "latency_s")
INT8_SCALE = 127.0
SCORE_ROUNDING = 1e-6
"""By this much a score may lie outside 0..1, as means in single precision do; it is then cut."""
LARGEST_FIGURE = 1e12
"""No length, cost or time is larger: beyond, it is a mistake, and its square would be infinite."""
LARGEST_FEATURE = 1e6
_TEXTS = ("prompt", "task", "category", "language", "reference", "group_id", "split")
_PRICES = ("params_total_b", "price_in_usd_per_mtok", "price_out_usd_per_mtok")
_LIST_CHECKS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
_YES = frozenset({"true", "1", "1.0", "yes"})
_NO = frozenset({"false", "0", "0.0", "no", ""})
_UNKNOWN = ("", "nan", "NaN", "null", "NULL", "None", "NA", "N/A")


class RecordingCard(BaseModel):
    """The contents of recording.yml."""

    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)

    name: str | None = None
    title: str | None = None
    source: str = ""
    revision: str = ""
    licence: str = Field(default="", validation_alias=AliasChoices("licence", "license"))
    languages: tuple[str, ...] = Field(default=(), validation_alias=AliasChoices("languages", "language"))
    score_meaning: str = Field(default="", validation_alias=AliasChoices("score_meaning", "score_of_1_means", "score"))
    notes: str = ""
    cost_basis: Literal["recorded", "listed", "estimated", "mixed"] | None = None
    """What the costs rest on where the columns cannot tell, for example written-out estimates; None = worked out."""
    parts: tuple[str, ...] = ()
    """Of a mixed recording: the names of the recordings beside it that it joins."""
    models: tuple[str, ...] = ()
    """Of a mixed recording: which of the shared models to keep; empty = all."""

    @field_validator("name", "title", mode="before")
    @classmethod
    def _as_name(cls, value: Any) -> Any:
        return value.isoformat() if isinstance(value, date) else value

    @field_validator("languages", "parts", "models", mode="before")
    @classmethod
    def _as_list(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        if isinstance(value, list):
            # YAML reads the code of Norwegian as a refusal.
            return tuple("no" if part is False else part for part in value)
        return () if value is None else value

    @field_validator("source", "revision", "licence", "score_meaning", "notes", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            return "; ".join(f"{key}: {part}" for key, part in value.items())
        if isinstance(value, list):
            return "; ".join(str(part) for part in value)
        return "" if value is None else value.isoformat() if isinstance(value, date) else value

    @field_validator("name", "title", "source", "revision", "licence", "score_meaning")
    @classmethod
    def _as_one_line(cls, value: str | None) -> str | None:
        """Ends of lines, terminal commands and halves of characters cannot be shown in a table, or written at all."""
        return value and "".join(character if character.isprintable() else " " for character in value).strip()


def read_card(folder: Path) -> RecordingCard:
    """The checked recording.yml of a folder.

    Raises:
        RecordingError: the file is missing, is not YAML, or a field has the wrong type.
    """
    path = _existing(folder / "recording.yml", "with name, title, source, licence, languages")
    try:
        return RecordingCard.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except (yaml.YAMLError, UnicodeDecodeError, OSError, RecursionError) as error:
        raise RecordingError(
            f"{path}: cannot be read as YAML ({_one_line(error)}); write it as `key: value`."
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the file"
        raise RecordingError(
            f"{path}: {field}: {first['msg']}, found {str(first['input'])[:60]!r}; write it as `key: value`."
        ) from error


def read_models(folder: Path) -> pd.DataFrame:
    """The pool, indexed by `model`.

    Columns: model_id (str | None), open_weight (bool), params_total_b, price_in_usd_per_mtok and price_out_usd_per_mtok
    (float, NaN = unknown; a price of 0 counts as unknown), price_basis (str | None).

    Raises:
        RecordingError: missing, empty or unreadable file, a model twice, a figure that is not a number from 0 up.
    """
    path = _existing(folder / "models.csv", "with a row for each model of the pool")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # else what stands beyond the header is cut off
            table = pd.read_csv(path, dtype=object, keep_default_na=False, encoding="utf-8-sig", index_col=False)
    except pd.errors.ParserWarning as error:
        raise RecordingError(
            f"{path}: rows have more values than the header names; name every column, and quote values with a comma."
        ) from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, OSError) as error:
        raise RecordingError(f"{path}: cannot be read as CSV ({_one_line(error)}); save it as UTF-8 CSV.") from error
    table = table.rename(columns=str.strip)
    _require(path, list(table.columns), ("model",))
    if table.empty:
        raise RecordingError(f"{path}: the pool is empty; add a row for each model, at least one.")
    table = table.map(lambda value: value.strip() if isinstance(value, str) else "")
    models = pd.DataFrame(index=pd.Index(table["model"].to_numpy(object), name="model", dtype=object))
    _refuse_empty(path, "model", table["model"] == "")
    _refuse_twice(path, "model", table["model"])
    models["model_id"] = _texts_or_none(table, "model_id").set_axis(models.index)
    models["open_weight"] = _flags(path, table)
    for column in _PRICES:
        models[column] = _figures(path, table, column)
    for column in _PRICES[1:]:
        models.loc[models[column] == 0, column] = np.nan
    models["price_basis"] = _texts_or_none(table, "price_basis").set_axis(models.index)
    bad = ~models["price_basis"].isin(["listed", "estimated"]) & models["price_basis"].notna()
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise RecordingError(
            f"{path}: column price_basis, row {row + 1}: {models['price_basis'].iloc[row]!r}; "
            "write listed, estimated or nothing."
        )
    return models


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptTable:
    """The prompts of a recording and whether all of them have text."""

    rows: pd.DataFrame
    has_text: bool
    warning: str
    """A sentence when the given split is unsafe, else empty."""


def read_prompts(folder: Path) -> PromptTable:
    """The prompts with every optional column filled in: None where unknown, group and split always there.

    Raises:
        RecordingError: missing or unreadable file, missing prompt_id, an id twice, a split other than fit or test,
            fewer than two prompts on one side.
    """
    path = _existing(folder / "prompts.parquet", "with prompt_id, prompt and what else is known")
    table = _read_columns(path, ("prompt_id",), _TEXTS)
    _refuse_empty(path, "prompt_id", table["prompt_id"].isna())
    if table.empty:
        raise RecordingError(f"{path}: there is no prompt; add at least two to fit on and two to test on.")
    for column in ("prompt_id", "prompt"):
        _refuse_nested(path, table, column)
    rows = pd.DataFrame({"prompt_id": _as_ids(table["prompt_id"])}, dtype=object)
    _refuse_twice(path, "prompt_id", rows["prompt_id"])
    for column in _TEXTS:
        rows[column] = _texts_or_none(table, column)
    ids = rows["prompt_id"].tolist()
    groups = [group if group is not None else own for group, own in zip(rows["group_id"], ids, strict=True)]
    keys = [text_key(text) if text is not None else group for text, group in zip(rows["prompt"], groups, strict=True)]
    joined = join_groups(groups, keys)
    rows["group_id"] = [groups[first] for first in joined]
    warning = _fill_split(path, rows, joined, keys)
    return PromptTable(rows=rows, has_text=bool(rows["prompt"].notna().all()), warning=warning)


def _fill_split(path: Path, rows: pd.DataFrame, joined: list[int], keys: list[str]) -> str:
    """Checks or makes the split column in place; returns a sentence when the given one tears groups apart."""
    if rows["split"].isna().all():
        rows["split"] = split_rows(joined, keys)
    bad = ~rows["split"].isin(["fit", "test"])
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise RecordingError(
            f"{path}: column split, row {row + 1}: {rows['split'].iloc[row]!r}; write fit or test in every row, "
            "or leave the column out to have it made."
        )
    for side in ("fit", "test"):
        n_side = int((rows["split"] == side).sum())
        if n_side < 2:
            raise RecordingError(
                f"{path}: {n_side} of {len(rows)} prompts on the {side} side; expected at least 2. "
                "Add prompts, or a split column that says fit or test."
            )
    torn = int((rows.groupby("group_id")["split"].nunique() > 1).sum())
    return f"{torn} groups or equal texts stand on both sides of the given split." if torn else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeMatrices:
    """Outcomes as (n_prompts, n_models) float64 matrices by column name; NaN = unknown."""

    figures: dict[str, np.ndarray]
    draw_scores: np.ndarray | None
    """(n_draws, n_prompts, n_models) the scores that the matrix averages; None where each pair has one row."""
    has_rows: np.ndarray
    """(n_models,) bool: the model has at least one row."""


def read_outcomes(folder: Path, prompt_ids: Sequence[str], models: Sequence[str]) -> OutcomeMatrices:
    """The outcomes of the given prompts (rows) and models (columns), means over the draws of a pair.

    Raises:
        RecordingError: missing or unreadable file or column, a prompt or model that the other files do not know, a pair
            twice, a score outside 0..1, a negative or infinite figure, no score at all.
    """
    path = _existing(folder / "outcomes.parquet", "with prompt_id, model and score")
    table = _read_columns(path, ("prompt_id", "model", "score"), (*FIGURES[1:], "draw"))
    at_prompt = _positions(path, table, "prompt_id", prompt_ids, "prompts.parquet")
    at_model = _positions(path, table, "model", models, "models.csv")
    at_draw = _number_draws(path, table, at_prompt * len(models) + at_model)
    shape = (int(at_draw.max(initial=0)) + 1, len(prompt_ids), len(models))
    figures, draw_scores = {}, None
    for column in FIGURES:
        values = _figures(path, table, column, at_most=1.0 if column == "score" else LARGEST_FIGURE)
        stacked = np.full(shape, np.nan)
        stacked[at_draw, at_prompt, at_model] = values
        if column == "score" and len(stacked) > 1:
            draw_scores = stacked
        figures[column] = _mean_over_draws(stacked)
    if np.isnan(figures["score"]).all():
        raise RecordingError(f"{path}: column score: no row has a score; a recording needs at least some.")
    has_rows = np.zeros(len(models), dtype=bool)
    has_rows[at_model] = True
    return OutcomeMatrices(figures=figures, draw_scores=draw_scores, has_rows=has_rows)


def _number_draws(path: Path, table: pd.DataFrame, cell: np.ndarray) -> np.ndarray:
    """Per row, how many answers of the same pair come before it by their draw; all 0 where each pair has one row."""
    pairs = pd.DataFrame({"cell": cell, "draw": np.nan_to_num(_figures(path, table, "draw"), nan=-1.0)})
    twice = pairs.duplicated().to_numpy()
    if twice.any():
        row = int(np.flatnonzero(twice)[0])
        prompt_id, model = (_plain(table[column].iloc[row]) for column in ("prompt_id", "model"))
        raise RecordingError(
            f"{path}: {int(twice.sum())} rows repeat a prompt and model, first row {row + 1} (prompt_id {prompt_id!r}, "
            f"model {model!r}); expected one row each, average them, or number them in a column draw."
        )
    if not pairs["cell"].duplicated().any():
        return np.zeros(len(pairs), dtype=int)
    # numbered anew within each pair, as draws may be numbered through all rows
    ranks: np.ndarray = pairs.groupby("cell")["draw"].rank(method="first").to_numpy(dtype=int) - 1
    return ranks


def _mean_over_draws(stacked: np.ndarray) -> np.ndarray:
    """Means of the known figures, NaN without any."""
    if len(stacked) == 1:
        return stacked[0]
    n_known = np.isfinite(stacked).sum(axis=0)
    mean: np.ndarray = np.where(n_known > 0, np.nansum(stacked, axis=0) / np.maximum(n_known, 1), np.nan)
    return mean


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFeatures:
    """The feature rows of a recording, in the order of its prompts, and the maker they came from."""

    values: np.ndarray
    """(n_prompts, n_embedding + n_signals) float32."""
    fingerprint: str
    profiles: list[PromptProfile] | None
    """None where the file holds none."""
    profile_version: str
    """Fingerprint of the reader that made them; empty without."""


def read_features(folder: Path, prompt_ids: Sequence[str]) -> StoredFeatures | None:
    """The features stored beside the prompts, in the order of `prompt_ids`; None when there is no features.parquet.

    Embeddings stored as int8 are the unit blocks times 127.

    Raises:
        RecordingError: unreadable file, missing column, lists of unequal length, a prompt without a row.
    """
    path = folder / "features.parquet"
    if not path.exists():
        return None
    table = _read_table(path)
    _require(path, table.column_names, ("prompt_id", "embedding"))
    stored_ids = pd.Index(_as_ids(table.column("prompt_id").to_pandas()))
    if stored_ids.has_duplicates:
        raise RecordingError(
            f"{path}: column prompt_id: {stored_ids[stored_ids.duplicated()][0]!r} stands there twice; keep one."
        )
    order = stored_ids.get_indexer(pd.Index(list(prompt_ids), dtype=object))
    if (order < 0).any():
        missing = prompt_ids[int(np.flatnonzero(order < 0)[0])]
        raise RecordingError(f"{path}: no row for prompt_id {missing!r}; write one for each row of prompts.parquet.")
    blocks = [_list_block(path, table, "embedding")]
    if "signals" in table.column_names:
        blocks.append(_list_block(path, table, "signals"))
    values = np.concatenate(blocks, axis=1)[order]
    if not (np.abs(values) <= LARGEST_FEATURE).all():
        raise RecordingError(
            f"{path}: a feature is not a number from -{LARGEST_FEATURE:g} to {LARGEST_FEATURE:g}; scale the features "
            "and write them again."
        )
    metadata = table.schema.metadata or {}
    profiles = profiles_from(table.take(order), metadata, values)
    return StoredFeatures(
        values=values,
        fingerprint=metadata.get(b"fingerprint", b"").decode("utf-8", "replace"),
        profiles=profiles,
        profile_version="" if profiles is None else metadata[VERSION_KEY].decode("utf-8", "replace"),
    )


def _list_block(path: Path, table: pa.Table, column: str) -> np.ndarray:
    array = table.column(column).combine_chunks()
    is_list = any(check(array.type) for check in _LIST_CHECKS)
    if not is_list or not (pa.types.is_integer(array.type.value_type) or pa.types.is_floating(array.type.value_type)):
        raise RecordingError(f"{path}: column {column}: type {array.type}; expected lists of numbers, one a prompt.")
    flat = array.flatten().to_numpy(zero_copy_only=False)
    width, rest = divmod(len(flat), max(len(array), 1))
    lengths = array.value_lengths().to_numpy(zero_copy_only=False)
    if rest or not width or array.null_count or (lengths != width).any():
        raise RecordingError(
            f"{path}: column {column}: lists of unequal length or none; write equally many numbers in each row."
        )
    scale = INT8_SCALE if flat.dtype == np.int8 else 1.0
    bounded = np.clip(flat.astype(np.float64), -2 * LARGEST_FEATURE, 2 * LARGEST_FEATURE)
    return (bounded.astype(np.float32) / np.float32(scale)).reshape(len(array), width)


def _existing(path: Path, purpose: str) -> Path:
    try:
        is_there = path.is_file()
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror}; make the folder readable.") from error
    if not is_there:
        raise RecordingError(f"{path}: the file is missing; a recording needs {path.name} {purpose}.")
    return path


def _read_table(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    try:
        table = pq.read_table(path, columns=columns)
        table.validate(full=True)  # a text that is not UTF-8 would otherwise be found when it is used
    except (pa.ArrowException, OSError) as error:
        raise RecordingError(f"{path}: cannot be read as Parquet ({_one_line(error)}); write it again.") from error
    return table


def _read_columns(path: Path, required: Sequence[str], optional: Sequence[str]) -> pd.DataFrame:
    """The named columns as far as they are there; others, such as the answers of the models, may be very large."""
    names = _column_names(path)
    _require(path, names, required)
    table = _read_table(path, [name for name in (*required, *optional) if name in names])
    return table.to_pandas(ignore_metadata=True)  # else a column that was an index is none


def _column_names(path: Path) -> list[str]:
    try:
        return list(pq.read_schema(path).names)
    except (pa.ArrowException, OSError) as error:
        raise RecordingError(f"{path}: cannot be read as Parquet ({_one_line(error)}); write it again.") from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]


def _require(path: Path, names: Sequence[str], columns: Sequence[str]) -> None:
    for column in columns:
        if column not in names:
            found = ", ".join(names) or "none"
            raise RecordingError(f"{path}: column {column} is missing (found: {found}); add or rename it.")


def _refuse_empty(path: Path, column: str, empty: pd.Series) -> None:
    if empty.any():
        row = int(np.flatnonzero(empty.to_numpy())[0])
        raise RecordingError(f"{path}: column {column}, row {row + 1}: empty; every row needs one.")


def _refuse_twice(path: Path, column: str, values: pd.Series) -> None:
    twice = values.duplicated().to_numpy()
    if twice.any():
        row = int(np.flatnonzero(twice)[0])
        raise RecordingError(f"{path}: column {column}, row {row + 1}: {values.iloc[row]!r} a second time; keep one.")


def _refuse_nested(path: Path, table: pd.DataFrame, column: str) -> None:
    """Lists and structures have no one text, and turning them into one would read Python's brackets as the prompt."""
    if column not in table or table[column].dtype != object:
        return
    nested = np.array([isinstance(value, Mapping | np.ndarray) for value in table[column]], dtype=bool)
    if nested.any():
        row = int(np.flatnonzero(nested)[0])
        raise RecordingError(f"{path}: column {column}, row {row + 1}: a list or structure; write it as one text.")


def _id_text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _as_ids(values: pd.Series) -> np.ndarray:
    return np.array([_id_text(value) for value in values], dtype=object)


def _texts_or_none(table: pd.DataFrame, column: str) -> pd.Series:
    """The column as object dtype, which keeps None; None for an absent column, a null or an empty text."""
    out = np.full(len(table), None, dtype=object)
    if column in table.columns:
        known = table[column].notna().to_numpy()
        texts = (_id_text(value) for value in table[column][known])
        out[known] = [text if text.strip() else None for text in texts]
    return pd.Series(out, dtype=object)


def _flags(path: Path, table: pd.DataFrame) -> np.ndarray:
    texts = [value.lower() if value else "" for value in _texts_or_none(table, "open_weight")]
    for row, text in enumerate(texts):
        if text not in _YES and text not in _NO:
            raise RecordingError(f"{path}: column open_weight, row {row + 1}: {text!r}; write true or false.")
    return np.array([text in _YES for text in texts])


def _figures(path: Path, table: pd.DataFrame, column: str, at_most: float = LARGEST_FIGURE) -> np.ndarray:
    """The column as float64, NaN for null; all NaN when it is absent."""
    if column not in table.columns:
        return np.full(len(table), np.nan)
    raw = table[column]
    if raw.dtype == bool:
        raw = raw.astype(float)
    elif raw.dtype.kind in "mM":
        raw = raw.astype(object)  # a time or duration, of which only the count of its unit would be read
    values = pd.to_numeric(raw, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    bad = np.isnan(values) & raw.notna().to_numpy() & ~raw.isin(_UNKNOWN).to_numpy()
    slack = SCORE_ROUNDING if at_most == 1.0 else 0.0
    bad |= (values < -slack) | (values > at_most + slack)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        span = "from 0 to 1" if at_most == 1.0 else f"from 0 up to {at_most:g}"
        where = "".join(
            f", {name} {table[name].iloc[row]!r}" for name in ("prompt_id", "model") if name in table.columns
        )
        raise RecordingError(
            f"{path}: column {column}, row {row + 1}{where}: {_plain(raw.iloc[row])!r} in {int(bad.sum())} rows; "
            f"expected a number {span}, or null for unknown."
        )
    return np.clip(values, 0.0, at_most)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _positions(path: Path, table: pd.DataFrame, column: str, known: Sequence[str], other: str) -> np.ndarray:
    """Per row the position of its id among the known ones."""
    _refuse_empty(path, column, table[column].isna())
    _refuse_nested(path, table, column)
    codes, uniques = pd.factorize(table[column])
    at = pd.Index(list(known), dtype=object).get_indexer(pd.Index([_id_text(value) for value in uniques], dtype=object))
    rows = at[codes]
    if (rows < 0).any():
        row = int(np.flatnonzero(rows < 0)[0])
        raise RecordingError(
            f"{path}: column {column}, row {row + 1}: unknown {_plain(table[column].iloc[row])!r} "
            f"({int((at < 0).sum())} such names); add it to {other} or remove its rows."
        )
    return rows
