"""Latencies estimated from published speeds."""

from dataclasses import replace

import numpy as np
import pytest

from evals.arena import build_arena, estimate_latencies
from evals.replay import replay
from evals.tables import repeatable_gap_of
from omni.catalog import load_catalog
from tests.builders import build_recording


@pytest.fixture(scope="module")
def catalog():
    """The shipped catalog."""
    return load_catalog()


def _with_ids(catalog):
    """A recording whose first model has a published speed; the second is known without one, the rest unknown."""
    fast = next(card for card in catalog.models if card.output_tokens_per_s and card.time_to_first_token_s is not None)
    silent = next(card for card in catalog.models if not card.output_tokens_per_s)
    recording = build_recording()
    models = recording.models.assign(model_id=[fast.model_id, silent.model_id, None, "nobody/nothing"])
    return fast, replace(recording, models=models)


def test_an_estimate_is_first_token_plus_length_over_speed(catalog):
    """NaN wherever a figure is missing."""
    fast, recording = _with_ids(catalog)
    latencies = estimate_latencies(recording, recording.output_tokens, catalog)
    expected = fast.time_to_first_token_s + recording.output_tokens[:, 0] / fast.output_tokens_per_s
    assert latencies[:, 0] == pytest.approx(expected)
    assert np.isnan(latencies[:, 1:]).all()


def test_estimates_are_marked_as_such(catalog):
    """In the run, its models and its rows."""
    _, recording = _with_ids(catalog)
    result = replay(recording, ["single:model-a"], catalog=catalog)
    assert result.latency_basis == "estimated"
    assert result.singles.set_index("model")["latency_basis"].to_dict()["model-a"] == "estimated"
    assert set(result.choices["latency_basis"]) == {"estimated"}
    assert result.versions["catalog"] == catalog.version


def test_the_repeatable_gap_reads_the_test_side_and_the_pool():
    """Two draws that agree everywhere repeat the whole gap; draws of the fit side change nothing."""
    recording = build_recording(seed=1)
    draws = np.stack([recording.scores, recording.scores])
    draws[1, recording.is_fit] = 1.0 - draws[1, recording.is_fit]
    arena = build_arena(replace(recording, draw_scores=draws), seed=0)
    assert repeatable_gap_of(arena, 3) == pytest.approx(1.0)
    assert repeatable_gap_of(build_arena(recording, seed=0), 3) is None
