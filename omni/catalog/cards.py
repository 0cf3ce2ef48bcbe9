"""Checked rows → ModelCards: references to other files resolved, copies filled in from their base, prices completed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import NamedTuple

from omni.catalog.pricing import (
    MIN_FIT_MODELS,
    PriceFit,
    PricePair,
    SizedPrice,
    estimate_price,
    fit_prices,
    median_price,
)
from omni.catalog.rows import BenchmarkRow, ModelRow, PriceRow, ScoreRow, SourceRow, SpeedRow, Table
from omni.types import BenchmarkScore, ModelCard, Price, Speed

MEDIAN = "median"
SOURCE_COLUMNS = {
    "release_date": "release_date_source",
    "params_total_b": "params_source",
    "params_active_b": "params_source",
    "context_tokens": "context_source",
    "max_output_tokens": "limits_source",
    "input_modalities": "input_modalities_source",
    "supports_tools": "limits_source",
    "structured_output": "limits_source",
    "supports_reasoning": "reasoning_source",
    "license": "license_source",
    "price_in_usd_per_mtok": "price_source",
    "price_out_usd_per_mtok": "price_source",
}
_INHERITABLE = (
    "family",
    *(name for name in SOURCE_COLUMNS if not name.startswith("price_")),
    "output_tokens_per_s",
    "time_to_first_token_s",
)
_PRICE_FIELDS = ("price_in_usd_per_mtok", "price_out_usd_per_mtok")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """The checked rows of every file."""

    models: Table[ModelRow]
    prices: Table[PriceRow]
    benchmarks: Table[BenchmarkRow]
    scores: Table[ScoreRow]
    sources: Table[SourceRow]
    speeds: Table[SpeedRow]


class BuiltCards(NamedTuple):
    """The cards of a catalog and the price line fitted on them."""

    cards: tuple[ModelCard, ...]
    """Sorted by model_id."""
    price_fit: PriceFit | None
    """None when fewer than 10 models have both a size and a listed price."""


def build_cards(tables: Tables) -> BuiltCards:
    """One complete card a row of models.csv: own figures, then those of its base, then an estimated price."""
    own = _own_cards(tables)
    fit = _fit_listed(own.values())
    complete = [_with_estimate(_with_inheritance(card, own), fit) for card in own.values()]
    return BuiltCards(tuple(sorted(complete, key=lambda card: card.model_id)), fit)


def _own_cards(tables: Tables) -> dict[str, ModelCard]:
    """One card a row of models.csv, with its own figures only."""
    prices: dict[str, list[PriceRow]] = defaultdict(list)
    speeds: dict[str, list[Speed]] = defaultdict(list)
    for price in tables.prices.rows:
        prices[price.model_id].append(price)
    for speed in tables.speeds.rows:
        speeds[speed.model_id].append(_to_speed(speed))
    scores = _build_scores(tables)
    return {
        row.model_id: _build_card(row, prices[row.model_id], scores.get(row.model_id, ()), speeds[row.model_id])
        for row in tables.models.rows
    }


def _build_scores(tables: Tables) -> dict[str, tuple[BenchmarkScore, ...]]:
    index = {row.benchmark: row for row in tables.benchmarks.rows}
    citations = {row.source_id: row.citation for row in tables.sources.rows}
    scores: dict[str, list[BenchmarkScore]] = defaultdict(list)
    for row in tables.scores.rows:
        about = index[row.benchmark]
        score = BenchmarkScore(
            benchmark=row.benchmark,
            category=about.category,
            score=row.score,
            unit=about.unit,
            higher_is_better=about.higher_is_better,
            variant=row.variant,
            as_of=row.as_of,
            source=citations[row.source_id],
            inherited_from=None,
        )
        scores[row.model_id].append(score)
    return {model_id: tuple(found) for model_id, found in scores.items()}


def _to_speed(row: SpeedRow) -> Speed:
    return Speed(
        provider=row.provider,
        output_tokens_per_s=row.output_tokens_per_s,
        time_to_first_token_s=row.time_to_first_token_s,
        as_of=row.as_of,
        source=f"{row.source} ({row.variant})" if row.variant else row.source,
    )


def _to_price(row: PriceRow) -> Price:
    return Price(
        provider=row.provider,
        in_usd_per_mtok=row.price_in_usd_per_mtok,
        out_usd_per_mtok=row.price_out_usd_per_mtok,
        context_tokens=row.context_tokens,
        as_of=row.as_of,
        source=row.source,
    )


def _build_card(
    row: ModelRow, prices: Sequence[PriceRow], scores: tuple[BenchmarkScore, ...], speeds: Sequence[Speed]
) -> ModelCard:
    sources = {
        name: source
        for name, column in SOURCE_COLUMNS.items()
        if _is_known(row, name) and (source := getattr(row, column))
    }
    price, price_source = _reference_price(row, prices)
    speed = _reference_speed(speeds)
    if price is not None:
        sources |= dict.fromkeys(_PRICE_FIELDS, price_source)
    if speed is not None:
        sources |= dict.fromkeys(("output_tokens_per_s", "time_to_first_token_s"), f"{speed.source} ({speed.as_of})")
    owner, name = row.model_id.split("/", 1)
    return ModelCard(
        model_id=row.model_id,
        owner=row.owner or owner,
        family=row.family,
        display_name=row.display_name or name,
        license=row.license,
        release_date=row.release_date,
        params_total_b=row.params_total_b,
        params_active_b=row.params_active_b,
        context_tokens=row.context_tokens,
        max_output_tokens=row.max_output_tokens,
        input_modalities=row.input_modalities,
        supports_tools=row.supports_tools,
        supports_reasoning=row.supports_reasoning,
        structured_output=row.structured_output,
        role=row.role,
        variant_of=row.variant_of,
        in_huggingchat=row.in_huggingchat,
        price_in_usd_per_mtok=price.in_usd_per_mtok if price else None,
        price_out_usd_per_mtok=price.out_usd_per_mtok if price else None,
        price_basis="listed" if price else None,
        prices=tuple(_to_price(found) for found in prices),
        scores=scores,
        speeds=tuple(speeds),
        output_tokens_per_s=speed.output_tokens_per_s if speed else None,
        time_to_first_token_s=speed.time_to_first_token_s if speed else None,
        inherited=frozenset(),
        sources=sources,
    )


def _is_known(holder: object, name: str) -> bool:
    return getattr(holder, name) not in (None, frozenset())


def _reference_price(row: ModelRow, prices: Sequence[PriceRow]) -> tuple[PricePair | None, str]:
    """The price stated in models.csv, else the median of the model's rows in prices.csv (see `median_price`)."""
    if row.price_in_usd_per_mtok is not None and row.price_out_usd_per_mtok is not None:
        pair = PricePair(row.price_in_usd_per_mtok, row.price_out_usd_per_mtok)
        return pair, f"{row.price_source} ({row.price_as_of})"
    listed: dict[str, list[PricePair]] = defaultdict(list)
    for price in prices:
        listed[price.provider].append(PricePair(price.price_in_usd_per_mtok, price.price_out_usd_per_mtok))
    if not listed:
        return None, ""
    return median_price(listed), f"median of {len(listed)} providers ({max(price.as_of for price in prices)})"


def _reference_speed(speeds: Sequence[Speed]) -> Speed | None:
    """The newest published median over providers, else the median of the newest provider figures; settings of one day
    are averaged by their median."""
    group = [speed for speed in speeds if speed.provider == MEDIAN] or list(speeds)
    if not group:
        return None
    newest = [speed for speed in group if speed.as_of == max(other.as_of for other in group)]
    return replace(
        newest[0],
        provider=MEDIAN,
        output_tokens_per_s=_median_known(speed.output_tokens_per_s for speed in newest),
        time_to_first_token_s=_median_known(speed.time_to_first_token_s for speed in newest),
    )


def _median_known(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _fit_listed(cards: Iterable[ModelCard]) -> PriceFit | None:
    """The fit over models with a listed price and a size; guard models are priced for another kind of work."""
    sized = [
        SizedPrice(
            card.params_total_b,
            card.params_active_b,
            PricePair(card.price_in_usd_per_mtok, card.price_out_usd_per_mtok),
        )
        for card in cards
        if card.params_total_b is not None
        and card.price_in_usd_per_mtok is not None
        and card.price_out_usd_per_mtok is not None
        and card.role != "guard"
    ]
    return fit_prices(sized) if len(sized) >= MIN_FIT_MODELS else None


def _with_inheritance(card: ModelCard, cards: Mapping[str, ModelCard]) -> ModelCard:
    """A quantised copy with what it lacks taken from the model it is a copy of, and marked."""
    if card.variant_of is None:
        return card
    base = cards[card.variant_of]
    names = [name for name in _INHERITABLE if not _is_known(card, name) and _is_known(base, name)]
    taken = {name: getattr(base, name) for name in names}
    if card.price_basis is None and base.price_basis is not None:
        names += _PRICE_FIELDS
        taken |= {name: getattr(base, name) for name in (*_PRICE_FIELDS, "price_basis")}
    sources = {name: f"inherited from {base.model_id}: {base.sources.get(name, 'its card')}" for name in names}
    own = {(score.benchmark, score.variant) for score in card.scores}
    scores = [
        replace(score, inherited_from=base.model_id)
        for score in base.scores
        if (score.benchmark, score.variant) not in own
    ]
    return replace(
        card,
        **taken,
        scores=(*card.scores, *scores),
        inherited=frozenset(names) | ({"scores"} if scores else set()),
        sources={**card.sources, **sources},
    )


def _with_estimate(card: ModelCard, fit: PriceFit | None) -> ModelCard:
    if fit is None or card.price_basis is not None or card.params_total_b is None:
        return card
    price = estimate_price(card.params_total_b, card.params_active_b, fit)
    source = f"estimated from the size, by a fit over {fit.n_models} listed prices"
    return replace(
        card,
        price_in_usd_per_mtok=price.in_usd_per_mtok,
        price_out_usd_per_mtok=price.out_usd_per_mtok,
        price_basis="estimated",
        sources={**card.sources, **dict.fromkeys(_PRICE_FIELDS, source)},
    )
