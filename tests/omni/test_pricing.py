"""Reference prices worked out by hand."""

import math

import pytest

from omni.catalog.pricing import PricePair, SizedPrice, estimate_price, fit_prices, median_price
from omni.errors import CatalogError


def test_median_counts_a_provider_once() -> None:
    """Two entries of one provider are one vote."""
    listed = {"a": [PricePair(1, 2), PricePair(3, 4)], "b": [PricePair(4, 8)], "c": [PricePair(9, 9)]}
    assert median_price(listed) == (4, 8)


def test_median_leaves_promotions_out() -> None:
    """A provider under a fifth of the median of all does not count."""
    listed = {"a": [PricePair(1.0, 2.0)], "b": [PricePair(1.2, 2.4)], "promo": [PricePair(0.1, 0.1)]}
    assert median_price(listed) == (1.1, 2.2)


def test_published_median_counts_only_alone() -> None:
    """A median over providers is used when no provider's own price is known."""
    published = {"artificialanalysis-median": [PricePair(5, 6)]}
    assert median_price(published) == (5, 6)
    assert median_price({**published, "a": [PricePair(1, 2)]}) == (1, 2)
    assert median_price({}) is None


def test_fit_recovers_a_power_law() -> None:
    """Prices made from total^0.5 · active^0.25 come back exactly, with R² 1."""
    sizes = [(t, a) for t in (1.0, 8.0, 30.0, 120.0, 400.0) for a in (1.0, t / 2)]
    rows = [SizedPrice(t, a, PricePair(0.1 * t**0.5 * a**0.25, 0.2 * t**0.5 * a**0.25)) for t, a in sizes]
    fit = fit_prices(rows)
    assert fit.n_models == 10
    assert math.isclose(fit.r2_in, 1.0)
    assert estimate_price(64, 16, fit) == pytest.approx((0.1 * 8 * 2, 0.2 * 8 * 2))
    assert estimate_price(16, None, fit) == pytest.approx((0.1 * 4 * 2, 0.2 * 4 * 2))


def test_fit_refuses_too_few_models() -> None:
    """Nine listed models are not enough."""
    with pytest.raises(CatalogError, match=r"9 models .* expected at least 10"):
        fit_prices([SizedPrice(8, None, PricePair(1, 2))] * 9)


@pytest.mark.parametrize("size", [0.0, -1.0, math.nan])
def test_estimate_refuses_a_size_that_is_none(size: float) -> None:
    """A size must be a number above 0."""
    fit = fit_prices([SizedPrice(t, None, PricePair(t, t)) for t in range(1, 12)])
    with pytest.raises(CatalogError, match="expected numbers above 0"):
        estimate_price(size, None, fit)
