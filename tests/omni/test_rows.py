"""Each figure of a decision stands in its own field: in the store, in JSON, in a batch's line and in the tables."""

import re
from dataclasses import asdict, replace

import pytest

from omni.api.journal import Journal
from omni.commands.batch import to_line
from omni.commands.route import decision_to_json
from omni.evidence import Evidence, RecordedPrompt
from omni.references import ReferenceChoice
from omni.store import AnswerRecord, Feedback, decision_row, open_store
from omni.types import Preferences
from omni.ui.views import candidate_table, references_html, what_if_html, why_html
from tests.omni.decisions import FIRST, SECOND, THIRD, distinct_decision
from tests.omni.ui.builders import an_explanation

ROW = {
    "decision_id": "0123", "catalog_version": "v1", "parameters_version": "p1",
    "router": "my.router 2d3c 2026-11-28", "language": "de", "main_task": "code", "difficulty": 0.43,
    "input_tokens": 42, "n_images": 3, "n_turns": 5, "privacy_kinds": ["email"], "safety": "sensitive",
    "preset": "cheap", "model_id": FIRST, "runner_up_model_id": SECOND, "reference_model_id": THIRD,
    "utility": pytest.approx(0.749), "quality": 0.81, "quality_se": 0.034, "cost_usd": 0.0021, "latency_s": 6.5,
    "n_candidates": 2, "n_excluded": 7,
}  # fmt: skip
ANSWER = AnswerRecord(
    decision_id="0123", model_id=FIRST, provider="box", input_tokens=43, output_tokens=322, cost_usd=0.0022,
    time_to_first_token_s=0.7, latency_s=6.6, finish_reason="stop", error_kind="NoError",
)  # fmt: skip


def test_a_decision_is_kept_field_by_field() -> None:
    """The row, and what the table has of it."""
    decision = distinct_decision()
    assert decision_row(decision) == ROW
    with open_store(":memory:") as store:
        store.save_decision(decision)
        [kept] = store.read("SELECT * EXCLUDE (decided_at) FROM decisions").to_dict("records")
    assert kept | {"privacy_kinds": list(kept["privacy_kinds"])} == ROW


def test_an_answer_is_kept_field_by_field() -> None:
    """Tokens in and out, cost, first token and total, each in its column."""
    with open_store(":memory:") as store:
        store.save_answer(ANSWER)
        [kept] = store.read("SELECT * EXCLUDE (answered_at) FROM answers").to_dict("records")
    assert kept == asdict(ANSWER)


def test_a_judgement_is_kept_field_by_field() -> None:
    """Who was better, by whom, and what was expected."""
    vote = Feedback(
        decision_id="0123", kind="vote", model_id=FIRST, other_model_id=SECOND, value=0.25, visitor="mark",
        tasks={"code": 0.72}, length_ratio=1.5, expected_logit=0.375,
    )  # fmt: skip
    with open_store(":memory:") as store:
        store.save_feedback(vote)
        [kept] = store.read("SELECT * EXCLUDE (given_at) FROM feedback").to_dict("records")
    assert kept | {"tasks": dict(kept["tasks"])} == asdict(vote)


def test_the_journal_of_the_api_keeps_the_same_rows() -> None:
    """What the API reads back later is the decision with its last answer."""
    with open_store(":memory:") as store:
        journal = Journal(store)
        journal.keep_decision(distinct_decision())
        figures = {name: value for name, value in asdict(ANSWER).items() if name not in ("decision_id", "model_id")}
        journal.keep_answer("0123", FIRST, **figures)
        journal.flush()
        kept = journal.stored("0123")
        journal.close()
    assert kept is not None
    answer = kept.pop("answer")
    assert {name: value for name, value in kept.items() if name != "decided_at"} == ROW
    assert {name: answer[name] for name in ANSWER.__slots__} == {
        name: getattr(ANSWER, name) for name in ANSWER.__slots__
    }


def test_json_has_each_figure_in_its_field() -> None:
    """The whole decision as `route --json` prints it."""
    nearest = RecordedPrompt(prompt_id="p7", category="sums", similarity=0.91, scores={FIRST: 0.6, SECOND: None})
    evidence = Evidence(n_similar=64, n_compared=37, means={FIRST: 0.8}, nearest=(nearest,), familiarity=0.77)
    reference = ReferenceChoice(policy="Arch", route="maths", model_id=SECOND, is_candidate=True)
    body = decision_to_json(distinct_decision(), "In words.", [reference], evidence)
    [first, second], excluded = body.pop("candidates"), body.pop("excluded")
    assert body == {
        "decision_id": "0123", "catalog_version": "v1", "router": "my.router 2d3c 2026-11-28",
        "parameters_version": "p1", "chosen": FIRST, "reference": THIRD, "explanation": "In words.",
        "profile": {
            "language": "de", "script": "Grek", "tasks": {"code": 0.72, "math": 0.28}, "difficulty": 0.43,
            "input_tokens": 42, "privacy": ["email"], "safety": "sensitive", "n_images": 3, "n_turns": 5,
        },
        "references": [{"policy": "Arch", "route": "maths", "model_id": SECOND, "is_candidate": True}],
        "evidence": {
            "n_similar": 64, "n_compared": 37, "familiarity": 0.77, "means": {FIRST: 0.8},
            "nearest": [{"prompt_id": "p7", "category": "sums", "similarity": 0.91,
                         "scores": {FIRST: 0.6, SECOND: None}, "text": None}],
        },
    }  # fmt: skip
    assert second == {
        "model_id": SECOND, "rank": 2, "utility": pytest.approx(0.703),
        "parts": {"quality": 0.74, "cost": -0.012, "latency": -0.004, "evidence": -0.021}, "quality": 0.74,
        "quality_se": 0.056, "quality_parts": {"general": 0.47, "task_fit": 0.27}, "cost_usd": 0.0006,
        "cost_basis": "listed", "latency_s": 2.2, "latency_basis": "recorded",
    }  # fmt: skip
    assert (first["rank"], first["cost_basis"], first["latency_basis"]) == (1, "estimated", "published")
    assert excluded[3] == {"model_id": "org/Out-3B", "reason": "denied", "detail": "no 3"}


def test_a_line_of_a_batch_has_each_figure_in_its_field() -> None:
    """The choice, what is expected of it, and who came second."""
    assert to_line(distinct_decision()) == {
        "chosen": FIRST, "quality": 0.81, "cost_usd": 0.0021, "latency_s": 6.5, "runner_up": SECOND,
        "decision_id": "0123",
    }  # fmt: skip


def test_the_table_of_candidates_has_each_figure_in_its_column() -> None:
    """Points, percent, dollars per 1,000 answers and seconds."""
    assert candidate_table(distinct_decision()).iloc[0].to_dict() == {
        "#": 1, "Model": "Alpha-70B", "Score": 74.9, "Quality": 81.0, "±": 3.4, "$ per 1,000": 2.1, "Seconds": 6.5,
        "Cost": -4.1, "Time": -1.3, "Uncertainty": -0.7,
    }  # fmt: skip


def test_the_tiles_say_quality_cost_and_time() -> None:
    """Each under its name, with a mark on what is estimated."""
    decision = distinct_decision()
    assert (
        '<div class="tiles"><div class="tile"><b>81 % <small>± 3</small></b><span>expected quality</span></div>'
        '<div class="tile"><b>$0.0021 <small title="estimated, not listed">est.</small></b>'
        '<span>expected cost</span></div><div class="tile"><b>6.5 s</b><span>expected time</span></div></div>'
    ) in why_html(decision, an_explanation(decision))


def test_another_preset_stands_below_the_present_one() -> None:
    """A row each: preset, model, quality, cost and seconds."""
    now = distinct_decision()
    figures, bases = now.scores.figures[:, ::-1], now.scores.latency_basis[::-1]
    turned = replace(now.scores, model_ids=(SECOND, FIRST), figures=figures, latency_basis=bases)
    other = replace(now, scores=turned, preferences=Preferences(preset="quality"))
    assert cells(what_if_html(now, other)) == [
        ["Cheapest", "Alpha-70B", "81 %", "$0.0021", "6.5 s"],
        ["Best answer", "Beta-8B", "74 %", "$0.00060", "2.2 s"],
    ]


def test_other_policies_stand_with_our_expectation_of_their_model() -> None:
    """Quality, cost and rank here; dashes where the model is no candidate."""
    found = [
        ReferenceChoice(policy="Arch", route="maths", model_id=SECOND, is_candidate=True),
        ReferenceChoice(policy="Other", route="any", model_id=THIRD, is_candidate=False),
    ]
    assert cells(references_html(found, distinct_decision())) == [
        ["Arch", "Beta-8B", "74 %", "$0.00060", "2"],
        ["Other", "Gamma-3B", "—", "—", "—"],
    ]


def cells(html: str) -> list[list[str]]:
    """The text of a table's cells, row by row."""
    rows = [re.findall(r"<td>(.*?)</td>", row) for row in html.split("<tr>")]
    return [[re.sub("<.*?>", "", cell) for cell in row] for row in rows if row]
