"""The catalog as a table and a card. Pure; everything from outside is escaped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

import numpy as np
import pandas as pd

from omni.figures import DASH, format_count, format_seconds, format_size, format_usd, format_window
from omni.safe_text import escape_html
from omni.types import BenchmarkScore, ModelCard
from omni.ui import text
from omni.vocabulary import FACT_WORDS, LANGUAGE_WORDS

MAX_ROWS_OF_CARD = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFilter:
    """What the visitor asks of the table."""

    search: str = ""
    task: str | None = None
    """A benchmark category to sort by, None for all of them."""
    licence: str | None = None
    max_params_b: float | None = None
    needs_tools: bool = False
    needs_images: bool = False
    needs_price: bool = False

    def admits(self, card: ModelCard) -> bool:
        """True when the card fits; an unknown figure does not."""
        name = f"{card.model_id} {card.display_name} {card.family or ''}".casefold()
        words = self.search.casefold().split()
        return (
            all(word in name for word in words)
            and (self.licence is None or card.license == self.licence)
            and (self.max_params_b is None or (card.params_total_b or np.inf) <= self.max_params_b)
            and (not self.needs_tools or card.supports_tools is True)
            and (not self.needs_images or "image" in card.input_modalities)
            and (not self.needs_price or card.price_basis == "listed")
        )


def standings(cards: Sequence[ModelCard], category: str | None) -> dict[str, tuple[float, int]]:
    """Model id to (mean percentile 0..100, number of benchmarks) over the benchmarks of a category.

    A percentile is the share of the other models on that benchmark that score lower; ties count half. A model's best
    variant stands for it. Benchmarks with fewer than five models are left out.
    """
    boards: dict[str, dict[str, float]] = {}
    for card in cards:
        for score in card.scores:
            if category is None or score.category == category:
                value = score.score if score.higher_is_better else -score.score
                board = boards.setdefault(f"{score.benchmark}/{score.category}", {})
                board[card.model_id] = max(value, board.get(card.model_id, -np.inf))
    found: dict[str, list[float]] = {}
    for board in boards.values():
        if len(board) >= 5:
            for model_id, percentile in _percentiles(board).items():
                found.setdefault(model_id, []).append(percentile)
    return {model_id: (float(np.mean(values)), len(values)) for model_id, values in found.items()}


def _percentiles(board: Mapping[str, float]) -> dict[str, float]:
    # by hand: the import of scipy's statistics takes longer than the page
    _, place, counts = np.unique(list(board.values()), return_inverse=True, return_counts=True)
    behind = counts.cumsum() - (counts + 1) / 2
    return dict(zip(board, (100 * behind[place] / (len(board) - 1)).tolist(), strict=True))


def catalog_table(cards: Sequence[ModelCard], wanted: ModelFilter) -> pd.DataFrame:
    """The models that fit, best standing first; those without a benchmark last, by name."""
    standing = standings(cards, wanted.task)
    rows = [_table_row(card, standing.get(card.model_id)) for card in cards if wanted.admits(card)]
    table = pd.DataFrame(rows, columns=list(_COLUMNS))
    return table.sort_values(["Standing", "Model"], ascending=[False, True], na_position="last", ignore_index=True)


_COLUMNS = (
    "Model",
    "Standing",
    "Tests",
    "Size, B",
    "Active, B",
    "Window, k",
    "$/M in",
    "$/M out",
    "Price",
    "Tokens/s",
    "Tools",
    "Images",
    "Licence",
    "Released",
)


def _table_row(card: ModelCard, standing: tuple[float, int] | None) -> tuple[object, ...]:
    percentile, n_boards = standing or (np.nan, 0)
    return (
        card.model_id,
        round(percentile, 1),
        n_boards,
        _number(card.params_total_b),
        _number(card.params_active_b),
        _number(card.context_tokens and round(card.context_tokens / 1000)),
        _number(card.price_in_usd_per_mtok, 3),
        _number(card.price_out_usd_per_mtok, 3),
        card.price_basis or DASH,
        _number(card.output_tokens_per_s, 0),
        _yes(card.supports_tools),
        "yes" if "image" in card.input_modalities else DASH,
        card.license or DASH,
        card.release_date.isoformat() if card.release_date else DASH,
    )


def _number(value: float | None, digits: int = 1) -> float:
    return np.nan if value is None else round(float(value), digits)


def _yes(value: bool | None) -> str:
    return {True: "yes", False: "no", None: DASH}[value]


def licences(cards: Sequence[ModelCard]) -> list[str]:
    """Licences in the catalog, the most frequent first."""
    counts = pd.Series([card.license for card in cards if card.license]).value_counts()
    return [str(name) for name in counts.index]


def model_card_html(card: ModelCard) -> str:
    """Everything known of a model, each figure with its source and date."""
    tiles = [
        (format_size(card.params_total_b), "parameters"),
        (format_window(card.context_tokens), "context window"),
        (format_usd(card.price_in_usd_per_mtok), f"per M tokens in{_basis(card)}"),
        (format_usd(card.price_out_usd_per_mtok), f"per M tokens out{_basis(card)}"),
        (format_count(card.output_tokens_per_s), "tokens per second"),
        (format_seconds(card.time_to_first_token_s), "to the first token"),
    ]
    tile_html = "".join(f'<div class="tile"><b>{value}</b><span>{name}</span></div>' for value, name in tiles)
    hub = f"https://huggingface.co/{quote(card.model_id)}"
    sections = [
        f'<h2 class="model">{escape_html(card.model_id)}</h2>',
        f'<p class="lead">{escape_html(_summary(card))} · '
        f'<a href="{hub}" target="_blank" rel="noopener noreferrer">model page (huggingface.co)</a></p>',
        f'<div class="tiles">{tile_html}</div>',
        _facts(card),
        _scores(card.scores),
        _prices(card),
        _speeds(card),
    ]
    return f'<section class="card" aria-label="Model card">{"".join(sections)}</section>'


def _basis(card: ModelCard) -> str:
    return ", estimated" if card.price_basis == "estimated" else ""


def _summary(card: ModelCard) -> str:
    released = f"released {card.release_date}" if card.release_date else "release date not known"
    return f"{card.role} model by {card.owner}, {released}, licence {card.license or 'not known'}"


def _facts(card: ModelCard) -> str:
    facts: dict[str, str] = {
        "family": card.family or DASH,
        "params_active_b": format_size(card.params_active_b),
        "max_output_tokens": format_count(card.max_output_tokens),
        "input_modalities": ", ".join(sorted(card.input_modalities)) or DASH,
        "supports_tools": _yes(card.supports_tools),
        "supports_reasoning": _yes(card.supports_reasoning),
        "structured_output": _yes(card.structured_output),
        "in_huggingchat": _yes(card.in_huggingchat),
        "variant_of": card.variant_of or DASH,
    }
    rows = []
    for name, value in facts.items():
        origin = card.sources.get(name, "")
        if name in card.inherited:
            origin = f"inherited from {card.variant_of}; {origin}"
        rows.append((_fact_words(name), value, origin))
    others = [(name, source) for name, source in sorted(card.sources.items()) if name not in facts]
    rows += [(_fact_words(name), _shown(getattr(card, name, None)), source) for name, source in others]
    return _table("Facts", ("Fact", "Value", "Source"), rows)


def _fact_words(name: str) -> str:
    return FACT_WORDS.get(name, name.replace("_", " "))


def _kind_words(category: str) -> str:
    """ "creative_writing" as "creative writing", "multilingual:de" as "multilingual: German"."""
    kind, _, language = category.partition(":")
    words = kind.replace("_", " ")
    return f"{words}: {LANGUAGE_WORDS.get(language, language)}" if language else words


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return format_count(value) if isinstance(value, int) else str(value or DASH)


def _scores(scores: Sequence[BenchmarkScore]) -> str:
    rows = []
    for score in sorted(scores, key=lambda s: (s.category, s.benchmark, s.variant)):
        name = f"{score.benchmark} ({score.variant})" if score.variant else score.benchmark
        origin = score.source if score.inherited_from is None else f"{score.source}, of {score.inherited_from}"
        shown = f"{score.score:,.4g} {score.unit}"
        rows.append((_kind_words(score.category), name, shown, str(score.as_of or DASH), origin))
    return _table("Benchmarks", ("Kind", "Benchmark", "Score", "Date", "Source"), rows)


def _prices(card: ModelCard) -> str:
    rows = [
        (
            price.provider,
            format_usd(price.in_usd_per_mtok),
            format_usd(price.out_usd_per_mtok),
            format_window(price.context_tokens),
            str(price.as_of),
            price.source,
        )
        for price in sorted(card.prices, key=lambda p: p.out_usd_per_mtok)
    ]
    return _table("Prices per million tokens", ("Provider", "In", "Out", "Window", "Date", "Source"), rows)


def _speeds(card: ModelCard) -> str:
    rows = [
        (
            speed.provider,
            format_count(speed.output_tokens_per_s),
            format_seconds(speed.time_to_first_token_s),
            str(speed.as_of),
            speed.source,
        )
        for speed in card.speeds
    ]
    return _table("Speeds", ("Provider", "Tokens / s", "First token", "Date", "Source"), rows)


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return f"<details><summary>{title}: none published</summary></details>"
    shown = rows[:MAX_ROWS_OF_CARD]
    heads = "".join(f'<th scope="col">{name}</th>' for name in head)
    body = "".join("<tr>" + "".join(f"<td>{escape_html(cell)}</td>" for cell in row) + "</tr>" for row in shown)
    more = f"<p>… and {len(rows) - len(shown)} more.</p>" if len(rows) > len(shown) else ""
    table = f'<div class="scroll wide" tabindex="0"><table class="plain"><tr>{heads}</tr>{body}</table></div>{more}'
    return f"<details><summary>{title} <b>{len(rows)}</b></summary>{table}</details>"


def empty_card_html() -> str:
    """The card before a model is selected."""
    return f'<section class="card quiet"><p>{text.SELECT_MODEL}</p></section>'
