"""Filters, their reasons, and the parts of the utility."""

import numpy as np
import pytest

from omni.conditions import NOTHING_KNOWN, Conditions, ModelHealth, Sticky
from omni.errors import InputError
from omni.policy import (
    PRESETS,
    availability,
    candidate_facts,
    dial_weights,
    exclude,
    gain_se,
    hard_prompt_part,
    utilities,
)
from omni.rules import NO_RULING, Ruling
from omni.types import Preferences, Reason, Weights
from tests.omni.cards import benchmark_score, model_card, prompt_profile

WEIGHTS = Weights(quality_per_usd=10.0, quality_per_s=0.01, z=1.0, z_dearer=2.0)


def reasons(cards, profile=None, preferences=None, cost=None, conditions=NOTHING_KNOWN, ruling=NO_RULING):
    """Model id to the reason that excluded it."""
    costs = np.full(len(cards), 0.001) if cost is None else np.array(cost)
    _, excluded = exclude(
        candidate_facts(cards),
        profile or prompt_profile(),
        preferences or Preferences(),
        costs,
        conditions=conditions,
        ruling=ruling,
    )
    return {exclusion.model_id: exclusion.reason for exclusion in excluded}


def figures(*values: float) -> np.ndarray:
    """One prompt's row, a value a model."""
    return np.array([values])


FIRST = np.array([0])


def test_parts_are_quality_cost_latency_and_evidence():
    """Each part is its price times its figure, worked out by hand."""
    parts = utilities(figures(0.8, 0.6), figures(0.0, 0.1), figures(0.01, 0.002), figures(2.0, 1.0), WEIGHTS, FIRST)
    assert parts["quality"].tolist() == [[0.8, 0.6]]
    assert parts["cost"][0] == pytest.approx([-0.1, -0.02])
    assert parts["latency"][0] == pytest.approx([-0.02, -0.01])
    assert parts["evidence"][0] == pytest.approx([0.0, -0.1])


def test_a_dearer_alternative_needs_more_evidence():
    """The same margin of error costs twice as much when the alternative is dearer than the reference."""
    doubt, cost, no_time = figures(0.0, 0.1, 0.1), figures(0.01, 0.02, 0.005), figures(0.0, 0.0, 0.0)
    parts = utilities(figures(0.5, 0.5, 0.5), doubt, cost, no_time, WEIGHTS, FIRST)
    assert parts["evidence"][0] == pytest.approx([0.0, -0.2, -0.1])


def test_a_model_without_outcomes_must_promise_more():
    """Its risk is taken off whatever the weights ask, and off no other model."""
    parts = utilities(
        figures(0.5, 0.6),
        figures(0.0, 0.1),
        figures(0.01, 0.005),
        figures(0.0, 0.0),
        WEIGHTS,
        FIRST,
        np.array([0.0, 0.03]),
    )
    assert parts["evidence"][0] == pytest.approx([0.0, -0.13])


def test_unknown_cost_counts_as_the_dearest():
    """A model without a price is not treated as free, nor one without a speed as instant."""
    cost, seconds = figures(0.01, np.nan, 0.03), figures(np.nan, 1.0, 4.0)
    parts = utilities(figures(1.0, 1.0, 1.0), figures(0.0, 0.0, 0.0), cost, seconds, WEIGHTS, FIRST)
    assert parts["cost"][0] == pytest.approx([-0.1, -0.3, -0.3])
    assert parts["latency"][0] == pytest.approx([-0.04, -0.01, -0.04])


def test_the_error_of_a_difference_is_that_of_both_models():
    """The root of the sum of squares, and 0 for the reference itself."""
    errors = gain_se(np.array([[0.3, 0.4], [0.3, 0.4]]), np.array([0, 1]))
    assert errors == pytest.approx(np.array([[0.0, 0.5], [0.5, 0.0]]))


def test_on_a_prompt_that_all_are_likely_to_fail_saving_earns_nothing():
    """The most able wins among those no dearer than the reference; a dearer one still pays for the difference."""
    quality, cost = figures(0.2, 0.1, 0.25, 0.28), figures(0.01, 0.001, 0.01, 0.02)
    no_doubt = figures(0.0, 0.0, 0.0, 0.0)
    parts = utilities(quality, no_doubt, cost, no_doubt, WEIGHTS, FIRST)
    kept = np.ones((1, 4), dtype=bool)
    part = hard_prompt_part(parts, FIRST, kept, None)
    assert part[0] == pytest.approx([0.0, -0.09, 0.0, 0.0])
    assert (sum(parts.values()) + part)[0].argmax() == 2


@pytest.mark.parametrize(("best", "kept_best", "is_familiar"), [(0.5, True, None), (0.25, True, np.array([True]))])
def test_cost_decides_where_a_model_is_able_or_a_low_expectation_is_measured(best, kept_best, is_familiar):
    """One model above the line, or outcomes of such prompts, and the rule does not apply."""
    parts = utilities(figures(0.1, best), figures(0.0, 0.0), figures(0.01, 0.001), figures(0.0, 0.0), WEIGHTS, FIRST)
    assert hard_prompt_part(parts, FIRST, np.array([[True, kept_best]]), is_familiar) is None


def test_a_model_that_may_not_answer_does_not_make_a_prompt_easy():
    """Only those that are kept count."""
    parts = utilities(figures(0.1, 0.9), figures(0.0, 0.0), figures(0.01, 0.001), figures(0.0, 0.0), WEIGHTS, FIRST)
    assert hard_prompt_part(parts, FIRST, np.array([[True, False]]), None) is not None


def test_dials_keep_the_evidence_rule_of_the_balanced_preset():
    """Only the two prices change; a negative or unknown one is refused with its name and value."""
    weights = dial_weights(quality_per_usd=3.5, quality_per_s=0.25)
    assert (weights.quality_per_usd, weights.quality_per_s) == (3.5, 0.25)
    assert (weights.z, weights.z_dearer) == (PRESETS["balanced"].z, PRESETS["balanced"].z_dearer)
    assert dial_weights(quality_per_usd=1.0).quality_per_s == 0.0
    with pytest.raises(InputError, match=r"quality_per_s is -1\.0"):
        dial_weights(quality_per_usd=1.0, quality_per_s=-1.0)
    with pytest.raises(InputError, match="quality_per_usd is nan"):
        dial_weights(quality_per_usd=float("nan"))


def test_presets_order_the_price_of_cost_and_time():
    """Cheap asks most for a dollar, fast most for a second, quality least for either."""
    assert max(PRESETS, key=lambda p: PRESETS[p].quality_per_usd) == "cheap"
    assert max(PRESETS, key=lambda p: PRESETS[p].quality_per_s) == "fast"
    assert min(PRESETS, key=lambda p: PRESETS[p].quality_per_usd) == "quality"


def test_long_input_excludes_small_windows_and_unknown_ones():
    """200,000 tokens leave only the models whose stated window holds them and an answer."""
    cards = [
        model_card("a/big", context_tokens=256_000),
        model_card("a/small"),
        model_card("a/unknown", context_tokens=None),
    ]
    assert reasons(cards, prompt_profile(input_tokens=200_000)) == {
        "a/small": Reason.CONTEXT_WINDOW,
        "a/unknown": Reason.CONTEXT_WINDOW,
    }


@pytest.mark.parametrize(
    ("changes", "need", "reason"),
    [
        ({"role": "guard"}, {}, Reason.ROLE),
        ({}, {"n_images": 1}, Reason.MODALITY),
        ({"supports_tools": None}, {"needs_tools": True}, Reason.TOOLS),
        ({"structured_output": False}, {"needs_json": True}, Reason.STRUCTURED_OUTPUT),
    ],
)
def test_each_need_has_its_reason(changes, need, reason):
    """A model that lacks what the prompt needs is excluded with that need's code."""
    card = model_card(str(changes.get("model_id", "a/model")), **{k: v for k, v in changes.items() if k != "model_id"})
    assert reasons([card], prompt_profile(**need)) == {card.model_id: reason}


def test_wishes_exclude_by_glob_licence_and_ceiling():
    """Allow and deny match without case; a ceiling needs a known price."""
    cards = [model_card("a/one"), model_card("b/two"), model_card("a/three", license="NC"), model_card("a/four")]
    wishes = Preferences(allow=("A/*",), deny=("*four",), licences_denied=("NC",), max_cost_usd=0.01)
    assert reasons(cards, preferences=wishes, cost=[np.nan, 0.0, 0.0, 0.0]) == {
        "b/two": Reason.NOT_ALLOWED,
        "a/four": Reason.DENIED,
        "a/three": Reason.LICENCE,
        "a/one": Reason.COST_UNKNOWN,
    }


def test_what_no_provider_offers_is_excluded_only_when_the_offer_is_known():
    """Without a connected provider the whole catalog competes."""
    cards = [model_card("a/one"), model_card("a/two")]
    assert reasons(cards) == {}
    assert reasons(cards, conditions=Conditions(served=frozenset({"a/one"}))) == {"a/two": Reason.NO_LIVE_PROVIDER}


def test_a_rule_excludes_uncensored_models_named_models_and_licences():
    """Each exclusion of the operator's policy has its code."""
    cards = [model_card("x/dolphin-1"), model_card("b/two"), model_card("a/three", license="NC"), model_card("a/four")]
    ruling = Ruling(excludes_uncensored=True, models_denied=("B/*",), licences_denied=("NC",))
    assert reasons(cards, ruling=ruling) == {
        "x/dolphin-1": Reason.SAFETY,
        "b/two": Reason.POLICY,
        "a/three": Reason.POLICY,
    }


@pytest.mark.parametrize(
    "asked", [{"preferences": Preferences(local_only=True)}, {"ruling": Ruling(is_local_only=True)}]
)
def test_local_only_keeps_what_this_machine_serves(asked):
    """The person or the operator may keep a prompt on the machine."""
    cards = [model_card("a/one"), model_card("a/two")]
    conditions = Conditions(local=frozenset({"a/two"}))
    assert reasons(cards, conditions=conditions, **asked) == {"a/one": Reason.LOCAL_ONLY}


def test_a_tool_loop_keeps_its_model_while_it_can_answer():
    """A locked conversation has one candidate, unless that one is excluded itself."""
    cards = [model_card("a/one"), model_card("a/two")]
    locked = Conditions(sticky=Sticky(model_id="a/two", is_locked=True, switch_cost=0.0))
    assert reasons(cards, conditions=locked) == {"a/one": Reason.LOCKED}
    assert reasons(cards, conditions=locked, preferences=Preferences(deny=("a/two",))) == {"a/two": Reason.DENIED}


def test_availability_weighs_what_was_seen():
    """Two trusted answers stand against what was seen, and a model never asked is trusted whole."""
    row = {"a/one": 0, "a/two": 1}
    seen = ModelHealth(availability=0.0, first_token_s=None, tokens_per_s=None, weight=2.0)
    assert availability({"a/one": seen, "b/gone": seen}, row) == pytest.approx([0.5, 1.0])


def test_safety_is_the_mean_rank_on_harm_benchmarks():
    """The best has 1 whichever way a benchmark counts; boards that reward answering and unmeasured models give 0."""
    harm = {"lower": (benchmark_score("harm", "safety", 2.0, higher_is_better=False),)}
    harm["higher"] = (benchmark_score("harm", "safety", 9.0, higher_is_better=False),)
    harm["none"] = (benchmark_score("speechmap-us", "safety", 99.0), benchmark_score("mmlu", "knowledge", 99.0))
    harm["good"] = (benchmark_score("refusals", "safety", 80.0), benchmark_score("other", "safety", 1.0))
    harm["bad"] = (benchmark_score("refusals", "safety", 20.0), benchmark_score("other", "safety", 3.0))
    cards = [model_card(f"a/{name}", scores=scores) for name, scores in harm.items()]
    assert candidate_facts(cards).safety.tolist() == [1.0, 0.5, 0.0, 0.75, 0.75]
