"""What the benchmark's pictures are put together from: error bars, hover texts, label choice, shares, layout. Pure."""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from textwrap import wrap
from typing import Any, NamedTuple, ParamSpec

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from evals.charts import style
from evals.results import ReplayResult
from omni.safe_text import escape_labels

P = ParamSpec("P")

Triple = tuple[float | None, float | None, float | None]
"""A figure and its 95 % interval: (middle, lo, hi)."""
HOVER = "%{customdata}<extra></extra>"
N_LABELS = 5
_WIDE = ("mixture", "random", "cheapest")
"""Policies that reach down to the weakest models."""
FAR_APART = 0.13
"""Least distance between two names, as a share of the axis."""
AXIS: Mapping[str, Any] = {
    "gridcolor": style.GRID, "zeroline": False, "linecolor": style.GRID, "automargin": True,
    "title": {"font": {"size": 13}, "standoff": 10}, "tickfont": {"size": 12},
}  # fmt: skip
_LEGEND: Mapping[str, Any] = {
    "orientation": "h", "x": 0, "xref": "container", "xanchor": "left", "y": 0, "yref": "container",
    "yanchor": "bottom", "font": {"size": 12}, "itemsizing": "constant",
}  # fmt: skip
_HOVER_LABEL: Mapping[str, Any] = {
    "bgcolor": style.HOVER_BACKGROUND, "bordercolor": style.HOVER_BACKGROUND, "align": "left",
    "font": {"color": "#ffffff", "size": 12},
}  # fmt: skip
_MODEBAR: Mapping[str, Any] = {
    "bgcolor": style.CLEAR, "color": style.TEXT, "activecolor": style.SHADES[0],
    "remove": ["select2d", "lasso2d", "autoScale2d"],
}  # fmt: skip


class Frame(NamedTuple):
    """What a cost-quality picture shows; quality in percent, cost in USD per 1,000 prompts."""

    quality_lo: float
    quality_hi: float
    cost_lo: float
    cost_hi: float
    n_outside: int
    """Single models that are not in the frame."""


def with_plain_labels(draw: Callable[P, go.Figure]) -> Callable[P, go.Figure]:
    """The drawing function, with the names of models, categories and policies as words in its figure."""

    @functools.wraps(draw)
    def drawn(*args: P.args, **options: P.kwargs) -> go.Figure:
        figure = draw(*args, **options)
        for trace in figure.data:
            for name in trace:
                if isinstance(trace[name], str | tuple | np.ndarray):
                    trace[name] = escape_labels(trace[name])
        return go.Figure(data=figure.data, layout=escape_labels(figure.layout.to_plotly_json()))

    return drawn


def lay_out(figure: go.Figure, *, height: int) -> None:
    """The common look: clear background, mid-tone text, legend below, margins for a phone; `height` in pixels."""
    figure.update_layout(
        height=height,
        template="none",
        paper_bgcolor=style.CLEAR,
        plot_bgcolor=style.CLEAR,
        font={"color": style.TEXT, "size": 13},
        margin={"l": 44, "r": 14, "t": 16, "b": 48},
        legend=_LEGEND,
        hoverlabel=_HOVER_LABEL,
        hovermode="closest",
        dragmode=False,
        modebar=_MODEBAR,
    )
    figure.update_xaxes(AXIS)
    figure.update_yaxes(AXIS)


def empty_figure(text: str) -> go.Figure:
    """A figure without axes that says why there is nothing to see."""
    figure = go.Figure()
    lay_out(figure, height=220)
    figure.update_layout(xaxis={"visible": False}, yaxis={"visible": False})
    figure.add_annotation(text="<br>".join(wrap(text, 44)), showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper")
    return figure


def add_point(figure: go.Figure, row: pd.Series, x: str, policy: str, *, hover: str) -> None:
    """One policy at its headline setting: `row` has the column `x`, quality, lo and hi, shares of 1."""
    look = style.style_of(policy)
    figure.add_scatter(
        x=[row[x]], y=[100 * row["quality"]], mode="markers", name=look.label, legendgroup=policy, zorder=look.z,
        error_y=errors([(row["quality"], row["lo"], row["hi"])], look.color),
        marker={"color": look.color, "symbol": look.symbol, "size": look.size,
                "line": {"color": look.color, "width": 1}},
        customdata=[hover], hovertemplate=HOVER,
    )  # fmt: skip


def add_line(figure: go.Figure, table: pd.DataFrame, x: str, policy: str, *, hovers: Sequence[str]) -> None:
    """The best that a policy's dial reaches: a line over the rows of `table`."""
    look = style.style_of(policy)
    figure.add_scatter(
        x=table[x], y=100 * table["quality"], mode="lines", legendgroup=policy, showlegend=False, zorder=look.z,
        line={"color": look.color, "width": look.width, "dash": look.dash}, customdata=hovers, hovertemplate=HOVER,
    )  # fmt: skip


def add_singles(
    figure: go.Figure,
    table: pd.DataFrame,
    x: str,
    *,
    hovers: Sequence[str],
    log_x: bool = True,
    on_frontier: Any = None,
) -> None:
    """The single models as points; those on the frontier are larger, and named where there is room.

    Args:
        table: one row a model, by rising `x`; model and quality.
        on_frontier: (n,) bool; None = better than all that cost less.
    """
    if on_frontier is None:
        on_frontier = table["quality"] > table["quality"].cummax().shift(fill_value=-1)
    named = set(spread_labels(table[on_frontier], x, log_x=log_x))
    figure.add_scatter(
        x=table[x], y=100 * table["quality"], mode="markers+text", name="single models",
        text=[style.short_name(model, 18) if model in named else "" for model in table["model"]],
        textposition=label_places(table[x], log_x=log_x), textfont={"size": 11, "color": style.TEXT}, cliponaxis=False,
        marker={"color": "rgba(127,127,127,0.55)", "size": [9 if on else 6 for on in on_frontier],
                "line": {"width": 0}},
        customdata=hovers, hovertemplate=HOVER,
    )  # fmt: skip


def errors(triples: Sequence[Triple], color: str) -> dict[str, Any]:
    """Error bars in points from (middle, lo, hi); no bar where one of them is unknown."""
    figures = np.array(triples, dtype=float)
    middle, lo, hi = np.where(np.isfinite(figures).all(axis=1, keepdims=True), 100 * figures, np.nan).T
    return {
        "type": "data", "symmetric": False, "color": color, "thickness": 1.6, "width": 4,
        "array": np.nan_to_num(hi - middle), "arrayminus": np.nan_to_num(middle - lo),
        "visible": bool(np.isfinite(middle).any()),
    }  # fmt: skip


def with_range(middle: float | None, lo: float | None, hi: float | None) -> str:
    """A difference in points with its interval, as far as known."""
    text = f"{style.points(middle, 2)} points"
    return f"{text} (95 %: {style.points_range(lo, hi, 2)})" if style.is_known(lo) and style.is_known(hi) else text


def cost_title(result: ReplayResult) -> str:
    """The cost axis' title; says so when prices are estimated."""
    notes = {"estimated": "estimated prices", "mixed": "some prices estimated", "recorded": "as recorded"}
    note = notes.get(result.cost_basis or "", "listed prices")
    if result.cost_basis in {"listed", "recorded"} and (result.singles["price_basis"] == "estimated").any():
        note += ", some estimated"
    return f"Cost, USD per 1,000 prompts<br>({note})"


def single_hover(row: Any, x: str) -> str:
    """Hover text of a single model's point."""
    estimated = " (price estimated)" if x == "cost_usd_per_1k" and row.price_basis == "estimated" else ""
    return "<br>".join([f"<b>{row.model}</b>", *_figure_lines(row, x), f"n = {row.n_scored:,}{estimated}"])


def point_hover(row: Any, policy: str, x: str = "cost_usd_per_1k") -> str:
    """Hover text of a policy's point."""
    setting = "" if row.is_headline else style.setting_of(str(row.setting))
    dial = f"<br>{setting}" if setting else ""
    return "<br>".join([f"<b>{style.label_of(policy)}</b>{dial}", *_figure_lines(row, x), f"n = {row.n_scored:,}"])


def cell_text(cell: Any) -> str:
    """Text of a heatmap cell: signed points, bold when the interval excludes 0."""
    if cell is None:
        return style.DASH
    text = style.points(cell.difference)
    is_clear = style.is_known(cell.lo) and style.is_known(cell.hi) and (cell.lo > 0 or cell.hi < 0)
    return f"<b>{text}</b>" if is_clear else text


def cell_hover(cell: Any) -> str:
    """Hover text of a heatmap cell."""
    if cell is None:
        return "not scored"
    return (
        f"{with_range(cell.difference, cell.lo, cell.hi)} to the best single model<br>"
        f"score {style.percent(cell.quality)}, n = {cell.n_scored:,}"
    )


def category_label(category: object, n_scored: int) -> str:
    """A category and its number of prompts in two short lines."""
    return f"{style.short_name(str(category), 15)}<br>n = {n_scored:,}"


def low_end(figure: Any) -> float:
    """The lowest multiple of 10 under every marker of a picture in percent."""
    values = [value for trace in figure.data if "markers" in trace.mode for value in (*trace.x, *trace.y)]
    return max(0.0, 10 * math.floor((min(values) - 2) / 10)) if values else 0.0


def frame_of(result: ReplayResult) -> Frame | None:
    """The part of the cost-quality plane where routers, the oracle and the best single model are."""
    table = result.points[result.points["cost_usd_per_1k"].gt(0) & result.points["quality"].notna()]
    name = table["policy"].astype(str)
    table = table[~name.str.startswith("single:") & ~name.isin(_WIDE)]
    if table.empty:
        return None
    headline = table[table["is_headline"].astype(bool)]
    lo = 100 * min(table["quality"].min(), headline["lo"].fillna(1.0).min())
    hi = 100 * max(table["quality"].max(), headline["hi"].fillna(0.0).max())
    margin = max(1.0, 0.05 * (hi - lo))
    cost_lo = float(table["cost_usd_per_1k"].min()) / 1.5
    singles = result.singles[result.singles["cost_usd_per_1k"].notna() & result.singles["quality"].notna()]
    cost_hi = max(float(table["cost_usd_per_1k"].max()), float(singles["cost_usd_per_1k"].max())) * 1.3
    outside = (100 * singles["quality"] < lo - margin) | (singles["cost_usd_per_1k"] < cost_lo)
    return Frame(max(lo - margin, -1.0), min(hi + margin, 101.0), cost_lo, cost_hi, int(outside.sum()))


def spread_labels(table: pd.DataFrame, x: str, *, log_x: bool) -> list[str]:
    """Models of the frontier whose names fit beside each other: the best first, then those far enough from it."""
    places = {row.model: _place(getattr(row, x), log_x) for row in table.itertuples(index=False)}
    if not places:
        return []
    width = max(places.values()) - min(places.values()) or 1.0
    chosen: list[str] = []
    for model in table.sort_values("quality", ascending=False)["model"]:
        far = all(abs(places[model] - places[other]) >= FAR_APART * width for other in chosen)
        if far and len(chosen) < N_LABELS:
            chosen.append(model)
    return chosen


def label_places(values: pd.Series, *, log_x: bool) -> list[str]:
    """Under a point, on the side where the picture has room."""
    places = [_place(value, log_x) for value in values]
    middle = (max(places) + min(places)) / 2 if places else 0.0
    return ["bottom right" if place < middle else "bottom left" for place in places]


def shares_by_policy(result: ReplayResult) -> dict[str, dict[str, float]]:
    """Label of a policy to share of test prompts per model; policies that send everything to one model left out."""
    names = [name for name in style.drawing_order(list(result.summaries)) if len(result.summaries[name].shares) > 1]
    return {style.label_of(name): dict(result.summaries[name].shares) for name in names}


def shares_by_category(result: ReplayResult, policy: str, categories: pd.Series | None) -> dict[str, dict[str, float]]:
    """Category (with n) to share of its test prompts per model, for one policy at its headline setting.

    Args:
        categories: category by prompt_id; None = the recording names none.
    """
    if categories is None or policy not in result.summaries:
        return {}
    rows = result.picks()
    rows = rows[(rows["policy"] == policy) & rows["model"].notna()]
    named = rows["prompt_id"].map(categories)
    bars = {}
    for category, models in rows.groupby(named)["model"]:
        shares = models.value_counts(normalize=True)
        bars[category_label(category, len(models))] = dict(shares)
    return bars


def _place(value: float, log_x: bool) -> float:
    return math.log10(max(value, 1e-12)) if log_x else value


def _figure_lines(row: Any, x: str) -> list[str]:
    quality = f"score {style.percent(row.quality)}"
    if style.is_known(row.lo) and style.is_known(row.hi):
        quality += f" (95 %: {100 * row.lo:.1f} to {100 * row.hi:.1f})"
    value = getattr(row, x)
    is_cost = x == "cost_usd_per_1k"
    return [quality, f"{style.usd(value)} per 1,000 prompts" if is_cost else f"{style.seconds(value)} per answer"]
