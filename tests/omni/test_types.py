"""Candidates say what their table's columns hold."""

import numpy as np
import pytest

from omni.types import Candidate, ScoreTable

TABLE = ScoreTable(
    model_ids=("a/one", "b/two"),
    part_names=("quality", "cost"),
    quality_names=("general", "difficulty"),
    figures=np.array(
        [[0.7, 0.6], [-0.1, -0.2], [0.9, 0.8], [-0.2, -0.2], [0.01, 0.02], [2e-4, np.nan], [3, np.nan], [50, 60]]
    ),
    cost_listed=np.array([True, False]),
    latency_basis=np.array([1, 0]),
    input_tokens=12,
)


def test_a_candidate_holds_the_figures_of_its_rank():
    """Every field comes from its own column."""
    assert TABLE.candidate(0) == Candidate(
        model_id="a/one",
        rank=1,
        parts={"quality": 0.7, "cost": -0.1},
        quality_se=0.01,
        quality_parts={"general": 0.9, "difficulty": -0.2},
        cost_usd=2e-4,
        cost_basis="listed",
        latency_s=3,
        latency_basis="published",
        input_tokens=12,
        output_tokens=50,
    )


def test_what_nobody_knows_is_none():
    """Without a figure there is no basis either."""
    second = TABLE.candidate(1)
    assert (second.rank, second.cost_usd, second.cost_basis) == (2, None, None)
    assert (second.latency_s, second.latency_basis) == (None, None)


def test_the_sums_are_those_of_the_parts():
    """The utility is worked out from its parts; the logit that votes are held against from the quality."""
    first = TABLE.candidate(0)
    assert first.utility == pytest.approx(0.6)
    assert first.quality == 0.7
    assert sum(first.quality_parts.values()) == pytest.approx(first.quality)
    assert first.quality_logit == pytest.approx(0.8473, abs=1e-4)


def test_a_slice_ends_with_the_table():
    """Asking for more than there are gives those there are."""
    assert [candidate.rank for candidate in TABLE.select(1, 10)] == [2]
    assert TABLE.select(2, 2) == ()
