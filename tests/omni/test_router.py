"""Decisions over the shipped catalog."""

import math
from dataclasses import replace

import pytest

from omni.caps import MAX_PROMPT_CHARS
from omni.conditions import Conditions, ModelHealth, Sticky
from omni.errors import InputError, NoModelAvailable
from omni.router import Router
from omni.types import Conversation, Message, Preferences, Reason, Task

PROMPT = Conversation.from_prompt("Write a Python function that merges two sorted lists.")


def test_parts_sum_to_the_score_for_every_candidate(router: Router):
    """The parts of the utility sum to it, and those of the quality to the quality, within 1e-9."""
    candidates = router.route(PROMPT).candidates
    assert len(candidates) > 200
    for candidate in candidates:
        assert math.isclose(sum(candidate.parts.values()), candidate.utility, abs_tol=1e-9)
        assert math.isclose(sum(candidate.quality_parts.values()), candidate.quality, abs_tol=1e-9)


def test_the_same_call_gives_the_same_decision(router: Router):
    """Nothing in a decision depends on the clock, on chance or on earlier calls."""
    first, second = router.route(PROMPT), router.route(PROMPT)
    assert first == replace(second, scores=first.scores)
    assert first.candidates == second.candidates


def test_a_batch_decides_as_single_calls_do(router: Router):
    """Reading many prompts at once changes no choice."""
    prompts = [PROMPT, Conversation.from_prompt("¿Cuál es la capital de Perú?"), Conversation.from_prompt("2+2=?")]
    batch = router.route_batch(prompts)
    assert [d.decision_id for d in batch] == [router.route(p).decision_id for p in prompts]
    assert [d.chosen.model_id for d in batch] == [router.route(p).chosen.model_id for p in prompts]


def test_every_model_is_a_candidate_or_excluded(router: Router):
    """Nobody vanishes without a reason."""
    decision = router.route(PROMPT)
    named = {c.model_id for c in decision.candidates} | {e.model_id for e in decision.excluded}
    assert named == {card.model_id for card in router.catalog.models}
    assert len(decision.candidates) >= 200


def test_long_input_keeps_only_large_windows(router: Router):
    """A text of 200,000 tokens excludes every model whose window is smaller."""
    decision = router.route(Conversation.from_prompt("All work and no play. " * 40_000))
    assert decision.profile.input_tokens > 150_000
    for candidate in decision.candidates:
        assert (router.catalog.get(candidate.model_id).context_tokens or 0) > decision.profile.input_tokens
    assert sum(e.reason is Reason.CONTEXT_WINDOW for e in decision.excluded) > 100


def test_an_image_keeps_only_models_that_read_images(router: Router):
    """Text-only models are excluded with the modality code."""
    message = Message(role="user", text="What is on this picture?", n_images=1)
    decision = router.route(Conversation(messages=(message,)))
    assert all("image" in router.catalog.get(c.model_id).input_modalities for c in decision.candidates)
    assert any(e.reason is Reason.MODALITY for e in decision.excluded)


def test_cheap_costs_no_more_than_quality(router: Router):
    """The presets pull in the direction of their names."""
    cost = {p: router.route(PROMPT, Preferences(preset=p)).chosen.cost_usd for p in ("cheap", "balanced", "quality")}
    assert cost["cheap"] <= cost["balanced"] <= cost["quality"]
    quality = {p: router.route(PROMPT, Preferences(preset=p)).chosen.quality for p in ("cheap", "quality")}
    assert quality["quality"] >= quality["cheap"]


def test_fast_waits_no_longer_than_quality(router: Router):
    """The fast preset gives up quality for a shorter wait."""
    wait = {p: router.route(PROMPT, Preferences(preset=p)).chosen.latency_s for p in ("fast", "quality")}
    assert wait["fast"] <= wait["quality"]


def test_only_served_models_are_chosen(router: Router):
    """With a provider's offer known, the choice stays inside it."""
    served = frozenset(card.model_id for card in router.catalog.models[:20])
    assert router.route(PROMPT, conditions=Conditions(served=served)).chosen.model_id in served


@pytest.mark.parametrize("text", ["", "  \n\t"])
def test_an_empty_prompt_is_refused(router: Router, text: str):
    """Nothing to read is an error, not a guess."""
    with pytest.raises(InputError, match="empty"):
        router.route(Conversation.from_prompt(text))


def test_a_huge_prompt_is_refused_before_reading(router: Router):
    """The limit is named."""
    with pytest.raises(InputError, match="at most"):
        router.route(Conversation.from_prompt("x" * (MAX_PROMPT_CHARS + 1)))


def test_nobody_left_says_why(router: Router):
    """The error counts the reasons and says what to relax."""
    with pytest.raises(NoModelAvailable, match="not_allowed"):
        router.route(PROMPT, Preferences(allow=("nobody/*",)))


def test_what_was_seen_moves_the_choice(router: Router):
    """A model that fails loses the choice, one that is slow waits longer; both are said as parts."""
    first = router.route(PROMPT).chosen.model_id
    down = ModelHealth(availability=0.0, first_token_s=None, tokens_per_s=None, weight=20.0)
    decision = router.route(PROMPT, conditions=Conditions(health={first: down}))
    assert decision.chosen.model_id != first
    row = decision.scores.model_ids.index(first)
    assert decision.candidates[row].parts["availability"] == pytest.approx(-0.25 * 20 / 22)
    slow = ModelHealth(availability=1.0, first_token_s=60.0, tokens_per_s=1.0, weight=20.0)
    seen = router.route(PROMPT, conditions=Conditions(health={first: slow}))
    candidate = seen.candidates[seen.scores.model_ids.index(first)]
    assert candidate.latency_basis == "recorded"
    assert candidate.latency_s > 50


def test_failures_cost_the_time_they_take(router: Router):
    """A model of which every second request fails after 20 s takes ten seconds longer than one that fails at once."""
    first = router.route(PROMPT).chosen.model_id
    seconds = []
    for failed_after_s in (0.0, 20.0):
        fails = ModelHealth(
            availability=0.5, first_token_s=1.0, tokens_per_s=50.0, weight=1e9, failed_after_s=failed_after_s
        )
        decision = router.route(PROMPT, conditions=Conditions(health={first: fails}))
        seconds.append(decision.candidates[decision.scores.model_ids.index(first)].latency_s)
    assert seconds[1] - seconds[0] == pytest.approx(10.0)


def test_a_conversation_stays_until_the_gain_pays(router: Router):
    """The model of the conversation is left for a large gain only; the part is said for every other model."""
    plain = router.route(PROMPT)
    second = plain.candidates[1].model_id
    lead = plain.candidates[0].utility - plain.candidates[1].utility
    stays = router.route(
        PROMPT, conditions=Conditions(sticky=Sticky(model_id=second, is_locked=False, switch_cost=lead + 0.001))
    )
    assert (stays.chosen.model_id, stays.sticky_model_id) == (second, second)
    leaves = router.route(
        PROMPT, conditions=Conditions(sticky=Sticky(model_id=second, is_locked=False, switch_cost=lead / 2))
    )
    assert leaves.chosen.model_id == plain.chosen.model_id
    assert leaves.chosen.parts["switch"] == pytest.approx(-lead / 2)


def test_feedback_is_a_part_of_quality(router: Router):
    """Learned logits are added by task share and stand as points of quality; nobody else moves."""
    before = router.route(PROMPT)
    last = before.candidates[-1]
    decision = router.route(PROMPT, conditions=Conditions(residuals={Task.CODE: {last.model_id: 0.5}}))
    candidate = decision.candidates[decision.scores.model_ids.index(last.model_id)]
    gained = math.log(candidate.quality / (1 - candidate.quality)) - math.log(last.quality / (1 - last.quality))
    assert gained == pytest.approx(0.5 * decision.profile.tasks[Task.CODE])
    assert candidate.quality_parts["feedback"] == pytest.approx(candidate.quality - last.quality)
    assert decision.chosen.quality_parts["feedback"] == 0.0


def test_conditions_are_part_of_the_decisions_name(router: Router):
    """Another state gives another decision id, the same state the same one."""
    state = Conditions(served=frozenset({card.model_id for card in router.catalog.models}))
    assert router.route(PROMPT).decision_id != router.route(PROMPT, conditions=state).decision_id
    again = router.route(PROMPT, conditions=replace(state))
    assert router.route(PROMPT, conditions=state).decision_id == again.decision_id
