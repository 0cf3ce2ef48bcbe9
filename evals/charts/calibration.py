"""Predicted against observed quality."""

import plotly.graph_objects as go

from evals.charts import pieces, style
from evals.metrics import calibration_by_chance, calibration_error
from evals.results import ReplayResult

_LEAST_IN_BIN = 10


@pieces.with_plain_labels
def calibration_figure(result: ReplayResult) -> go.Figure:
    """Predicted against observed quality of the picks in ten bins; the legend says how far off, also by chance."""
    table = result.picks()
    if table["predicted_quality"].isna().all():
        return pieces.empty_figure("No policy of this run predicted a quality, so there is nothing to calibrate.")
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
            x=100 * means["predicted_quality"], y=100 * means["score"], customdata=sizes, mode="lines+markers",
            name=f"{look.label}: off by {_tenths(off)} ({_tenths(by_chance)})",
            line={"color": look.color, "width": look.width, "dash": look.dash},
            marker={"color": look.color, "symbol": look.symbol, "size": 8},
            hovertemplate=f"<b>{look.label}</b><br>predicted %{{x:.1f}} %, observed %{{y:.1f}} %<br>"
            "n = %{customdata:,}<extra></extra>",
        )  # fmt: skip
    pieces.lay_out(figure, height=460)
    low = pieces.low_end(figure)
    figure.update_xaxes(title_text="Predicted quality of the pick, %", range=[low, 100.5])
    figure.update_yaxes(title_text="Observed mean score, %", range=[low, 100.5])
    return figure


def _tenths(share: float | None) -> str:
    return style.DASH if share is None else f"{100 * share:.1f}"
