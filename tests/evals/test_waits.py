"""Recorded seconds beside quality: what is tabled, kept, drawn and said, and what is not without them."""

from dataclasses import replace

import numpy as np
import pytest

from evals.charts import quality_latency_figure, style
from evals.replay import replay
from evals.report import to_text
from evals.results import WAIT_COLUMNS
from evals.store import load_run, save_run
from evals.ui import views
from omni.store import open_store
from tests.builders import build_recording


@pytest.fixture(scope="module")
def recording():
    """Dear models are slow; nobody timed model-a."""
    plain = build_recording(300)
    seconds = np.repeat(np.array([[np.nan, 1.0, 2.0, 4.0]]), plain.n_prompts, axis=0)
    return replace(plain, latencies_s=seconds, latency_basis="recorded")


@pytest.fixture(scope="module")
def result(recording):
    """The router and two controls on it."""
    return replay(recording, ["omni", "best_single", "random"])


def test_singles_and_policies_have_mean_and_percentile(result):
    """Of a model that always takes one second both are one; one that nobody timed has no row."""
    waits = result.waits.set_index("policy")
    assert tuple(result.waits.columns) == WAIT_COLUMNS
    assert tuple(waits.loc["single:model-b", ["mean_s", "p95_s", "n_timed"]]) == (1.0, 1.0, result.n_test)
    assert "single:model-a" not in waits.index


def test_picks_nobody_timed_are_not_counted(result):
    """Random picks model-a for about a quarter of the prompts."""
    row = result.waits[result.waits["policy"] == "random"].iloc[0]
    assert 0 < row["n_timed"] < row["n_scored"]
    assert 1.0 <= row["mean_s"] <= row["p95_s"] <= 4.0


def test_the_routers_dial_by_seconds_ends_at_the_fastest_model(result):
    """At its far end waiting costs more than any quality."""
    own = result.waits[result.waits["policy"] == "omni"]
    assert own["is_headline"].sum() == 1
    assert own["mean_s"].iloc[-1] == pytest.approx(1.0)
    assert own["mean_s"].iloc[-1] < own["mean_s"].max()


def test_answers_without_a_wait_make_no_dial(recording):
    """Nobody waits any less for a worse model when all took no time at all."""
    instant = replace(recording, latencies_s=np.zeros_like(recording.latencies_s))
    assert replay(instant, ["omni"]).waits["mean_s"].eq(0).all()


def test_waits_are_kept(tmp_path, result):
    """A run loaded from the store has the same table."""
    with open_store(tmp_path / "omni.duckdb") as store:
        kept = load_run(store, save_run(store, result)).waits
    assert kept["mean_s"].tolist() == result.waits["mean_s"].tolist()
    assert kept["policy"].tolist() == result.waits["policy"].tolist()


def test_the_picture_has_the_dial_and_says_recorded(result):
    """One line for the router, points for the others."""
    figure = quality_latency_figure(result)
    assert "recorded" in figure.layout.xaxis.title.text
    assert [trace.legendgroup for trace in figure.data if trace.mode == "lines"] == ["omni"]
    assert style.label_of("best_single") in [trace.name for trace in figure.data]


def test_tables_and_text_name_the_seconds(result):
    """In the visitor's table, in the export and on the command line."""
    row = views.figures_view(result).set_index("Policy").loc["best single"]
    assert row["Mean wait"].endswith(" s")
    exported = views.figures(result)
    assert exported[exported["policy"] == "omni"]["latency_p95_s"].iloc[0] > 0
    assert "Recorded seconds" in to_text(result)


def test_without_recorded_latencies_nothing_is_said():
    """No row, no column, no line."""
    result = replay(build_recording(120), ["omni", "best_single"])
    assert result.waits.empty
    assert "Mean wait" not in views.figures_view(result)
    assert "Recorded seconds" not in to_text(result)
