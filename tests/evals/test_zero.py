"""The command that measures what is left of the gain without outcomes, or with a few."""

import json
from dataclasses import replace

import numpy as np
import pytest

from evals.__main__ import main
from evals.arena import build_arena
from evals.policies.base import build_dial
from evals.policies.routers import few_labels
from evals.recordings import write_recording
from evals.strangers import Coverage, Tie, measure_tie, to_lines
from evals.zero import PriorMixture, Row, draw_labels, pooled_calibration_error, to_line, to_summary
from tests.builders import build_recording


@pytest.fixture
def folder(tmp_path):
    """A small recording on disk."""
    return write_recording(build_recording(200), tmp_path / "synthetic", with_text=False)


def _row(policy, gain, share=None):
    return Row(
        recording="r", policy=policy, n_labels=0, n_draws=1, gain=gain, lo=None, hi=None, gain_sd=None, worst=gain,
        share_kept=share, calibration_error=None, bins=None,
    )  # fmt: skip


def test_the_command_gives_one_row_a_policy(folder, capsys):
    """Full data, the prior's mixture, 0, 10 and 50 labels, and all of them as labels."""
    assert main(["zero", str(folder), "--draws", "2", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["policy"] for row in rows] == [
        "omni", "prior_mixture", "omni_zero", "omni_10", "omni_50", "omni_bound"
    ]  # fmt: skip
    assert [row["n_draws"] for row in rows] == [1, 1, 1, 2, 2, 1]
    assert all(row["gain"] is not None for row in rows)


def test_too_few_draws_are_refused(capsys):
    """At least one draw is needed, said in one line."""
    assert main(["zero", "--draws", "0"]) == 2
    assert "--draws" in capsys.readouterr().err


def test_few_labels_read_no_other_outcome():
    """Outcomes of prompts that were not drawn change no pick."""
    recording = build_recording()
    arena = build_arena(recording, seed=0)
    labelled = draw_labels(arena.fit, 10, 3)
    others = np.setdiff1d(np.arange(len(arena.fit.prompts)), labelled)
    scores = arena.fit.scores.copy()
    scores[others] = 1.0 - scores[others]
    dial = build_dial(arena.fit)
    honest = few_labels(labelled).choose(arena.fit, arena.test, dial)
    other = few_labels(labelled).choose(replace(arena.fit, scores=scores), arena.test, dial)
    assert len(set(labelled)) == 10
    assert np.array_equal(honest.picks, other.picks)


def test_the_prior_mixture_has_fixed_models_as_settings():
    """Each setting sends every prompt to one model, the best expected first."""
    arena = build_arena(build_recording(), seed=0)
    choices = PriorMixture().choose(arena.fit, arena.test, np.zeros(1))
    assert (choices.picks == choices.picks[:, :1]).all()
    assert len(set(choices.settings)) == len(choices.picks)


def test_an_undefined_figure_is_a_dash():
    """Unknown is never 0."""
    line = to_line([_row("omni", None), _row("prior_mixture", None), _row("omni_zero", 0.01)])
    assert line.split()[1:5] == ["-", "-", "+1.00", "-"]


def test_benchmarks_and_recordings_are_tied_by_shared_models():
    """A better benchmark ability goes with a better score in every recording that shares models."""
    tie = measure_tie()
    assert tie.n > 50
    assert min(tie.slopes.values()) > 0.3


def test_the_lines_name_kinds_and_tie():
    """One line a kind, the tie last."""
    row = Coverage(kind="benchmarks", n=3, rmse=0.5, mean_se=0.4, held_50=0.5, held_90=0.9)
    tie = Tie(slope=1.2, slope_se=0.1, residual_sd=0.5, n=3, n_recordings=1, n_models=3, slopes={"a": 1.2})
    lines = list(to_lines([row], tie))
    assert "benchmarks" in lines[1]
    assert "1.20" in lines[2]


def test_levels_that_are_off_both_ways_even_out_when_sources_are_taken_together():
    """One source 0.2 too high and one 0.2 too low are calibrated together."""
    high = replace(_row("omni_zero", 0.0), bins=((1.0, 0.5, 0.3),))
    low = replace(_row("omni_zero", 0.0), bins=((1.0, 0.5, 0.7),))
    assert pooled_calibration_error([high]) == pytest.approx(0.2)
    assert pooled_calibration_error([high, low]) == pytest.approx(0.0)
    assert pooled_calibration_error([_row("omni", 0.0)]) is None


def test_the_summary_gives_means_and_the_share_kept():
    """Half of the mean gain of two recordings is kept; its interval follows from theirs."""
    rows = []
    for gain, policy in ((0.02, "omni"), (0.01, "omni_zero")):
        rows += [replace(_row(policy, gain), recording=name, lo=gain - 0.01, hi=gain + 0.01) for name in ("a", "b")]
    lines = to_summary(rows)
    assert "+2.00 [+1.3, +2.7]" in lines[0]
    assert "+1.00" in lines[1]
    assert "keeps 50%" in lines[1]
