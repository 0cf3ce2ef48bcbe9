"""Policies beside each other: gain at equal cost, by category, where prompts were sent, two runs."""

import pandas as pd
import plotly.graph_objects as go

from evals.charts import pieces, style
from evals.metrics import BUDGET_PERCENTS
from evals.results import PolicySummary, ReplayResult

_WITHOUT_LEARNING = (*style.CONTROLS, "random", "cheapest")
_N_MODELS_SHOWN = 7
_N_CATEGORIES_SHOWN = 30


@pieces.with_plain_labels
def gain_figure(result: ReplayResult) -> go.Figure:
    """Score gained over the mixture for the same money, by budget, with the mean and its 95 % interval."""
    shown = [name for name in style.drawing_order(list(result.summaries)) if name not in _WITHOUT_LEARNING]
    shown = [name for name in shown if result.summaries[name].equal_cost_gain.mean is not None]
    if not shown:
        return pieces.empty_figure("No equal-cost gain: costs are unknown, or no policy reaches the budgets compared.")
    figure = go.Figure()
    for at, policy in enumerate(shown):
        _add_gain(figure, result.summaries[policy], shift=(at - (len(shown) - 1) / 2) * 0.62 / max(len(shown), 4))
    figure.add_scatter(
        x=[-0.5, len(BUDGET_PERCENTS) + 0.5], y=[0, 0], mode="lines", name="mixture = 0", hoverinfo="skip",
        line={"color": style.ZERO, "width": 2, "dash": "dash"},
    )  # fmt: skip
    figure.add_vline(x=len(BUDGET_PERCENTS) - 0.5, line={"color": style.GRID, "width": 1})
    pieces.lay_out(figure, height=460)
    ticks = [str(percent) for percent in BUDGET_PERCENTS]
    figure.update_xaxes(
        title_text="Budget, % of the best single model's cost", tickvals=list(range(len(ticks) + 1)), tickangle=0,
        ticktext=[*ticks, "<b>mean</b>"], showgrid=False, range=[-0.5, len(ticks) + 0.5],
    )  # fmt: skip
    figure.update_yaxes(title_text="Points over the mixture")
    return figure


@pieces.with_plain_labels
def category_figure(result: ReplayResult) -> go.Figure:
    """Policies by categories: difference to the best single model in points; bold where the interval excludes 0."""
    table = result.per_category
    table = table[~table["policy"].isin(["best_single", "oracle", "mixture"]) & table["difference"].notna()]
    policies = [name for name in style.drawing_order(list(table["policy"].unique())) if name in result.summaries]
    if not policies:
        return pieces.empty_figure("This recording names no categories, so there is nothing to take apart.")
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
            text=[[pieces.cell_text(cell) for cell in line] for line in grid], texttemplate="%{text}",
            customdata=[[pieces.cell_hover(cell) for cell in line] for line in grid],
            hovertemplate="<b>%{x}</b>, %{y}<br>%{customdata}<extra></extra>",
            colorscale=[[0, "rgba(213,94,0,0.62)"], [0.5, "rgba(128,128,128,0.06)"], [1, "rgba(42,126,196,0.62)"]],
            zmin=-100 * limit, zmax=100 * limit, xgap=2, ygap=2, showscale=False,
            textfont={"color": style.TEXT, "size": 11},
        )
    )  # fmt: skip
    pieces.lay_out(figure, height=110 + 36 * len(categories))
    figure.update_xaxes(side="top", tickangle=-40, showgrid=False)
    figure.update_yaxes(showgrid=False, ticksuffix=" ")
    return figure


@pieces.with_plain_labels
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
        return pieces.empty_figure("Nothing to take apart: no policy spread its prompts, or there are no categories.")
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
            x=[100 * part for part in parts], y=bars, orientation="h", marker={"color": color, "line": {"width": 0}},
            name=style.short_name(model) if model else "other models",
            text=[f"{100 * part:.0f}" if part >= 0.12 else "" for part in parts],
            textposition="inside", textangle=0, insidetextanchor="middle", insidetextfont={"color": "#ffffff"},
            hovertemplate=f"<b>%{{y}}</b><br>{model or 'other models'}: %{{x:.1f}} % of prompts<extra></extra>",
        )  # fmt: skip
    pieces.lay_out(figure, height=190 + 30 * len(bars))
    figure.update_layout(barmode="stack", bargap=0.3, legend_traceorder="normal")
    figure.update_xaxes(title_text="Share of test prompts, %", range=[0, 100])
    figure.update_yaxes(showgrid=False, ticksuffix=" ")
    return figure


@pieces.with_plain_labels
def comparison_figure(first: ReplayResult, second: ReplayResult, *, labels: tuple[str, str]) -> go.Figure:
    """Mean equal-cost gain of every policy in two runs, with intervals."""
    names = style.drawing_order([name for name in first.summaries if name in second.summaries])
    gains_of = {name: [run.summaries[name].equal_cost_gain.mean for run in (first, second)] for name in names}
    names = [name for name in names if name not in _WITHOUT_LEARNING and None not in gains_of[name]]
    if not names:
        return pieces.empty_figure("The two runs have no policy with an equal-cost gain in common.")
    figure = go.Figure()
    for at, (result, label) in enumerate(zip((first, second), labels, strict=True)):
        gains = [result.summaries[name].equal_cost_gain for name in names]
        figure.add_scatter(
            x=[None if gain.mean is None else 100 * gain.mean for gain in gains],
            y=[row + (-0.14, 0.14)[at] for row in range(len(names))],
            error_x=pieces.errors([(gain.mean, gain.lo, gain.hi) for gain in gains], style.SHADES[at]),
            mode="markers", name=label,
            marker={"color": style.SHADES[at], "symbol": ("circle", "square")[at], "size": 11},
            customdata=[style.points_range(gain.lo, gain.hi) for gain in gains],
            hovertemplate="%{x:+.2f} points (%{customdata})<extra></extra>",
        )  # fmt: skip
    figure.add_vline(x=0, line={"color": style.ZERO, "width": 2, "dash": "dash"})
    pieces.lay_out(figure, height=200 + 36 * len(names))
    figure.update_xaxes(title_text="Mean points over the mixture, 95 % interval")
    figure.update_yaxes(
        tickvals=list(range(len(names))), ticktext=[style.label_of(name) + " " for name in names], autorange="reversed"
    )
    return figure


def _add_gain(figure: go.Figure, summary: PolicySummary, *, shift: float) -> None:
    gain, look = summary.equal_cost_gain, style.style_of(summary.policy)
    is_main = summary.policy == "omni"
    shown = [(at, percent, gain.at.get(str(percent))) for at, percent in enumerate(BUDGET_PERCENTS)]
    known = [(at, percent, value) for at, percent, value in shown if value is not None]
    no_intervals: list[pieces.Triple] = [(None, None, None)] * (len(known) + 1)
    figure.add_scatter(
        x=[at + shift for at, _, _ in known] + [None, len(BUDGET_PERCENTS) + shift],
        y=[100 * value for _, _, value in known] + [None, None if gain.mean is None else 100 * gain.mean],
        error_y=pieces.errors([*no_intervals, (gain.mean, gain.lo, gain.hi)], look.color),
        mode="lines+markers", name=look.label, zorder=look.z, opacity=1 if is_main else 0.8,
        line={"color": look.color, "width": look.width, "dash": look.dash},
        marker={"color": look.color, "symbol": look.symbol, "size": 13 if is_main else 8},
        customdata=[
            *(f"at {percent} % budget: {style.points(value, 2)} points" for _, percent, value in known), "",
            f"mean over {gain.n_budgets} budgets: {pieces.with_range(gain.mean, gain.lo, gain.hi)}",
        ],
        hovertemplate=f"<b>{look.label}</b> %{{customdata}}<br>n = {summary.n_scored:,} test prompts<extra></extra>",
    )  # fmt: skip
