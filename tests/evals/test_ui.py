"""The benchmark tab's verdicts, tables and callbacks, called as plain functions."""

import asyncio
import threading
from dataclasses import replace
from types import SimpleNamespace

import gradio as gr
import pandas as pd
import pytest

from evals import replay as replay_module
from evals.recordings import RecordingEntry
from evals.results import Failure
from evals.ui import build_benchmark_tab, callbacks, text, views
from evals.ui.runs import BenchRuns, Request
from omni.errors import InputError, StoreError
from omni.store import open_store
from tests.builders import build_recording
from tests.evals.replay_results import CATEGORIES, N_TEST, make_result

VISITOR = SimpleNamespace(session_hash="visitor")


@pytest.fixture
def runs(monkeypatch):
    """Shared parts over one synthetic recording, without a store."""
    return shared(monkeypatch, None)


def shared(monkeypatch, store):
    """Shared parts whose one recording is synthetic."""
    monkeypatch.setattr("evals.ui.runs.load_recording", lambda name: build_recording(name=name))
    entry = RecordingEntry(
        name="synthetic", title="Synthetic", n_prompts=240, n_models=4, languages=("en",), licence="MIT",
        score_meaning="right",
    )  # fmt: skip
    return BenchRuns(store, list_entries=lambda: [entry])


def updates(runs, policies=("knn",), seed=0):
    """Everything that a click on Replay shows, in order."""

    async def collect():
        return [shown async for shown in callbacks.on_replay("synthetic", list(policies), seed, VISITOR, runs=runs)]

    return asyncio.run(collect())


@pytest.mark.parametrize(
    ("gain", "answer"), [(0.021, text.VERDICT_PARTLY), (0.002, text.VERDICT_NO), (-0.03, text.VERDICT_NO)]
)
def test_verdict_answers_first(gain, answer):
    """The first word is the answer: no, unless an interval excludes 0."""
    assert views.verdict(make_result(gain=gain)).startswith(answer)


def test_verdict_is_yes_when_both_are_beaten():
    """Yes needs the mixture and the best fixed model."""
    result = make_result()
    omni = result.summaries["omni"]
    better = replace(omni, intervals={**omni.intervals, "difference": replay_module.Interval(0.01, 0.03)})
    said = views.verdict(replace(result, summaries={**result.summaries, "omni": better}))
    assert said.startswith("Yes. ")
    assert "n = 400 test prompts" in said


def test_verdict_without_costs_says_so():
    """Unknown costs are not a gain of 0."""
    assert "Costs are unknown" in views.verdict(make_result(with_costs=False))


def test_verdict_with_nothing_to_compare_does_not_blame_the_costs():
    """With one model, or where all are free, costs are known and a gain is not."""
    result = make_result()
    omni = result.summaries["omni"]
    nothing = replace(omni, equal_cost_gain=replace(omni.equal_cost_gain, mean=None, lo=None, hi=None))
    said = views.verdict(replace(result, summaries={**result.summaries, "omni": nothing}))
    assert "nothing to compare" in said
    assert "Costs are unknown" not in said


def test_verdict_without_router():
    """A run of controls only has nothing to judge."""
    result = make_result()
    controls = {name: result.summaries[name] for name in views.CONTROLS}
    assert views.verdict(replace(result, summaries=controls)) == text.NO_ROUTER


def test_verdict_names_failed_policies():
    """A policy that could not be fitted is named, not dropped, and its text is escaped."""
    failure = Failure(policy="knn", setting=None, prompt_id=None, reason="ValueError: <k>")
    html = views.verdict_html(replace(make_result(), failures=(failure,)))
    assert "kNN could not run: ValueError: &lt;k&gt;" in html


def test_tables_show_a_dash_for_unknown():
    """Unknown figures are dashes in the page and missing in the export."""
    result = make_result(with_costs=False)
    assert set(views.figures_view(result)["USD per 1,000"]) == {"–"}
    assert views.figures(result)["cost_usd_per_1k"].isna().all()


def test_figures_have_a_row_per_policy():
    """The table counts scored, failed and total beside every mean."""
    table = views.figures_view(make_result())
    assert len(table) == len(make_result().summaries)
    assert {"Scored", "Failed", "Total"} <= set(table.columns)


def test_misses_are_picks_below_the_best():
    """Only prompts on which the best model scored more, with their category."""
    categories = pd.Series({f"p{at}": CATEGORIES[at % 4] for at in range(N_TEST)})
    caption, rows = views.misses(make_result(), "omni", categories)
    assert (rows["Score"] < rows["Its score"]).all()
    assert set(rows["Category"]) <= set(CATEGORIES)
    assert f"on {len(rows)} of {N_TEST}" in caption


def test_misses_of_the_oracle_are_none():
    """Nothing beats the oracle."""
    caption, rows = views.misses(make_result(), "oracle", None)
    assert rows.empty
    assert caption == text.NO_MISSES.format(policy="oracle")


def test_progress_is_named_for_readers():
    """The bar carries its text as a label, with the share kept within 0..100."""
    html = views.progress_html(1.7, "ridge <1>")
    assert 'value="100"' in html
    assert 'aria-label="ridge &lt;1&gt;"' in html


def test_replay_ends_with_a_verdict(runs):
    """Busy first, then the verdict, with as many fields as outputs."""
    shown = updates(runs)
    assert "<progress" in shown[0].progress
    assert shown[0].replay["interactive"] is False
    assert "bench-verdict" in shown[-1].verdict
    assert text.NOT_KEPT in shown[-1].progress
    assert shown[-1].replay["interactive"] is True


def test_second_click_comes_from_memory(runs):
    """The same recording, policies, seed and code are not replayed again."""
    updates(runs)
    again = updates(runs)
    assert len(again) == 1
    assert text.FROM_CACHE in again[0].progress


def test_controls_always_run(runs):
    """Mixture, best single model and oracle are added to any choice."""
    run = runs.get(updates(runs, policies=["knn"])[-1].key)
    assert set(views.CONTROLS) < set(run.result.summaries)


def test_stop_frees_the_page(runs, monkeypatch):
    """Stop shows at once that nothing was kept, and Replay can be pressed again."""
    entered = threading.Event()

    def slow(*_, cancelled, **__):
        entered.set()
        while not cancelled():
            threading.Event().wait(0.01)
        raise replay_module.ReplayCancelled("stopped")

    monkeypatch.setattr("evals.ui.runs.replay", slow)

    async def press_stop():
        shown = []
        async for update in callbacks.on_replay("synthetic", ["knn"], 0, VISITOR, runs=runs):
            shown.append(update)
            await asyncio.to_thread(entered.wait, 5)
            callbacks.on_stop(VISITOR, runs=runs)
        return shown

    last = asyncio.run(press_stop())[-1]
    assert text.STOPPING in last.progress
    assert last.replay["interactive"] is True


def test_a_waiting_replay_says_so_and_can_be_stopped(runs):
    """One replay runs at a time; the next is told."""
    said, stop = [], threading.Event()

    def report(_, what):
        said.append(what)
        stop.set()

    request = Request(recording="synthetic", policies=views.CONTROLS, seed=0)
    with runs._replaying, pytest.raises(replay_module.ReplayCancelled):
        runs.replay(request, report=report, stop=stop)
    assert said == [text.WAITING]


def test_errors_free_the_page(runs, monkeypatch):
    """After an error the button works again and the sentence reaches the visitor."""

    def fail(*_, **__):
        raise InputError("no such thing")

    monkeypatch.setattr("evals.ui.runs.replay", fail)
    shown = []

    async def collect():
        async for update in callbacks.bind(callbacks.on_replay, runs)("synthetic", ["knn"], 0, VISITOR):
            shown.append(update)

    with pytest.raises(gr.Error, match="no such thing"):
        asyncio.run(collect())
    assert shown[-1].replay["interactive"] is True


def test_unexpected_errors_are_one_plain_sentence(runs):
    """A fault of ours is logged; the visitor reads no traceback."""

    def broken(*, runs):
        return len(runs)

    with pytest.raises(gr.Error, match="logged"):
        callbacks.bind(broken, runs)()


@pytest.mark.parametrize(("recording", "seed"), [("../etc", 0), (None, 0), ("synthetic", -1), ("synthetic", None)])
def test_bad_requests_are_refused(runs, recording, seed):
    """Only recordings on offer and seeds in range are run."""
    with pytest.raises(InputError):
        runs.check(recording, ["knn"], seed)


@pytest.mark.parametrize(
    "handler", [callbacks.on_gain, callbacks.on_latency, callbacks.on_categories, callbacks.on_calibration]
)
def test_pictures_need_a_run(runs, handler):
    """Without a run the visitor is told to press Replay; with one there is a figure."""
    with pytest.raises(InputError, match="Replay"):
        handler(None, runs=runs)
    assert handler(updates(runs)[-1].key, runs=runs).layout.height > 100


def test_pictures_follow_their_choice(runs):
    """Linear cost, and one policy's destinations by category."""
    key = updates(runs)[-1].key
    assert callbacks.on_cost(key, text.LINEAR, runs=runs).layout.xaxis.type == "linear"
    bars = callbacks.on_destinations(key, "knn", runs=runs).data[0].y
    assert any("algebra" in bar for bar in bars)


def test_exports_hold_the_figures(runs):
    """The CSV and Parquet files have one row a policy, and one a pick."""
    key = updates(runs)[-1].key
    update = callbacks.on_figures(key, runs=runs)
    table = pd.read_csv(update.figures_csv["value"])
    assert list(table["policy"]) == list(pd.read_parquet(update.figures_parquet["value"])["policy"])
    picked = pd.read_csv(update.picks_csv["value"])
    assert len(picked) == len(pd.read_parquet(update.picks_parquet["value"])) > 100
    assert "category" in picked.columns


def test_old_results_leave_the_memory(runs):
    """Memory holds a few results; a lost one is asked for again."""
    first = updates(runs, seed=0)[-1].key
    run = runs.get(first)
    for at in range(8):
        runs._remember(replace(run, key=f"other-{at}"))
    with pytest.raises(InputError, match="no longer in memory"):
        runs.get(first)


def test_runs_are_kept_opened_and_compared(monkeypatch, tmp_path):
    """A replay is in the store afterwards; it opens as the same verdict, and two can be compared."""
    with open_store(tmp_path / "runs.duckdb") as store:
        runs = shared(monkeypatch, store)
        verdict = updates(runs, seed=1)[-1].verdict
        updates(runs, seed=2)
        listed = callbacks.on_earlier(runs=runs).picked["choices"]
        assert len(listed) == 2
        by_seed = {label.rsplit(" ", 1)[-1]: run_id for label, run_id in listed}
        assert callbacks.on_open([by_seed["1"]], runs=runs).verdict == verdict
        compared = callbacks.on_compare([by_seed["1"], by_seed["2"]], runs=runs)
        assert "kNN" in set(compared.table["Policy"])


def test_without_store_earlier_runs_explain(runs):
    """No store is a sentence; opening is refused."""
    assert callbacks.on_earlier(runs=runs).caption == text.NO_STORE
    with pytest.raises(StoreError):
        runs.open("x")


@pytest.mark.parametrize("handler", [callbacks.on_open, callbacks.on_compare])
def test_open_and_compare_count_the_choice(runs, handler):
    """One to open, two to compare; anything else is said."""
    with pytest.raises(InputError, match="0 chosen"):
        handler([], runs=runs)


def test_a_store_that_fails_keeps_the_result(monkeypatch, tmp_path):
    """When saving fails the result is still shown, with the reason."""
    store = open_store(tmp_path / "runs.duckdb")
    store.close()
    shown = updates(shared(monkeypatch, store))
    assert "in memory only" in shown[-1].progress
    assert "bench-verdict" in shown[-1].verdict


def test_recordings_are_listed_with_their_size():
    """Title, prompts, models, language and licence stand in the list."""
    runs = BenchRuns(None)
    shown = callbacks.on_load(runs=runs)
    assert len(shown.recording["choices"]) == len(runs.entries)
    assert "prompts" in shown.facts
    assert "A score of 1 means" in shown.facts


def test_outputs_match_the_updates():
    """Every event has as many outputs as its update has fields; all are private to the page."""

    async def build():
        """Inside a running loop: outside one, gradio opens a loop that nobody closes."""
        with gr.Blocks() as page:
            build_benchmark_tab(None)
        return page

    page = asyncio.run(build())
    sizes = {"on_replay": callbacks.Shown, "on_open": callbacks.Shown, "on_figures": callbacks.FiguresUpdate,
             "on_misses": callbacks.MissesUpdate, "on_earlier": callbacks.EarlierUpdate,
             "on_compare": callbacks.CompareUpdate, "on_load": callbacks.Recordings}  # fmt: skip
    seen = set()
    for function in page.fns.values():
        name = function.fn.__name__
        assert function.api_visibility == "private"
        if name in sizes:
            seen.add(name)
            assert len(function.outputs) == len(sizes[name]._fields), name
    assert seen == set(sizes)
