"""Corrections in the router, over the whole catalog: no visitor moves a ranking, a crowd does, and it recovers."""

import csv
import math
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from omni.conditions import Conditions
from omni.config import DATA_DIR
from omni.explain import explain
from omni.learning import FeedbackBoard, Vote
from omni.types import Conversation, Decision, Preferences

NOW = datetime(2026, 11, 22, tzinfo=UTC)
N_CROWD = 50
N_HOSTILE = 500


@pytest.fixture(scope="module")
def conversations() -> list[Conversation]:
    """Every eighth of the held-out prompts: all tasks, 14 languages."""
    with (DATA_DIR / "labels" / "heldout.csv").open(encoding="utf-8", newline="") as file:
        return [Conversation.from_prompt(row["prompt"]) for row in csv.DictReader(file)][::8]


@pytest.fixture(scope="module")
def decisions(router, conversations) -> list[Decision]:
    """Before anybody has judged anything."""
    return router.route_batch(conversations)


def rankings(
    router, conversations, board: FeedbackBoard, preferences: Preferences | None = None
) -> list[tuple[str, ...]]:
    """Model ids by rank, one tuple a prompt."""
    decisions = router.route_batch(conversations, preferences, conditions=Conditions(residuals=board.residuals()))
    return [decision.scores.model_ids for decision in decisions]


def places_moved(before: Sequence[tuple[str, ...]], after: Sequence[tuple[str, ...]]) -> int:
    """The farthest that any model moved on any prompt."""
    return max(
        abs(place - new.index(model_id))
        for old, new in zip(before, after, strict=True)
        for place, model_id in enumerate(old)
    )


def judge(board: FeedbackBoard, decision: Decision, visitor: str, model_id: str, value: float, **fields) -> None:
    """One visitor's judgement of a model's answer to the prompt of a decision."""
    fields = {"tasks": decision.profile.tasks, "at": NOW} | fields
    board.learn(Vote(visitor=visitor, model_id=model_id, value=value, **fields))


def most_chosen(decisions: Sequence[Decision]) -> str:
    """The model with the greatest share."""
    return Counter(decision.chosen.model_id for decision in decisions).most_common(1)[0][0]


@pytest.mark.parametrize("rank", [1, 2, 30, 120])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_one_visitors_500_votes_move_no_ranking(router, conversations, decisions, rank, value):
    """Hostile or fond, alone or in comparisons, at the top and in the middle: at most one place, in fact none."""
    board = FeedbackBoard(lambda: NOW)
    target = most_chosen(decisions) if rank == 1 else decisions[0].candidates[rank - 1].model_id
    for number in range(N_HOSTILE):
        decision = decisions[number % len(decisions)]
        other = decision.chosen.model_id if number % 2 and decision.chosen.model_id != target else None
        judge(board, decision, "hostile", target, value, other_model_id=other)
    before = [decision.scores.model_ids for decision in decisions]
    assert places_moved(before, rankings(router, conversations, board)) <= 1


@pytest.mark.parametrize("n_voters", [60, 300, 1000])
def test_among_others_one_visitor_moves_no_model_by_more_than_a_place(router, conversations, decisions, n_voters):
    """Many have judged the foremost models; one more changes who answers on one prompt in twenty at most."""
    board = FeedbackBoard(lambda: NOW)
    for number in range(5 * n_voters):
        decision = decisions[number * 7 % len(decisions)]
        model_id = decision.candidates[number % 11].model_id
        judge(board, decision, f"v{number % n_voters}", model_id, float(number % 10 < 7))
    before = rankings(router, conversations, board)
    for number in range(N_HOSTILE):
        judge(board, decisions[number % len(decisions)], "hostile", most_chosen(decisions), 0.0)
    after = rankings(router, conversations, board)
    assert before != [decision.scores.model_ids for decision in decisions]
    assert places_moved(before, after) <= 1
    assert sum(old[0] != new[0] for old, new in zip(before, after, strict=True)) <= len(before) / 20


@pytest.mark.parametrize("preset", ["balanced", "quality", "fast", "cheap"])
def test_a_crowd_takes_nine_tenths_of_a_bad_models_share_and_gives_it_back(router, conversations, preset):
    """Fifty visitors' dislikes, one each over all kinds of prompts; then as many others' likes."""
    preferences = Preferences(preset=preset)
    decisions = router.route_batch(conversations, preferences)
    board, target = FeedbackBoard(lambda: NOW), most_chosen(decisions)
    shares = [share_of(target, [decision.scores.model_ids for decision in decisions])]
    for value in (0.0, 1.0):
        for number in range(N_CROWD):
            judge(board, decisions[number % len(decisions)], f"{value} {number}", target, value)
        shares.append(share_of(target, rankings(router, conversations, board, preferences)))
    assert shares[1] <= 0.1 * shares[0]
    assert shares[2] >= 0.9 * shares[0]


def test_a_bad_models_share_comes_back_by_itself(router, conversations, decisions):
    """In half a year the crowd is forgotten."""
    clock = [NOW]
    board, target = FeedbackBoard(lambda: clock[0]), most_chosen(decisions)
    for number in range(N_CROWD):
        judge(board, decisions[number % len(decisions)], f"v{number}", target, 0.0)
    clock[0] = NOW + timedelta(days=180)
    before = [decision.scores.model_ids for decision in decisions]
    assert share_of(target, rankings(router, conversations, board)) >= 0.9 * share_of(target, before)


def test_the_corrections_stand_in_the_explanation(router, conversations, decisions):
    """A quality part of its own, in points of quality: about one logit down; the parts sum to the quality."""
    board = FeedbackBoard(lambda: NOW)
    target = decisions[0].chosen.model_id
    for number in range(N_CROWD):
        judge(board, decisions[0], f"v{number}", target, 0.0)
    decision = router.route(conversations[0], conditions=Conditions(residuals=board.residuals()))
    candidate = decision.candidates[decision.scores.model_ids.index(target)]
    unvoted = candidate.quality - candidate.quality_parts["feedback"]
    lost = math.log(unvoted / (1 - unvoted)) - math.log(candidate.quality / (1 - candidate.quality))
    assert lost == pytest.approx(1.0, abs=0.1)
    assert sum(candidate.quality_parts.values()) == pytest.approx(candidate.quality, abs=1e-9)


def test_the_limit_of_votes_stands_in_the_explanation(router, conversations, decisions):
    """What votes would move further than a place is given back by a part of its own; scores fall with the places."""
    board = FeedbackBoard(lambda: NOW)
    target = decisions[0].chosen.model_id
    for number in range(N_CROWD):
        judge(board, decisions[0], f"v{number}", target, 0.0)
    decision = router.route(conversations[0], conditions=Conditions(residuals=board.residuals()))
    second = decision.candidates[1]
    assert second.model_id == target
    assert second.parts["place"] > 0.01
    utilities = [candidate.utility for candidate in decision.candidates]
    assert utilities == pytest.approx(sorted(utilities, reverse=True), abs=1e-9)
    assert utilities == pytest.approx([candidate.utility for candidate in decisions[0].candidates], abs=1e-9)
    board = FeedbackBoard(lambda: NOW)
    for number in range(N_CROWD):
        judge(board, decisions[0], f"v{number}", target, 1.0)
    liked = router.route(conversations[0], conditions=Conditions(residuals=board.residuals()))
    assert "Votes move a model by one rank at most" in explain(liked, router.catalog).to_text()


def share_of(model_id: str, ranked: Sequence[tuple[str, ...]]) -> float:
    """Share of prompts on which the model is first."""
    return sum(ids[0] == model_id for ids in ranked) / len(ranked)
