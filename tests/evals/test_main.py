"""The command line as other tools call it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evals.__main__ import main
from evals.recordings import write_recording
from omni.errors import StoreError
from omni.store import open_store
from tests.builders import build_recording

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A recording in the format, as figures."""
    place = tmp_path_factory.mktemp("recordings") / "synthetic"
    write_recording(build_recording(), place)
    return str(place)


def test_json_on_standard_output_is_nothing_but_json(folder, capsys):
    """Progress goes to standard error."""
    assert main(["replay", folder, "--policies", "knn,mixture", "--json", "-"]) == 0
    out = json.loads(capsys.readouterr().out)
    assert set(out["policies"]) == {"knn", "mixture"}
    assert out["recording"] == "synthetic"


def test_files_are_written_and_agree(folder, tmp_path, capsys):
    """The decisions repeat the quality that the JSON reports."""
    target, decisions = tmp_path / "figures.json", tmp_path / "decisions.parquet"
    assert main(["replay", folder, "--policies", "ridge", "--json", str(target), "--decisions", str(decisions)]) == 0
    assert "ridge" in capsys.readouterr().out
    picks = pd.read_parquet(decisions)
    assert list(picks.columns) == ["prompt_id", "policy", "setting", "model"]
    recording = build_recording()
    rows = picks[picks["setting"] == "quality_per_usd=0"]
    prompts = pd.Index(recording.prompts["prompt_id"]).get_indexer(rows["prompt_id"])
    models = recording.models.index.get_indexer(rows["model"].astype(str))
    quality = json.loads(target.read_text())["policies"]["ridge"]["quality"]
    assert np.mean(recording.scores[prompts, models]) == pytest.approx(quality)


def test_a_run_is_kept_and_reported(folder, tmp_path, capsys):
    """replay --db, then report."""
    db, export = tmp_path / "runs.duckdb", tmp_path / "figures.csv"
    assert main(["replay", folder, "--policies", "knn", "--db", str(db)]) == 0
    assert main(["report", "--db", str(db), "--export", str(export)]) == 0
    out = capsys.readouterr().out
    assert "synthetic" in out
    assert pd.read_csv(export)["policy"].tolist() == ["knn"]


def test_an_empty_store_says_so(tmp_path, capsys):
    """No runs is no error."""
    open_store(tmp_path / "runs.duckdb").close()
    assert main(["report", "--db", str(tmp_path / "runs.duckdb")]) == 0
    assert "holds no runs" in capsys.readouterr().out


def test_shipped_recordings_are_listed(capsys):
    """As a table and as JSON."""
    assert main(["list", "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)
    assert main(["list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(entries)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["replay", "no-such-recording"], "no-such-recording"),
        (["replay", "FOLDER", "--policies", "nonsense"], "unknown policy 'nonsense'"),
        (["replay", "FOLDER", "--policies", "single:nobody"], "unknown model 'nobody'"),
        (["replay", "FOLDER", "--policies", ","], "no policy was named"),
        (["replay", "FOLDER", "--seed", "-1"], "--seed"),
        (["replay", "FOLDER", "--seed", "4294967296"], "--seed"),
        (["replay", "FOLDER", "--decisions", "picks.txt"], "--decisions"),
        (["replay", "FOLDER", "--json", "nowhere/figures.json"], "does not exist"),
        (["replay", "FOLDER", "--db", "nowhere/runs.duckdb"], "does not exist"),
        (["report", "--db", "no-such.duckdb"], "no store"),
    ],
)
def test_bad_input_exits_2_with_one_line(folder, capsys, arguments, words):
    """What, where, what to do; no traceback."""
    assert main([folder if argument == "FOLDER" else argument for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert words in captured.err


def test_a_held_store_is_said_before_the_work(folder, tmp_path):
    """Another process has the file: exit 2, one line with its number, no replay."""
    db = tmp_path / "runs.duckdb"
    command = [sys.executable, "-m", "evals", "replay", folder, "--policies", "knn", "--db", str(db)]
    with open_store(db):
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 2
    assert f"process {os.getpid()}" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_figures_are_shown_even_when_they_cannot_be_kept(folder, tmp_path, capsys, monkeypatch):
    """Another process may have taken the store meanwhile: the work is not lost with it."""

    def held(*_):
        raise StoreError("another process has it")

    monkeypatch.setattr("evals.store.save_run", held)
    assert main(["replay", folder, "--policies", "knn", "--db", str(tmp_path / "runs.duckdb")]) == 2
    captured = capsys.readouterr()
    assert "knn" in captured.out
    assert "another process has it" in captured.err


def test_a_reader_that_goes_away_is_no_error(folder):
    """As in `| head`."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    command = [sys.executable, "-m", "evals", "replay", folder, "--policies", "best_single"]
    done = subprocess.run(command, stdout=write_end, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False)
    os.close(write_end)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_an_interrupt_ends_in_one_plain_line(folder, capsys, monkeypatch):
    """Ctrl-C keeps nothing and shows no traceback."""

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("evals.replay.replay", interrupt)
    assert main(["replay", folder, "--policies", "knn"]) == 130
    assert "stopped" in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--json"], ["--decisions"], ["--db"]])
def test_a_name_no_file_can_have_is_said_in_one_line(folder, options, capsys):
    """The system's own refusal would come as a stack of calls."""
    name = "x" * 300 + (".parquet" if options == ["--decisions"] else "")
    assert main(["replay", folder, "--policies", "best_single", *options, name]) == 2
    assert main(["report", "--db", name]) == 2
    assert all(line.startswith("evals: ") for line in capsys.readouterr().err.splitlines() if "%" not in line)
