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
from evals.ui import build_benchmark_tab, callbacks, chat_router, text, views
from evals.ui.runs import BenchRuns
from omni.errors import InputError, StoreError
from omni.reading import shipped_reader
from omni.store import open_store
from tests.builders import build_recording
from tests.evals.replay_results import CATEGORIES, N_TEST, make_result

VISITOR = SimpleNamespace(session_hash="visitor")


@pytest.fixture
def runs(monkeypatch):
    """Shared parts over one synthetic recording, without a store."""
    return shared(monkeypatch, None)


def shared(monkeypatch, store, shelf=None):
    """Shared parts whose one recording is synthetic."""
    monkeypatch.setattr("evals.ui.runs.load_recording", lambda name: build_recording(name=name))
    entry = RecordingEntry(
        name="synthetic", title="Synthetic", n_prompts=240, n_models=4, languages=("en",), licence="MIT",
        score_meaning="right",
    )  # fmt: skip
    return BenchRuns(store, shelf=shelf, list_entries=lambda: [entry])


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


GAIN_FORMS = {
    0.021: "At equal cost omni beats alternating two fixed models by 2.1 points (95 % interval +0.9 to +3.3, mean of "
    "4 of 5 budgets)",
    -0.03: "At equal cost omni is 3.0 points worse than alternating two fixed models (95 % interval −4.2 to −1.8, "
    "mean of 4 of 5 budgets)",
    0.001: "omni has no clear gain over alternating two fixed models at the same cost (+0.1 points, 95 % interval −1.1 "
    "to +1.3, mean of 4 of 5 budgets)",
}
LEAD_FORMS = {
    (0.02, 0.01, 0.03): "beats the best fixed model, Model-405B, by 2.0 points (+1.0 to +3.0)",
    (-0.04, -0.07, -0.01): "is worse than the best fixed model, Model-405B, by 4.0 points (−7.0 to −1.0)",
    (0.013, -0.01, 0.04): "has no clear lead over the best fixed model, Model-405B (+1.3 points, −1.0 to +4.0)",
}


@pytest.mark.parametrize(
    ("gain", "lead", "answer"),
    [
        (0.021, (0.02, 0.01, 0.03), "Yes"),
        (0.021, (0.013, -0.01, 0.04), "Partly"),
        (0.021, (-0.04, -0.07, -0.01), "No"),
        (-0.03, (0.02, 0.01, 0.03), "No"),
        (0.001, (0.013, -0.01, 0.04), "No"),
    ],
)
def test_verdict_in_whole(gain, lead, answer):
    """Every figure in its place, both ends in order, and the word that follows from the two signs."""
    result = make_result(gain=gain)
    difference, lo, hi = lead
    intervals = {"difference": replay_module.Interval(lo, hi)}
    omni = replace(result.summaries["omni"], difference=difference, intervals=intervals)
    said = views.verdict(replace(result, summaries={**result.summaries, "omni": omni}))
    assert said.startswith(
        f"{answer}. {GAIN_FORMS[gain]}, and at full quality it {LEAD_FORMS[lead]}; n = 400 test prompts."
    )


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


def test_verdict_with_nothing_to_trade_says_so():
    """Where the best model is the cheapest, no router can save money."""
    result = make_result()
    free = result.singles.assign(cost_usd_per_1k=result.singles["cost_usd_per_1k"].iloc[::-1].to_numpy())
    said = views.verdict(replace(result, singles=free))
    best = views.style.short_name(result.best_single, 40)
    assert f"There is nothing to trade here: the best fixed model, {best}, is also the cheapest, and " in said


def test_verdict_counts_the_budgets_where_some_are_missing():
    """A mean over four of five budgets is called one."""
    assert "95 % interval +0.9 to +3.3, mean of 4 of 5 budgets)" in views.verdict(make_result(gain=0.021))


def test_verdict_without_a_clear_gain_is_plain():
    """The interval holds 0."""
    said = views.verdict(make_result(gain=0.002))
    assert said.startswith("No. omni has no clear gain over alternating two fixed models at the same cost (+0.2 points")


def with_presets(result):
    """The same with four presets of omni, two of which choose alike."""
    rows = result.points[result.points["policy"] == "omni"].head(4).reset_index(drop=True)
    names = ["preset=balanced", "preset=quality", "preset=fast", "preset=cheap"]
    cost, quality = [0.4, 2.5, 0.4, 0.05], [0.71, 0.78, 0.71, 0.52]
    rows = rows.assign(setting=names, is_headline=False, on_envelope=False, cost_usd_per_1k=cost, quality=quality)
    return replace(result, points=pd.concat([result.points, rows], ignore_index=True))


def test_presets_are_rows_of_the_figures():
    """What the chat's buttons give and cost stands below the policy, in the table and the export."""
    table = views.figures_view(with_presets(make_result())).set_index("Policy")
    assert table.loc["omni: Best answer", ["Score", "USD per 1,000", "Scored"]].tolist() == ["78.0 %", "$2.5", "400"]
    assert table.loc["omni: Cheapest", ["Score", "USD per 1,000"]].tolist() == ["52.0 %", "$0.05"]
    assert table.loc["omni: Fastest", "Gain, points"] == "–"
    rows = views.figures(with_presets(make_result()))
    assert list(rows[rows["policy"] == "omni"]["setting"].str.startswith("preset=")) == [False] + [True] * 4


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
            await callbacks.on_stop(VISITOR, runs=runs)
        return shown

    last = asyncio.run(press_stop())[-1]
    assert text.STOPPING in last.progress
    assert last.replay["interactive"] is True


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
        asyncio.run(callbacks.bind(broken, runs)(VISITOR))


class Shelf:
    """Keeps what is put on it."""

    def __init__(self):
        self.kept = {}
        self.texts = {}

    def put(self, fitted, *, texts):
        self.kept["key"], self.texts = fitted, texts
        return "key"

    def find(self, key):
        return self.kept.get(key)


def use(runs, key):
    """Everything that a click on Use this router in Chat shows, in order."""

    async def collect():
        return [shown async for shown in chat_router.on_use(key, VISITOR, runs=runs)]

    return asyncio.run(collect())


def readable(monkeypatch, **changes):
    """The recording's features as if the shipped reader had made them."""
    recording = replace(
        build_recording(name="synthetic"), feature_fingerprint=shipped_reader().feature_fingerprint, **changes
    )
    monkeypatch.setattr("evals.ui.runs.load_recording", lambda _: recording)
    return recording


def test_the_router_of_a_replay_is_put_on_the_shelf_once(monkeypatch):
    """Its key is handed over, its verdict is the replay's own, and a second click fits nothing."""
    shelf = Shelf()
    runs = shared(monkeypatch, None, shelf)
    recording = readable(monkeypatch)
    n_fit = int((recording.prompts["split"] == "fit").sum())
    key = updates(runs, policies=["omni"])[-1].key
    monkeypatch.setattr("evals.fit.replay", None)
    shown = use(runs, key)
    assert "<progress" in shown[0].progress
    assert shown[0].use["interactive"] is False
    assert f"Chat now uses this router: Fitted on synthetic, {n_fit} prompts." in shown[-1].progress
    assert (shown[-1].router, shown[-1].use["interactive"]) == ("key", True)
    judged = runs.get(key).result.to_json()["policies"]["omni"]["quality"]
    assert shelf.kept["key"].card.verdict["policies"]["omni"]["quality"] == judged
    monkeypatch.setattr("evals.ui.runs.fit_judged", None)
    assert use(runs, key)[-1].router == "key"


def test_texts_are_handed_over_where_the_recording_has_them(monkeypatch):
    """By prompt id; the shelf keeps them in memory."""
    shelf = Shelf()
    runs = shared(monkeypatch, None, shelf)
    prompts = build_recording(name="synthetic").prompts
    readable(monkeypatch, prompts=prompts.assign(prompt=[f"say {at}" for at in range(len(prompts))]))
    use(runs, updates(runs, policies=["omni"])[-1].key)
    assert shelf.texts["p7"] == "say 7"


def test_a_router_of_foreign_features_says_why_it_cannot_be_served(monkeypatch):
    """One sentence in place of the progress; the chat gets no key."""
    runs = shared(monkeypatch, None, Shelf())
    last = use(runs, updates(runs, policies=["omni"])[-1].key)[-1]
    assert "its router could be judged but not served" in last.progress
    assert last.router is None
    assert last.use["interactive"] is True


def test_a_fit_can_be_stopped(monkeypatch):
    """The page is free at once and the chat keeps its router."""
    runs = shared(monkeypatch, None, Shelf())
    readable(monkeypatch)
    key = updates(runs, policies=["omni"])[-1].key

    def slow(*_, cancelled, **__):
        while not cancelled():
            threading.Event().wait(0.01)
        raise replay_module.ReplayCancelled("stopped")

    monkeypatch.setattr("evals.ui.runs.fit_judged", slow)

    async def press_stop():
        shown = []
        async for update in chat_router.on_use(key, VISITOR, runs=runs):
            shown.append(update)
            await callbacks.on_stop(VISITOR, runs=runs)
        return shown

    last = asyncio.run(press_stop())[-1]
    assert text.FIT_STOPPED in last.progress
    assert last.router is None


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
            build_benchmark_tab(None, Shelf(), lambda event, key: wired.append((event, key)))
        return page

    wired = []

    page = asyncio.run(build())
    sizes = {"on_replay": callbacks.Shown, "on_open": callbacks.Shown, "on_figures": callbacks.FiguresUpdate,
             "on_misses": callbacks.MissesUpdate, "on_earlier": callbacks.EarlierUpdate,
             "on_compare": callbacks.CompareUpdate, "on_use": chat_router.UseUpdate,
             "on_load": callbacks.Recordings}  # fmt: skip
    seen = set()
    for function in page.fns.values():
        name = function.fn.__name__
        assert function.api_visibility == "private"
        if name in sizes:
            seen.add(name)
            assert len(function.outputs) == len(sizes[name]._fields), name
    assert seen == set(sizes)
    assert len(wired) == 1
