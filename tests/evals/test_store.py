"""Runs go into the store and come back; export writes what was computed."""

import json
from dataclasses import replace

import pandas as pd
import pytest

from evals.replay import replay
from evals.report import decisions_table, export_table, figures_table, to_text
from evals.store import MIGRATIONS, kept_settings, load_run, load_runs, prepare, save_run
from omni.errors import InputError, StoreError
from omni.store import open_store
from tests.builders import build_recording


@pytest.fixture(scope="module")
def result():
    """A run with failed picks."""
    return replay(build_recording(300, missing=0.1), ["best_single", "mixture", "knn", "oracle", "single:model-a"])


@pytest.fixture
def store():
    """An empty store."""
    with open_store(":memory:") as store:
        yield store


def test_a_run_comes_back_as_it_went_in(store, result):
    """Figures, tables, failures and versions; only the rows prompt by prompt are fewer."""
    again = load_run(store, save_run(store, result))
    assert again.to_json() == result.to_json()
    assert again.summaries == result.summaries
    assert again.failures == result.failures
    assert again.spec == json.loads(json.dumps(result.spec))
    for table in ("points", "singles", "envelope", "per_category"):
        left, right = getattr(again, table), getattr(result, table).reset_index(drop=True)
        pd.testing.assert_frame_equal(left, right, check_dtype=False, check_categorical=False)


def test_results_are_kept_at_full_quality_and_at_the_best_models_cost(store, result):
    """Two settings a policy at most; a single model's rows are the recording itself."""
    again = load_run(store, save_run(store, result))
    kept = kept_settings(result)
    assert "single:model-a" not in kept
    assert kept["knn"][0] == "quality_per_usd=0"
    assert len(kept["knn"]) <= 2
    rows = again.choices.groupby("policy")["setting"].agg(lambda values: tuple(dict.fromkeys(values)))
    assert rows.to_dict() == kept
    assert (again.choices.groupby(["policy", "setting"]).size() == result.n_test).all()


def test_results_carry_the_routing_time_of_their_policy(store, result):
    """Unknown for controls that do not route by the prompt."""
    save_run(store, result)
    times = store.read("SELECT DISTINCT policy, routing_us FROM eval_results").set_index("policy")["routing_us"]
    assert times["knn"] == pytest.approx(result.summaries["knn"].routing_us)
    assert pd.isna(times["oracle"])


def test_runs_are_listed_newest_first(store, result):
    """By start."""
    old = save_run(store, replace(result, started_at="2026-01-01T00:00:00.000+00:00"))
    new = save_run(store, result)
    assert load_runs(store)["run_id"].tolist() == [new, old]


def test_an_unknown_run_lists_the_known(store, result):
    """The text helps to find the right one."""
    run_id = save_run(store, result)
    with pytest.raises(StoreError, match=run_id):
        load_run(store, "nonsense")


def test_saving_the_same_run_twice_keeps_the_first_whole(store, result):
    """The second save is refused and leaves no rows behind."""
    run_id = save_run(store, result)
    before = len(store.read("SELECT * FROM eval_results"))
    with pytest.raises(StoreError):
        save_run(store, replace(result, run_id=run_id))
    assert len(store.read("SELECT * FROM eval_results")) == before


@pytest.mark.parametrize("n_old", range(len(MIGRATIONS) + 1))
def test_older_stores_come_up_to_date(tmp_path, n_old, result):
    """From a store without runs, and from each form since."""
    path = tmp_path / "omni.duckdb"
    with open_store(path) as store:
        store.migrate(MIGRATIONS[:n_old] if n_old else [])
    with open_store(path) as store:
        prepare(store)
        assert load_run(store, save_run(store, result)).n_test == result.n_test


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_figures_are_exported(tmp_path, result, suffix):
    """One row a policy; unknown is empty."""
    path = tmp_path / f"figures{suffix}"
    export_table(figures_table(result), path)
    again = pd.read_csv(path) if suffix == ".csv" else pd.read_parquet(path)
    assert again["policy"].tolist() == list(result.summaries)
    assert again.set_index("policy")["gain_mean"]["knn"] == pytest.approx(result.summaries["knn"].equal_cost_gain.mean)
    assert pd.isna(again.set_index("policy")["calibration_error"]["oracle"])


def test_another_ending_or_a_missing_folder_is_refused(tmp_path, result):
    """Plain words for both."""
    with pytest.raises(InputError, match=r"\.csv or \.parquet"):
        export_table(figures_table(result), tmp_path / "figures.xlsx")
    with pytest.raises(StoreError, match="cannot write"):
        export_table(figures_table(result), tmp_path / "nowhere" / "figures.csv")


def test_decisions_have_the_agreed_columns(result):
    """Every policy at every setting."""
    table = decisions_table(result)
    assert list(table.columns) == ["prompt_id", "policy", "setting", "model"]
    assert len(table) == len(result.points) * result.n_test


def test_the_text_has_a_row_a_policy_and_dashes_for_the_unknown(result):
    """Within 120 columns; single models only when asked for."""
    text = to_text(result)
    assert "knn" in text
    assert "single:model-a" not in text
    assert "single:model-a" in to_text(result, with_singles=True)
    assert max(map(len, text.splitlines())) <= 120


def test_the_text_cautions_when_models_are_scored_on_different_prompts(result):
    """A tenth of the cells is missing here; a complete recording needs no caution."""
    assert "Caution: scored on part of" in to_text(result)
    assert "Caution" not in to_text(replay(build_recording(), ["knn"]))


def test_the_text_cautions_of_what_reading_the_files_brought_up():
    """A split that tears groups apart makes every figure too good; who reads them must know."""
    torn = replace(build_recording(), cautions=("2 groups stand on both sides.",))
    assert "Caution: 2 groups stand on both sides." in to_text(replay(torn, ["knn"]))


def _with_budgets(result, n_budgets):
    """The run with its gains known at so many of the dearest budgets."""
    summaries = {}
    for name, summary in result.summaries.items():
        at = dict.fromkeys(summary.equal_cost_gain.at)
        at |= dict.fromkeys(list(at)[len(at) - n_budgets :], 0.01)
        summaries[name] = replace(summary, equal_cost_gain=replace(summary.equal_cost_gain, at=at))
    return replace(result, summaries=summaries)


def test_a_gain_over_fewer_budgets_says_so(store, result):
    """In the text, the JSON and the export, and after the store; a gain over all five needs no word."""
    partial = load_run(store, save_run(store, _with_budgets(result, 3)))
    assert "Gain over 3 of 5 budgets" in to_text(partial)
    assert partial.to_json()["policies"]["knn"]["equal_cost_gain"]["n_budgets"] == 3
    assert figures_table(partial)["gain_n_budgets"].eq(3).all()
    assert "of 5 budgets" not in to_text(_with_budgets(result, 5))


def test_a_best_model_that_is_the_cheapest_leaves_nothing_to_trade():
    """Said in the text and the JSON, and not where a cheaper model is there or costs are unknown."""
    result = replay(build_recording(dominant=2), ["best_single"])
    assert result.nothing_to_trade
    assert result.to_json()["nothing_to_trade"] is True
    assert "Nothing to trade: the best single model is also the cheapest." in to_text(result)
    cheaper = replay(build_recording(seed=1), ["best_single"])
    assert cheaper.singles["cost_usd_per_1k"].idxmin() != cheaper.singles["quality"].idxmax()
    assert not cheaper.nothing_to_trade
    assert not replay(build_recording(dominant=2, with_costs=False), ["best_single"]).nothing_to_trade


def test_the_repeatable_part_of_the_gap_is_shown_and_kept(store, result):
    """Nothing is said where answers were drawn once."""
    again = load_run(store, save_run(store, replace(result, repeatable_gap=0.25)))
    assert again.to_json()["repeatable_gap"] == 0.25
    assert "25% of the gap to the oracle repeats" in to_text(again)
    assert load_run(store, save_run(store, result)).repeatable_gap is None
    assert "drawn again" not in to_text(result)
