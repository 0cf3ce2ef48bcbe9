"""python -m omni models: what the catalog knows of each model, as a table or as JSON."""

import argparse
import dataclasses
import json
from datetime import date
from typing import Any

from omni.catalog import Catalog, load_catalog
from omni.catalog.rows import near_names
from omni.errors import InputError
from omni.types import ModelCard

_HEADER = ("model", "params B", "context", "in $/M", "out $/M", "tools", "images", "benchmarks")
_LEGEND = "Prices in US dollars per million tokens; * estimated from the size, ^ of the model it copies; - unknown."


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command and its options."""
    parser = subparsers.add_parser("models", help="the models of the catalog with prices, limits and scores")
    parser.add_argument("query", nargs="?", help="words that the id, owner, family, name, licence or role must contain")
    parser.add_argument("--json", action="store_true", help="every figure with its source and date, as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prints the models that match.

    Raises:
        InputError: no model matches the query.
    """
    catalog = load_catalog()
    cards = find_models(catalog, args.query)
    if args.json:
        print(json.dumps([card_to_json(card) for card in cards], ensure_ascii=False))
    else:
        print("\n".join(table_lines(cards)))
        print(f"{len(cards)} of {len(catalog.models)} models, catalog {catalog.version}. {_LEGEND}")
        print("\n".join(catalog.attributions))
    return 0


def find_models(catalog: Catalog, query: str | None) -> tuple[ModelCard, ...]:
    """The models that contain every word of the query, whatever the case; all models without one.

    Raises:
        InputError: there is none; the text lists near names.
    """
    words = (query or "").lower().split()
    found = tuple(card for card in catalog.models if all(word in _searched_text(card) for word in words))
    if not found:
        near = near_names(query or "", [card.model_id for card in catalog.models])
        raise InputError(
            f"no model matches {query!r}; expected words of an id, owner, family, name, licence or role{near}. "
            "List all with: python -m omni models"
        )
    return found


def card_to_json(card: ModelCard) -> dict[str, Any]:
    """The card as plain values: dates as YYYY-MM-DD, unknown figures null."""
    plain: dict[str, Any] = _to_plain(dataclasses.asdict(card))
    return plain


def table_lines(cards: tuple[ModelCard, ...]) -> list[str]:
    """A header and one line a model, in columns; ids to the left, figures to the right."""
    rows = [_HEADER, *(_cells(card) for card in cards)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]


def _searched_text(card: ModelCard) -> str:
    return " ".join(filter(None, (card.model_id, card.family, card.display_name, card.license, card.role))).lower()


def _cells(card: ModelCard) -> tuple[str, ...]:
    sizes = [f"{size:g}" for size in (card.params_total_b, card.params_active_b) if size is not None]
    images = "image" in card.input_modalities if card.input_modalities else None
    return (
        card.model_id,
        "/".join(sizes) or "-",
        "-" if card.context_tokens is None else f"{card.context_tokens:,}",
        _price_cell(card, card.price_in_usd_per_mtok),
        _price_cell(card, card.price_out_usd_per_mtok),
        _flag_cell(card.supports_tools),
        _flag_cell(images),
        str(len({score.benchmark for score in card.scores})),
    )


def _price_cell(card: ModelCard, price_usd_per_mtok: float | None) -> str:
    if price_usd_per_mtok is None:
        return "-"
    mark = "*" if card.price_basis == "estimated" else "^" if "price_in_usd_per_mtok" in card.inherited else " "
    return f"{price_usd_per_mtok:.3f}{mark}"


def _flag_cell(flag: bool | None) -> str:
    return "-" if flag is None else "yes" if flag else "no"


def _to_plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _to_plain(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, (list, tuple)):
        return [_to_plain(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value
