"""Recordings as other people's tools write them: read where the meaning is clear, refused in plain words elsewhere."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from omni.errors import RecordingError
from omni.recording import load_recording
from tests.recording_builders import (
    CARD,
    FakeReader,
    tiny_models,
    tiny_outcomes,
    tiny_prompts,
    write_features,
    write_folder,
)

READER = FakeReader()


def rewrite(folder: Path, name: str, columns: dict[str, Callable[[pa.ChunkedArray], Any]]) -> None:
    """Replaces columns of a Parquet file, as Arrow arrays."""
    table = pq.read_table(folder / f"{name}.parquet")
    arrays = {column: columns.get(column, lambda array: array)(table[column]) for column in table.column_names}
    pq.write_table(pa.table(arrays), folder / f"{name}.parquet")


@pytest.mark.parametrize(
    "to_type",
    [
        lambda array: array.cast(pa.large_string()),
        lambda array: array.cast(pa.string()).dictionary_encode(),
        lambda array: array.cast(pa.binary()),
    ],
    ids=["large_string", "dictionary", "binary"],
)
def test_text_columns_of_any_type_are_the_same_text(tmp_path: Path, to_type: Callable[..., Any]) -> None:
    """Ids meet across files, and no text gains Python's quotes."""
    rewrite(write_folder(tmp_path), "prompts", {"prompt_id": to_type, "prompt": to_type})
    rewrite(tmp_path, "outcomes", {"prompt_id": to_type, "model": to_type})
    recording = load_recording(tmp_path, READER)
    assert recording.prompts["prompt"].tolist() == tiny_prompts()["prompt"].tolist()
    assert not np.isnan(recording.scores).any()


def test_a_column_that_was_an_index_is_still_a_column(tmp_path: Path) -> None:
    """As pandas writes a table whose index is the prompt id."""
    write_folder(tmp_path)
    tiny_prompts().set_index("prompt_id").to_parquet(tmp_path / "prompts.parquet")
    assert load_recording(tmp_path, READER).prompts["prompt_id"].tolist() == tiny_prompts()["prompt_id"].tolist()


@pytest.mark.parametrize("score_of", [bool, np.float16, np.int8, str])
def test_scores_of_any_type_are_numbers(tmp_path: Path, score_of: type) -> None:
    """True and false, whole numbers and digits count as what they say."""
    scores = pa.array([score_of(score) for score in tiny_outcomes()["score"]])
    rewrite(write_folder(tmp_path), "outcomes", {"score": lambda _: scores})
    expected = load_recording(write_folder(tmp_path / "plain"), READER).scores
    assert np.array_equal(load_recording(tmp_path, READER).scores, expected)


def test_a_mean_in_single_precision_may_be_a_hair_above_one(tmp_path: Path) -> None:
    """It is cut to 1."""
    outcomes = tiny_outcomes()
    outcomes["score"] = np.where(outcomes["score"] > 0, np.nextafter(np.float32(1.0), np.float32(2.0)), 0.0)
    assert load_recording(write_folder(tmp_path, outcomes=outcomes), READER).scores.max() == 1.0


@pytest.mark.parametrize("word", ["", "nan", "None", "NULL", "N/A"])
def test_usual_words_for_unknown_are_unknown(tmp_path: Path, word: str) -> None:
    """Never 0."""
    models = tiny_models().astype(object)
    models.loc[1, "price_in_usd_per_mtok"] = word
    assert np.isnan(load_recording(write_folder(tmp_path, models=models), READER).costs_usd[:, 1]).all()


@pytest.mark.parametrize(
    "text",
    ["\ufeff{}", "{}\n\n"],
    ids=["byte order mark", "empty lines"],
)
def test_models_csv_of_other_tools_is_read(tmp_path: Path, text: str) -> None:
    """With spaces around the names of columns, Windows' ends of lines, a mark at the start."""
    table = write_folder(tmp_path) / "models.csv"
    lines = table.read_text(encoding="utf-8").replace("model,", "model , ", 1).replace("\n", "\r\n")
    table.write_bytes(text.format(lines).encode())
    assert load_recording(tmp_path, READER).cost_basis == "listed"


def test_commas_at_the_ends_of_rows_shift_no_column(tmp_path: Path) -> None:
    """As spreadsheets write them; the first column is no index then."""
    table = write_folder(tmp_path) / "models.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("listed\n", "listed,\n"), encoding="utf-8")
    assert load_recording(tmp_path, READER).models.index.tolist() == ["small", "large"]


def test_rows_longer_than_the_header_are_refused(tmp_path: Path) -> None:
    """A value with a comma in it that nobody quoted."""
    table = write_folder(tmp_path) / "models.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("listed\n", "listed,7B\n"), encoding="utf-8")
    with pytest.raises(RecordingError, match=r"models\.csv: rows have more values than the header"):
        load_recording(tmp_path, READER)


def test_a_card_may_hold_dates_and_norwegian(tmp_path: Path) -> None:
    """YAML reads both as something else."""
    card = "name: tiny\ntitle: 2026-01-31\nsource: 2026-01-31\nlanguages: [no, en]\n"
    recording = load_recording(write_folder(tmp_path, card=card), READER)
    assert (recording.title, recording.source, recording.languages) == ("2026-01-31", "2026-01-31", ("no", "en"))


@pytest.mark.parametrize("prompt", [["a", "b"], {"role": "user", "content": "a"}])
def test_a_prompt_that_is_no_text_is_refused(tmp_path: Path, prompt: object) -> None:
    """A conversation would otherwise be read with its brackets."""
    prompts = tiny_prompts().assign(prompt=[prompt] * 40)
    with pytest.raises(RecordingError, match="column prompt, row 1: a list or structure"):
        load_recording(write_folder(tmp_path, prompts=prompts), READER)


@pytest.mark.parametrize("column", ["model", "prompt_id"])
def test_an_id_that_is_a_list_is_refused(tmp_path: Path, column: str) -> None:
    """With the file and column, not with a complaint about hashing."""
    outcomes = tiny_outcomes()
    outcomes[column] = [[value] for value in outcomes[column]]
    with pytest.raises(RecordingError, match=f"outcomes.parquet: column {column}, row 1: a list"):
        load_recording(write_folder(tmp_path, outcomes=outcomes), READER)


@pytest.mark.parametrize(("column", "value"), [("output_tokens", 2**60), ("cost_usd", 1e300)])
def test_a_figure_beyond_belief_is_refused(tmp_path: Path, column: str, value: float) -> None:
    """It would overflow where it is squared."""
    with pytest.raises(RecordingError, match=f"column {column}, row 1.*up to 1e"):
        load_recording(write_folder(tmp_path, outcomes=tiny_outcomes().assign(**{column: value})), READER)


@pytest.mark.parametrize("moment", [pd.Timedelta(seconds=2), pd.Timestamp("2026-01-31")])
def test_a_time_or_duration_is_no_number(tmp_path: Path, moment: object) -> None:
    """Two seconds would otherwise be read as two milliards of them."""
    with pytest.raises(RecordingError, match="column latency_s, row 1"):
        load_recording(write_folder(tmp_path, outcomes=tiny_outcomes().assign(latency_s=moment)), READER)


def test_text_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    """Other tools write half a character; reading it would fail where it is used."""
    broken = pa.array([b"\xed\xa0\x80"] * 40, pa.binary()).view(pa.string())
    rewrite(write_folder(tmp_path), "prompts", {"prompt": lambda _: broken})
    with pytest.raises(RecordingError, match=r"prompts\.parquet: cannot be read as Parquet .*UTF8"):
        load_recording(tmp_path, READER)


def test_columns_nobody_asked_for_are_not_read(tmp_path: Path) -> None:
    """The answers of the models, often kept beside the scores, are larger than all the rest."""
    write_folder(tmp_path, outcomes=tiny_outcomes().assign(answer="x" * 1000))
    rewrite(tmp_path, "outcomes", {"answer": lambda _: pa.array([b"\xff"] * 80, pa.binary()).view(pa.string())})
    assert not np.isnan(load_recording(tmp_path, READER).scores).any()


def test_a_card_nested_without_end_is_refused(tmp_path: Path) -> None:
    """In one sentence, as any other broken card."""
    with pytest.raises(RecordingError, match="cannot be read as YAML"):
        load_recording(write_folder(tmp_path, card="name: " + "[" * 3000), READER)


def test_a_name_can_be_shown_in_one_line(tmp_path: Path) -> None:
    """No ends of lines, no commands to the terminal, no half of a character that cannot be written."""
    card = 'name: "a\\nb"\ntitle: "\\e[31mred \\ud800 題"\n'
    recording = load_recording(write_folder(tmp_path, card=card), READER)
    assert (recording.name, recording.title) == ("a b", "[31mred   題")


def test_a_name_no_folder_can_have_is_refused() -> None:
    """The system has a limit of its own, with an error of its own."""
    with pytest.raises(RecordingError, match="neither a folder nor a shipped recording"):
        load_recording("x" * 5000, READER)


@pytest.mark.parametrize("embedding", [[[]] * 40, [[1e30, 1.0]] * 40, [[float("nan"), 1.0]] * 40])
def test_features_without_use_are_refused(tmp_path: Path, embedding: list[list[float]]) -> None:
    """Empty, endless and unknown ones."""
    write_features(write_folder(tmp_path, prompts=tiny_prompts()[["prompt_id"]]), tiny_prompts()["prompt_id"].tolist())
    rewrite(tmp_path, "features", {"embedding": lambda _: pa.array(embedding, pa.list_(pa.float64()))})
    with pytest.raises(RecordingError, match=r"features\.parquet"):
        load_recording(tmp_path, READER)


def test_a_part_named_twice_is_refused(tmp_path: Path) -> None:
    """Its prompts would stand there twice."""
    write_folder(tmp_path / "tiny")
    (tmp_path / "mixed").mkdir()
    (tmp_path / "mixed" / "recording.yml").write_text("name: mixed\nparts: [tiny, tiny]\n", encoding="utf-8")
    with pytest.raises(RecordingError, match="stands there twice"):
        load_recording(tmp_path / "mixed", READER)


def test_unicode_and_long_ids_survive(tmp_path: Path) -> None:
    """Ids are text; what stands in them is nobody's business."""
    names = {f"p{at}": f"問題/{at} é🤖 " + "x" * 500 for at in range(40)}
    prompts, outcomes = tiny_prompts(), tiny_outcomes(names=("模型", "модель"))
    prompts["prompt_id"] = prompts["prompt_id"].map(names)
    outcomes["prompt_id"] = outcomes["prompt_id"].map(names)
    folder = write_folder(
        tmp_path, card=CARD, models=tiny_models(("模型", "модель")), prompts=prompts, outcomes=outcomes
    )
    assert not np.isnan(load_recording(folder, READER).scores).any()
