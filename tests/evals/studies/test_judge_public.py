"""How the public router is judged."""

import numpy as np

from evals.studies.judge_public import _error_sd, _mixture, judge
from omni.quality.estimate import Expected
from omni.recording import load_recording
from tests.recording_builders import FakeReader, write_folder


def _expected(quality, cost, error=0.0):
    quality, cost = np.array(quality), np.array(cost)
    return Expected(
        quality_parts={"all": quality},
        quality=quality,
        quality_se=np.full(quality.shape, error),
        output_tokens=np.ones(quality.shape),
        cost_usd=cost,
    )


def test_the_control_takes_the_corners_of_what_is_believed():
    """A model below the line between two others is no corner."""
    told = _expected([[0.2, 0.3, 0.8]], [[0.0, 0.5, 1.0]])
    assert sorted(set(_mixture(told)[:, 0].tolist())) == [0, 2]


def test_errors_as_large_as_stated_have_a_standard_deviation_of_one():
    """Two models, said to be equal and 0.2 apart: each is 0.1 off the mean, as stated."""
    told = _expected([[0.5, 0.5]] * 2, [[1.0, 1.0]] * 2, error=0.1)
    assert abs(_error_sd(told, np.array([[0.4, 0.6], [0.4, 0.6]])) - 1.0) < 1e-9


def test_a_recording_of_unknown_models_is_judged_on_either_side(tmp_path):
    """Models and prompts that nothing is known of get a verdict with all figures."""
    recording = load_recording(write_folder(tmp_path / "tiny"), FakeReader())
    for side, rows in (("fit", recording.is_fit), ("test", recording.is_test)):
        verdict = judge(recording, side, 0.1)
        assert verdict.n_prompts == rows.sum()
        assert verdict.gain.mean is not None
        assert verdict.calibration_error is not None
        assert verdict.error_sd > 0
