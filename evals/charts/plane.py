"""Mean score against cost, and against seconds: single models, the mixture, each policy's dial, the oracle."""

import math

import pandas as pd
import plotly.graph_objects as go

from evals.charts import pieces, style
from evals.charts.waits import waits_figure
from evals.results import PRESET, ReplayResult

ROUTERS = ("omni", "omni_public")
"""Policies with presets; those of the first in a run are named in the picture."""


@pieces.with_plain_labels
def quality_cost_figure(result: ReplayResult, *, log_cost: bool = True) -> go.Figure:
    """Mean score against cost: single models, the mixture's line, each policy's dial, and the oracle."""
    if result.points["cost_usd_per_1k"].notna().sum() == 0:
        return pieces.empty_figure("This recording has no costs, so quality against cost cannot be drawn.")
    figure = go.Figure()
    named = next((policy for policy in ROUTERS if result.presets_of(policy)), None)
    for policy in style.drawing_order(list(result.summaries)):
        if policy == "mixture":
            _add_mixture(figure, result)
        elif policy in style.CONTROLS:
            _add_headline(figure, result, policy, "cost_usd_per_1k")
        else:
            _add_dial(figure, result, policy)
            _add_presets(figure, result, policy, is_named=policy == named, log_cost=log_cost)
    _add_singles(figure, result, "cost_usd_per_1k", log_x=log_cost)
    best = result.summaries.get("best_single")
    if best is not None and style.is_known(best.cost_usd_per_1k):
        figure.add_vline(x=best.cost_usd_per_1k, line={"dash": "dot", "width": 1, "color": style.SHADES[0]})
    pieces.lay_out(figure, height=520)
    ticks = {"type": "log", "tickformat": "~g"} if log_cost else {"type": "linear", "rangemode": "tozero"}
    figure.update_xaxes(title_text=pieces.cost_title(result), **ticks)
    figure.update_yaxes(title_text="Mean score, %")
    _frame(figure, result, log_cost=log_cost)
    return figure


@pieces.with_plain_labels
def quality_latency_figure(result: ReplayResult) -> go.Figure:
    """Mean score against seconds to the whole answer: recorded ones, else estimates; the axis says which."""
    if not result.waits.empty:
        return waits_figure(result.waits)
    if result.latency_basis is None or result.singles["latency_s"].notna().sum() == 0:
        return pieces.empty_figure(
            "No latency is known for this recording: none was recorded, and no speed is published."
        )
    figure = go.Figure()
    for policy in style.drawing_order(list(result.summaries)):
        _add_headline(figure, result, policy, "latency_s")
    _add_singles(figure, result, "latency_s", log_x=True)
    pieces.lay_out(figure, height=480)
    basis = {"recorded": "recorded", "estimated": "estimated from published speeds"}.get(
        result.latency_basis, "partly recorded, partly estimated"
    )
    figure.update_xaxes(title_text=f"Median seconds per answer<br>({basis})", type="log", tickformat="~g")
    figure.update_yaxes(title_text="Mean score, %")
    return figure


def _frame(figure: go.Figure, result: ReplayResult, *, log_cost: bool) -> None:
    """Looks at where the policies are; single models far below are counted in a line instead of squeezing the rest."""
    frame = pieces.frame_of(result)
    if frame is None:
        return
    figure.update_yaxes(range=[frame.quality_lo, frame.quality_hi])
    if log_cost:
        lo, hi = math.log10(frame.cost_lo), math.log10(frame.cost_hi)
        # ticks that fit a phone: 1, 2, 5 over up to 2.7 decades, else every decade
        figure.update_xaxes(range=[lo, hi], dtick="D2" if hi - lo <= 2.7 else 1)
    if frame.n_outside:
        figure.add_annotation(
            text=f"{frame.n_outside} weaker or cheaper models outside", showarrow=False, x=1, xref="paper",
            xanchor="right", y=0.01, yref="paper", yanchor="bottom", font={"size": 11},
        )  # fmt: skip


def _add_singles(figure: go.Figure, result: ReplayResult, x: str, *, log_x: bool) -> None:
    table = result.singles[result.singles[x].notna() & result.singles["quality"].notna()].sort_values(x)
    corners = table["on_envelope"].astype(bool) if x == "cost_usd_per_1k" else None
    hovers = [pieces.single_hover(row, x) for row in table.itertuples(index=False)]
    pieces.add_singles(figure, table, x, hovers=hovers, log_x=log_x, on_frontier=corners)


def _add_mixture(figure: go.Figure, result: ReplayResult) -> None:
    if result.envelope.empty:
        return
    look = style.style_of("mixture")
    figure.add_scatter(
        x=result.envelope["cost_usd_per_1k"], y=100 * result.envelope["quality"], mode="lines+markers", name=look.label,
        line={"color": look.color, "width": look.width, "dash": look.dash},
        marker={"color": look.color, "symbol": look.symbol, "size": look.size}, customdata=result.envelope["model"],
        hovertemplate="<b>mixture</b>, corner %{customdata}<br>%{y:.1f} % at $%{x:.3g} per 1,000<extra></extra>",
    )  # fmt: skip


def _add_dial(figure: go.Figure, result: ReplayResult, policy: str) -> None:
    """The settings of one policy as faint points, their envelope as a line, the interval as a band for omni."""
    table = result.points[(result.points["policy"] == policy) & result.points["cost_usd_per_1k"].notna()]
    table = table[table["quality"].notna() & ~_is_preset(table)].sort_values("cost_usd_per_1k")
    if table.empty:
        return
    look = style.style_of(policy)
    line = table[table["on_envelope"].astype(bool)]
    if len(line) > 1:
        if policy == "omni" and line["lo"].notna().all():
            _add_band(figure, line, look)
        rest = table[~table["on_envelope"].astype(bool)]
        figure.add_scatter(
            x=rest["cost_usd_per_1k"], y=100 * rest["quality"], mode="markers",
            legendgroup=policy, showlegend=False, zorder=look.z,
            marker={"color": look.color, "size": 4, "opacity": 0.45}, hoverinfo="skip",
        )  # fmt: skip
        hovers = [pieces.point_hover(row, policy) for row in line.itertuples(index=False)]
        pieces.add_line(figure, line, "cost_usd_per_1k", policy, hovers=hovers)
    _add_headline(figure, result, policy, "cost_usd_per_1k")


def _add_presets(figure: go.Figure, result: ReplayResult, policy: str, *, is_named: bool, log_cost: bool) -> None:
    """The presets that the Chat offers as points; presets that choose alike share a point and its name.

    Names stand in lines of their own at the top, so that none covers another.
    """
    rows = result.points[(result.points["policy"] == policy) & _is_preset(result.points)]
    rows = rows[rows["cost_usd_per_1k"].notna() & rows["quality"].notna()]
    if rows.empty:
        return
    look, names = style.style_of(policy), rows["setting"].astype(str).map(style.setting_of).str.removeprefix("preset ")
    shared = names.groupby([rows["cost_usd_per_1k"].round(9), rows["quality"].round(9)]).agg(", ".join).reset_index()
    hovers = [pieces.point_hover(row, policy) for row in rows.itertuples(index=False)]
    figure.add_scatter(
        x=rows["cost_usd_per_1k"], y=100 * rows["quality"], mode="markers", legendgroup=policy, showlegend=False,
        zorder=look.z + 1, customdata=hovers, hovertemplate=pieces.HOVER,
        marker={"color": look.color, "symbol": "circle-open-dot", "size": 12, "line": {"width": 2}},
    )  # fmt: skip
    if is_named:
        shared = shared.sort_values("cost_usd_per_1k", kind="stable").reset_index(drop=True)
        frame = pieces.frame_of(result)
        top, step = (100.0, 5.0) if frame is None else (frame.quality_hi, (frame.quality_hi - frame.quality_lo) / 16)
        for at, row in shared.iterrows():
            cost = math.log10(row["cost_usd_per_1k"]) if log_cost else row["cost_usd_per_1k"]
            figure.add_annotation(
                x=cost, y=100 * row["quality"], text=row["setting"], ax=cost, ay=top - (int(at) + 0.6) * step,
                axref="x", ayref="y", arrowhead=0, arrowwidth=1, arrowcolor=look.color, standoff=6,
                font={"size": 12, "color": look.color},
            )  # fmt: skip


def _is_preset(points: pd.DataFrame) -> pd.Series:
    return points["setting"].astype(str).str.startswith(PRESET)


def _add_band(figure: go.Figure, line: pd.DataFrame, look: style.PolicyStyle) -> None:
    red, green, blue = (int(look.color[at : at + 2], 16) for at in (1, 3, 5))
    figure.add_scatter(
        x=[*line["cost_usd_per_1k"], *line["cost_usd_per_1k"][::-1]],
        y=[*(100 * line["hi"]), *(100 * line["lo"][::-1])], mode="lines", line={"width": 0}, fill="toself",
        fillcolor=f"rgba({red},{green},{blue},0.16)", showlegend=False, legendgroup="omni", hoverinfo="skip",
    )  # fmt: skip


def _add_headline(figure: go.Figure, result: ReplayResult, policy: str, x: str) -> None:
    """One policy at its headline setting, with the interval of its score."""
    rows = result.points[(result.points["policy"] == policy) & result.points["is_headline"].astype(bool)]
    rows = rows[rows[x].notna() & rows["quality"].notna()]
    if rows.empty:
        return
    row = rows.iloc[0]
    pieces.add_point(figure, row, x, policy, hover=pieces.point_hover(row, policy, x))
