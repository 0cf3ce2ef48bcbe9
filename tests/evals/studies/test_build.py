"""Building recordings from result sets: filters, averages, names, sides, and no text in what is written."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evals.studies.__main__ import main
from evals.studies.build import build, price_models
from evals.studies.source_tables import assign_sides
from evals.studies.sources import Mixed, Source
from omni.catalog import load_catalog
from omni.errors import RecordingError
from omni.recording import load_recording
from omni.types import Task
from tests.recording_builders import FakeReader

SECRET = "the quick brown secret"


def tiny_source(name: str = "alpha", **changes: object) -> Source:
    """A source whose category is its column `kind`."""
    known: dict[str, object] = {
        "name": name,
        "title": name.title(),
        "address": "https://example.org",
        "licence": "MIT",
        "languages": ("en",),
        "score_meaning": "right",
        "task": Task.MATH,
        "category": "kind",
    }
    return Source(**(known | changes))  # type: ignore[arg-type]


def write_source(folder: Path, name: str = "alpha", *, n_prompts: int = 40, prefix: str = "") -> None:
    """Two judges for every prompt of two open models, a closed one and a thin one."""
    (folder / name).mkdir(parents=True)
    prompts = pd.DataFrame(
        {
            "prompt_id": [f"{name}-{at}" for at in range(n_prompts)],
            "prompt": [f"{SECRET} {prefix}{at}" for at in range(n_prompts)],
            "task": "t",
            "kind": ["x" if at % 2 else "y" for at in range(n_prompts)],
            "language": "en",
            "reference": "42",
        }
    )
    rows = [
        {"prompt_id": f"{name}-{at}", "model": model, "judge": judge, "score": float(judge), "output_chars": 400}
        for at in range(n_prompts)
        for model in ("open-7b", "open-70b", "closed", "thin")
        for judge in (0, 1)
        if model != "thin" or at < 10
    ]
    prompts.to_parquet(folder / name / "prompts.parquet")
    pd.DataFrame(rows).to_parquet(folder / name / "outcomes.parquet")
    facts = pd.DataFrame(
        {
            "source": name,
            "model": ["open-7b", "open-70b", "closed", "thin"],
            "open_weight": [1.0, 1.0, 0.0, 1.0],
            "size_b_from_name": [7.0, 70.0, None, None],
            "is_ablation_checkpoint": None,
        }
    )
    path = folder / "models.csv"
    known = [pd.read_csv(path)] if path.exists() else []
    pd.concat([*known, facts]).to_csv(path, index=False)


def test_build_averages_judges_and_keeps_open_covered_models(tmp_path: Path) -> None:
    """Two judges that disagree give 0.5; the closed and the thin model are not in the pool, the card says so."""
    write_source(tmp_path / "in")
    lines = build(tmp_path / "in", tmp_path / "out", sources=[tiny_source()], mixed=(), reader=FakeReader())
    recording = load_recording(tmp_path / "out" / "alpha")
    assert list(recording.models.index) == ["open-70b", "open-7b"]
    assert (recording.scores == 0.5).all()
    assert (recording.output_tokens == 100).all()
    assert lines[0].startswith("alpha: 40 prompts")
    assert "thin: answered 25.0%" in (tmp_path / "out" / "alpha" / "CARD.md").read_text(encoding="utf-8")


def test_build_leaves_text_and_references_out(tmp_path: Path) -> None:
    """Not one byte of a prompt is in any written file; features stand for it."""
    write_source(tmp_path / "in")
    build(tmp_path / "in", tmp_path / "out", sources=[tiny_source()], mixed=(), reader=FakeReader())
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert all(b"secret" not in path.read_bytes() for path in files)
    recording = load_recording(tmp_path / "out" / "alpha")
    assert recording.feature_fingerprint == "fake-4"
    assert recording.features.shape == (40, 4)


def test_build_with_text_keeps_prompts_for_development(tmp_path: Path) -> None:
    """The same folder with prompts in place of features."""
    write_source(tmp_path / "in")
    reader = FakeReader()
    build(tmp_path / "in", tmp_path / "out", with_text=True, sources=[tiny_source()], mixed=(), reader=reader)
    assert load_recording(tmp_path / "out" / "alpha", reader).prompts["prompt"].str.startswith(SECRET).all()


def test_equal_texts_of_two_sources_share_group_and_side() -> None:
    """Both sources hold the same texts: every one has one group id and one side over both."""
    frame = pd.DataFrame({"prompt_id": ["1", "2", "3"], "prompt": ["A", "b", "c"]})
    other = pd.DataFrame({"prompt_id": ["7", "8"], "prompt": ["a ", "z"]})
    sided = assign_sides({"alpha": frame, "beta": other}, [tiny_source(), tiny_source("beta")])
    assert sided["alpha"]["group_id"][0] == sided["beta"]["group_id"][0]
    assert sided["alpha"]["group_id"][0].startswith("text:")
    assert sided["alpha"]["split"][0] == sided["beta"]["split"][0]
    assert sided["alpha"]["group_id"][1] == "2"


def test_complete_prompts_are_those_that_every_kept_model_answered(tmp_path: Path) -> None:
    """A filter on a column and the thin model leave five; the thin model then stays."""
    write_source(tmp_path / "in")
    source = tiny_source(complete_prompts=True, where=(("kind", "x"),))
    build(tmp_path / "in", tmp_path / "out", sources=[source], mixed=(), reader=FakeReader(), with_text=True)
    recording = load_recording(tmp_path / "out" / "alpha", FakeReader())
    assert list(recording.models.index) == ["open-70b", "open-7b", "thin"]
    assert recording.n_prompts == 5


def test_cap_takes_the_same_prompts_every_time(tmp_path: Path) -> None:
    """A hash of the text chooses, so a smaller cap gives a subset."""
    write_source(tmp_path / "in")
    chosen = []
    for cap in (15, 25):
        source = tiny_source(max_prompts=cap)
        build(tmp_path / "in", tmp_path / str(cap), sources=[source], mixed=(), reader=FakeReader())
        chosen.append(set(load_recording(tmp_path / str(cap) / "alpha").prompts["prompt_id"]))
    assert len(chosen[0]) == 15
    assert chosen[0] < chosen[1]


def test_mixed_recording_is_a_list_of_parts(tmp_path: Path) -> None:
    """Nothing is copied, and loading joins them."""
    for name in ("alpha", "beta"):
        write_source(tmp_path / "in", name, prefix=name)
    plan = Mixed(name="both", title="Both", parts=("alpha", "beta"))
    sources = [tiny_source(), tiny_source("beta")]
    build(tmp_path / "in", tmp_path / "out", sources=sources, mixed=[plan], reader=FakeReader())
    assert sorted(path.name for path in (tmp_path / "out" / "both").iterdir()) == ["CARD.md", "recording.yml"]
    mixed = load_recording(tmp_path / "out" / "both")
    assert mixed.n_prompts == 80
    assert set(mixed.prompts["category"]) == {"alpha/x", "alpha/y", "beta/x", "beta/y"}


def test_prices_are_listed_estimated_or_unknown() -> None:
    """By Hub id, by size, or not at all; unknown is null, never 0."""
    models = pd.DataFrame(
        {
            "model_id": ["meta-llama/Llama-3.1-8B-Instruct", None, None],
            "params_total_b": [8.0, 13.0, None],
            "params_active_b": None,
            "hides_reasoning": None,
        },
        index=pd.Index(["a", "b", "c"], name="model"),
    )
    priced = price_models(models, load_catalog())
    assert priced["price_basis"].tolist()[:2] == ["listed", "estimated"]
    assert (priced["price_in_usd_per_mtok"][:2] > 0).all()
    assert np.isnan(priced["price_in_usd_per_mtok"].iloc[2])


def test_missing_source_file_is_named(tmp_path: Path) -> None:
    """The message says which file and what folder to give."""
    with pytest.raises(RecordingError, match=r"alpha.prompts.parquet: the file is missing"):
        build(tmp_path, tmp_path / "out", sources=[tiny_source()], mixed=(), reader=FakeReader())


def test_an_unknown_name_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In one line with the known ones."""
    assert main(["build", str(tmp_path), "--only", "nothing"]) == 2
    assert "no source 'nothing' to build; expected one of: mmlupro" in capsys.readouterr().err
