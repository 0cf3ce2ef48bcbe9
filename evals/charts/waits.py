"""Score against recorded seconds: single models, policies at full quality, and the dial by seconds."""

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
    singles = singles.assign(model=singles["policy"].str.removeprefix("single:"))
    hovers = [_hover(row, row.model) for row in singles.itertuples(index=False)]
    pieces.add_singles(figure, singles, "mean_s", hovers=hovers)
    for policy in style.drawing_order(list(waits["policy"].unique())):
        own = waits[name == policy]
        if len(own) > 1:
            corners = concave_envelope(own["mean_s"].to_numpy(float), own["quality"].to_numpy(float)).corners
            line = own.iloc[list(corners)]
            hovers = [_hover(row, style.label_of(policy)) for row in line.itertuples(index=False)]
            pieces.add_line(figure, line, "mean_s", policy, hovers=hovers)
        for _, row in own[own["is_headline"].astype(bool)].iterrows():
            pieces.add_point(figure, row, "mean_s", policy, hover=_hover(row, style.label_of(policy)))
    pieces.lay_out(figure, height=480)
    figure.update_xaxes(title_text="Mean seconds per answer<br>(recorded)", type="log", tickformat="~g")
    figure.update_yaxes(title_text="Mean score, %")
    return figure


def _hover(row: Any, label: str) -> str:
    setting = "" if row.is_headline else style.setting_of(str(row.setting))
    lines = [
        f"<b>{label}</b>" + (f"<br>{setting}" if setting else ""),
        f"score {style.percent(row.quality)}",
        f"{style.seconds(row.mean_s)} per answer, 95 % within {style.seconds(row.p95_s)}",
        f"{row.n_timed:,} of {row.n_scored:,} picks were timed",
    ]
    return "<br>".join(lines)
