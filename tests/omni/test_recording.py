"""Reading a recording folder: what is filled in, what is refused and with which words."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evals.recordings import write_recording
from omni.errors import RecordingError
from omni.recording import find_recording, load_recording
from omni.recording.load import NO_PROFILES, OTHER_READER
from omni.recording.mix import mix
from omni.recording.split import join_groups, normalise_text, side_of, split_rows, text_key
from omni.types import PromptProfile
from tests.recording_builders import (
    FakeReader,
    tiny_models,
    tiny_outcomes,
    tiny_prompts,
    write_features,
    write_folder,
)

READER = FakeReader()


def test_tiny_folder_loads_with_every_optional_column_absent(tmp_path: Path) -> None:
    """Category and the like become None, each prompt its own group, and a split is made."""
    recording = load_recording(write_folder(tmp_path), READER)
    assert recording.scores.shape == (40, 2)
    assert all(value is None for value in recording.prompts["category"])
    assert recording.prompts["group_id"].tolist() == recording.prompts["prompt_id"].tolist()
    assert 2 <= recording.is_test.sum() < recording.is_fit.sum()
    assert recording.features.shape == (40, 4)
    assert recording.feature_fingerprint == "fake-4"


def test_split_does_not_depend_on_order_or_other_prompts(tmp_path: Path) -> None:
    """A prompt keeps its side when others are added and the rows are turned around."""
    large = load_recording(
        write_folder(tmp_path / "a", prompts=tiny_prompts(60)[::-1], outcomes=tiny_outcomes(60)), READER
    )
    small = load_recording(write_folder(tmp_path / "b"), READER)
    sides = large.prompts.set_index("prompt_id")["split"]
    assert (sides[small.prompts["prompt_id"]].to_numpy() == small.prompts["split"].to_numpy()).all()


def test_split_gives_about_seventy_percent_to_fit() -> None:
    """The hash is spread evenly."""
    share = np.mean([side_of(text_key(f"text {at}")) == "fit" for at in range(5000)])
    assert 0.68 < share < 0.72


def test_equal_texts_share_group_and_side() -> None:
    """Case, width and white space make no difference."""
    assert normalise_text("  Ｗhat\n IS this ") == "what is this"
    keys = [text_key("A  b"), text_key("c"), text_key("a B"), text_key("d")]
    joined = join_groups(["g1", "g2", "g3", "g2"], keys)
    assert joined == [0, 1, 0, 1]
    sides = split_rows(joined, keys)
    assert sides[0] == sides[2] == side_of(keys[0])
    assert sides[1] == sides[3]


def test_groups_stay_whole(tmp_path: Path) -> None:
    """Prompts of one conversation fall on one side."""
    prompts = tiny_prompts()
    prompts["group_id"] = [f"g{at // 4}" for at in range(40)]
    recording = load_recording(write_folder(tmp_path, prompts=prompts), READER)
    assert (recording.prompts.groupby("group_id")["split"].nunique() == 1).all()


def test_given_split_is_kept_and_torn_groups_are_said(tmp_path: Path) -> None:
    """A split column is not changed, but a text on both sides is named in the notes."""
    prompts = tiny_prompts()
    prompts.loc[21, "prompt"] = prompts.loc[0, "prompt"].upper()
    prompts["split"] = ["fit"] * 20 + ["test"] * 20
    recording = load_recording(write_folder(tmp_path, prompts=prompts), READER)
    assert recording.is_fit.sum() == 20
    assert "1 groups or equal texts stand on both sides" in recording.cautions[0]


def test_cost_is_tokens_times_price(tmp_path: Path) -> None:
    """p0 on the small model: 10 tokens in at 0.1, 100 out at 0.2 USD per million."""
    recording = load_recording(write_folder(tmp_path), READER)
    assert recording.costs_usd[0, 0] == pytest.approx((10 * 0.1 + 100 * 0.2) / 1e6)
    assert recording.cost_basis == "listed"


def test_recorded_cost_wins_over_price(tmp_path: Path) -> None:
    """Where cost_usd is null the price fills in, and the basis says mixed."""
    outcomes = tiny_outcomes()
    outcomes["cost_usd"] = [0.5] + [None] * (len(outcomes) - 1)
    recording = load_recording(write_folder(tmp_path, outcomes=outcomes), READER)
    assert recording.costs_usd[0, 0] == 0.5
    assert recording.costs_usd[1, 0] == pytest.approx((11 * 0.1 + 100 * 0.2) / 1e6)
    assert recording.cost_basis == "mixed"


def test_no_price_leaves_cost_unknown(tmp_path: Path) -> None:
    """Unknown and zero prices give NaN, never 0."""
    models = tiny_models()
    models["price_in_usd_per_mtok"] = ["", "0"]
    recording = load_recording(write_folder(tmp_path, models=models), READER)
    assert np.isnan(recording.costs_usd).all()
    assert recording.cost_basis is None


def test_no_length_at_all_assumes_one_and_says_so(tmp_path: Path) -> None:
    """Cost then follows the price alone, flagged as estimated."""
    outcomes = tiny_outcomes().drop(columns="output_tokens")
    recording = load_recording(write_folder(tmp_path, outcomes=outcomes), READER)
    assert recording.costs_usd[0, 1] == pytest.approx((10 * 0.4 + 300 * 0.8) / 1e6)
    assert recording.cost_basis == "estimated"
    assert "assume 300 output tokens" in recording.cautions[0]


def test_half_the_cells_may_be_missing(tmp_path: Path) -> None:
    """Missing cells are NaN in score and cost alike; a model without any score is left out by name."""
    outcomes = tiny_outcomes(names=("small", "large", "third")).iloc[::2]
    models = tiny_models(("small", "large", "third", "never"))
    recording = load_recording(write_folder(tmp_path, models=models, outcomes=outcomes), READER)
    assert list(recording.models.index) == ["small", "large", "third"]
    assert (np.isnan(recording.costs_usd) == np.isnan(recording.scores)).all()
    assert "never" in recording.cautions[0]


def test_stored_features_replace_text(tmp_path: Path) -> None:
    """Without text the stored features are used as they are, int8 scaled by 127."""
    prompts = tiny_prompts().drop(columns="prompt")
    write_features(write_folder(tmp_path, prompts=prompts), prompts["prompt_id"].tolist())
    recording = load_recording(tmp_path)
    assert recording.features[3].tolist() == [1.0, -1.0, 0.5]
    assert recording.feature_fingerprint == "stored-3"
    assert recording.prompts["prompt"].isna().all()


def test_text_is_read_even_beside_stored_features(tmp_path: Path) -> None:
    """What is stored is rounded; a replay must read a prompt exactly as the router that answers does."""
    write_features(write_folder(tmp_path), tiny_prompts()["prompt_id"].tolist(), fingerprint="fake-4")
    reader = FakeReader()
    recording = load_recording(tmp_path, reader)
    assert (recording.feature_fingerprint, recording.profile_version) == ("fake-4", "fake-4-read")
    assert reader.n_texts == 40
    assert recording.profiles[3].language == "de"
    assert recording.profiles[3].features.tolist() == recording.features[3].tolist()


def test_profiles_are_stored_and_read_back(tmp_path: Path) -> None:
    """A recording without text keeps what reading found, field by field."""
    with_text = load_recording(write_folder(tmp_path / "text"), READER)
    folder = write_recording(with_text, tmp_path / "figures", with_text=False)
    back = load_recording(folder, READER)
    assert back.prompts["prompt"].isna().all()
    assert back.cautions == ()
    assert back.profile_version == "fake-4-read"
    assert list(back.profiles) == list(with_text.profiles)
    assert back.profiles[7].features.tolist() == with_text.profiles[7].features.tolist()


def test_profiles_of_another_reader_are_used_with_a_caution(tmp_path: Path) -> None:
    """They still say more than nothing; a reader of the figures must know."""
    with_text = replace(load_recording(write_folder(tmp_path / "text"), READER), profile_version="older")
    back = load_recording(write_recording(with_text, tmp_path / "figures", with_text=False), READER)
    assert back.profiles[0].language == "de"
    assert back.cautions == (OTHER_READER,)


def test_prompts_that_nothing_read_are_typical_ones(tmp_path: Path) -> None:
    """Features alone say no task; the length is the recorded one."""
    prompts = tiny_prompts().drop(columns="prompt")
    write_features(write_folder(tmp_path, prompts=prompts), prompts["prompt_id"].tolist())
    recording = load_recording(tmp_path, READER)
    assert recording.cautions == (NO_PROFILES,)
    assert recording.profiles[5] == PromptProfile.typical(input_tokens=15)
    assert recording.profiles[5].features.tolist() == [1.0, -1.0, 0.5]


def test_parts_of_a_recording_keep_their_own_profiles(tmp_path: Path) -> None:
    """Rows that are left out take their profiles along."""
    recording = load_recording(write_folder(tmp_path), READER)
    part = recording.subset(rows=np.array([4, 2]))
    assert [profile.input_tokens for profile in part.profiles] == [
        recording.profiles[4].input_tokens,
        recording.profiles[2].input_tokens,
    ]


@pytest.mark.parametrize("file", ["recording.yml", "models.csv", "prompts.parquet", "outcomes.parquet"])
def test_missing_and_unreadable_files_are_named(tmp_path: Path, file: str) -> None:
    """Both complaints carry the file's name."""
    write_folder(tmp_path)
    (tmp_path / file).write_bytes(b"\xff\xfe\x00 not this : [format")
    with pytest.raises(RecordingError, match=file):
        load_recording(tmp_path, READER)
    (tmp_path / file).unlink()
    with pytest.raises(RecordingError, match=f"{file}: the file is missing"):
        load_recording(tmp_path, READER)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("score", 1.5, r"outcomes.parquet: column score, row 3.*1\.5.*from 0 to 1"),
        ("score", -0.1, "column score, row 3"),
        ("score", float("inf"), "column score, row 3"),
        ("output_tokens", -5, "column output_tokens, row 3.*from 0 up"),
        ("model", "gpt-9", "column model, row 3: unknown 'gpt-9'.*models.csv"),
        ("prompt_id", "p99", "column prompt_id, row 3: unknown 'p99'.*prompts.parquet"),
        ("prompt_id", None, "column prompt_id, row 3: empty"),
        ("prompt_id", "p0", r"repeat a prompt and model.*row 3"),
    ],
)
def test_bad_outcome_is_named_by_column_and_row(tmp_path: Path, column: str, value: object, words: str) -> None:
    """The third row carries the fault and the message finds it."""
    outcomes = tiny_outcomes()
    outcomes.loc[2, column] = value
    with pytest.raises(RecordingError, match=words):
        load_recording(write_folder(tmp_path, outcomes=outcomes), READER)


def test_score_that_is_text_is_refused(tmp_path: Path) -> None:
    """A word in the score column is not read as unknown."""
    outcomes = tiny_outcomes()
    outcomes["score"] = outcomes["score"].astype(str)
    outcomes.loc[4, "score"] = "good"
    with pytest.raises(RecordingError, match=r"column score, row 5.*'good'"):
        load_recording(write_folder(tmp_path, outcomes=outcomes), READER)


@pytest.mark.parametrize(
    ("file", "column"),
    [("models.csv", "model"), ("prompts.parquet", "prompt_id"), ("outcomes.parquet", "score")],
)
def test_missing_column_is_named(tmp_path: Path, file: str, column: str) -> None:
    """The message names the file, the column and those that were found."""
    tables = {"models": tiny_models(), "prompts": tiny_prompts(), "outcomes": tiny_outcomes()}
    key = file.split(".")[0]
    tables[key] = tables[key].drop(columns=column)
    write_folder(tmp_path, **tables)
    with pytest.raises(RecordingError, match=f"{file}: column {column} is missing"):
        load_recording(tmp_path, READER)


def test_empty_pool_is_refused(tmp_path: Path) -> None:
    """A models.csv with a header alone."""
    with pytest.raises(RecordingError, match=r"models.csv: the pool is empty"):
        load_recording(write_folder(tmp_path, models=tiny_models().iloc[:0]), READER)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("price_basis", "guessed", "column price_basis, row 2: 'guessed'"),
        ("open_weight", "perhaps", "column open_weight, row 2"),
        ("price_in_usd_per_mtok", "cheap", "column price_in_usd_per_mtok, row 2"),
        ("model", "small", "column model, row 2: 'small' a second time"),
    ],
)
def test_bad_model_row_is_named(tmp_path: Path, column: str, value: str, words: str) -> None:
    """The second row carries the fault."""
    models = tiny_models().astype(object)
    models.loc[1, column] = value
    with pytest.raises(RecordingError, match=words):
        load_recording(write_folder(tmp_path, models=models), READER)


def test_no_text_and_no_features_is_refused(tmp_path: Path) -> None:
    """There is nothing to route on."""
    prompts = tiny_prompts()
    prompts.loc[5, "prompt"] = None
    with pytest.raises(RecordingError, match=r"column prompt, row 6: no text, and there is no features.parquet"):
        load_recording(write_folder(tmp_path, prompts=prompts), READER)


def test_too_few_prompts_on_a_side_is_refused(tmp_path: Path) -> None:
    """One test prompt is not a test."""
    prompts = tiny_prompts()
    prompts["split"] = ["fit"] * 39 + ["test"]
    with pytest.raises(RecordingError, match="1 of 40 prompts on the test side; expected at least 2"):
        load_recording(write_folder(tmp_path, prompts=prompts), READER)


def test_unknown_split_word_is_refused(tmp_path: Path) -> None:
    """Only fit and test."""
    prompts = tiny_prompts()
    prompts["split"] = ["fit"] * 20 + ["dev"] * 20
    with pytest.raises(RecordingError, match="column split, row 21: 'dev'"):
        load_recording(write_folder(tmp_path, prompts=prompts), READER)


def test_number_ids_meet_across_files(tmp_path: Path) -> None:
    """Ids stored as integers in one file and floats in the other are the same ids."""
    prompts, outcomes = tiny_prompts(), tiny_outcomes()
    prompts["prompt_id"] = np.arange(40)
    outcomes["prompt_id"] = outcomes["prompt_id"].str[1:].astype(float)
    recording = load_recording(write_folder(tmp_path, prompts=prompts, outcomes=outcomes), READER)
    assert recording.prompts["prompt_id"][7] == "7"
    assert not np.isnan(recording.scores).any()


def test_unknown_name_lists_what_a_folder_needs() -> None:
    """The message says what to give instead."""
    with pytest.raises(RecordingError, match="neither a folder nor a shipped recording"):
        find_recording("no-such-recording")


def test_subset_keeps_rows_and_columns_together(tmp_path: Path) -> None:
    """Matrices, prompts and pool are cut alike; an unknown model is refused."""
    recording = load_recording(write_folder(tmp_path), READER)
    part = recording.subset(rows=recording.is_test, models=["large"])
    assert part.scores.shape == (recording.is_test.sum(), 1)
    assert (part.scores[:, 0] == recording.scores[recording.is_test, 1]).all()
    with pytest.raises(RecordingError, match="no model 'other'"):
        recording.subset(models=["other"])


def test_mixed_folder_joins_its_parts_on_shared_models(tmp_path: Path) -> None:
    """A recording.yml with parts is assembled at load, with prefixed ids and source/category."""
    write_folder(tmp_path / "one", card="name: one\n", models=tiny_models(("large", "small")))
    three = ("small", "large", "third")
    write_folder(tmp_path / "two", card="name: two\n", models=tiny_models(three), outcomes=tiny_outcomes(names=three))
    (tmp_path / "both").mkdir()
    (tmp_path / "both" / "recording.yml").write_text("name: both\nparts: [one, two]\n", encoding="utf-8")
    mixed = load_recording(tmp_path / "both", READER)
    assert list(mixed.models.index) == ["org/large", "org/small"]
    assert mixed.prompts["prompt_id"].tolist()[::40] == ["one/p0", "two/p0"]
    assert set(mixed.prompts["category"]) == {"one", "two"}
    sides = mixed.prompts.assign(text=mixed.prompts["prompt"]).groupby("text")["split"].nunique()
    assert (sides == 1).all()


def test_mixing_without_shared_models_is_refused(tmp_path: Path) -> None:
    """The message says to match models by id."""
    one = load_recording(write_folder(tmp_path / "one"), READER)
    two = load_recording(
        write_folder(tmp_path / "two", models=tiny_models(("x", "y")), outcomes=tiny_outcomes(names=("x", "y"))), READER
    )
    with pytest.raises(RecordingError, match="share no model"):
        mix([one, two])


def test_stored_features_must_cover_every_prompt(tmp_path: Path) -> None:
    """A prompt without a row is named."""
    prompts = tiny_prompts().drop(columns="prompt")
    write_features(write_folder(tmp_path, prompts=prompts), prompts["prompt_id"].tolist()[:-1])
    with pytest.raises(RecordingError, match=r"features.parquet: no row for prompt_id 'p39'"):
        load_recording(tmp_path)


def test_recording_without_any_optional_model_column(tmp_path: Path) -> None:
    """models.csv may hold names alone."""
    recording = load_recording(write_folder(tmp_path, models=pd.DataFrame({"model": ["small", "large"]})), READER)
    assert recording.models["model_id"].tolist() == [None, None]
    assert recording.cost_basis is None


def test_card_takes_lists_and_other_spellings(tmp_path: Path) -> None:
    """`license`, one language as text and notes as a list are understood."""
    card = "name: tiny\nlicense: MIT\nlanguage: de, fr\nscore: all right\nnotes: [one, two]\nsource: {hub: a/b}\n"
    recording = load_recording(write_folder(tmp_path, card=card), READER)
    assert (recording.licence, recording.languages, recording.score_meaning) == ("MIT", ("de", "fr"), "all right")
    assert (recording.notes, recording.source) == ("one; two", "hub: a/b")


@pytest.mark.parametrize("embedding", [["a", "b"], [["a"], ["b"]], [[1.0], [1.0, 2.0]], [[1.0], None]])
def test_features_that_are_not_equal_lists_of_numbers_are_refused(tmp_path: Path, embedding: list[object]) -> None:
    """The message names the column."""
    prompts = tiny_prompts().drop(columns="prompt")
    write_folder(tmp_path, prompts=prompts)
    table = pd.DataFrame({"prompt_id": prompts["prompt_id"], "embedding": pd.Series(embedding * 20, dtype=object)})
    table.to_parquet(tmp_path / "features.parquet")
    with pytest.raises(RecordingError, match=r"features.parquet: column embedding"):
        load_recording(tmp_path)


def test_draws_of_one_model_are_averaged_and_kept(tmp_path: Path) -> None:
    """Three answers to p0 of small, one with no score; all other pairs were drawn once. Numbers may have gaps."""
    outcomes = tiny_outcomes().assign(draw=0)
    more = outcomes.iloc[[0, 0, 0]].assign(draw=[9, 4, 5], score=[1.0, None, 0.0], output_tokens=[10, 20, 30])
    outcomes = pd.concat([outcomes.iloc[1:], more], ignore_index=True)
    recording = load_recording(write_folder(tmp_path, outcomes=outcomes), READER)
    assert recording.scores[0, 0] == 0.5
    assert recording.output_tokens[0, 0] == 20
    assert recording.draw_scores is not None
    np.testing.assert_array_equal(recording.draw_scores[:, 0, 0], [np.nan, 0.0, 1.0])
    assert np.isfinite(recording.draw_scores[0, 1:]).all()
    assert np.isnan(recording.draw_scores[1:, 1:]).all()
    part = recording.subset(rows=np.array([0, 3]), models=["large", "small"])
    assert part.draw_scores is not None
    np.testing.assert_array_equal(part.draw_scores[:, 0, 1], [np.nan, 0.0, 1.0])


def test_a_draw_column_without_a_second_draw_changes_nothing(tmp_path: Path) -> None:
    """One row a pair is one draw, however it is numbered."""
    outcomes = tiny_outcomes()
    recording = load_recording(write_folder(tmp_path, outcomes=outcomes.assign(draw=range(len(outcomes)))), READER)
    assert recording.draw_scores is None


def test_the_same_draw_twice_is_refused(tmp_path: Path) -> None:
    """With what to do."""
    outcomes = tiny_outcomes().assign(draw=1)
    outcomes = pd.concat([outcomes, outcomes.iloc[[5]]], ignore_index=True)
    with pytest.raises(RecordingError, match=r"repeat a prompt and model.*column draw"):
        load_recording(write_folder(tmp_path, outcomes=outcomes), READER)
