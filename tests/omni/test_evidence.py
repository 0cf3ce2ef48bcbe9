"""The recorded outcomes behind a fitted router's choice."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from omni.__main__ import main
from omni.evidence import MAX_TEXT_CHARS, N_NEAREST, find_evidence
from omni.explain import explain
from omni.quality.router_file import save_router
from omni.router import Router, fitted_router
from omni.types import Conversation
from tests.omni.fitted_routers import a_fitted_router, recorded_prompts

POEM = Conversation.from_prompt("Write a short poem about the 5th leaf of tree 9.")


@pytest.fixture
def fitted(router: Router) -> Router:
    return fitted_router(a_fitted_router(), router.catalog, router.reader)


def test_the_means_are_those_of_the_recorded_scores(fitted: Router) -> None:
    """With fewer prompts than are looked at, the mean is over all of them: the chosen model, then the runner-up."""
    decision = fitted.route(POEM)
    evidence = fitted.evidence(decision)
    assert evidence is not None
    assert (evidence.n_similar, evidence.n_compared) == (60, 60)
    assert list(evidence.means) == list(decision.scores.model_ids[:2])
    quality = a_fitted_router().quality
    for model_id, mean in evidence.means.items():
        assert mean == pytest.approx(quality.remembered[:, quality.model_ids.index(model_id)].mean())


def test_the_nearest_prompts_are_alike_and_have_their_text(fitted: Router) -> None:
    """Most similar first, with category, the leading candidates' scores, and text only where it is handed over."""
    decision = fitted.route(POEM)
    evidence = find_evidence(fitted.quality, decision, recorded_prompts())
    assert evidence is not None
    assert len(evidence.nearest) == N_NEAREST
    assert {prompt.category for prompt in evidence.nearest} == {"poems"}
    similarities = [prompt.similarity for prompt in evidence.nearest]
    assert similarities == sorted(similarities, reverse=True)
    first = evidence.nearest[0]
    assert first.text == recorded_prompts()[first.prompt_id]
    assert tuple(first.scores) == decision.scores.model_ids
    plain = fitted.evidence(decision)
    assert plain is not None
    assert {prompt.text for prompt in plain.nearest} == {None}


def test_a_long_prompt_is_cut(fitted: Router) -> None:
    """One line of limited length."""
    long = dict.fromkeys(recorded_prompts(), "one\n two " * 200)
    evidence = find_evidence(fitted.quality, fitted.route(POEM), long)
    assert evidence is not None
    text = evidence.nearest[0].text
    assert text is not None
    assert len(text) == MAX_TEXT_CHARS
    assert text.startswith("one two one two")


def test_unrecorded_scores_are_none_and_not_compared(router: Router) -> None:
    """A mean is over the prompts that both models have a score on."""
    whole = a_fitted_router()
    holes = whole.quality.remembered.copy()
    decision = fitted_router(whole, router.catalog, router.reader).route(POEM)
    column = whole.quality.model_ids.index(decision.chosen.model_id)
    holes[:, column] = np.where(np.arange(60) % 3 == 0, holes[:, column], np.nan)
    pool = fitted_router(
        replace(whole, quality=replace(whole.quality, remembered=holes)), router.catalog, router.reader
    )
    evidence = pool.evidence(decision)
    assert evidence is not None
    assert evidence.n_compared == 20
    said = explain(decision, pool.catalog, evidence).reasons
    assert any(
        reason.startswith("On the 60 most similar prompts (20 of them with a score of both) ") for reason in said
    )
    assert None in [score for prompt in evidence.to_json()["nearest"] for score in prompt["scores"].values()]


def test_a_public_router_has_none(router: Router) -> None:
    """Public benchmarks say nothing of single prompts."""
    assert router.evidence(router.route(POEM)) is None


def test_a_decision_explains_itself_by_what_was_recorded(fitted: Router) -> None:
    """The parts add up to the quality that is named, and the router is named with its date."""
    decision = fitted.route(POEM)
    reasons = explain(decision, fitted.catalog, fitted.evidence(decision)).reasons
    quality = next(reason for reason in reasons if reason.startswith("Expected quality:"))
    total, _, parts = quality.partition("from recorded outcomes: ")[2].removesuffix(".").partition(" = ")
    figures = [part.rpartition(" ")[2] for part in parts.replace("− ", "+ −").split(" + ")]
    signs = [-1 if part.startswith("−") else 1 for part in parts.replace("− ", "+ −").split(" + ")]
    assert sum(sign * float(figure) for sign, figure in zip(signs, figures, strict=True)) == pytest.approx(float(total))
    assert float(total) == pytest.approx(100 * decision.chosen.quality, abs=0.06)
    fingerprint = a_fitted_router().quality.version
    assert f"Router: Fitted on toys, 60 prompts (fingerprint {fingerprint}, 2026-11-28)." in reasons


def test_the_command_prints_the_evidence_and_json_holds_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`python -m omni route --router FILE`: the sentence in plain output, the figures with --json; no prompt."""
    path = tmp_path / "toys.router"
    save_router(a_fitted_router(), path)
    assert main(["route", POEM.last_user_text, "--router", str(path)]) == 0
    assert "On the 60 most similar prompts " in capsys.readouterr().out
    assert main(["route", POEM.last_user_text, "--router", str(path), "--json"]) == 0
    decision = json.loads(capsys.readouterr().out)
    evidence = decision["evidence"]
    assert (evidence["n_similar"], len(evidence["nearest"])) == (60, N_NEAREST)
    assert next(iter(evidence["means"])) == decision["chosen"]
    assert {prompt["text"] for prompt in evidence["nearest"]} == {None}
    assert main(["route", POEM.last_user_text, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["evidence"] is None
