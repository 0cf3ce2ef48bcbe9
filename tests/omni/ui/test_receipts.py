"""The lines under an answer: what was expected and what it took, each figure in its place."""

import re
from dataclasses import replace
from html import unescape

import pytest

from omni.gateway import ActualCost, Answer, AnswerStatus, Usage
from omni.gateway.messages import Target
from omni.ui.receipts import Receipt
from tests.omni.decisions import FIRST, distinct_decision

USAGE = Usage(input_tokens=43, output_tokens=1322)
ANSWER = Answer(
    status=AnswerStatus.DONE,
    target=Target(model_id=FIRST, provider="box", served_name="alpha"),
    text="Forty-two.",
    usage=USAGE,
    finish_reason="stop",
    time_to_first_token_s=0.71,
    total_s=8.4,
    wait_s=1.9,
    served_by="farm",
)
RECEIPT = Receipt(
    model_id=FIRST,
    reason="It is best.",
    expected=distinct_decision().chosen,
    answer=ANSWER,
    actual_cost=ActualCost(cost_usd=0.0054, is_estimated=False),
    total="$0.0123",
)


def shown(receipt: Receipt) -> str:
    """The receipt's words without its marks; a bar between elements."""
    return unescape(re.sub("[|]+", "|", re.sub("<.*?>", "|", receipt.to_html())).strip("|"))


def test_a_receipt_in_full() -> None:
    """Who, why, what was expected, what it took: cost, whole time, first word, tokens, and the sum so far."""
    assert shown(RECEIPT) == (
        "org/Alpha-70B|via box · farm|It is best.|expected| $0.0021 · 6.5 s|"
        "actual| $0.0054 · 8.4 s · first word 0.71 s · 1,322 tokens|so far| $0.0123"
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"usage": replace(USAGE, is_estimated=True)}, "first word 0.71 s · about 1,322 tokens|so far| $0.0123"),
        ({"usage": None}, "first word 0.71 s · — tokens|so far| $0.0123"),
        ({"status": AnswerStatus.STREAMING}, "6.5 s|answering| first word 0.71 s"),
        ({"status": AnswerStatus.WAITING}, "6.5 s|waiting for the first word"),
        ({"finish_reason": "length"}, "so far| $0.0123|The answer reached the server's length limit and is cut."),
        (
            {"status": AnswerStatus.INTERRUPTED, "error": "It fell."},
            "first word 0.71 s · 1,322 tokens|so far| $0.0123|The answer broke off: It fell.",
        ),
        ({"status": AnswerStatus.FAILED, "error": "It fell."}, "expected| $0.0021 · 6.5 s|No answer: It fell."),
    ],
)
def test_what_a_receipt_says_of_an_answer_that_is_not_whole(changes: dict[str, object], words: str) -> None:
    """Estimated or uncounted tokens, an answer under way, cut, broken off or failed; nothing stands behind it."""
    assert shown(replace(RECEIPT, answer=replace(ANSWER, **changes))).endswith(words)  # type: ignore[arg-type]


def test_estimates_masks_and_stops_are_said() -> None:
    """An estimated cost, an unknown one, private data that came back, and a stop that leaves the cost unknown."""
    estimated = replace(RECEIPT, actual_cost=ActualCost(cost_usd=0.0054, is_estimated=True))
    assert "actual| $0.0054 (estimated) · 8.4 s" in shown(estimated)
    assert "actual| — · 8.4 s" in shown(replace(RECEIPT, actual_cost=None))
    assert shown(replace(RECEIPT, is_masked=True)).endswith(
        "Private data went out as placeholders and was put back here, but not in web addresses."
    )
    stopped = shown(replace(RECEIPT, is_stopped=True))
    assert stopped.endswith("expected| $0.0021 · 6.5 s|Stopped by you; the cost so far is not known.")
