"""The benchmark tab's layout: components and which event goes where."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import gradio as gr

from evals.charts import style
from evals.replay import policy_names
from evals.ui import callbacks as on
from evals.ui import chat_router, text, views
from evals.ui.runs import MAX_SEED, BenchRuns
from omni.recording import find_recording, shipped_names
from omni.recording.tables import read_card
from omni.shelf import RouterShelf
from omni.store import Store

UseRouter = Callable[[Any, gr.State], None]
DEFAULT_POLICIES = ("omni", "knn", "kmeans", "ridge")
_QUIET: Mapping[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
CSS = """
.bench-verdict{border:1px solid var(--border-color-primary);border-left:4px solid #d55e00;border-radius:8px;
padding:14px 16px;background:var(--block-background-fill);color:var(--body-text-color)}
.bench-verdict p{margin:0 0 12px;font-size:16px;line-height:1.5;max-width:76em}
.bench-tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(100px,1fr));gap:10px 14px}
.bench-tile{display:flex;flex-direction:column;font-variant-numeric:tabular-nums}
.bench-tile b{font-size:19px;line-height:1.3}
.bench-tile span{font-size:13px}.bench-tile small{font-size:12px;color:var(--body-text-color-subdued);min-height:1em}
.bench-words{border-radius:0!important}
#bench-use-row{align-items:center;gap:8px 14px;flex-wrap:wrap;margin:2px 0 4px}
#bench-use-progress:not(:has(span)){display:none}
#bench-use-info{flex:1 1 260px;min-width:0}
#benchmark input[role=combobox]{text-overflow:ellipsis;padding-right:28px!important}
.bench-empty{border:1px dashed var(--border-color-primary);border-radius:8px;padding:14px 16px;
color:var(--body-text-color)}
.bench-empty ol{margin:6px 0 0;padding-left:20px;line-height:1.6}
.bench-progress{display:flex;flex-wrap:wrap;gap:4px 12px;align-items:center;min-height:28px;font-size:14px;
color:var(--body-text-color)}
.bench-progress progress{flex:1 1 220px;height:8px;border:0;border-radius:9px;appearance:none;overflow:hidden;
background:var(--border-color-primary)}
.bench-progress progress::-webkit-progress-bar{background:var(--border-color-primary)}
.bench-progress progress::-webkit-progress-value{background:#d55e00}
.bench-progress progress::-moz-progress-bar{background:#d55e00}
#benchmark .js-plotly-plot .infolayer text,#benchmark .js-plotly-plot .xtick text,
#benchmark .js-plotly-plot .ytick text,#benchmark .js-plotly-plot .textpoint text,
#benchmark .js-plotly-plot .heatmap-label,
#benchmark .js-plotly-plot .heatmap-label text,#benchmark .js-plotly-plot .bartext-outside
{fill:var(--body-text-color)!important}
#benchmark .gtitle,#benchmark .js-plotly-plot text{font-family:var(--font)!important}
"""


class Setup(NamedTuple):
    """What a visitor chooses."""

    recording: gr.Dropdown
    facts: gr.Markdown
    policies: gr.CheckboxGroup
    seed: gr.Number
    replay: gr.Button
    stop: gr.Button
    progress: gr.HTML


class Results(NamedTuple):
    """Where a run is shown."""

    key: gr.State
    verdict: gr.HTML
    box: gr.Column
    tabs: gr.Tabs
    gain: gr.Plot
    destinations_of: gr.Dropdown
    misses_of: gr.Dropdown


def build_benchmark_tab(
    store: Store | None,
    shelf: RouterShelf | None = None,
    use_router: UseRouter | None = None,
    *,
    in_space: bool = False,
) -> None:
    """Builds the tab inside an open `gr.Blocks` or `gr.Tab`; without a store it works and keeps nothing.

    Args:
        shelf: where fitted routers are kept for the chat; None = none is served.
        in_space: whether a visitor's address is the one that the proxies of a Space noted.
        use_router: wires an event to the chat: after it succeeded, the chat uses the router whose key the state holds.
    """
    runs = BenchRuns(store, shelf=shelf, in_space=in_space)
    with gr.Column(elem_id="benchmark"):
        gr.HTML(f"<style>{CSS}</style>", padding=False)
        _words(text.INTRO)
        setup = _build_setup()
        use = _build_use(is_served=shelf is not None and use_router is not None)
        results = _build_results(runs, use)
        shown = [setup.progress, setup.replay, setup.stop, *results]
        _build_earlier(runs, shown)
    _wire_setup(runs, setup, shown)
    if use_router is not None and shelf is not None:
        router = gr.State(None)
        used = use.button.click(
            on.bind(chat_router.on_use, runs),
            [results.key],
            [use.progress, use.button, use.stop, router],
            show_progress="hidden",
            api_visibility="private",
        )
        use.stop.click(on.bind(on.on_stop, runs), None, None, queue=False, api_visibility="private")
        use_router(used, router)


class Use(NamedTuple):
    """What sends the judged router to the chat."""

    box: gr.Column
    button: gr.Button
    stop: gr.Button
    progress: gr.HTML


def _build_setup() -> Setup:
    names = shipped_names()
    titles = [(read_card(find_recording(name)).title or name, name) for name in names]
    with gr.Row(equal_height=False):
        with gr.Column(scale=3, min_width=300):
            recording = gr.Dropdown(
                titles, value=on.default_recording(names), label=text.RECORDING, elem_id="bench-recording"
            )
            facts = _words(elem_id="bench-facts")
        with gr.Column(scale=4, min_width=300):
            policies = gr.CheckboxGroup(
                [(style.label_of(name), name) for name in policy_names() if name not in views.CONTROLS],
                value=[name for name in DEFAULT_POLICIES if name in policy_names()],
                label=text.POLICIES,
                info=text.POLICIES_INFO,
                elem_id="bench-policies",
            )
            with gr.Accordion(text.POLICIES_TITLE, open=False, elem_id="bench-glossary"):
                _words(text.POLICY_GLOSSARY)
            with gr.Accordion(text.MORE, open=False, elem_id="bench-more"):
                seed = gr.Number(
                    0, label=text.SEED, info=text.SEED_INFO, precision=0, minimum=0, maximum=MAX_SEED,
                    elem_id="bench-seed",
                )  # fmt: skip
    with gr.Row(equal_height=False):
        replay = gr.Button(text.REPLAY, variant="primary", elem_id="bench-replay", min_width=140, scale=0)
        stop = gr.Button(text.STOP, variant="stop", interactive=False, elem_id="bench-stop", min_width=140, scale=0)
    progress = gr.HTML(views.status_html(text.READY), elem_id="bench-progress", padding=False)
    return Setup(recording, facts, policies, seed, replay, stop, progress)


def _build_use(*, is_served: bool) -> Use:
    with gr.Column(visible=is_served, render=False, elem_id="bench-use-box") as box:
        with gr.Row(elem_id="bench-use-row", equal_height=True):
            button = gr.Button(text.USE, variant="primary", elem_id="bench-use", min_width=220, scale=0)
            stop = gr.Button(text.STOP, variant="stop", visible=False, elem_id="bench-use-stop", min_width=100, scale=0)
            _words(text.USE_INFO, elem_id="bench-use-info")
        progress = gr.HTML(elem_id="bench-use-progress", padding=False)
    return Use(box, button, stop, progress)


def _build_results(runs: BenchRuns, use: Use) -> Results:
    key = gr.State(None)
    verdict = gr.HTML(views.empty_html(), elem_id="bench-verdict", padding=False)
    with gr.Column(visible=False) as box:
        use.box.render()
        tabs, gain, destinations_of, misses_of = _build_pictures(runs, key)
    return Results(key, verdict, box, tabs, gain, destinations_of, misses_of)


def _build_pictures(runs: BenchRuns, key: gr.State) -> tuple[gr.Tabs, gr.Plot, gr.Dropdown, gr.Dropdown]:
    with gr.Tabs(selected="gain", elem_id="bench-tabs") as tabs:
        with gr.Tab(text.TAB_GAIN, id="gain") as tab:
            _words(text.CAPTION_GAIN)
            gain = _plot("bench-gain")
        _when_selected(tab, runs, on.on_gain, [key], gain)
        _build_cost(runs, key)
        for name, title, caption, handler in (
            ("latency", text.TAB_LATENCY, text.CAPTION_LATENCY, on.on_latency),
            ("categories", text.TAB_CATEGORIES, text.CAPTION_CATEGORIES, on.on_categories),
            ("calibration", text.TAB_CALIBRATION, text.CAPTION_CALIBRATION, on.on_calibration),
        ):
            with gr.Tab(title, id=name) as tab:
                _words(caption)
                plot = _plot(f"bench-{name}")
            _when_selected(tab, runs, handler, [key], plot)
        destinations_of = _build_destinations(runs, key)
        _build_figures(runs, key)
        misses_of = _build_misses(runs, key)
    return tabs, gain, destinations_of, misses_of


def _build_cost(runs: BenchRuns, key: gr.State) -> None:
    with gr.Tab(text.TAB_COST, id="cost") as tab:
        _words(text.CAPTION_COST)
        scale = gr.Radio([text.LOG, text.LINEAR], value=text.LOG, label=text.COST_SCALE, elem_id="bench-scale")
        plot = _plot("bench-cost")
    _when_selected(tab, runs, on.on_cost, [key, scale], plot)
    scale.input(on.bind(on.on_cost, runs), [key, scale], plot, **_QUIET)


def _build_destinations(runs: BenchRuns, key: gr.State) -> gr.Dropdown:
    with gr.Tab(text.TAB_DESTINATIONS, id="destinations") as tab:
        _words(text.CAPTION_DESTINATIONS)
        chosen = gr.Dropdown(
            [(text.ALL_POLICIES, "")], value="", label=text.DESTINATIONS_OF, elem_id="bench-destinations-of"
        )
        plot = _plot("bench-destinations")
    _when_selected(tab, runs, on.on_destinations, [key, chosen], plot)
    chosen.input(on.bind(on.on_destinations, runs), [key, chosen], plot, **_QUIET)
    return chosen


def _build_figures(runs: BenchRuns, key: gr.State) -> None:
    with gr.Tab(text.TAB_FIGURES, id="figures") as tab:
        _words(text.CAPTION_FIGURES)
        table = _table("bench-figures", text.TAB_FIGURES)
        with gr.Accordion(text.GLOSSARY_TITLE, open=False):
            _words(text.GLOSSARY)
        with gr.Row():
            downloads = [
                gr.DownloadButton(label, interactive=False, size="sm", min_width=130, elem_id=f"bench-download-{at}")
                for at, label in enumerate(text.DOWNLOADS)
            ]
        with gr.Accordion(text.SINGLES, open=False):
            singles = _table("bench-singles", text.SINGLES)
    _when_selected(tab, runs, on.on_figures, [key], [table, singles, *downloads])


def _build_misses(runs: BenchRuns, key: gr.State) -> gr.Dropdown:
    with gr.Tab(text.TAB_MISSES, id="misses") as tab:
        chosen = gr.Dropdown([], label=text.MISSES_OF, elem_id="bench-misses-of")
        caption = _words(elem_id="bench-misses-caption")
        table = _table("bench-misses", text.TAB_MISSES, column_widths=[140, 190, 66, 190, 92, 140])
    _when_selected(tab, runs, on.on_misses, [key, chosen], [caption, table])
    chosen.input(on.bind(on.on_misses, runs), [key, chosen], [caption, table], **_QUIET)
    return chosen


def _build_earlier(runs: BenchRuns, shown: list[Any]) -> None:
    with gr.Accordion(text.TAB_EARLIER, open=False, elem_id="bench-earlier") as earlier:
        caption = _words(text.NO_STORE if runs.store is None else text.CAPTION_EARLIER)
        picked = gr.Dropdown(
            [], multiselect=True, max_choices=2, label=text.EARLIER_PICK, elem_id="bench-picked", filterable=True
        )
        with gr.Row() as buttons:
            open_run = gr.Button(text.OPEN, elem_id="bench-open", min_width=100)
            compare = gr.Button(text.COMPARE, elem_id="bench-compare", min_width=100)
            refresh = gr.Button(text.REFRESH, elem_id="bench-refresh", min_width=100)
        with gr.Column(visible=False) as box:
            compared = _words(elem_id="bench-compared")
            plot = _plot("bench-comparison")
            table = _table("bench-comparison-table", text.COMPARE)
    gr.on([earlier.expand, refresh.click], on.bind(on.on_earlier, runs), None, [caption, picked, buttons], **_QUIET)
    open_run.click(on.bind(on.on_open, runs), [picked], shown, **_QUIET)
    compare.click(on.bind(on.on_compare, runs), [picked], [box, compared, plot, table], **_QUIET)


def _wire_setup(runs: BenchRuns, setup: Setup, shown: list[Any]) -> None:
    page = gr.context.Context.root_block
    if page is not None:
        page.load(on.bind(on.on_load, runs), None, [setup.recording, setup.facts], **_QUIET)
    setup.recording.input(on.bind(on.on_recording, runs), [setup.recording], [setup.facts], **_QUIET)
    setup.replay.click(
        on.bind(on.on_replay, runs),
        [setup.recording, setup.policies, setup.seed],
        shown,
        show_progress="minimal",
        show_progress_on=[setup.progress],
        api_visibility="private",
    )
    setup.stop.click(on.bind(on.on_stop, runs), None, None, queue=False, api_visibility="private")


def _when_selected(tab: gr.Tab, runs: BenchRuns, handler: Any, inputs: list[Any], outputs: Any) -> None:
    """Draws a tab when it is opened: sixteen pictures at once would take seconds."""
    tab.select(on.bind(handler, runs), inputs, outputs, **_QUIET)


def _words(value: str = "", *, elem_id: str | None = None) -> gr.Markdown:
    return gr.Markdown(value, elem_id=elem_id, elem_classes="bench-words")


def _plot(elem_id: str) -> gr.Plot:
    return gr.Plot(show_label=False, container=False, elem_id=elem_id)


def _table(elem_id: str, label: str, **look: Any) -> gr.Dataframe:
    """`label` is what a screen reader says."""
    return gr.Dataframe(
        interactive=False, label=label, show_label=False, max_height=480, pinned_columns=1,
        buttons=["copy", "fullscreen"], elem_id=elem_id, **look,
    )  # fmt: skip
