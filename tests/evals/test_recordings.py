"""The shipped recordings, and writing, listing and mixing."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from evals.recordings import list_recordings, write_recording
from evals.studies.sources import MIXED, SHIPPED
from omni.errors import RecordingError
from omni.recording import load_recording, recordings_folder, shipped_names
from omni.recording.mix import SHARED_GROUP, mix
from tests.recording_builders import FakeReader, tiny_models, tiny_outcomes, tiny_prompts, write_folder

MAX_SHIPPED_MB = 22
PERMISSIVE = {"Apache-2.0", "MIT"}
NAMES = sorted([source.name for source in SHIPPED] + [plan.name for plan in MIXED])


def test_every_named_recording_is_shipped_and_small() -> None:
    """The folder holds what the sources name, in fewer than 22 MB."""
    assert shipped_names() == NAMES
    size = sum(path.stat().st_size for path in recordings_folder().rglob("*") if path.is_file())
    assert size < MAX_SHIPPED_MB * 1e6


@pytest.mark.parametrize("name", NAMES)
def test_shipped_recording_loads_and_is_sound(name: str) -> None:
    """Scores lie in 0..1, costs are known and positive, groups are whole, two models at least, all open."""
    recording = load_recording(name)
    assert recording.n_prompts > 0
    assert recording.n_models >= 2
    scores = recording.scores[~np.isnan(recording.scores)]
    assert ((scores >= 0) & (scores <= 1)).all()
    assert (recording.costs_usd[~np.isnan(recording.scores)] > 0).all()
    assert recording.is_fit.sum() > recording.is_test.sum() >= 2
    assert (recording.prompts.groupby("group_id")["split"].nunique() == 1).all()
    assert recording.models["open_weight"].all()
    assert np.isfinite(recording.features).all()
    assert set(recording.licence.split("; ")) <= PERMISSIVE
    assert recording.score_meaning
    assert (recordings_folder() / name / "CARD.md").is_file()


@pytest.mark.parametrize("path", sorted(recordings_folder().glob("*/*.parquet")), ids=lambda p: "/".join(p.parts[-2:]))
def test_shipped_files_hold_no_text(path: Path) -> None:
    """No column for prompts, references or answers, and no long string in any other."""
    table = pq.read_table(path)
    assert not {"prompt", "reference", "response", "answer"} & set(table.column_names)
    for column in table.column_names:
        if str(table.schema.field(column).type) == "string":
            assert max(len(value or "") for value in table.column(column).unique().to_pylist()) <= 60


def test_one_text_stands_on_one_side_in_all_shipped_recordings() -> None:
    """Equal texts carry the same group id in every source, and so can be checked without the text."""
    sides: dict[str, str] = {}
    for source in SHIPPED:
        prompts = load_recording(source.name).prompts
        shared = prompts[prompts["group_id"].str.startswith(SHARED_GROUP)]
        for group, side in zip(shared["group_id"], shared["split"], strict=True):
            assert sides.setdefault(group, side) == side
    assert sides


def test_shipped_recordings_share_one_feature_maker() -> None:
    """Or they could not be mixed."""
    assert len({load_recording(source.name).feature_fingerprint for source in SHIPPED}) == 1


def test_written_recording_reads_back_the_same(tmp_path: Path) -> None:
    """Scores, costs, their basis, sides and features survive."""
    first = load_recording(write_folder(tmp_path / "a"), FakeReader())
    again = load_recording(write_recording(first, tmp_path / "b", with_text=False))
    assert np.array_equal(first.scores, again.scores, equal_nan=True)
    assert np.allclose(first.costs_usd, again.costs_usd, rtol=1e-12)
    assert again.cost_basis == "listed"
    assert (first.prompts["split"] == again.prompts["split"]).all()
    assert np.array_equal(first.features, again.features)
    assert again.prompts["prompt"].tolist() == [None] * 40


def test_list_names_counts_and_licence(tmp_path: Path) -> None:
    """One entry for each folder with a recording.yml."""
    write_folder(tmp_path / "tiny")
    (entry,) = list_recordings(tmp_path)
    assert (entry.name, entry.n_prompts, entry.n_models, entry.licence) == ("tiny", 40, 2, "MIT")


@pytest.mark.parametrize("content", [None, b"", b"no parquet at all"])
def test_list_names_a_file_that_cannot_be_counted(tmp_path: Path, content: bytes | None) -> None:
    """Missing, empty or something else: the message says which file."""
    prompts = write_folder(tmp_path / "tiny") / "prompts.parquet"
    prompts.unlink()
    if content is not None:
        prompts.write_bytes(content)
    with pytest.raises(RecordingError, match=r"prompts\.parquet: missing, or no Parquet"):
        list_recordings(tmp_path)


def test_list_counts_a_mixed_recording(tmp_path: Path) -> None:
    """Its prompts are those of its parts, its models the shared ones."""
    for part in ("one", "two"):
        first = load_recording(write_folder(tmp_path / f"src-{part}", card=f"name: {part}\n"), FakeReader())
        write_recording(first, tmp_path / "all" / part, with_text=False)
    (tmp_path / "all" / "mix").mkdir()
    (tmp_path / "all" / "mix" / "recording.yml").write_text("parts: [one, two]\n", encoding="utf-8")
    mixed = next(entry for entry in list_recordings(tmp_path / "all") if entry.name == "mix")
    assert (mixed.n_prompts, mixed.n_models) == (80, 2)


def test_mixing_keeps_the_wanted_models_in_order(tmp_path: Path) -> None:
    """Models are named by Hub id; an unknown one is refused with those that are shared."""
    parts = [
        load_recording(write_folder(tmp_path / name, card=f"name: {name}\n"), FakeReader()) for name in ("one", "two")
    ]
    mixed = mix(parts, models=["org/small"])
    assert list(mixed.models.index) == ["org/small"]
    assert mixed.scores.shape == (80, 1)
    with pytest.raises(RecordingError, match="'org/other' is not in every part"):
        mix(parts, models=["org/other"])


def test_two_rows_of_one_hub_id_are_matched_by_name(tmp_path: Path) -> None:
    """A model recorded with and without thinking is not joined with another recording's single row."""
    models = tiny_models()
    models["model_id"] = "org/same"
    one = load_recording(write_folder(tmp_path / "one", card="name: one\n", models=models), FakeReader())
    two = load_recording(
        write_folder(
            tmp_path / "two", card="name: two\n", models=models, prompts=tiny_prompts(), outcomes=tiny_outcomes()
        ),
        FakeReader(),
    )
    assert list(mix([one, two]).models.index) == ["large", "small"]


def test_listed_counts_are_those_of_the_loaded_recordings() -> None:
    """The list reads no outcomes and still counts right."""
    entries = {entry.name: entry for entry in list_recordings()}
    assert sorted(entries) == NAMES
    for name in ("shaberi", "mixed-zkf", "mixed-sf"):
        recording = load_recording(name)
        assert (entries[name].n_prompts, entries[name].n_models) == (recording.n_prompts, recording.n_models)
        assert entries[name].languages == recording.languages
