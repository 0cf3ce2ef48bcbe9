"""Labelled prompts: this project's own in data/labels, and the figures of real ones that training may use."""

import csv
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from omni.errors import OmniError
from omni.reading.cues import CueFinder
from omni.reading.features import FeatureMaker, TextReading
from omni.reading.heads import TASKS
from omni.reading.ngrams import GramCounts
from omni.reading.reader import CUE_FILE, profile_text
from omni.types import Conversation, Message, Role

LABEL_FILES = {
    "latin": "labels/train_latin.csv",
    "scripts": "labels/train_scripts.csv",
    "hard": "labels/train_hard.csv",
    "english": "labels/train_english.csv",
    "world": "labels/train_world.csv",
    "everyday": "labels/train_everyday.csv",
}
LEVEL_FILE = "labels/difficulty.csv"
FIGURES_FILE = "labels/real_prompts.parquet"
LEVEL_SHARES = {1: 0.05, 2: 0.15, 3: 0.35, 4: 0.6, 5: 0.85}
"""What a difficulty label means: the expected share of mid-field models (8 to 30 billion parameters) that fail."""
_TRAINABLE = "permissive"
_STATIC_SCALE = 127.0
_ROLES: Mapping[str, Role] = {"system": "system", "assistant": "assistant", "tool": "tool"}


class Label(NamedTuple):
    """One labelled prompt."""

    task: str
    language: str
    prompt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the heads are fitted on; one entry a prompt."""

    static: np.ndarray
    """(n, n_static) float32: the static encoder's vector."""
    signals: np.ndarray
    """(n, n_signals) float32"""
    cues: np.ndarray
    """(n, n_cues) float32 of 0 and 1."""
    grams: list[GramCounts]
    words: list[GramCounts]
    tasks: np.ndarray
    """(n,) task names."""
    families: np.ndarray
    """(n,) name of the family of sources; empty for this project's own labels."""

    def __len__(self) -> int:
        return len(self.tasks)

    def select(self, rows: np.ndarray) -> "Figures":
        """The entries with these positions."""
        return Figures(
            static=self.static[rows],
            signals=self.signals[rows],
            cues=self.cues[rows],
            grams=[self.grams[row] for row in rows],
            words=[self.words[row] for row in rows],
            tasks=self.tasks[rows],
            families=self.families[rows],
        )


def load_labels(path: Path) -> list[Label]:
    """Rows of a label file with the columns task, language, prompt.

    Raises:
        OmniError: The file is missing, lacks a column, or names an unknown task.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [Label(row["task"], row["language"], row["prompt"]) for row in csv.DictReader(file)]
    except (OSError, KeyError) as error:
        raise OmniError(
            f"The labels {str(path)!r} cannot be read ({error}); expected the columns task, language, prompt."
        ) from error
    unknown = {row.task for row in rows} - set(TASKS)
    if unknown:
        raise OmniError(f"{str(path)!r} names the tasks {sorted(unknown)!r}; expected one of {', '.join(TASKS)}.")
    return rows


def load_levels(path: Path, n_labels: Mapping[str, int]) -> np.ndarray:
    """Difficulty of every labelled prompt as the logit of the share of models that fail, (n_labels,).

    Args:
        path: A file with the columns file, row (1-based within that file), level.
        n_labels: Prompts of each label file, in the order in which the files are joined.

    Raises:
        OmniError: The file is missing, or a prompt has no level or an unknown one.
    """
    starts = dict(zip(n_labels, np.cumsum([0, *n_labels.values()]).tolist(), strict=False))
    shares = np.full(sum(n_labels.values()), np.nan)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                shares[starts[row["file"]] + int(row["row"]) - 1] = LEVEL_SHARES[int(row["level"])]
    except (OSError, KeyError, ValueError, IndexError) as error:
        raise OmniError(
            f"The levels {str(path)!r} cannot be read ({error!r}); expected the columns file, row and level (1 to 5)."
        ) from error
    if np.isnan(shares).any():
        missing = int(np.flatnonzero(np.isnan(shares))[0]) + 1
        raise OmniError(f"{str(path)!r} has no level for labelled prompt {missing}; expected one for each prompt.")
    return np.log(shares / (1 - shares))


def load_corpus(path: Path) -> pd.DataFrame:
    """The real prompts that have a task, with a column `conversation`.

    Raises:
        OmniError: The file is missing or lacks a column.
    """
    try:
        table = pd.read_parquet(path)
        table = table[table["task"].isin([task.value for task in TASKS])].reset_index(drop=True)
        table["conversation"] = [_conversation_of(row) for row in table.itertuples()]
    except (OSError, KeyError, AttributeError, ValueError) as error:
        raise OmniError(
            f"The real prompts {str(path)!r} cannot be read ({error}); expected a parquet file with the columns "
            f"prompt, is_conversation, task, tools, family, licence_class."
        ) from error
    return table


def is_trainable(table: pd.DataFrame) -> "pd.Series[bool]":
    """Which rows may train what ships: their licence lets them, and no tools are offered, which decide the task."""
    return (table["licence_class"] == _TRAINABLE) & (table["tools"] == "")


def trainable(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that may train what ships."""
    return table[is_trainable(table)].reset_index(drop=True)


def figures_of(
    features: FeatureMaker, cues: CueFinder, texts: Sequence[str], tasks: Sequence[str], families: Sequence[str]
) -> Figures:
    """The figures of texts."""
    readings = [features.read_text(text) for text in texts]
    rows = np.array([reading.row for reading in readings])
    return Figures(
        static=rows[:, : features.n_static],
        signals=rows[:, features.n_embedding :],
        cues=cue_rows(cues, readings),
        grams=[reading.grams for reading in readings],
        words=[reading.word_counts for reading in readings],
        tasks=np.array(tasks, dtype=object),
        families=np.array(families, dtype=object),
    )


def cue_rows(cues: CueFinder, readings: Sequence[TextReading]) -> np.ndarray:
    """Which concepts texts name, (n_texts, n_cues)."""
    return np.array([cues.vector(reading.words, reading.canonical.flat) for reading in readings])


def corpus_figures(features: FeatureMaker, cues: CueFinder, table: pd.DataFrame) -> Figures:
    """The figures of real prompts, as training reads them."""
    texts = [profile_text(conversation) for conversation in table["conversation"]]
    return figures_of(features, cues, texts, table["task"].tolist(), table["family"].tolist())


def save_figures(figures: Figures, languages: Sequence[str], path: Path, *, form: str) -> None:
    """Writes figures: bins and counts of hashed grams, the vector as int8, no text.

    Args:
        form: What the figures are made with, see `form_of`.
    """
    table = pd.DataFrame({"task": figures.tasks, "family": figures.families, "language": list(languages)})
    table["static"] = [np.rint(row * _STATIC_SCALE).astype(np.int8).tobytes() for row in figures.static]
    table["signals"] = [row.astype(np.float16).tobytes() for row in figures.signals]
    table["cues"] = [np.packbits(row.astype(bool)).tobytes() for row in figures.cues]
    for name, counts in (("gram", figures.grams), ("word", figures.words)):
        table[f"{name}_bins"] = [count.bins.astype(np.uint16).tobytes() for count in counts]
        table[f"{name}_counts"] = [_counts_of(count.weights).tobytes() for count in counts]
    table.attrs = {"form": form}
    table.to_parquet(path, index=False, compression="zstd")


def load_figures(path: Path, n_cues: int, *, form: str) -> Figures:
    """The figures that `save_figures` wrote.

    Raises:
        OmniError: The file is missing, or was made with another encoder, cue list or form of reading.
    """
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise OmniError(
            f"The figures {str(path)!r} cannot be read ({error}). Restore the file from the repository."
        ) from error
    if table.attrs.get("form") != form:
        raise OmniError(
            f"{str(path)!r} was made with {table.attrs.get('form')!r}, and reading is now {form!r}. Rebuild it with "
            f"`python -m evals.studies train-reader --prompts PARQUET`."
        )
    return Figures(
        static=_matrix(table["static"], np.int8) / np.float32(_STATIC_SCALE),
        signals=_matrix(table["signals"], np.float16).astype(np.float32),
        cues=np.unpackbits(_matrix(table["cues"], np.uint8), axis=1, count=n_cues).astype(np.float32),
        grams=_count_rows(table, "gram"),
        words=_count_rows(table, "word"),
        tasks=table["task"].to_numpy(dtype=object),
        families=table["family"].to_numpy(dtype=object),
    )


def form_of(data_folder: Path, features: FeatureMaker) -> str:
    """Sixteen hex digits over what figures are made with: everything but the gram directions, which come from them."""
    digest = hashlib.sha256(features.text_form.encode())
    digest.update((data_folder / CUE_FILE).read_bytes())
    return digest.hexdigest()[:16]


def own_figures(features: FeatureMaker, cues: CueFinder, labels: Sequence[Label]) -> Figures:
    """The figures of this project's own labels."""
    tasks = [label.task for label in labels]
    return figures_of(features, cues, [label.prompt for label in labels], tasks, [""] * len(labels))


def joined(first: Figures, second: Figures) -> Figures:
    """Both, one after the other."""
    return Figures(
        static=np.concatenate([first.static, second.static]),
        signals=np.concatenate([first.signals, second.signals]),
        cues=np.concatenate([first.cues, second.cues]),
        grams=first.grams + second.grams,
        words=first.words + second.words,
        tasks=np.concatenate([first.tasks, second.tasks]),
        families=np.concatenate([first.families, second.families]),
    )


def _conversation_of(row: Any) -> Conversation:
    tools = tuple(json.loads(row.tools)) if row.tools else ()
    if not row.is_conversation:
        return Conversation(messages=(Message(role="user", text=row.prompt),), tool_names=tools)
    messages = [
        Message(role=_ROLES.get(message["role"], "user"), text=_text_of(message["content"]))
        for message in json.loads(row.prompt)
    ]
    return Conversation(messages=tuple(messages), tool_names=tools)


def _text_of(content: Any) -> str:
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)


def _counts_of(weights: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(np.exp(weights - 1.0)), 1, 0xFFFF).astype(np.uint16)


def _matrix(column: "pd.Series[Any]", dtype: Any) -> np.ndarray:
    return np.array([np.frombuffer(value, dtype=dtype) for value in column])


def _count_rows(table: pd.DataFrame, name: str) -> list[GramCounts]:
    return [
        GramCounts(
            np.frombuffer(bins, dtype=np.uint16).astype(np.int64),
            (1.0 + np.log(np.frombuffer(counts, dtype=np.uint16))).astype(np.float32),
        )
        for bins, counts in zip(table[f"{name}_bins"], table[f"{name}_counts"], strict=True)
    ]
