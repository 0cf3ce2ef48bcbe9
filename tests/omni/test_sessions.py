"""Stickiness: when a conversation keeps its model, what a move costs, and what opens the choice again."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest

from omni.policy import PRESETS
from omni.sessions import (
    CONSISTENCY_COST,
    MAX_REJECTED,
    Session,
    SessionTable,
    after_answer,
    after_verdict,
    is_in_tool_loop,
    put_rejected_last,
    repeats_question,
    session_key,
    stick,
    switch_cost,
    switch_part,
)
from omni.types import Conversation, Message, Weights
from tests.omni.cards import model_card

WEIGHTS = PRESETS["balanced"]
CARD = model_card("org/a", price_in_usd_per_mtok=2.0)


def conversation(*turns: str, n_images: int = 0) -> Conversation:
    """Messages from "role: text"; "call:" is an assistant message with one tool call."""
    messages = []
    for turn in turns:
        role, _, text = turn.partition(": ")
        is_call = role == "call"
        messages.append(Message(role="assistant" if is_call else role, text=text, n_tool_calls=int(is_call)))
    messages[-1] = replace(messages[-1], n_images=n_images)
    return Conversation(messages=tuple(messages))


ASKED = conversation("user: Why is the sky blue?")
TALKED = conversation("user: Why is the sky blue?", "assistant: Light scatters.", "user: And red at night?")


def answered(**changes) -> Session:
    """A session after one answer of org/a."""
    return replace(
        after_answer(Session(), ASKED, model_id="org/a", input_tokens=10, output_tokens=90),
        **changes,
    )


def test_a_new_conversation_holds_to_nobody():
    """There is no model to stay with."""
    assert stick(Session(), ASKED, WEIGHTS, None) is None


def test_the_second_turn_holds_to_the_model_that_answered():
    """The hold has a price, and is not a lock."""
    sticky = stick(answered(), TALKED, WEIGHTS, CARD)
    assert sticky is not None
    assert sticky.model_id == "org/a"
    assert not sticky.is_locked
    assert 0 < sticky.switch_cost < 0.1


def test_what_a_move_costs_is_worked_out_by_hand():
    """Half the input price of 100 tokens, the time to read them, and consistency, over 2.5 turns."""
    weights = Weights(quality_per_usd=20.0, quality_per_s=0.002, z=0, z_dearer=0)
    once = 20 * 0.5 * 100 * 2.0 / 1e6 + 0.002 * 100 / 5000 + CONSISTENCY_COST
    assert switch_cost(answered(), weights, CARD) == pytest.approx(once / 2.5)


def test_more_cached_tokens_cost_more():
    """A long conversation is dearer to read anew than a short one."""
    costs = [switch_cost(answered(cached_tokens=n), WEIGHTS, CARD) for n in (0, 1_000, 100_000)]
    assert costs == sorted(costs)
    assert costs[2] > costs[0] + 0.5


def test_an_unknown_price_leaves_time_and_consistency():
    """Nothing is made up for a model without a price."""
    unpriced = model_card("org/a", price_in_usd_per_mtok=None)
    assert switch_cost(answered(), WEIGHTS, unpriced) == switch_cost(answered(), WEIGHTS, None)


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        (["user: x", "call: "], True),
        (["user: x", "call: ", "tool: 1"], True),
        (["user: x", "call: ", "user: never mind"], True),
        (["user: x", "call: ", "tool: 1", "assistant: done", "user: y"], False),
        (["user: x", "call: ", "tool: 1", "user: y"], False),
        (["user: x"], False),
        (["system: x"], False),
    ],
)
def test_tool_loops_are_recognised(turns, expected):
    """A loop lasts from the call until the assistant has used every result."""
    assert is_in_tool_loop(conversation(*turns)) is expected


def test_one_of_two_calls_answered_is_still_a_loop():
    """All calls of a message belong together."""
    both = Message(role="assistant", text="", n_tool_calls=2)
    messages = (Message(role="user", text="x"), both, Message(role="tool", text="1"), Message(role="user", text="y"))
    assert is_in_tool_loop(Conversation(messages=messages))


def test_a_tool_loop_locks_even_after_a_complaint():
    """The complaint is heard when the loop is over."""
    session = after_verdict(answered(), "dislike", "org/a")
    sticky = stick(session, conversation("user: x", "call: ", "tool: 1"), WEIGHTS, CARD)
    assert sticky is not None
    assert sticky.is_locked
    assert stick(session, TALKED, WEIGHTS, CARD) is None


@pytest.mark.parametrize("verdict", ["dislike", "retry"])
def test_a_complaint_opens_the_next_turn_only(verdict):
    """Once another model has answered, the conversation holds to that one."""
    session = after_verdict(answered(), verdict, "org/a")
    assert stick(session, TALKED, WEIGHTS, CARD) is None
    moved = after_answer(session, TALKED, model_id="org/b", input_tokens=120, output_tokens=50)
    sticky = stick(moved, TALKED, WEIGHTS, CARD)
    assert sticky is not None
    assert sticky.model_id == "org/b"
    assert moved.n_switches == 1


def test_a_complaint_about_an_earlier_model_changes_nothing():
    """The conversation has left it already."""
    assert stick(after_verdict(answered(), "dislike", "org/z"), TALKED, WEIGHTS, CARD) is not None


def test_models_turned_down_are_asked_last():
    """The order of the others stays; a later like takes the model back."""
    session = after_verdict(answered(), "retry", "org/a")
    assert put_rejected_last(session, ("org/a", "org/b", "org/c")) == ("org/b", "org/c", "org/a")
    liked = after_verdict(session, "like", "org/a")
    assert put_rejected_last(liked, ("org/a", "org/b")) == ("org/a", "org/b")


def test_few_models_turned_down_are_remembered():
    """The value stays small however often somebody complains."""
    session = answered()
    for number in range(50):
        session = after_verdict(session, "dislike", f"org/{number}")
    assert len(session.rejected) == MAX_REJECTED
    assert session.rejected[-1] == "org/49"


def test_a_failure_opens_even_a_tool_loop():
    """A model that did not answer holds nobody."""
    failed = after_answer(answered(), TALKED, model_id=None, input_tokens=0, output_tokens=0)
    assert stick(failed, conversation("user: x", "call: ", "tool: 1"), WEIGHTS, CARD) is None


def test_the_first_picture_opens():
    """Pictures ask for other models; once one has seen them, it stays."""
    seen = conversation("user: x", "assistant: y", "user: look", n_images=1)
    assert stick(answered(), seen, WEIGHTS, CARD) is None
    assert stick(answered(n_images=1), seen, WEIGHTS, CARD) is not None


@pytest.mark.parametrize("text", ["Why is the sky blue?", "why is  the SKY blue?\n"])
def test_the_same_question_again_opens(text):
    """Asking again is a complaint in every language."""
    again = conversation("user: Why is the sky blue?", "assistant: Because.", f"user: {text}")
    assert stick(answered(), again, WEIGHTS, CARD) is None


def test_go_on_twice_is_no_complaint():
    """Short messages are said again without meaning it."""
    assert not repeats_question(conversation("user: go on", "assistant: …", "user: go on"))


def test_the_part_is_asked_of_all_others_where_the_model_may_answer():
    """Where the filter has excluded the model, nobody pays."""
    part = switch_part(np.array([[True, True, True], [True, False, True]]), 1, 0.25)
    assert part.tolist() == [[-0.25, 0.0, -0.25], [0.0, 0.0, 0.0]]


def test_a_session_copies_and_compares_by_value():
    """It lives in a page's state, which copies."""
    assert deepcopy(answered()) == answered()


def test_the_key_stays_through_a_conversation_and_differs_between_visitors():
    """Clients send all messages each time; the opening names the conversation."""
    assert session_key("v", ASKED) == session_key("v", TALKED)
    assert session_key("v", ASKED) != session_key("w", ASKED)
    assert session_key("v", ASKED) != session_key("v", conversation("user: Something else"))


def test_the_table_keeps_the_latest():
    """Memory is bounded; a forgotten conversation starts anew."""
    table = SessionTable(max_sessions=2)
    for key in ("a", "b", "a", "c"):
        table.keep(key, answered())
    assert len(table) == 2
    assert table.find("b") == Session()
    assert table.find("a") == answered()
