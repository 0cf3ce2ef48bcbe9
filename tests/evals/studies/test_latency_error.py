"""How well the seconds of an answer are predicted."""

from dataclasses import replace

import numpy as np

from evals.recordings import write_recording
from evals.studies.__main__ import main
from evals.studies.latency_error import measure
from tests.builders import build_recording


def test_seconds_that_follow_the_prompt_are_predicted_better_than_by_the_mean():
    """Seconds that grow with a feature, held out."""
    plain = build_recording(300)
    noise = np.random.default_rng(0).normal(0.0, 0.1, plain.scores.shape)
    seconds = np.exp(0.5 * plain.features[:, [0]] + noise)
    found = measure(replace(plain, latencies_s=seconds, latency_basis="recorded"))
    assert found.by_prompt < 0.5 * found.by_typical <= 0.5 * found.by_mean
    assert found.n == plain.is_fit.sum() * plain.n_models


def test_a_recording_that_timed_nothing_is_refused(tmp_path, capsys):
    """In one line."""
    folder = write_recording(build_recording(60), tmp_path / "plain", with_text=False)
    assert main(["latency-error", str(folder)]) == 2
    assert "latency_s" in capsys.readouterr().err
