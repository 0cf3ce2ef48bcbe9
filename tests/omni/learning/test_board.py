"""The board: what judgements teach, how soon it is forgotten, and that nobody learns more than once from one voice."""

from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from datetime import UTC, datetime, timedelta

import pytest

from omni.learning import FeedbackBoard, Vote, load_board, to_vote
from omni.store import Feedback, open_store
from omni.types import Task

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
CODE = {Task.CODE: 1.0}


class Clock:
    """A time that a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def board_of(n_visitors: int, value: float, *, clock=None, board=None, prefix="v", **fields) -> FeedbackBoard:
    """A board after the same judgement of model "m" by several visitors."""
    clock = clock or Clock()
    board = board or FeedbackBoard(clock)
    fields = {"model_id": "m", "tasks": CODE} | fields
    for number in range(n_visitors):
        board.learn(Vote(visitor=f"{prefix}{number}", value=value, at=clock(), **fields))
    return board


def correction(board: FeedbackBoard, model_id: str = "m", task: Task = Task.CODE) -> float:
    """Logits, 0 where there is none."""
    return board.residuals().get(task, {}).get(model_id, 0.0)


def test_nothing_is_learned_from_nobody():
    """An empty board corrects nothing."""
    assert FeedbackBoard(Clock()).residuals() == {}


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_one_visitor_alone_teaches_nothing(value):
    """However often they say it, and about whatever they say it."""
    board = FeedbackBoard(Clock())
    for number in range(500):
        board.learn(Vote(visitor="v", model_id=f"m{number % 3}", value=value, tasks=CODE, at=NOW))
    assert board.residuals() == {}


def test_many_visitors_teach_more_than_few():
    """Corrections grow with the crowd, up to a logit."""
    corrections = [correction(board_of(n, 0.0)) for n in (4, 5, 20, 400)]
    assert corrections[0] == 0.0
    assert corrections == sorted(corrections, reverse=True)
    assert corrections[-1] == -1.0


def test_likes_and_dislikes_are_opposites():
    """The same crowd moves a model as far up as down."""
    assert correction(board_of(20, 1.0)) == pytest.approx(-correction(board_of(20, 0.0)))


def test_asking_for_another_model_teaches_less_than_a_dislike():
    """It is a weak loss."""
    assert correction(board_of(40, 0.0)) < correction(board_of(40, 0.25)) < 0.0


def test_what_is_said_of_one_task_counts_less_for_the_others():
    """More than half of a voice on code is heard for poems, not all of it."""
    board = board_of(20, 0.0)
    assert correction(board) < correction(board, task=Task.CREATIVE_WRITING) < 0.0


def test_the_winner_of_votes_rises_and_the_loser_falls():
    """Both sides of a comparison learn."""
    board = board_of(20, 1.0, other_model_id="n")
    assert correction(board) == pytest.approx(-correction(board, "n"))
    assert correction(board) > 0.2


def test_ties_between_equals_teach_nothing():
    """A tie is what was expected."""
    assert board_of(50, 0.5, other_model_id="n").residuals() == {}


def test_a_tie_with_a_better_model_is_a_gain():
    """The weaker one did more than was expected of it, the stronger one less."""
    board = board_of(50, 0.5, other_model_id="n", expected_logit=-2.0)
    assert correction(board, "n") < 0.0 < correction(board)


def test_beating_a_model_that_people_like_says_more():
    """The opponent's own corrections count as its strength (Bradley-Terry)."""
    board = board_of(200, 1.0, model_id="liked")
    over_liked = correction(board_of(20, 1.0, other_model_id="liked", board=board, prefix="w"))
    assert over_liked > correction(board_of(20, 1.0, other_model_id="unknown"))


def test_length_explains_what_length_won():
    """When longer answers win whoever wrote them, a long answer's win says less of its model."""
    plain, wordy = FeedbackBoard(Clock()), FeedbackBoard(Clock())
    for number in range(300):
        vote = {"visitor": f"v{number}", "model_id": f"a{number}", "other_model_id": f"b{number}", "tasks": CODE}
        wordy.learn(Vote(**vote, value=1.0, length_ratio=4.0, at=NOW))
    assert wordy.length_effect() == 1.0
    assert plain.length_effect() == 0.0
    corrections = [
        correction(board_of(20, 1.0, other_model_id="n", length_ratio=4.0, board=board)) for board in (plain, wordy)
    ]
    assert corrections[1] < corrections[0]


def test_one_visitor_teaches_no_length():
    """Five hundred comparisons of one visitor leave the covariate at 0."""
    board = FeedbackBoard(Clock())
    for number in range(500):
        vote = {"visitor": "v", "model_id": f"a{number}", "other_model_id": f"b{number}", "tasks": CODE}
        board.learn(Vote(**vote, value=1.0, length_ratio=1.2, at=NOW))
    assert board.length_effect() == 0.0


def test_corrections_are_forgotten():
    """A month halves the crowd; in a year it is gone."""
    clock = Clock()
    board = board_of(10, 0.0, clock=clock)
    fresh = correction(board)
    clock.now += timedelta(days=30)
    assert fresh < correction(board) < 0.0
    clock.now += timedelta(days=365)
    assert board.residuals() == {}


def test_a_model_recovers_when_likes_return():
    """As many other visitors' likes take a crowd's dislikes back."""
    board = board_of(50, 0.0)
    assert correction(board) < -0.5
    board_of(50, 1.0, board=board, prefix="w")
    assert correction(board) == 0.0


def test_corrections_stay_the_same_object_until_something_changes():
    """Asking is free between votes, within a day."""
    clock = Clock()
    board = board_of(10, 0.0, clock=clock)
    first = board.residuals()
    clock.now += timedelta(hours=3)
    assert board.residuals() is first
    kept = deepcopy(first)
    board_of(10, 0.0, board=board, clock=clock, prefix="w")
    assert board.residuals() is not first
    assert first == kept


def test_the_same_judgements_give_the_same_corrections(tmp_path):
    """The board that is rebuilt from the store is the board that learned as they came."""
    live = FeedbackBoard(Clock())
    with open_store(tmp_path / "omni.duckdb") as store:
        for number in range(120):
            at = NOW - timedelta(days=(120 - number) / 10)
            kind = ("like", "dislike", "vote", "retry")[number % 4 if number % 3 else 1]
            feedback = Feedback(
                decision_id="d",
                kind=kind,
                model_id=f"m{number % 3}",
                other_model_id=f"m{(number + 1) % 3}" if kind == "vote" else None,
                value=0.0 if kind == "vote" else None,
                visitor=store.mark(f"visitor {number}"),
                tasks={"code": 0.75, "math": 0.25},
                length_ratio=1.5,
                expected_logit=0.25,
            )
            store.save_feedback(feedback, at=at)
            live.learn(to_vote(feedback, at))
        rebuilt = load_board(store, Clock())
    assert rebuilt.residuals() == live.residuals() != {}
    assert rebuilt.length_effect() == live.length_effect()


def test_judgements_without_a_mark_are_one_visitors(tmp_path):
    """What nobody signed moves nothing."""
    with open_store(tmp_path / "omni.duckdb") as store:
        for _ in range(100):
            store.save_feedback(Feedback(decision_id="d", kind="dislike", model_id="m"))
        assert load_board(store).residuals() == {}


def test_memory_is_bounded():
    """The oldest voices are taken back."""
    board = FeedbackBoard(Clock(), max_voices=30)
    board_of(20, 0.0, board=board)
    assert correction(board) < 0.0
    board_of(30, 0.0, board=board, model_id="n")
    assert board.n_voices() == 30
    assert correction(board) == 0.0
    assert correction(board, "n") < 0.0


def test_threads_learn_side_by_side():
    """No voice is lost and none is counted twice."""
    board = FeedbackBoard(Clock())
    votes = [Vote(visitor=f"v{number % 40}", model_id="m", value=0.0, tasks=CODE, at=NOW) for number in range(2000)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda vote: (board.learn(vote), board.residuals()), votes))
    assert board.residuals() == board_of(40, 0.0).residuals()
