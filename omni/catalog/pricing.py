"""Reference prices: the median of what providers list, and an estimate from the size where nobody lists one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

import numpy as np

from omni.errors import CatalogError

MEDIAN_PROVIDER = "artificialanalysis-median"
"""Already a median over providers: used only where no provider's own price is known."""
PROMOTION_SHARE = 0.2
"""A provider below this share of the median of all is a promotion or a wrong listing, and left out."""
MIN_FIT_MODELS = 10


class PricePair(NamedTuple):
    """US dollars per million tokens."""

    in_usd_per_mtok: float
    out_usd_per_mtok: float


class SizedPrice(NamedTuple):
    """A listed price and the size of the model it is for, in billions of parameters."""

    params_total_b: float
    params_active_b: float | None
    price: PricePair


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceFit:
    """log price = intercept + total · log(total parameters) + active · log(active parameters), by least squares."""

    coef_in: tuple[float, float, float]
    """Intercept, total, active; natural logarithms, billions of parameters, USD per million tokens."""
    coef_out: tuple[float, float, float]
    n_models: int
    r2_in: float
    r2_out: float
    residual_sd_in: float
    """Standard deviation of the residual in natural-log units: 0.7 means a factor of 2 either way."""
    residual_sd_out: float


def median_price(listed: Mapping[str, Sequence[PricePair]]) -> PricePair | None:
    """The median over providers of their listed prices, None when there is none.

    A provider with several entries counts once, with the median of its own. Left out are: prices of 0 (never stored), a
    published median over providers when any provider's own price is known, and promotions, which are input prices under
    a fifth of the median of all.

    Args:
        listed: provider → its listed prices, all positive.
    """
    own = {name: _middle(pairs) for name, pairs in listed.items() if pairs}
    direct = {name: pair for name, pair in own.items() if name != MEDIAN_PROVIDER} or own
    if not direct:
        return None
    floor = PROMOTION_SHARE * median(pair.in_usd_per_mtok for pair in direct.values())
    return _middle([pair for pair in direct.values() if pair.in_usd_per_mtok >= floor])


def fit_prices(listed: Iterable[SizedPrice]) -> PriceFit:
    """Fits the price on the size over models with a listed price; a model without an active count counts as dense.

    Raises:
        CatalogError: fewer than 10 models.
    """
    rows = list(listed)
    if len(rows) < MIN_FIT_MODELS:
        raise CatalogError(
            f"{len(rows)} models have a listed price and a size; expected at least {MIN_FIT_MODELS} to fit prices. "
            "Fill price_in_usd_per_mtok, price_out_usd_per_mtok and params_total_b of more models in models.csv."
        )
    design = np.array([_regressors(row.params_total_b, row.params_active_b) for row in rows])
    target = np.log(np.array([row.price for row in rows]))
    coef = np.linalg.lstsq(design, target, rcond=None)[0]
    residual = target - design @ coef
    r2 = 1 - (residual**2).sum(axis=0) / ((target - target.mean(axis=0)) ** 2).sum(axis=0)
    sd = np.sqrt((residual**2).sum(axis=0) / (len(rows) - design.shape[1]))
    return PriceFit(
        coef_in=(float(coef[0, 0]), float(coef[1, 0]), float(coef[2, 0])),
        coef_out=(float(coef[0, 1]), float(coef[1, 1]), float(coef[2, 1])),
        n_models=len(rows),
        r2_in=float(r2[0]),
        r2_out=float(r2[1]),
        residual_sd_in=float(sd[0]),
        residual_sd_out=float(sd[1]),
    )


def estimate_price(params_total_b: float, params_active_b: float | None, fit: PriceFit) -> PricePair:
    """The price that a model of this size would have, flagged "estimated" wherever it is used.

    On the shipped catalog: 214 models; R² 0.57 for input and 0.55 for output prices, residual standard deviation 0.79
    and 0.87 in natural logs, so two estimates in three are within a factor of 2.2 (input) and 2.4 (output). Printed by
    `python -c "from omni.catalog import load_catalog; print(load_catalog().price_fit)"`.

    Args:
        params_total_b: billions of parameters, above 0.
        params_active_b: billions used per token; None = dense.

    Raises:
        CatalogError: a size that is not above 0.
    """
    if not params_total_b > 0 or (params_active_b is not None and not params_active_b > 0):
        raise CatalogError(
            f"sizes are {params_total_b!r} and {params_active_b!r} billion parameters; expected numbers above 0. "
            "Leave an unknown size out instead of estimating from it."
        )
    x = _regressors(params_total_b, params_active_b)
    return PricePair(float(np.exp(x @ np.array(fit.coef_in))), float(np.exp(x @ np.array(fit.coef_out))))


def _regressors(params_total_b: float, params_active_b: float | None) -> np.ndarray:
    active = params_total_b if params_active_b is None else params_active_b
    return np.array([1.0, np.log(params_total_b), np.log(active)])


def _middle(pairs: Sequence[PricePair]) -> PricePair:
    return PricePair(median(p.in_usd_per_mtok for p in pairs), median(p.out_usd_per_mtok for p in pairs))
