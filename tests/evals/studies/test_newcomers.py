"""A model without outcomes among models with many: how it is served, and how that is measured."""

import json
from dataclasses import replace

import numpy as np
import pytest

from evals.arena import build_arena
from evals.policies import POLICIES
from evals.recordings import write_recording
from evals.studies.__main__ import main
from evals.studies.newcomers import Trial, choose, choose_newcomers, hide_outcomes, measure, to_lines
from omni.errors import RecordingError
from tests.builders import build_recording


def _trial(recording, joined, *, full=0.04):
    return Trial(recording=recording, model="m", full=full, ignored=0.0, joined=joined, picked=0.1, full_picked=0.2)


def test_the_command_tries_every_newcomer(tmp_path, capsys):
    """One trial each of a small pool, as JSON."""
    folder = write_recording(build_recording(120, 3), tmp_path / "synthetic", with_text=False)
    assert main(["newcomers", str(folder), "--json"]) == 0
    out = capsys.readouterr()
    trials = json.loads(out.out)
    assert "3 newcomers" in out.err
    assert [trial["model"] for trial in trials] == ["model-a", "model-b", "model-c"]


def test_no_outcome_of_the_newcomer_is_read():
    """Other scores and costs of the newcomer on the fit side change no choice."""
    recording = build_recording()
    is_own = recording.is_fit[:, None] & (np.arange(4) == 2)
    turned = replace(
        recording,
        scores=np.where(is_own, 1.0 - recording.scores, recording.scores),
        costs_usd=np.where(is_own, 9.0 * recording.costs_usd, recording.costs_usd),
    )
    dial = np.array([0.0, 100.0])
    honest, other = (
        POLICIES.create("omni").choose(hide_outcomes(arena.fit, 2), arena.test, dial).picks
        for arena in (build_arena(one, seed=0) for one in (recording, turned))
    )
    assert np.array_equal(honest, other)


def test_an_ignored_model_is_never_picked():
    """The other columns are those of the whole pool."""
    picks = choose(build_arena(build_recording(), seed=0), 1, "ignored")
    assert 1 not in picks
    assert set(np.unique(picks)) <= {0, 2, 3}


def test_only_one_model_is_left_out():
    """The other columns stay as they are."""
    blank = hide_outcomes(build_arena(build_recording(), seed=0).fit, 1)
    assert np.isfinite(blank.scores).any(axis=0).tolist() == [True, False, True, True]
    assert np.array_equal(np.isfinite(blank.scores), np.isfinite(blank.costs_usd))


def test_models_near_the_envelope_are_left_out_in_turn():
    """A small pool is tried whole; a large one by ten near the envelope at most and four others."""
    assert choose_newcomers(build_arena(build_recording(), seed=0).fit) == [0, 1, 2, 3]
    large = choose_newcomers(build_arena(build_recording(n_models=40), seed=0).fit)
    assert len(large) <= 14
    assert large == sorted(set(large))


def test_recordings_count_alike_whatever_their_newcomers():
    """Two newcomers of one recording weigh as much as one of another: (2 + 4) / 2 of 4 points are kept."""
    mean = to_lines([_trial("a", 0.01), _trial("a", 0.03), _trial("b", 0.04)])[-1]
    assert mean.startswith("mean of single      3  +4.00    +0.00   +3.00")
    assert " 75 ± " in mean


def test_one_recording_alone_has_no_interval_and_no_share_of_no_gain_is_stated():
    """Unknown is left out, or a dash."""
    assert " 25  " in to_lines([_trial("a", 0.01)])[-1]
    assert " - " in to_lines([_trial("a", 0.01, full=0.0)])[-1]


def test_mixed_recordings_have_their_own_mean():
    """A line each, and one for each kind."""
    lines = to_lines([_trial(name, 0.02) for name in ("a", "mixed-zk")])
    assert [line.split("  ")[0] for line in lines[-2:]] == ["mean of single", "mean of mixed"]


def test_one_model_alone_is_refused():
    """It has no pool to join."""
    with pytest.raises(RecordingError, match="two models"):
        measure(build_arena(build_recording(n_models=1), seed=0))
