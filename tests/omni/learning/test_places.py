"""Places are held: votes decide between neighbours, and no visitor moves a model by more than a place."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni.learning import FeedbackBoard, Vote
from omni.learning.places import hold_places
from omni.types import Task

NOW = datetime(2026, 11, 22, tzinfo=UTC)
N_MODELS = 250
NAMES = tuple(f"m{number:03}" for number in range(N_MODELS))


def places_of(before: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """Each model's place, from 0."""
    return np.argsort(hold_places(before[None], gains[None]).orders[0])


def test_without_votes_nothing_moves():
    """The order and the utilities are as before; equals stand in the order of their columns."""
    before = np.array([[0.1, 0.3, 0.3, -np.inf, 0.2]])
    held = hold_places(before, np.zeros((1, 5)))
    assert held.orders.tolist() == [[1, 2, 4, 0, 3]]
    assert not held.part.any()


def test_votes_decide_between_neighbours():
    """The second may become the first; the third stays behind both, whatever it gains."""
    held = hold_places(np.array([[0.3, 0.2, 0.1]]), np.array([[0.0, 0.2, 0.9]]))
    assert held.orders.tolist() == [[1, 0, 2]]


def test_a_place_keeps_its_utility():
    """What the part leaves of a utility with votes is the utility that stood on the place before."""
    before, gains = np.array([[0.3, 0.2, 0.1, 0.0]]), np.array([[-0.4, 0.0, 0.2, 0.1]])
    held = hold_places(before, gains)
    assert (before + gains + held.part)[0, held.orders[0]] == pytest.approx(before[0])


def test_who_may_not_answer_stays_out():
    """An excluded model is never moved in front of one that may answer."""
    held = hold_places(np.array([[-np.inf, 0.2, -np.inf]]), np.array([[0.5, -0.5, 0.5]]))
    assert held.orders[0, 0] == 1
    assert np.isfinite(held.part).all()


@given(st.lists(st.tuples(st.integers(0, 3), *[st.floats(-1, 1)] * 2), min_size=1, max_size=40))
def test_no_two_sets_of_votes_are_more_than_a_place_apart(models):
    """However near the models are to each other, equals among them, and whatever is said of each."""
    step, first, second = np.array(models).T
    before = 1e-9 * step
    assert np.abs(places_of(before, first) - places_of(before, second)).max() <= 1


@pytest.mark.parametrize(("n_voters", "seed"), [(60, 0), (300, 1), (1000, 2)])
def test_on_crowded_boards_one_visitor_moves_at_most_a_place(n_voters, seed):
    """Random voters of 250 near equals, and one who votes 500 times, first or last."""
    rng = np.random.default_rng(seed)
    before = 0.7 + 1e-3 * rng.random(N_MODELS)
    said = [(f"v{number}", *_random_judgement(rng)) for number in rng.integers(n_voters, size=6 * n_voters)]
    hostile = [("hostile", *_random_judgement(rng, value=0.0)) for _ in range(500)]
    without, last, first = (places_of(before, _gains(votes)) for votes in (said, [*said, *hostile], [*hostile, *said]))
    assert (without != np.argsort(np.argsort(-before))).any()
    assert np.abs(last - without).max() <= 1
    assert np.abs(first - without).max() <= 1


def _random_judgement(rng: np.random.Generator, value: float | None = None) -> tuple[str, float]:
    """A model among twenty that most people judge, and how good it was."""
    return NAMES[rng.integers(20) * 12], float(rng.random() < 0.2) if value is None else value


def _gains(votes) -> np.ndarray:
    """(n_models,) what the corrections add to a quality near 0.7."""
    board = FeedbackBoard(lambda: NOW)
    for visitor, model_id, value in votes:
        board.learn(Vote(visitor=visitor, model_id=model_id, value=value, tasks={Task.CODE: 1.0}, at=NOW))
    logits = board.residuals().get(Task.CODE, {})
    return 0.21 * np.array([logits.get(name, 0.0) for name in NAMES])
