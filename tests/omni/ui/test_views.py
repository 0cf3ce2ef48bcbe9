"""A decision as tables and HTML."""

from dataclasses import replace

import numpy as np
import pytest

from omni.figures import format_seconds, format_size, format_usd, format_window
from omni.gateway import Answer, AnswerStatus, Attempt, Target
from omni.types import AppliedRule, Exclusion, Reason, Safety
from omni.ui import text
from omni.ui.pictures import contributions_figure, given_up, legend_html
from omni.ui.receipts import Receipt
from omni.ui.views import (
    PART_ORDER,
    STATE_PARTS,
    candidate_table,
    exclusions_html,
    reading_html,
    what_if_html,
    why_html,
)
from tests.omni.ui.builders import MODEL_IDS, a_decision, a_profile, an_explanation


def test_the_parts_of_a_row_add_up_to_its_score() -> None:
    """Score is quality, cost, time and uncertainty together."""
    row = candidate_table(a_decision()).iloc[0]
    assert row["Score"] == pytest.approx(row["Quality"] + row["Cost"] + row["Time"] + row["Uncertainty"], abs=0.03)


def test_the_expected_quality_of_both_leaders_is_taken_apart() -> None:
    """Parts by name in points, the first as a level and the others as what they add, with their sum."""
    decision = a_decision()
    html = why_html(decision, an_explanation(decision))
    assert "<td>ability</td><td>80.0</td><td>70.0</td>" in html
    assert "<td>predicted difficulty</td><td>+10.0</td><td>+10.0</td>" in html
    assert f"<td><b>{text.PARTS_SUM}</b></td><td><b>90.0</b></td><td><b>80.0</b></td>" in html


def test_the_table_has_every_candidate_by_rank() -> None:
    """Nobody is cut off; the owner is, so that names fit."""
    table = candidate_table(a_decision())
    assert list(table["Model"]) == [model_id.rpartition("/")[2] for model_id in MODEL_IDS]
    assert list(table["#"]) == [1, 2, 3]


def test_the_reason_is_shown_and_escaped() -> None:
    """Names come from outside and cannot bring markup."""
    decision = a_decision(("org/<b>x", "org/y"))
    html = why_html(decision, an_explanation(decision))
    assert "org/&lt;b&gt;x" in html
    assert "<b>x" not in html
    assert "org/Beta-8B came second." in html


def test_reading_names_language_tasks_and_personal_data() -> None:
    """What was read is shown in words."""
    html = reading_html(a_profile())
    assert "German" in html
    assert "70 %" in html
    assert "private: e-mail address" in html


def test_exclusions_are_counted_by_reason() -> None:
    """One fold a reason, with its count."""
    excluded = [Exclusion(model_id=f"org/{n}", reason=Reason.TOOLS, detail="no tools") for n in range(3)]
    assert "<b>3</b>" in exclusions_html(a_decision(excluded=excluded))


def test_why_not_answers_for_a_name() -> None:
    """A left-out model gets its reason, a candidate its place, an unknown name a sentence."""
    decision = a_decision()
    assert "window of 2048 tokens" in exclusions_html(decision, "tiny")
    assert "ranked 2" in exclusions_html(decision, "beta")
    assert "No model of the catalog" in exclusions_html(decision, "zzz")


def test_what_if_says_who_would_answer() -> None:
    """The other preset's choice stands beside the present one."""
    assert "Gamma-3B would answer" in what_if_html(a_decision(), a_decision(MODEL_IDS[::-1]))
    assert "same model" in what_if_html(a_decision(), a_decision())


def test_given_up_points_rank_like_the_utilities() -> None:
    """The shortest stack is the chosen model, and nothing is negative."""
    lost = given_up(a_decision())
    total = np.sum(list(lost.values()), axis=0)
    assert int(np.argmin(total)) == 0
    assert all((values >= 0).all() for values in lost.values())


def test_parts_that_matter_in_this_decision_are_drawn_and_listed() -> None:
    """Failures, a switch and safety get a bar, a column and a place in the legend; a gain counts from the best."""
    decision = a_decision()
    more = {"switch": np.array([0.0, -0.04, -0.04]), "policy": np.array([0.03, 0.0, 0.01]), "availability": np.zeros(3)}
    scores = replace(
        decision.scores,
        part_names=(*more, *decision.scores.part_names),
        figures=np.vstack([*more.values(), decision.scores.figures]),
    )
    decision = replace(decision, scores=scores)
    lost = given_up(decision)
    assert lost["switch"].tolist() == [0.0, 4.0, 4.0]
    assert lost["policy"] == pytest.approx([0.0, 3.0, 2.0])
    assert "availability" not in lost
    assert list(candidate_table(decision).columns)[-2:] == ["Switch", "Safety"]
    assert "switch" in legend_html(decision)
    assert "failures" not in legend_html(decision)


def test_every_class_and_part_has_words() -> None:
    """A new one needs a word on the page."""
    assert set(text.SAFETY) == set(Safety)
    assert set(text.REASONS) == set(Reason)
    assert set(text.PARTS) == {*PART_ORDER, *STATE_PARTS}


def test_a_refused_prompt_names_no_model() -> None:
    """The panel shows the sentence and the rule instead."""
    rule = AppliedRule(name="no", sentence="A rule says no.")
    decision = replace(a_decision(), action="refuse", message="Please ask somebody else.", rules=(rule,))
    html = why_html(decision, an_explanation(decision))
    assert "Please ask somebody else." in html
    assert "A rule says no." in html
    assert MODEL_IDS[0] not in html


def test_a_figure_without_a_decision_says_so() -> None:
    """Nothing to draw is said in the figure."""
    assert contributions_figure(None).layout.annotations[0].text
    assert len(contributions_figure(a_decision()).data) == 4


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "—"), (0.0, "$0"), (0.000312, "$0.00031"), (0.0123, "$0.0123"), (3.4, "$3.40")]
)
def test_dollars(value: float | None, shown: str) -> None:
    """Small amounts keep two digits, unknown is a dash."""
    assert format_usd(value) == shown


def test_other_figures() -> None:
    """Seconds, sizes and windows in the units people say; no minute has sixty seconds."""
    seconds = {
        None: "—",
        0.42: "0.42 s",
        3.14: "3.1 s",
        12.2: "12 s",
        59.7: "1 min 0 s",
        119.8: "2 min 0 s",
        125: "2 min 5 s",
    }
    assert {s: format_seconds(s) for s in seconds} == seconds
    assert [format_size(b) for b in (None, 0.6, 8.0, 1000.0)] == ["—", "0.6B", "8B", "1T"]
    assert [format_window(t) for t in (None, 512, 131072, 1_048_576)] == ["—", "512", "131k", "1.05M"]


def test_models_that_met_the_same_error_share_a_line() -> None:
    """Each is named once, however often it was tried."""
    tries = [("a/A", "It is down."), ("b/B", "It is down."), ("a/A", "It is down."), ("c/C", "It is full.")]
    attempts = tuple(
        Attempt(target=Target(model_id=name, provider="box", served_name=name), error=error) for name, error in tries
    )
    answer = Answer(target=attempts[0].target, text="Yes.", status=AnswerStatus.DONE, attempts=attempts)
    html = Receipt(model_id="a/A", reason="", expected=None, answer=answer).to_html()
    assert "Tried first: a/A, b/B. It is down." in html
    assert "Tried first: c/C. It is full." in html


def test_another_preset_is_compared_in_plain_words() -> None:
    """More or less quality, and a share or a multiple of cost and time."""
    dear = a_decision()
    turned = replace(dear.scores, model_ids=dear.scores.model_ids[::-1], figures=dear.scores.figures[:, ::-1])
    cheap = replace(dear, scores=turned)
    assert "20.0 points less quality, 10 % of the cost, 33 % of the time" in what_if_html(dear, cheap)
    assert "20.0 points more quality, 10 times the cost, 3 times the time" in what_if_html(cheap, dear)
