"""Pictures: what is drawn, what is left out, and that both themes and a phone can show it."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from evals import charts
from evals.charts import pieces, style
from tests.evals.replay_results import CATEGORIES, N_TEST, make_result

CATEGORY_OF = pd.Series({f"p{at}": CATEGORIES[at % 4] for at in range(N_TEST)})


def contrast(color: str, background: str) -> float:
    """WCAG contrast of two hex colours."""

    def luminance(text: str) -> float:
        parts = [int(text[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(color), luminance(background)))
    return (high + 0.05) / (low + 0.05)


def names(figure):
    """Names of the traces in the legend."""
    return [trace.name for trace in figure.data if trace.showlegend is not False]


def said(figure):
    """The sentence of an empty figure, on one line."""
    return figure.layout.annotations[0].text.replace("<br>", " ")


ALL = {
    "gain": charts.gain_figure,
    "cost": charts.quality_cost_figure,
    "latency": charts.quality_latency_figure,
    "category": charts.category_figure,
    "destinations": charts.destinations_figure,
    "by_category": lambda result: charts.destinations_figure(result, policy="omni", categories=CATEGORY_OF),
    "calibration": charts.calibration_figure,
    "comparison": lambda result: charts.comparison_figure(result, result, labels=("a", "b")),
}


@pytest.mark.parametrize("name", ALL)
def test_every_figure_is_clear_and_has_a_height(name):
    """No background of its own, so that both themes show through, and a height the page can reserve."""
    layout = ALL[name](make_result()).layout
    assert layout.paper_bgcolor == layout.plot_bgcolor == "rgba(0,0,0,0)"
    assert layout.height >= 200
    assert layout.font.color == style.TEXT


@pytest.mark.parametrize("name", ALL)
def test_every_figure_survives_unknown_costs(name):
    """A recording without costs gives a picture or a sentence, never an error."""
    figure = ALL[name](make_result(with_costs=False))
    assert figure.data or len(said(figure)) > 20


@pytest.mark.parametrize("color", [*style.SHADES, *(style.style_of(n).color for n in style._STYLES)])
@pytest.mark.parametrize("background", ["#ffffff", "#0b0f19", "#18181b"])
def test_colours_stand_out_in_both_themes(color, background):
    """3:1 against white and near-black."""
    assert contrast(color, background) >= 3


def test_cost_picture_has_every_policy_with_omni_first():
    """Legend: omni, mixture, best single, the learned ones, the oracle, single models."""
    shown = names(charts.quality_cost_figure(make_result()))
    assert shown[:3] == ["omni", "mixture", "best single"]
    assert {"kNN", "ridge", "k-means", "oracle", "single models"} <= set(shown)


def test_cost_axis_says_that_prices_are_estimated():
    """Mixed prices are named under the axis title."""
    assert "some prices estimated" in charts.quality_cost_figure(make_result()).layout.xaxis.title.text


def test_cost_axis_can_be_linear():
    """The cost axis is logarithmic unless asked otherwise."""
    assert charts.quality_cost_figure(make_result()).layout.xaxis.type == "log"
    assert charts.quality_cost_figure(make_result(), log_cost=False).layout.xaxis.type == "linear"


def test_only_frontier_models_carry_names():
    """At most five names, all on the mixture's line, far enough apart."""
    result = make_result()
    trace = next(trace for trace in charts.quality_cost_figure(result).data if trace.name == "single models")
    labelled = [text for text in trace.text if text]
    corners = {style.short_name(model, 18) for model in result.envelope["model"]}
    assert 2 <= len(labelled) <= pieces.N_LABELS
    assert set(labelled) <= corners


def test_hover_names_n_and_interval():
    """A policy's point says its score, its interval, its cost and n."""
    trace = next(trace for trace in charts.quality_cost_figure(make_result()).data if trace.name == "oracle")
    assert "n = 400" in trace.customdata[0]
    assert "95 %" in trace.customdata[0]
    assert "per 1,000 prompts" in trace.customdata[0]


def test_gain_picture_leaves_unknown_budgets_out():
    """No point at 10 %, where nothing can be bought; the mean has its error bar."""
    omni = next(trace for trace in charts.gain_figure(make_result()).data if trace.name == "omni")
    drawn = [x for x in omni.x if x is not None]
    assert len(drawn) == 5
    assert min(drawn) > 0.5
    assert omni.error_y.array[-1] == pytest.approx(1.2)


def test_heatmap_is_bold_where_the_interval_excludes_zero():
    """Bold cells have an interval on one side of 0."""
    figure = charts.category_figure(make_result())
    texts = {text for line in figure.data[0].text for text in line}
    assert any(text.startswith("<b>+") for text in texts)
    assert any(not text.startswith("<b>") for text in texts)


def test_heatmap_without_categories_says_so():
    """An empty table is a sentence."""
    result = make_result()
    assert "no categories" in said(charts.category_figure(replace(result, per_category=result.per_category.iloc[:0])))


@pytest.mark.parametrize("name", ["destinations", "by_category"])
def test_shares_of_a_bar_sum_to_all(name):
    """The models of a bar and the rest make 100 %."""
    sums = np.sum([trace.x for trace in ALL[name](make_result()).data], axis=0)
    assert sums == pytest.approx(np.full(len(sums), 100.0))


def test_latency_axis_names_its_basis():
    """Estimated seconds are called estimated."""
    assert "estimated" in charts.quality_latency_figure(make_result()).layout.xaxis.title.text


def test_unknown_latency_is_a_sentence():
    """Without a basis there is nothing to draw."""
    assert "No latency" in said(charts.quality_latency_figure(replace(make_result(), latency_basis=None)))


def test_the_calibration_legend_says_how_far_off_and_what_chance_makes():
    """Both in points, for every policy that predicts."""
    names = [trace.name for trace in charts.calibration_figure(make_result()).data[1:]]
    assert names
    assert all(re.fullmatch(r".+: off by \d+\.\d \(\d+\.\d\)", name) for name in names)


def test_calibration_without_predictions_is_a_sentence():
    """A run of controls alone predicts nothing."""
    result = make_result()
    figure = charts.calibration_figure(replace(result, choices=result.choices.assign(predicted_quality=np.nan)))
    assert "nothing to calibrate" in said(figure)


def test_short_names_drop_owner_and_tuning():
    """`org/Qwen2.5-7B-Instruct` is Qwen2.5-7B."""
    assert style.short_name("org/Qwen2.5-7B-Instruct") == "Qwen2.5-7B"
    assert len(style.short_name("x" * 40, 18)) == 18


@pytest.mark.parametrize(("value", "text"), [(0.0131, "+1.3"), (-0.0131, "−1.3"), (-0.0001, "0.0"), (None, "–")])
def test_points_are_signed_and_never_minus_zero(value, text):
    """Differences are in points; unknown is a dash."""
    assert style.points(value) == text


def with_presets(result):
    """The same with four presets of omni, two of which choose alike."""
    rows = result.points[result.points["policy"] == "omni"].head(4).reset_index(drop=True)
    settings = ["preset=balanced", "preset=quality", "preset=fast", "preset=cheap"]
    cost, quality = [0.4, 2.5, 0.4, 0.05], [0.71, 0.78, 0.71, 0.52]
    rows = rows.assign(setting=settings, is_headline=False, on_envelope=True, cost_usd_per_1k=cost, quality=quality)
    return replace(result, points=pd.concat([result.points, rows], ignore_index=True))


@pytest.mark.parametrize("log_cost", [True, False])
def test_presets_are_labelled_points_and_no_part_of_the_dial(log_cost):
    """Each has its name, alike ones share a label, and the line is the same as without them."""
    plain, marked = (
        charts.quality_cost_figure(r, log_cost=log_cost) for r in (make_result(), with_presets(make_result()))
    )
    labels = {note.text: note.x for note in marked.layout.annotations if "outside" not in note.text}
    assert list(labels) == ["Cheapest", "Balanced, Fastest", "Best answer"]
    assert labels["Best answer"] == pytest.approx(np.log10(2.5) if log_cost else 2.5)
    points = next(trace for trace in marked.data if trace.marker.symbol == "circle-open-dot")
    assert list(points.x) == [0.4, 2.5, 0.4, 0.05]
    assert "preset Fastest" in points.customdata[2]
    lines = [[list(trace.x) for trace in figure.data if trace.mode == "lines"] for figure in (plain, marked)]
    assert lines[0] == lines[1]


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("quality_per_usd=12.5", "1.25 points for $1 less per 1,000 answers"),
        ("quality_per_s=0.0031", "3.1 points for an answer 10 s sooner"),
        ("preset=cheap", "preset Cheapest"),
        ("quality_per_usd=0", ""),
        ("7", "7"),
    ],
)
def test_settings_are_readable(setting, words):
    """In the units of the chat's sliders."""
    assert style.setting_of(setting) == words


def test_names_keep_apart_and_the_best_come_first():
    """Of two models that are too near to each other the better one is named; at most five in all."""
    far, near = pieces.FAR_APART * 1.01, pieces.FAR_APART * 0.5
    places = {"best": 1.0, "beside": 1.0 - near, "next": 1.0 - far, "first": 0.0}
    quality = {"best": 0.9, "beside": 0.8, "next": 0.7, "first": 0.2}
    table = pd.DataFrame({"model": list(places), "x": list(places.values()), "quality": list(quality.values())})
    assert pieces.spread_labels(table, "x", log_x=False) == ["best", "next", "first"]
    many = pd.DataFrame({"model": list("abcdefghijk"), "x": range(11), "quality": [at / 10 for at in range(11)]})
    found = pieces.spread_labels(many, "x", log_x=False)
    assert found[0] == "k"
    assert len(found) == min(pieces.N_LABELS, 11)
    assert pieces.spread_labels(table.iloc[:0], "x", log_x=False) == []
