"""Plotly figures of one decision, readable on light and dark paper."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from omni.figures import short_name
from omni.safe_text import escape_html
from omni.types import Decision
from omni.ui import text
from omni.ui.views import PART_ORDER

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

N_SHOWN = 8
COLOURS: Mapping[str, str] = {
    "quality": "#2f8f83",
    "cost": "#d2903a",
    "latency": "#6d7fc4",
    "evidence": "#b0638f",
    "hard_prompt": "#7a8f5b",
    "availability": "#b4483f",
    "switch": "#8a7b5c",
    "policy": "#5b8fb9",
    "place": "#a3a35c",
}
FROM_BEST = frozenset({"quality", "policy", "place"})
"""Parts that are gains: they count from the best of those shown."""
INK, LINE = "#7d8590", "rgba(125,133,144,0.25)"


def given_up(decision: Decision, n: int = N_SHOWN) -> dict[str, np.ndarray]:
    """Points (hundredths of utility) that each of the first `n` candidates gives up, by part.

    Gains count from the best among them, so every value is 0 or more and the shortest bar is the highest utility. Parts
    that are 0 for everybody are left out, but for the four that every decision has.
    """
    parts = {name: values[:n] for name, values in decision.scores.parts.items()}
    lost = {name: 100 * ((values.max() if name in FROM_BEST else 0.0) - values) for name, values in parts.items()}
    return {name: lost[name] for name in COLOURS if name in lost and (name in PART_ORDER or lost[name].any())}


def legend_html(decision: Decision | None = None) -> str:
    """The parts and their colours; outside the figure, so that it never covers a bar."""
    shown = PART_ORDER if decision is None else tuple(given_up(decision))
    parts = [f'<span><i style="background:{COLOURS[part]}"></i>{text.PARTS[part]}</span>' for part in shown]
    return f'<div class="legend">{"".join(parts)}</div>'


def contributions_figure(decision: Decision | None) -> "Figure":
    """Stacked bars of what the leading candidates give up; a note when there is no decision."""
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.update_layout(
        height=380,
        margin={"l": 8, "r": 12, "t": 8, "b": 40},
        barmode="stack",
        bargap=0.45,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": INK, "size": 12, "family": "IBM Plex Sans, sans-serif"},
        showlegend=False,
        dragmode=False,
        hovermode="closest",
    )
    if decision is None:
        figure.add_annotation(text=text.NO_PICTURE, showarrow=False, font={"size": 14, "color": INK})
        figure.update_xaxes(visible=False)
        figure.update_yaxes(visible=False)
        return figure
    ids = decision.scores.model_ids[:N_SHOWN]
    names = [escape_html(f"{rank}. {short_name(model_id)}"[:24]) for rank, model_id in enumerate(ids, start=1)]
    for part, points in given_up(decision).items():
        label = text.PARTS.get(part, part)
        figure.add_bar(
            y=names,
            x=points,
            name=label,
            orientation="h",
            marker={"color": COLOURS.get(part, INK), "line": {"width": 0}},
            hovertemplate=f"%{{y}}<br>{label}: %{{x:.2f}} points<extra></extra>",
        )
    figure.update_yaxes(autorange="reversed", automargin=True, tickfont={"size": 11})
    figure.update_xaxes(title="points given up", gridcolor=LINE, zerolinecolor=LINE, rangemode="tozero")
    return figure
