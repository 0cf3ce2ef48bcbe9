"""Real prompts are judged, and their absence is said."""

import argparse
from pathlib import Path

import pandas as pd
import pytest

from evals.studies import judge_reader, train_reader
from evals.studies.labels import load_corpus, trainable
from omni.config import DATA_DIR
from omni.reading import Reader, load_reader

SHARED = DATA_DIR.parent.parent / "shared/data/prompts/prompts_by_task.parquet"
"""Beside the repository; real prompts are not part of it."""


def test_absent_prompts_are_no_failure_without_a_word(tmp_path, capsys):
    """The command says that the prompts are not there and why."""
    assert judge_reader.run(argparse.Namespace(prompts=tmp_path / "none.parquet")) == 1
    assert "absent" in capsys.readouterr().out


def test_report_counts_by_task_family_and_share():
    """Two of three right; the mean over tasks counts each task once."""
    table = pd.DataFrame(
        {
            "task": ["math", "math", "code"],
            "family": ["a", "a", "b"],
            "language": ["en"] * 3,
            "found": ["math", "code", "code"],
            "share": [0.95, 0.6, 0.92],
        }
    )
    lines = list(judge_reader.report(table))
    assert "right 66.7%, mean over tasks 75.0%" in lines[0]
    assert lines[1] == "by task: code 100% (1), math 50% (2)"
    assert lines[2] == "by family: a 50% (2), b 100% (1)"
    assert "share [0.9, 1.001): right 100.0% (2)" in lines


def test_commands_take_their_options():
    """Both studies declare what they need."""
    parser = argparse.ArgumentParser()
    train_reader.add_arguments(parser)
    assert parser.parse_args(["--check"]).check
    parser = argparse.ArgumentParser()
    judge_reader.add_arguments(parser)
    assert parser.parse_args(["x.parquet"]).prompts == Path("x.parquet")


@pytest.fixture(scope="module")
def reader() -> Reader:
    """The shipped reader."""
    return load_reader()


@pytest.mark.skipif(not SHARED.is_file(), reason="the real prompts are not on this machine")
def test_real_prompts_without_a_permissive_licence_are_told_apart(reader):
    """Of families that never trained 58 % or more get their task; at shares of 0.9 or more at least 80 % do."""
    corpus = load_corpus(SHARED)
    corpus = corpus[~corpus["family"].isin(set(trainable(corpus)["family"])) & (corpus["tools"] == "")]
    profiles = reader.read_batch(corpus["conversation"].tolist())
    right = pd.Series([p.main_task.value for p in profiles]) == corpus["task"].reset_index(drop=True)
    bold = pd.Series([max(p.tasks.values()) >= 0.9 for p in profiles])
    assert right.mean() >= 0.58
    assert right[bold].mean() >= 0.8
