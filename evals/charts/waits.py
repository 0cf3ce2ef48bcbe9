"""Score against recorded seconds: single models, policies at full quality, and the dial of those that foresee waits."""

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from evals.charts import pieces, style
from evals.metrics import concave_envelope


def waits_figure(waits: pd.DataFrame) -> go.Figure:
    """Mean score against the mean recorded seconds per answer; `waits` as in `ReplayResult`, with at least one row."""
    figure = go.Figure()
    name = waits["policy"].astype(str)
    singles = waits[name.map(style.is_single)].sort_values("mean_s")
    is_better = singles["quality"] > singles["quality"].cummax().shift(fill_value=-1)
    labelled = singles[is_better].assign(model=singles["policy"])
    shown = set(pieces.spread_labels(labelled, "mean_s", log_x=True))
    figure.add_scatter(
        x=singles["mean_s"],
        y=100 * singles["quality"],
        mode="markers+text",
        name="single models",
        text=[style.short_name(model, 18) if model in shown else "" for model in singles["policy"]],
        textposition=pieces.label_places(singles["mean_s"], log_x=True),
        textfont={"size": 11, "color": style.TEXT},
        cliponaxis=False,
        marker={"color": "rgba(127,127,127,0.55)", "size": [9 if on else 6 for on in is_better], "line": {"width": 0}},
        customdata=[_hover(row, row.policy.removeprefix("single:")) for row in singles.itertuples(index=False)],
        hovertemplate="%{customdata}<extra></extra>",
    )
    for policy in style.drawing_order(list(waits["policy"].unique())):
        own = waits[name == policy]
        _add_dial(figure, own, policy)
        for _, row in own[own["is_headline"].astype(bool)].iterrows():
            pieces.add_point(figure, row, "mean_s", policy, hover=_hover(row, style.label_of(policy)))
    pieces.lay_out(figure, height=480)
    figure.update_xaxes(title_text="Mean seconds per answer<br>(recorded)", type="log", tickformat="~g")
    figure.update_yaxes(title_text="Mean score, %")
    return figure


def _add_dial(figure: go.Figure, own: pd.DataFrame, policy: str) -> None:
    """The best that a dial by seconds reaches, from full quality to fast, as a line."""
    if len(own) < 2:
        return
    look = style.style_of(policy)
    corners = concave_envelope(own["mean_s"].to_numpy(float), own["quality"].to_numpy(float)).corners
    line = own.iloc[list(corners)]
    figure.add_scatter(
        x=line["mean_s"],
        y=100 * line["quality"],
        mode="lines",
        legendgroup=policy,
        showlegend=False,
        zorder=look.z,
        line={"color": look.color, "width": look.width, "dash": look.dash},
        customdata=[_hover(row, style.label_of(policy)) for row in line.itertuples(index=False)],
        hovertemplate="%{customdata}<extra></extra>",
    )


def _hover(row: Any, label: str) -> str:
    lines = [
        f"<b>{label}</b>" + ("" if row.is_headline else f", dial λ = {row.setting} per second"),
        f"score {style.percent(row.quality)}",
        f"{style.seconds(row.mean_s)} per answer, 95 % within {style.seconds(row.p95_s)}",
        f"{row.n_timed:,} of {row.n_scored:,} picks were timed",
    ]
    return "<br>".join(lines)
