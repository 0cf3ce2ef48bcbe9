"""Each figure of a run stands in its own column: in tables, exports, the store and the comparison of two runs."""

import numpy as np
import pandas as pd
import pytest

from evals.arms import Arms, Resampler
from evals.report import figures_table, to_text
from evals.store import load_run, save_run
from evals.tables import _means
from evals.ui.views import comparison, figures, figures_view, singles_view, tiles
from omni.store import open_store
from tests.evals.columns import INTERVALS, distinct_result, distinct_summary

SUMMARY = distinct_summary()
GAIN = SUMMARY.equal_cost_gain
PLAIN = ("quality", "cost_usd_per_1k", "latency_s", "aiq", "cost_to_match", "gap_closed", "calibration_error",
         "router_arena", "p_value", "n_scored", "n_failed", "n_total", "fit_s", "routing_us",
         "routing_batch_us")  # fmt: skip


def test_the_figures_are_all_different() -> None:
    """Else a swap would not be seen."""
    result = distinct_result()
    values = [*pd.json_normalize(SUMMARY.to_json()).iloc[0], *SUMMARY.intervals["difference"], SUMMARY.difference]
    values += [value for table in (result.points, result.singles, result.per_category) for value in table.iloc[0]]
    numbers = [value for value in values if isinstance(value, float)]
    assert len(numbers) > 30
    assert len(set(numbers)) == len(numbers)


def test_the_export_has_each_figure_in_its_column() -> None:
    """CSV and Parquet: means, both ends, the gain at each budget, the worst category, sizes of the run."""
    result = distinct_result()
    [row] = figures_table(result).to_dict("records")
    expected = {name: getattr(SUMMARY, name) for name in (*PLAIN, "difference", "n_for_80_power", "policy", "setting")}
    expected |= {f"{name}_lo": SUMMARY.intervals[name].lo for name in INTERVALS}
    expected |= {f"{name}_hi": SUMMARY.intervals[name].hi for name in INTERVALS}
    expected |= {"gain_mean": GAIN.mean, "gain_lo": GAIN.lo, "gain_hi": GAIN.hi, "gain_n_budgets": 5}
    expected |= {f"gain_at_{percent}": value for percent, value in GAIN.at.items()}
    expected |= {"worst_slice": "law", "worst_slice_difference": SUMMARY.worst_slice.difference}
    expected |= {"worst_slice_lo": SUMMARY.worst_slice.lo, "worst_slice_hi": SUMMARY.worst_slice.hi}
    expected |= {name: getattr(result, name) for name in ("recording", "run_id", "seed", "n_fit", "n_test")}
    assert row == expected


def test_the_pages_export_has_each_figure_in_its_column() -> None:
    """The same figures under the page's names."""
    [row] = figures(distinct_result()).to_dict("records")
    quality = SUMMARY.intervals["quality"]
    expected = {name: getattr(SUMMARY, name) for name in row if hasattr(SUMMARY, name)}
    expected |= {"recording": "recording-0", "quality_lo": quality.lo, "quality_hi": quality.hi}
    expected |= {"equal_cost_gain": GAIN.mean, "equal_cost_gain_lo": GAIN.lo, "equal_cost_gain_hi": GAIN.hi}
    expected |= {"equal_cost_gain_n_budgets": 5} | {f"gain_at_{at}": value for at, value in GAIN.at.items()}
    expected |= {"worst_category": "law", "worst_difference": SUMMARY.worst_slice.difference}
    assert row == expected
    assert {"quality", "cost_usd_per_1k", "latency_s", "aiq", "cost_to_match", "gap_closed", "p_value"} <= set(row)


def test_the_pages_table_says_each_figure_in_its_column() -> None:
    """Shares in percent, gains in points, and both ends of an interval in order."""
    [row] = figures_view(distinct_result()).to_dict("records")
    assert row == {
        "Policy": "omni", "Score": "10.1 %", "95 %": "36 to 37 %", "USD per 1,000": "$0.114", "Seconds": "0.127 s",
        "Gain, points": "+15.3", "Gain, 95 %": "+16.6 to +17.9", "Mean height": "14.0 %", "Cost to match": "26 %",
        "Gap closed": "27 %", "Worst category": "law +28.3", "Calibration error": "32.2 %", "Arena score": "33.5 %",
        "p (Holm)": "0.348", "Routing": "530 µs", "Scored": "13", "Failed": "14", "Total": "15",
    }  # fmt: skip


def test_the_tiles_say_gain_difference_match_gap_and_the_worst_category() -> None:
    """Each with its own interval."""
    assert [(tile.value, tile.detail) for tile in tiles(distinct_result())] == [
        ("+15.3 pts", "+16.6 to +17.9"),
        ("+55.6 pts", "+49.1 to +50.4"),
        ("26 %", "44 to 45 %"),
        ("27 %", "46 to 48 %"),
        ("+28.3 pts", "+29.6 to +30.9"),
        ("530 µs", ""),
    ]


def test_the_table_of_single_models_says_each_figure_in_its_column() -> None:
    """Score with its interval, cost, seconds, and what the price rests on."""
    [row] = singles_view(distinct_result()).to_dict("records")
    assert row == {
        "Model": "org/Model-8B", "Score": "22.6 %", "95 %": "24 to 26 %", "USD per 1,000": "$0.277",
        "Price": "listed", "Seconds": "0.294 s", "On the mixture's line": "yes", "Scored": "316",
    }  # fmt: skip


def test_two_runs_stand_in_the_order_that_they_were_chosen_in() -> None:
    """A is the first, B the second, and the difference says what B has more."""
    [row] = comparison(distinct_result(), distinct_result(start=200)).to_dict("records")
    assert row == {
        "Policy": "omni",
        "Score A": "10.1 %",
        "Score B": "30.1 %",
        "Difference": "+20.0",
        "Gain A": "+15.3",
        "Gain B": "+35.3",
        "Gain difference": "+20.0",
    }


def test_the_store_has_each_figure_in_its_column() -> None:
    """The row of a policy, and the tables of points, single models and categories."""
    result = distinct_result()
    with open_store(":memory:") as store:
        run_id = save_run(store, result)
        [policy] = store.read("SELECT * EXCLUDE (figures) FROM eval_policies").to_dict("records")
        [run] = store.read("SELECT * FROM eval_runs").to_dict("records")
        tables = {
            name: store.read(f"SELECT * EXCLUDE (run_id, position) FROM {table}").to_dict("records")
            for name, table in (("points", "eval_points"), ("singles", "eval_singles"),
                                ("per_category", "eval_categories"), ("envelope", "eval_envelope"))
        }  # fmt: skip
        again = load_run(store, run_id)
    gain = {"gain_mean": GAIN.mean, "gain_lo": GAIN.lo, "gain_hi": GAIN.hi}
    own = {name: getattr(SUMMARY, name) for name in (*PLAIN, "policy", "setting")}
    assert policy == own | gain | {"run_id": run_id, "position": 0}
    assert {name: run[name] for name in ("seed", "n_fit", "n_test", "repeatable_gap", "best_single")} == {
        name: getattr(result, name) for name in ("seed", "n_fit", "n_test", "repeatable_gap", "best_single")
    }
    assert tables == {name: getattr(result, name).to_dict("records") for name in tables}
    assert again.summaries == result.summaries


def test_the_text_says_each_figure_in_its_column() -> None:
    """The row of a policy on the command line."""
    [row] = [line for line in to_text(distinct_result()).splitlines() if line.startswith("omni")]
    assert " ".join(row.split()) == "omni 10.1 0.114 +15.30 [+16.6, +17.9] 14.0 26 % +27 % +28.3 law 13/15 530"


def test_both_ends_of_the_means_are_in_order() -> None:
    """Score and cost of an arm, with the 95 % interval of its resampled means; cost per 1,000 prompts."""
    steps = np.linspace(0.0, 1.0, 101)
    arms = Arms(
        picks=np.zeros((1, 10), dtype=int), scores=np.full((1, 10), 0.5), costs=np.full((1, 10), 0.002),
        n_scored=np.array([7]), quality=np.array([0.5]), cost=np.array([0.002]),
        resampled_quality=steps[:, None], resampled_cost=0.001 + 0.002 * steps[:, None],
        resampler=Resampler(groups=np.arange(10), n_groups=10, weights=None),
    )  # fmt: skip
    means = {name: float(values[0]) for name, values in _means(arms, np.array([0])).items()}
    assert means == pytest.approx(
        {"quality": 0.5, "lo": 0.025, "hi": 0.975, "cost_usd_per_1k": 2.0, "cost_lo": 1.05, "cost_hi": 2.95}
        | {"n_scored": 7, "n_failed": 3}
    )
