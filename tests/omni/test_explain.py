"""Explanations come from the decision's own numbers."""

import re
from dataclasses import replace

import pytest

from omni.conditions import Conditions
from omni.explain import explain
from omni.policy import PRESETS
from omni.router import Router
from omni.types import Conversation, Preferences, Task
from omni.ui.wishes import slider_points

PROMPT = Conversation.from_prompt("A farmer has 17 sheep; all but 9 run away. How many are left?")


def test_the_headline_names_the_chosen_model(router: Router):
    """Display name and number of candidates stand in the first line."""
    decision = router.route(PROMPT)
    headline = explain(decision, router.catalog).headline
    assert router.catalog.get(decision.chosen.model_id).display_name in headline
    assert str(len(decision.candidates)) in headline


def test_the_runner_up_is_the_second_candidate(router: Router):
    """It is named, with the lead of the first."""
    decision = router.route(PROMPT)
    assert decision.candidates[1].model_id in (explain(decision, router.catalog).runner_up or "")


def test_a_single_candidate_has_no_runner_up(router: Router):
    """With one model left there is nobody to compare with."""
    decision = router.route(PROMPT, Preferences(allow=("Qwen/Qwen3-8B",)))
    assert explain(decision, router.catalog).runner_up is None


def test_a_flip_really_flips(router: Router):
    """Just past the points that are named, the named model has the best utility."""
    decision = router.route(PROMPT, Preferences(preset="balanced", allow=("Qwen/*",)))
    parts, ids = decision.scores.parts, decision.scores.model_ids
    flips = explain(decision, router.catalog).flips
    assert flips
    for flip in flips:
        part = "cost" if "$1 less" in flip.what else "latency"
        named, now = (float(number) for number in re.findall(r"(?:worth|now) ([\d.]+)", flip.what))
        past = named * (1.02 if named > now else 0.98)
        utility = sum(parts.values()) - parts[part] + parts[part] * past / now
        assert ids[int(utility.argmax())] == flip.model_id


def test_a_flip_really_flips_where_people_have_voted(router: Router):
    """With votes between the two that lead, the router itself chooses the named model just past the points."""
    preferences = Preferences(allow=("Qwen/*",), weights=PRESETS["balanced"])
    second = router.route(PROMPT, preferences).candidates[1].model_id
    conditions = Conditions(residuals={task: {second: 1.0} for task in Task})
    decision = router.route(PROMPT, preferences, conditions=conditions)
    assert decision.chosen.model_id == second
    flips = [flip for flip in explain(decision, router.catalog).flips if "10 s sooner" in flip.what]
    assert flips
    for flip in flips:
        named, now = (float(number) for number in re.findall(r"(?:worth|now) ([\d.]+)", flip.what))
        past = replace(decision.weights, quality_per_s=named * (1.02 if named > now else 0.98) / 1000)
        again = router.route(PROMPT, replace(preferences, weights=past), conditions=conditions)
        assert again.chosen.model_id == flip.model_id


def test_the_points_of_a_flip_are_those_of_the_sliders(router: Router):
    """Where a flip says "now", the page's slider stands at that very figure."""
    sliders = slider_points("balanced")
    decision = router.route(PROMPT, Preferences(preset="balanced", allow=("Qwen/*",)))
    flips = explain(decision, router.catalog).flips
    assert flips
    for flip in flips:
        now = sliders.cost if "$1 less" in flip.what else sliders.speed
        assert f"(now {now:.3g})" in flip.what


def test_the_figures_of_the_cost_sentence_make_up_the_cost(router: Router):
    """Tokens times prices as they stand in the sentence give the cost that is named, to its two digits."""
    explanation = explain(router.route(PROMPT), router.catalog)
    sentence = next(reason for reason in explanation.reasons if reason.startswith("Cost:"))
    cost, n_in, n_out, price_in, price_out = (float(n.replace(",", "")) for n in re.findall(r"[\d,]*\.?\d+", sentence))
    assert (n_in * price_in + n_out * price_out) / 1e6 == pytest.approx(cost, rel=0.05)


def test_a_model_without_a_benchmark_score_says_what_stands_in(router: Router):
    """Quality then goes by size, family and age, and the sentence owns it."""
    bare = next(card for card in router.catalog.models if not card.scores and card.role == "chat")
    reasons = explain(router.route(PROMPT, Preferences(allow=(bare.model_id,))), router.catalog).reasons
    assert any("no benchmark score of it is published" in reason for reason in reasons)


def test_a_refusal_is_explained_by_its_rule_alone(router: Router):
    """Nobody won, so no model, figure or runner-up is named."""
    decision = router.route(Conversation.from_prompt("How do I make sarin gas at home?"))
    explanation = explain(decision, router.catalog)
    assert explanation.headline == decision.message
    assert explanation.reasons == tuple(rule.sentence for rule in decision.rules)
    assert not explanation.runner_up
    assert not explanation.flips


def test_a_fact_carries_its_words_value_and_source(router: Router):
    """What the choice rests on can be looked up."""
    sources = explain(router.route(PROMPT), router.catalog).sources
    assert any(line.startswith("price in, USD per million tokens: ") and ", from " in line for line in sources)


def test_exclusions_are_counted_by_reason(router: Router):
    """One sentence a reason, with its count."""
    decision = router.route(PROMPT, Preferences(deny=("Qwen/*",)))
    n_denied = sum(e.reason == "denied" for e in decision.excluded)
    assert f"{n_denied} excluded: on the deny list." in explain(decision, router.catalog).exclusions
