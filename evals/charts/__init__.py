"""Finished tables of a replay to Plotly figures. No queries, no page; an empty result is a figure that says so."""

import math
from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go

from evals import chart_pieces as pieces
from evals import chart_style as style
from evals.charts.waits import waits_figure
from evals.metrics import BUDGET_PERCENTS, calibration_by_chance, calibration_error
from evals.results import PolicySummary, ReplayResult

_CONTROLS = ("mixture", "oracle", "best_single")
_WITHOUT_LEARNING = (*_CONTROLS, "random", "cheapest")
_N_MODELS_SHOWN = 7
_N_CATEGORIES_SHOWN = 30
_LEAST_IN_BIN = 10
_MEAN = "mean"


def empty_figure(text: str) -> go.Figure:
    """A figure without axes that says why there is nothing to see."""
    figure = go.Figure()
    _lay_out(figure, height=220)
    figure.update_layout(xaxis={"visible": False}, yaxis={"visible": False})
    figure.add_annotation(text=pieces.wrap(text), showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper")
    return figure


def quality_cost_figure(result: ReplayResult, *, log_cost: bool = True) -> go.Figure:
    """Mean score against cost: single models, the mixture's line, each policy's dial, and the oracle."""
    if result.points["cost_usd_per_1k"].notna().sum() == 0:
        return empty_figure("This recording has no costs, so quality against cost cannot be drawn.")
    figure = go.Figure()
    for policy in style.drawing_order(list(result.summaries)):
        if policy == "mixture":
            _add_mixture(figure, result)
        elif policy in _CONTROLS:
            _add_headline(figure, result, policy, "cost_usd_per_1k")
        else:
            _add_dial(figure, result, policy)
    _add_singles(figure, result, "cost_usd_per_1k", log_x=log_cost)
    best = result.summaries.get("best_single")
    if best is not None and style.is_known(best.cost_usd_per_1k):
        figure.add_vline(x=best.cost_usd_per_1k, line={"dash": "dot", "width": 1, "color": style.SHADES[0]})
    _lay_out(figure, height=520)
    figure.update_xaxes(title_text=pieces.cost_title(result), type="log" if log_cost else "linear")
    if log_cost:
        figure.update_xaxes(tickformat="~g")
    else:
        figure.update_xaxes(rangemode="tozero")
    figure.update_yaxes(title_text="Mean score, %")
    _frame(figure, result, log_cost=log_cost)
    return figure


def quality_latency_figure(result: ReplayResult) -> go.Figure:
    """Mean score against seconds to the whole answer: recorded ones, else estimates; the axis says which."""
    if not result.waits.empty:
        return waits_figure(result.waits)
    if result.latency_basis is None or result.singles["latency_s"].notna().sum() == 0:
        return empty_figure("No latency is known for this recording: none was recorded, and no speed is published.")
    figure = go.Figure()
    for policy in style.drawing_order(list(result.summaries)):
        _add_headline(figure, result, policy, "latency_s")
    _add_singles(figure, result, "latency_s", log_x=True)
    _lay_out(figure, height=480)
    basis = {"recorded": "recorded", "estimated": "estimated from published speeds"}.get(
        result.latency_basis, "partly recorded, partly estimated"
    )
    figure.update_xaxes(title_text=f"Median seconds per answer<br>({basis})", type="log", tickformat="~g")
    figure.update_yaxes(title_text="Mean score, %")
    return figure


def gain_figure(result: ReplayResult) -> go.Figure:
    """Score gained over the mixture for the same money, by budget, with the mean and its 95 % interval."""
    shown = [name for name in style.drawing_order(list(result.summaries)) if name not in _WITHOUT_LEARNING]
    shown = [name for name in shown if result.summaries[name].equal_cost_gain.mean is not None]
    if not shown:
        return empty_figure("No equal-cost gain: costs are unknown, or no policy reaches the budgets compared.")
    figure = go.Figure()
    for at, policy in enumerate(shown):
        _add_gain(figure, result.summaries[policy], shift=(at - (len(shown) - 1) / 2) * 0.62 / max(len(shown), 4))
    figure.add_scatter(
        x=[-0.5, len(BUDGET_PERCENTS) + 0.5], y=[0, 0], mode="lines", name="mixture = 0", hoverinfo="skip",
        line={"color": style.ZERO, "width": 2, "dash": "dash"},
    )  # fmt: skip
    figure.add_vline(x=len(BUDGET_PERCENTS) - 0.5, line={"color": style.GRID, "width": 1})
    _lay_out(figure, height=460)
    ticks = [str(percent) for percent in BUDGET_PERCENTS]
    figure.update_xaxes(
        title_text="Budget, % of the best single model's cost",
        tickvals=list(range(len(ticks) + 1)),
        ticktext=[*ticks, f"<b>{_MEAN}</b>"],
        tickangle=0,
        showgrid=False,
        range=[-0.5, len(ticks) + 0.5],
    )
    figure.update_yaxes(title_text="Points over the mixture")
    return figure


def category_figure(result: ReplayResult) -> go.Figure:
    """Policies by categories: difference to the best single model in points; bold where the interval excludes 0."""
    table = result.per_category
    table = table[~table["policy"].isin(["best_single", "oracle", "mixture"]) & table["difference"].notna()]
    policies = [name for name in style.drawing_order(list(table["policy"].unique())) if name in result.summaries]
    if not policies:
        return empty_figure("This recording names no categories, so there is nothing to take apart.")
    sizes = table.groupby("category")["n_scored"].max().sort_values(ascending=False).head(_N_CATEGORIES_SHOWN)
    categories = list(sizes.index)[::-1]
    cells = {(row.policy, row.category): row for row in table.itertuples(index=False)}
    grid = [[cells.get((policy, category)) for policy in policies] for category in categories]
    limit = max(0.02, max(abs(cell.difference) for line in grid for cell in line if cell is not None))
    figure = go.Figure(
        go.Heatmap(
            z=[[None if cell is None else 100 * cell.difference for cell in line] for line in grid],
            x=[style.label_of(policy) for policy in policies],
            y=[pieces.category_label(name, sizes[name]) for name in categories],
            text=[[pieces.cell_text(cell) for cell in line] for line in grid],
            customdata=[[pieces.cell_hover(cell) for cell in line] for line in grid],
            texttemplate="%{text}",
            hovertemplate="<b>%{x}</b>, %{y}<br>%{customdata}<extra></extra>",
            colorscale=[[0, "rgba(213,94,0,0.62)"], [0.5, "rgba(128,128,128,0.06)"], [1, "rgba(42,126,196,0.62)"]],
            zmin=-100 * limit,
            zmax=100 * limit,
            xgap=2,
            ygap=2,
            showscale=False,
            textfont={"color": style.TEXT, "size": 11},
        )
    )
    _lay_out(figure, height=110 + 36 * len(categories))
    figure.update_xaxes(side="top", tickangle=-40, showgrid=False)
    figure.update_yaxes(showgrid=False, ticksuffix=" ")
    return figure


def destinations_figure(
    result: ReplayResult, *, policy: str | None = None, categories: pd.Series | None = None
) -> go.Figure:
    """Where prompts were sent: one bar a policy, or one bar a category of `policy`; the same models, the same colours.

    Args:
        policy: None = all policies.
        categories: category by prompt_id, for one policy's bars.
    """
    shares = pieces.shares_by_category(result, policy, categories) if policy else pieces.shares_by_policy(result)
    if not shares:
        return empty_figure("Nothing to take apart: no policy spread its prompts, or there are no categories.")
    totals = pd.DataFrame(pieces.shares_by_policy(result)).fillna(0.0)
    main = list(totals.mean(axis=1).sort_values(ascending=False, kind="stable").index)[:_N_MODELS_SHOWN]
    figure = go.Figure()
    bars = list(shares)[::-1]
    for model, color in [*zip(main, style.SHADES, strict=False), (None, style.REST)]:
        parts = [
            bar.get(model, 0.0) if model else 1 - sum(bar.get(name, 0.0) for name in main)
            for bar in (shares[name] for name in bars)
        ]
        if max(parts) < 0.0005:
            continue
        figure.add_bar(
            x=[100 * part for part in parts],
            y=bars,
            orientation="h",
            name=style.short_name(model) if model else "other models",
            marker={"color": color, "line": {"width": 0}},
            text=[f"{100 * part:.0f}" if part >= 0.12 else "" for part in parts],
            textposition="inside",
            textangle=0,
            insidetextanchor="middle",
            insidetextfont={"color": "#ffffff"},
            hovertemplate=f"<b>%{{y}}</b><br>{model or 'other models'}: %{{x:.1f}} % of prompts<extra></extra>",
        )
    _lay_out(figure, height=190 + 30 * len(bars))
    figure.update_layout(barmode="stack", bargap=0.3, legend_traceorder="normal")
    figure.update_xaxes(title_text="Share of test prompts, %", range=[0, 100])
    figure.update_yaxes(showgrid=False, ticksuffix=" ")
    return figure


def calibration_figure(result: ReplayResult) -> go.Figure:
    """Predicted against observed quality of the picks in ten bins; the legend says how far off, also by chance."""
    table = result.choices
    if "predicted_quality" not in table.columns or table["predicted_quality"].notna().sum() == 0:
        return _calibration_errors(result)
    figure = go.Figure(
        go.Scatter(x=[0, 100], y=[0, 100], mode="lines", name="perfect", line={"dash": "dash", "color": style.ZERO})
    )
    for policy in style.drawing_order(list(table["policy"].unique())):
        rows = table[(table["policy"] == policy) & table["predicted_quality"].notna() & table["score"].notna()]
        if rows.empty:
            continue
        bins = (rows["predicted_quality"].clip(0, 1) * 10).astype(int).clip(upper=9)
        means = rows.groupby(bins)[["predicted_quality", "score"]].mean()
        sizes = rows.groupby(bins).size()
        means, sizes = means[sizes >= _LEAST_IN_BIN], sizes[sizes >= _LEAST_IN_BIN]
        look = style.style_of(policy)
        picks = rows["predicted_quality"].to_numpy(float), rows["score"].to_numpy(float)
        off, by_chance = calibration_error(*picks), calibration_by_chance(*picks)
        figure.add_scatter(
            x=100 * means["predicted_quality"],
            y=100 * means["score"],
            customdata=sizes,
            mode="lines+markers",
            name=f"{look.label}: off by {_tenths(off)} ({_tenths(by_chance)})",
            line={"color": look.color, "width": look.width, "dash": look.dash},
            marker={"color": look.color, "symbol": look.symbol, "size": 8},
            hovertemplate=f"<b>{look.label}</b><br>predicted %{{x:.1f}} %, observed %{{y:.1f}} %<br>"
            "n = %{customdata:,}<extra></extra>",
        )
    _lay_out(figure, height=460)
    low = pieces.low_end(figure)
    figure.update_xaxes(title_text="Predicted quality of the pick, %", range=[low, 100.5])
    figure.update_yaxes(title_text="Observed mean score, %", range=[low, 100.5])
    return figure


def comparison_figure(first: ReplayResult, second: ReplayResult, *, labels: tuple[str, str]) -> go.Figure:
    """Mean equal-cost gain of every policy in two runs, with intervals."""
    names = style.drawing_order([name for name in first.summaries if name in second.summaries])
    names = [name for name in names if name not in _WITHOUT_LEARNING and _has_gain(name, first, second)]
    if not names:
        return empty_figure("The two runs have no policy with an equal-cost gain in common.")
    figure = go.Figure()
    for at, (result, label) in enumerate(zip((first, second), labels, strict=True)):
        gains = [result.summaries[name].equal_cost_gain for name in names]
        figure.add_scatter(
            x=[None if gain.mean is None else 100 * gain.mean for gain in gains],
            y=[row + (-0.14, 0.14)[at] for row in range(len(names))],
            error_x=pieces.errors([(gain.mean, gain.lo, gain.hi) for gain in gains], style.SHADES[at]),
            mode="markers",
            name=label,
            marker={"color": style.SHADES[at], "symbol": ("circle", "square")[at], "size": 11},
            customdata=[style.points_range(gain.lo, gain.hi) for gain in gains],
            hovertemplate="%{x:+.2f} points (%{customdata})<extra></extra>",
        )
    figure.add_vline(x=0, line={"color": style.ZERO, "width": 2, "dash": "dash"})
    _lay_out(figure, height=200 + 36 * len(names))
    figure.update_xaxes(title_text="Mean points over the mixture, 95 % interval")
    figure.update_yaxes(
        tickvals=list(range(len(names))), ticktext=[style.label_of(name) + " " for name in names], autorange="reversed"
    )
    return figure


def _frame(figure: go.Figure, result: ReplayResult, *, log_cost: bool) -> None:
    """Looks at where the policies are; single models far below are counted in a line instead of squeezing the rest."""
    frame = pieces.frame_of(result)
    if frame is None:
        return
    figure.update_yaxes(range=[frame.quality_lo, frame.quality_hi])
    if log_cost:
        step = pieces.log_step(frame.cost_lo, frame.cost_hi)
        figure.update_xaxes(range=[math.log10(frame.cost_lo), math.log10(frame.cost_hi)], dtick=step)
    if frame.n_outside:
        figure.add_annotation(
            text=f"{frame.n_outside} weaker or cheaper models outside", showarrow=False, x=1, xref="paper",
            xanchor="right", y=0.01, yref="paper", yanchor="bottom", font={"size": 11},
        )  # fmt: skip


def _has_gain(policy: str, *results: ReplayResult) -> bool:
    return all(result.summaries[policy].equal_cost_gain.mean is not None for result in results)


def _share(bar: Mapping[str, float], model: str | None, main: Sequence[str]) -> float:
    """Share of one model; of all that are not among `main` when it is None."""
    return bar.get(model, 0.0) if model else max(0.0, 1 - sum(bar.get(name, 0.0) for name in main))


def _add_singles(figure: go.Figure, result: ReplayResult, x: str, *, log_x: bool) -> None:
    table = result.singles[result.singles[x].notna() & result.singles["quality"].notna()].sort_values(x)
    is_better = table["quality"] > table["quality"].cummax().shift(fill_value=-1)
    table = table.assign(on_frontier=table["on_envelope"].astype(bool) if x == "cost_usd_per_1k" else is_better)
    names = set(pieces.spread_labels(table[table["on_frontier"]], x, log_x=log_x))
    figure.add_scatter(
        x=table[x],
        y=100 * table["quality"],
        mode="markers+text",
        name="single models",
        text=[style.short_name(model, 18) if model in names else "" for model in table["model"]],
        textposition=pieces.label_places(table[x], log_x=log_x),
        textfont={"size": 11, "color": style.TEXT},
        cliponaxis=False,
        marker={
            "color": "rgba(127,127,127,0.55)",
            "size": [9 if on else 6 for on in table["on_frontier"]],
            "line": {"width": 0},
        },
        customdata=[pieces.single_hover(row, x) for row in table.itertuples(index=False)],
        hovertemplate="%{customdata}<extra></extra>",
    )


def _add_mixture(figure: go.Figure, result: ReplayResult) -> None:
    if result.envelope.empty:
        return
    look = style.style_of("mixture")
    figure.add_scatter(
        x=result.envelope["cost_usd_per_1k"],
        y=100 * result.envelope["quality"],
        mode="lines+markers",
        name=look.label,
        line={"color": look.color, "width": look.width, "dash": look.dash},
        marker={"color": look.color, "symbol": look.symbol, "size": look.size},
        customdata=result.envelope["model"],
        hovertemplate="<b>mixture</b>, corner %{customdata}<br>%{y:.1f} % at $%{x:.3g} per 1,000<extra></extra>",
    )


def _add_dial(figure: go.Figure, result: ReplayResult, policy: str) -> None:
    """The settings of one policy as faint points, their envelope as a line, the interval as a band for omni."""
    table = result.points[(result.points["policy"] == policy) & result.points["cost_usd_per_1k"].notna()]
    table = table[table["quality"].notna()].sort_values("cost_usd_per_1k")
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
        figure.add_scatter(
            x=line["cost_usd_per_1k"], y=100 * line["quality"], mode="lines",
            legendgroup=policy, showlegend=False, zorder=look.z,
            line={"color": look.color, "width": look.width, "dash": look.dash},
            customdata=[pieces.point_hover(row, policy) for row in line.itertuples(index=False)],
            hovertemplate="%{customdata}<extra></extra>",
        )  # fmt: skip
    _add_headline(figure, result, policy, "cost_usd_per_1k")


def _add_band(figure: go.Figure, line: pd.DataFrame, look: style.PolicyStyle) -> None:
    red, green, blue = (int(look.color[at : at + 2], 16) for at in (1, 3, 5))
    figure.add_scatter(
        x=[*line["cost_usd_per_1k"], *line["cost_usd_per_1k"][::-1]],
        y=[*(100 * line["hi"]), *(100 * line["lo"][::-1])],
        fill="toself",
        fillcolor=f"rgba({red},{green},{blue},0.16)",
        line={"width": 0},
        mode="lines",
        showlegend=False,
        legendgroup="omni",
        hoverinfo="skip",
    )


def _add_headline(figure: go.Figure, result: ReplayResult, policy: str, x: str) -> None:
    """One policy at its headline setting, with the interval of its score."""
    rows = result.points[(result.points["policy"] == policy) & result.points["is_headline"].astype(bool)]
    rows = rows[rows[x].notna() & rows["quality"].notna()]
    if rows.empty:
        return
    row, look = rows.iloc[0], style.style_of(policy)
    figure.add_scatter(
        x=[row[x]],
        y=[100 * row["quality"]],
        error_y=pieces.errors([(row["quality"], row["lo"], row["hi"])], look.color),
        mode="markers",
        name=look.label,
        legendgroup=policy,
        zorder=look.z,
        marker={
            "color": look.color,
            "symbol": look.symbol,
            "size": look.size,
            "line": {"color": look.color, "width": 1},
        },
        customdata=[pieces.point_hover(row, policy, x)],
        hovertemplate="%{customdata}<extra></extra>",
    )


def _add_gain(figure: go.Figure, summary: PolicySummary, *, shift: float) -> None:
    gain, look = summary.equal_cost_gain, style.style_of(summary.policy)
    is_main = summary.policy == "omni"
    known = [(at, str(percent)) for at, percent in enumerate(BUDGET_PERCENTS) if gain.at.get(str(percent)) is not None]
    triples = [pieces.gain_at(summary, percent) for _, percent in known]
    figure.add_scatter(
        x=[at + shift for at, _ in known] + [None, len(BUDGET_PERCENTS) + shift],
        y=[pieces.scaled(middle) for middle, _, _ in triples] + [None, pieces.scaled(gain.mean)],
        error_y=pieces.errors([*triples, (None, None, None), (gain.mean, gain.lo, gain.hi)], look.color),
        mode="lines+markers",
        name=look.label,
        line={"color": look.color, "width": look.width, "dash": look.dash},
        marker={"color": look.color, "symbol": look.symbol, "size": 13 if is_main else 8},
        zorder=look.z,
        opacity=1 if is_main else 0.8,
        customdata=[
            *(
                f"at {percent} % budget: {pieces.with_range(*triple)}"
                for (_, percent), triple in zip(known, triples, strict=True)
            ),
            "",
            f"mean over budgets: {pieces.with_range(gain.mean, gain.lo, gain.hi)}",
        ],
        hovertemplate=f"<b>{look.label}</b> %{{customdata}}<br>n = {summary.n_scored:,} test prompts<extra></extra>",
    )


def _tenths(share: float | None) -> str:
    return style.DASH if share is None else f"{100 * share:.1f}"


def _calibration_errors(result: ReplayResult) -> go.Figure:
    """Bars of the expected calibration error, for runs that did not keep the predictions."""
    known = {name: item.calibration_error for name, item in result.summaries.items() if not style.is_single(name)}
    names = [name for name in style.drawing_order(list(known)) if known[name] is not None]
    if not names:
        return empty_figure("No policy of this run predicted a quality, so there is nothing to calibrate.")
    values = [pieces.scaled(known[name]) for name in names]
    figure = go.Figure(
        go.Bar(
            x=values,
            y=[style.label_of(name) for name in names],
            orientation="h",
            marker={"color": [style.style_of(name).color for name in names]},
            text=[f"{value:.1f}" for value in values if value is not None],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="<b>%{y}</b><br>%{x:.2f} points off on average<extra></extra>",
        )
    )
    _lay_out(figure, height=140 + 34 * len(names))
    figure.update_layout(bargap=0.4)
    figure.update_xaxes(title_text="Expected calibration error, points", rangemode="tozero")
    figure.update_yaxes(autorange="reversed", showgrid=False, ticksuffix=" ")
    return figure


def _lay_out(figure: go.Figure, *, height: int) -> None:
    """The common look: clear background, mid-tone text, legend below, narrow margins for a phone."""
    figure.update_layout(pieces.layout(height))
    figure.update_xaxes(pieces.AXIS)
    figure.update_yaxes(pieces.AXIS)
