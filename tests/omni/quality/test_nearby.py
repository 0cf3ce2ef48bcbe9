"""What few outcomes say of prompts like theirs."""

import numpy as np

from omni.quality.nearby import learn_nearby, to_directions


def test_a_model_that_does_well_on_some_prompts_is_expected_to_on_prompts_like_them():
    """Two kinds of prompts, each suits one of two models."""
    kinds = np.repeat(np.eye(2), 40, axis=0)
    nearby = learn_nearby(kinds, np.zeros((80, 2)), kinds)
    _, suits = nearby.at(np.eye(2))
    assert suits[0, 0] > 0.05 > -0.05 > suits[0, 1]
    assert suits[1, 1] > 0.05 > -0.05 > suits[1, 0]


def test_prompts_that_all_models_fail_make_prompts_like_them_harder():
    """Without saying that one of the models suits them."""
    kinds = np.repeat(np.eye(2), 20, axis=0)
    nearby = learn_nearby(kinds, np.zeros((40, 3)), np.repeat(kinds[:, :1], 3, axis=1))
    easier, suits = nearby.at(np.eye(2))
    assert easier[0, 0] > 0.3 > -0.3 > easier[1, 0]
    assert np.abs(suits).max() < 1e-9


def test_unknown_scores_say_nothing():
    """A prompt without any score is as if it were not there; a model without any is moved by nothing."""
    rng = np.random.default_rng(0)
    directions = to_directions(rng.normal(size=(30, 5)))
    scores = (rng.random((30, 3)) < 0.5).astype(float)
    scores[:, 2] = np.nan
    scores[20:] = np.nan
    with_empty = learn_nearby(directions, np.zeros((30, 3)), scores)
    without = learn_nearby(directions[:20], np.zeros((20, 3)), scores[:20])
    assert np.array_equal(with_empty.ease, without.ease)
    assert not with_empty.suits[:, 2].any()
