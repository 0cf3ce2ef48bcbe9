"""Filters, their reasons, and the parts of the utility."""

import numpy as np
import pytest

from omni.policy import PRESETS, candidate_facts, exclude, utilities
from omni.types import Preferences, Reason, Safety, Weights
from tests.omni.cards import model_card, prompt_profile

WEIGHTS = Weights(quality_per_usd=10.0, quality_per_s=0.01, z=1.0, z_dearer=2.0)


def reasons(cards, profile=None, preferences=None, cost=None, served=None):
    """Model id to the reason that excluded it."""
    costs = np.full(len(cards), 0.001) if cost is None else np.array(cost)
    _, excluded = exclude(
        candidate_facts(cards), profile or prompt_profile(), preferences or Preferences(), costs, served
    )
    return {exclusion.model_id: exclusion.reason for exclusion in excluded}


def test_parts_are_quality_cost_latency_and_evidence():
    """Each part is its price times its figure, worked out by hand."""
    parts = utilities(
        np.array([0.8, 0.6]), np.array([0.0, 0.1]), np.array([0.01, 0.002]), np.array([2.0, 1.0]), WEIGHTS, 0.01
    )
    assert parts["cost"] == pytest.approx([-0.1, -0.02])
    assert parts["latency"] == pytest.approx([-0.02, -0.01])
    assert parts["evidence"] == pytest.approx([0.0, -0.1])


def test_a_dearer_alternative_needs_more_evidence():
    """The same doubt costs twice as much when the alternative is dearer than the reference."""
    parts = utilities(np.array([0.5, 0.5]), np.array([0.1, 0.1]), np.array([0.02, 0.005]), None, WEIGHTS, 0.01)
    assert parts["evidence"] == pytest.approx([-0.2, -0.1])


def test_unknown_cost_counts_as_the_dearest():
    """A model without a price is not treated as free."""
    parts = utilities(np.ones(3), np.zeros(3), np.array([0.01, np.nan, 0.03]), None, WEIGHTS, 0.01)
    assert parts["cost"][1] == parts["cost"][2]


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
        ({"model_id": "x/dolphin-1"}, {"safety": Safety.HARMFUL}, Reason.SAFETY),
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
    assert reasons(cards, served=None) == {}
    assert reasons(cards, served=frozenset({"a/one"})) == {"a/two": Reason.NO_LIVE_PROVIDER}
