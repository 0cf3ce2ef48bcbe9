"""Finished tables of a replay to Plotly figures. No queries, no page; an empty result is a figure that says so."""

from evals.charts.calibration import calibration_figure
from evals.charts.pieces import empty_figure
from evals.charts.plane import quality_cost_figure, quality_latency_figure
from evals.charts.policies import category_figure, comparison_figure, destinations_figure, gain_figure

__all__ = [
    "calibration_figure",
    "category_figure",
    "comparison_figure",
    "destinations_figure",
    "empty_figure",
    "gain_figure",
    "quality_cost_figure",
    "quality_latency_figure",
]
