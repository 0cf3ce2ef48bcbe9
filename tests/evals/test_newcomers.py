"""A model without outcomes among models with many: how it is served, and how that is measured."""

import json
from dataclasses import replace

import numpy as np
import pytest

from evals.__main__ import main
from evals.arena import build_arena
from evals.newcomers import Trial, choose_newcomers, hide_outcomes, measure, summarise, to_lines
from evals.policies.routers import fit_omni
from evals.recordings import write_recording
from omni.errors import RecordingError
from tests.builders import build_recording


def _trial(recording, gain, *, kind="name", n_labels=0, full=0.04):
    return Trial(
        recording=recording, model="m", kind=kind, n_labels=n_labels, full=full, gain=gain, picked=0.1,
        full_picked=0.2, level_error=0.03, level_se=0.1,
    )  # fmt: skip


def test_the_command_tries_every_newcomer_with_every_number_of_labels(tmp_path, capsys):
    """Ignored and at the pool's mean once each, and by its name with 0, 10 and 50 labels."""
    folder = write_recording(build_recording(120, 3), tmp_path / "synthetic", with_text=False)
    assert main(["zero", "--newcomers", str(folder), "--json"]) == 0
    out = capsys.readouterr()
    trials = json.loads(out.out)
    assert "3 newcomers" in out.err
    assert len(trials) == 3 * (1 + 1 + 3)
    assert {trial["n_labels"] for trial in trials} == {0, 10, 50}
    assert all(trial["picked"] == 0.0 for trial in trials if trial["kind"] is None)


def test_no_outcome_of_the_newcomer_is_read_but_its_labels():
    """Other scores and costs of its, where they are hidden, change nothing of what is expected."""
    fit = build_arena(build_recording(), seed=0).fit
    turned = replace(fit, scores=1.0 - fit.scores, costs_usd=9.0 * fit.costs_usd)
    mixed = replace(
        fit,
        scores=np.where(np.arange(4) == 2, turned.scores, fit.scores),
        costs_usd=np.where(np.arange(4) == 2, turned.costs_usd, fit.costs_usd),
    )
    honest, other = (fit_omni(hide_outcomes(data, 2, 0)).predict(fit.prompts) for data in (fit, mixed))
    assert np.array_equal(honest.quality, other.quality)
    assert np.array_equal(honest.cost_usd, other.cost_usd)


def test_labels_are_those_of_one_model_alone():
    """So many cells of its column stay, and all of the others'."""
    fit = build_arena(build_recording(), seed=0).fit
    blank = hide_outcomes(fit, 1, 10)
    assert np.isfinite(blank.scores).sum(axis=0).tolist() == [len(fit.scores), 10, len(fit.scores), len(fit.scores)]
    assert np.array_equal(np.isfinite(blank.scores), np.isfinite(blank.costs_usd))


def test_a_newcomer_has_an_expected_cost_and_a_wider_error():
    """Priced by its price and the others' lengths; doubted until its scores say more."""
    fit = build_arena(build_recording(), seed=0).fit
    predictor = fit_omni(hide_outcomes(fit, 3, 0))
    assert np.isfinite(predictor.predict(fit.prompts).cost_usd).all()
    assert predictor.pool.mean_se[3] > 2 * predictor.pool.mean_se[0]
    assert predictor.pool.doubt[3] > 0.0


def test_models_near_the_envelope_are_left_out_in_turn():
    """A small pool is tried whole; a large one by ten near the envelope at most and four others."""
    assert choose_newcomers(build_arena(build_recording(), seed=0).fit) == [0, 1, 2, 3]
    large = choose_newcomers(build_arena(build_recording(n_models=40), seed=0).fit)
    assert len(large) <= 14
    assert large == sorted(set(large))


def test_recordings_count_alike_whatever_their_newcomers():
    """Two newcomers of one recording weigh as much as one of another."""
    kept = summarise([_trial("a", 0.01), _trial("a", 0.03), _trial("b", 0.04)])
    assert kept.gain == pytest.approx(0.03)
    assert kept.share == pytest.approx(0.75)
    assert kept.worst_recording == pytest.approx(0.02)
    assert kept.worst_trial == pytest.approx(0.01)


def test_no_share_of_no_gain_is_stated():
    """Where all outcomes gain nothing there is nothing to keep."""
    assert np.isnan(summarise([_trial("a", 0.01, full=0.0)]).share)


def test_one_recording_alone_has_no_interval():
    """What is not known is left out, or a dash."""
    text = "\n".join(to_lines([_trial("a", 0.01, kind="name")]))
    assert "nan" not in text
    assert "+1.00 " in text
    assert " - " in "\n".join(to_lines([_trial("a", 0.01, full=0.0, kind="name")]))


def test_mixed_recordings_stand_apart():
    """A table for each kind, with controls beside the newcomer."""
    trials = [_trial(name, 0.02, kind=kind) for name in ("a", "mixed-b") for kind in (None, "mean", "name")]
    lines = "\n".join(to_lines(trials))
    assert lines.index("single, all newcomers") < lines.index("mixed, all newcomers")
    assert lines.count("at the pool's mean, 0 labels") == 2


def test_one_model_alone_is_refused():
    """There is nobody to join."""
    with pytest.raises(RecordingError, match="two models"):
        measure(build_arena(build_recording(n_models=1), seed=0))
