"""The command that judges the router on categories and sources it was not fitted on."""

import json
from dataclasses import replace

import numpy as np
import pytest

from evals.recordings import write_recording
from evals.studies.__main__ import main
from evals.studies.held_out import HeldOut, Slice, leave_out, measure, source_labels, summary_line, to_lines
from tests.builders import build_recording


@pytest.fixture(scope="module")
def found():
    """A small recording, measured."""
    return measure(build_recording(300))


def _slice(name="c", difference=0.0, lo=None, hi=None):
    return Slice(name=name, n=50, difference=difference, lo=lo, hi=hi)


def _held_out(**changes):
    base = {
        "recording": "r", "n_fit": 10, "n_test": 5, "gain": 0.02, "gain_lo": 0.01, "gain_hi": 0.03, "aiq": 0.6,
        "best_simple": "knn", "best_simple_aiq": 0.58, "cost_to_match": 0.4, "calibration_error": 0.02,
        "calibration_by_chance": 0.015,
        "categories": (), "left_out": (), "sources": (),
    }  # fmt: skip
    return HeldOut(**{**base, **changes})


def test_a_slice_fails_when_its_interval_lies_wholly_below_one_point():
    """A low difference that chance may explain is no failure, and neither is one without an interval."""
    assert _slice(difference=-0.05, lo=-0.08, hi=-0.02).fails
    assert not _slice(difference=-0.05, lo=-0.08, hi=-0.005).fails
    assert not _slice(difference=-0.05).fails


def test_every_category_is_judged_within_and_left_out(found):
    """Both lists name categories of the recording, each with at least twenty prompts."""
    assert found.categories
    assert found.left_out
    assert {part.name for part in found.left_out} <= {part.name for part in found.categories}
    assert all(part.n >= 20 for part in (*found.categories, *found.left_out))
    assert found.best_simple_aiq is not None
    assert 0.02 < found.calibration_by_chance < 0.08  # about 90 picks, not those of every setting of the dial


def _categories(recording):
    return recording.prompts["category"].to_numpy(object)


def test_a_category_left_out_is_not_fitted_on():
    """Outcomes of the category's own fit prompts change nothing."""
    recording = build_recording(300)
    labels = _categories(recording)
    name = str(labels[0])
    own = ((labels == name) & recording.is_fit)[:, None]
    turned = replace(recording, scores=np.where(own, 1.0 - recording.scores, recording.scores))
    first, second = ({part.name: part for part in leave_out(one, labels, "omni")} for one in (recording, turned))
    assert first[name] == second[name]


def test_a_category_that_cannot_be_compared_is_no_slice():
    """Without outcomes of the best single model there: unknown would hide the worst one, and is no JSON."""
    recording = build_recording(300)
    lost = recording.prompts["category"][0]
    unknown = (_categories(recording) == lost) & recording.is_test
    holey = replace(recording, scores=np.where(unknown[:, None], np.nan, recording.scores))
    names = [part.name for part in leave_out(holey, _categories(holey), "omni")]
    assert names
    assert lost not in names


def test_sources_are_known_in_mixed_recordings_only():
    """A category with its source before a slash tells the source; others tell none."""
    recording = build_recording(300)
    assert source_labels(recording) is None
    named = [f"{'ab'[row % 2]}/x" for row in range(300)]
    mixed = replace(recording, prompts=recording.prompts.assign(category=named))
    assert set(source_labels(mixed)) == {"a", "b"}


def test_text_shows_dashes_for_what_is_undefined():
    """A recording without costs or categories still gives a line and a summary."""
    bare = _held_out(gain=None, gain_lo=None, gain_hi=None, aiq=None, best_simple_aiq=None, cost_to_match=None)
    assert to_lines(bare)[0].count(" -") >= 4
    assert "mean gain -" in summary_line([bare])


def test_the_summary_counts_slices_that_fail():
    """One failing category of two, and a lower bound above 0."""
    one = _held_out(left_out=(_slice(), _slice(difference=-0.05, lo=-0.08, hi=-0.02)))
    assert "lower bound above 0 on 1" in summary_line([one])
    assert "1 of 2 left out" in summary_line([one])


def test_the_command_gives_json(tmp_path, capsys):
    """Figures by recording on standard output, progress on standard error."""
    folder = write_recording(build_recording(200), tmp_path / "synthetic", with_text=False)
    assert main(["held-out", str(folder), "--json", "--policy", "knn"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)[0]["n_test"] > 0
    assert "1/1" in captured.err


def test_an_unknown_policy_is_refused(capsys):
    """The known ones are listed in one line."""
    assert main(["held-out", "--policy", "nonsense"]) == 2
    assert "omni" in capsys.readouterr().err
