"""What an answer cost."""

import pytest

from omni.gateway import Usage, actual_cost
from tests.omni.ui.builders import a_card

USAGE = Usage(input_tokens=1000, output_tokens=500)


def test_cost_is_tokens_times_price() -> None:
    """1,000 tokens in at $1 and 500 out at $2 a million are $0.002."""
    cost = actual_cost(a_card(price_in_usd_per_mtok=1.0, price_out_usd_per_mtok=2.0, price_basis="listed"), USAGE)
    assert cost is not None
    assert cost.cost_usd == pytest.approx(0.002)
    assert not cost.is_estimated


def test_estimates_are_flagged() -> None:
    """An estimated price makes an estimated cost."""
    cost = actual_cost(a_card(price_basis="estimated"), USAGE)
    assert cost is not None
    assert cost.is_estimated


def test_unknown_stays_unknown() -> None:
    """Without a price or tokens there is no cost, not 0."""
    assert actual_cost(a_card(price_in_usd_per_mtok=None), USAGE) is None
    assert actual_cost(a_card(), None) is None
    assert actual_cost(None, USAGE) is None
