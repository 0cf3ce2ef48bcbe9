"""Abilities of a pool's models before any outcome is seen."""

import numpy as np

from omni.quality.abilities import build_abilities
from omni.quality.priors import pool_priors
from tests.omni.quality.test_abilities import graded_cards


def test_a_catalog_model_keeps_its_benchmark_abilities():
    """The prior of a listed model is its row of the table."""
    table = build_abilities(graded_cards())
    prior = pool_priors(["a/m05"], [None], table)
    assert np.array_equal(prior.ability[0], table.task[5])


def test_an_unlisted_model_is_placed_by_size_with_more_doubt():
    """Larger is expected to be better, and never as surely known as a benchmarked model."""
    table = build_abilities(graded_cards())
    prior = pool_priors(["x/small", None, "a/m05"], [3.0, 40.0, None], table)
    assert (prior.ability[1, :2] > prior.ability[0, :2]).all()
    assert prior.se[0, 0] > prior.se[2, 0]
