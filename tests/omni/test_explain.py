"""Explanations come from the decision's own numbers."""

from omni.explain import explain
from omni.policy import PRESETS
from omni.router import Router
from omni.types import Conversation, Preferences

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
    """Routing again just past the named price of cost makes the named model win."""
    preferences = Preferences(preset="balanced", allow=("Qwen/*",))
    decision = router.route(PROMPT, preferences)
    parts, ids = decision.scores.parts, decision.scores.model_ids
    for flip in explain(decision, router.catalog).flips:
        part = "cost" if "cost" in flip.what else "latency"
        now = PRESETS["balanced"].quality_per_usd if part == "cost" else PRESETS["balanced"].quality_per_s
        named = float(flip.what.split(" at ")[1].split()[0])
        past = named * (1.02 if named > now else 0.98)
        utility = sum(parts.values()) - parts[part] + parts[part] * past / now
        assert ids[int(utility.argmax())] == flip.model_id


def test_exclusions_are_counted_by_reason(router: Router):
    """One sentence a reason, with its count."""
    decision = router.route(PROMPT, Preferences(deny=("Qwen/*",)))
    n_denied = sum(e.reason == "denied" for e in decision.excluded)
    assert f"{n_denied} excluded: on the deny list." in explain(decision, router.catalog).exclusions
