"""What few outcomes say of prompts like theirs, and which prompts are worth labelling."""

import numpy as np

from omni.quality.nearby import MAX_CANDIDATES, choose_rows, learn_nearby, to_directions


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


def test_every_kind_of_prompt_is_chosen_and_common_ones_more_often():
    """Four kinds of unequal size, no prompt twice."""
    kinds = np.repeat(np.eye(4), [400, 300, 200, 100], axis=0)
    chosen = choose_rows(kinds, 40)
    counts = kinds[chosen].sum(axis=0)
    assert (np.diff(counts) < 0).all()
    assert counts.min() > 1
    assert len(set(chosen.tolist())) == 40


def test_no_more_prompts_are_chosen_than_there_are():
    """All of few, and the same on every call."""
    directions = to_directions(np.random.default_rng(1).normal(size=(6, 3)))
    chosen = choose_rows(directions, 50)
    assert sorted(chosen.tolist()) == list(range(6))
    assert np.array_equal(chosen, choose_rows(directions, 50))


def test_of_very_many_prompts_spaced_ones_are_looked_at():
    """From the first to the last, with rows of the whole."""
    directions = to_directions(np.random.default_rng(2).normal(size=(3 * MAX_CANDIDATES, 2)))
    chosen = choose_rows(directions, 20)
    assert chosen.max() > MAX_CANDIDATES
    assert len(set(chosen.tolist())) == 20
