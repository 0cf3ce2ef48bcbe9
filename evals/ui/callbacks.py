"""What the benchmark tab does on each event; every function is callable without a page."""

import asyncio
import functools
import inspect
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import gradio as gr
import pandas as pd

from evals import charts
from evals.charts.style import DASH, drawing_order, label_of
from evals.recordings import RecordingEntry
from evals.replay import ReplayCancelled
from evals.ui import text, views
from evals.ui.jobs import Jobs, Work
from evals.ui.runs import BenchRuns, Request, Run
from omni.errors import InputError, OmniError
from omni.recording import find_recording
from omni.recording.tables import read_card
from omni.safe_text import escape_html, escape_markdown
from omni.vocabulary import LANGUAGE_WORDS

DEFAULT_RECORDING = "korbench"
POLL_S = 0.15
REPEAT_S = 1.0
T = TypeVar("T")
_LOG = logging.getLogger(__name__)


class Recordings(NamedTuple):
    """Outputs of `on_load`."""

    recording: Any
    facts: str


class Shown(NamedTuple):
    """Outputs of `on_replay` and `on_open`."""

    progress: Any
    replay: Any
    stop: Any
    key: Any
    verdict: Any
    results: Any
    tabs: Any
    gain: Any
    destinations_of: Any
    misses_of: Any


class FiguresUpdate(NamedTuple):
    """Outputs of `on_figures`."""

    table: pd.DataFrame
    singles: pd.DataFrame
    figures_csv: Any
    figures_parquet: Any
    picks_csv: Any
    picks_parquet: Any


class MissesUpdate(NamedTuple):
    """Outputs of `on_misses`."""

    caption: str
    rows: pd.DataFrame


class EarlierUpdate(NamedTuple):
    """Outputs of `on_earlier`."""

    caption: str
    picked: Any
    buttons: Any


class CompareUpdate(NamedTuple):
    """Outputs of `on_compare`."""

    box: Any
    caption: str
    figure: Any
    table: pd.DataFrame


def on_load(*, runs: BenchRuns) -> Recordings:
    """The recordings, and what the first one is.

    Outputs: bench.recording, bench.facts
    """
    choices = [(entry.title, name) for name, entry in runs.entries.items()]
    chosen = default_recording(list(runs.entries))
    return Recordings(gr.update(choices=choices, value=chosen), on_recording(chosen, runs=runs))


def on_recording(recording: str | None, *, runs: BenchRuns) -> str:
    """What the chosen recording is.

    Inputs: bench.recording
    Outputs: bench.facts
    """
    if recording not in runs.entries:
        return text.NO_RECORDINGS
    card = read_card(find_recording(str(recording)))
    entry = runs.entries[str(recording)]
    return text.FACTS.format(
        sizes=escape_markdown(_sizes(entry)),
        meaning=escape_markdown(entry.score_meaning.rstrip(".") + "."),
        source=escape_markdown(card.source or DASH),
    )


async def on_replay(
    recording: str | None, policies: list[str], seed: float | None, request: gr.Request, *, runs: BenchRuns
) -> AsyncIterator[Shown]:
    """Replays with progress until done or stopped; a replay done before is shown at once.

    Inputs: bench.recording, bench.policies, bench.seed
    Outputs: Shown
    """
    wanted = await asyncio.to_thread(runs.check, recording, policies, seed)
    key = await asyncio.to_thread(runs.key_of, wanted)
    known = runs.find(key)
    if known is not None:
        yield _shown(known, text.FROM_CACHE)
        return
    session = str(request.session_hash)
    stop = runs.begin(session)
    try:
        work = functools.partial(_replay, runs, wanted)
        async for news in follow(runs.jobs, key, runs.visitor_of(request), work, stop):
            if isinstance(news, Run):
                yield _shown(news, f"{text.DONE.format(seconds=news.seconds)} {news.note}")
            else:
                yield _busy(news)
    except ReplayCancelled:
        yield _idle(text.STOPPING)
    except Exception:
        yield _idle("")
        raise
    finally:
        runs.end(session, stop)


async def on_stop(request: gr.Request, *, runs: BenchRuns) -> None:
    """Stops this visitor's replay; the page is free at once, the policy in work ends in the background."""
    runs.stop(str(request.session_hash))


def on_gain(key: str | None, *, runs: BenchRuns) -> Any:
    """Inputs: bench.key. Outputs: bench.gain"""
    return charts.gain_figure(runs.get(key).result)


def on_cost(key: str | None, scale: str, *, runs: BenchRuns) -> Any:
    """Inputs: bench.key, bench.scale. Outputs: bench.cost"""
    return charts.quality_cost_figure(runs.get(key).result, log_cost=scale != text.LINEAR)


def on_latency(key: str | None, *, runs: BenchRuns) -> Any:
    """Inputs: bench.key. Outputs: bench.latency"""
    return charts.quality_latency_figure(runs.get(key).result)


def on_categories(key: str | None, *, runs: BenchRuns) -> Any:
    """Inputs: bench.key. Outputs: bench.categories"""
    return charts.category_figure(runs.get(key).result)


def on_destinations(key: str | None, policy: str, *, runs: BenchRuns) -> Any:
    """Inputs: bench.key, bench.destinations_of. Outputs: bench.destinations"""
    run = runs.get(key)
    return charts.destinations_figure(run.result, policy=policy or None, categories=run.categories)


def on_calibration(key: str | None, *, runs: BenchRuns) -> Any:
    """Inputs: bench.key. Outputs: bench.calibration"""
    return charts.calibration_figure(runs.get(key).result)


def on_figures(key: str | None, *, runs: BenchRuns) -> FiguresUpdate:
    """The tables, and the files to download.

    Inputs: bench.key
    Outputs: FiguresUpdate
    """
    run = runs.get(key)
    files = [gr.update(value=path, interactive=True) for path in runs.export(run)]
    return FiguresUpdate(views.figures_view(run.result), views.singles_view(run.result), *files)


def on_misses(key: str | None, policy: str | None, *, runs: BenchRuns) -> MissesUpdate:
    """Prompts on which another model would have done better.

    Inputs: bench.key, bench.misses_of
    Outputs: MissesUpdate
    """
    run = runs.get(key)
    router = views.router_of(run.result)
    return MissesUpdate(*views.misses(run.result, policy or (router.policy if router else ""), run.categories))


def on_earlier(*, runs: BenchRuns) -> EarlierUpdate:
    """The kept runs, newest first.

    Outputs: EarlierUpdate
    """
    kept = runs.kept()
    caption = text.NO_STORE if runs.store is None else text.NO_EARLIER if kept.empty else text.CAPTION_EARLIER
    choices = [(_run_label(row), row.run_id) for row in kept.itertuples(index=False)]
    return EarlierUpdate(caption, gr.update(choices=choices, value=[]), gr.update(visible=bool(choices)))


def on_open(picked: list[str], *, runs: BenchRuns) -> Shown:
    """Shows a kept run in place of the present one.

    Inputs: bench.picked
    Outputs: Shown
    """
    if len(picked) != 1:
        raise InputError(text.OPEN_NEEDS_ONE.format(n=len(picked)))
    run = runs.open(picked[0])
    return _shown(run, text.OPENED.format(when=_when(run.result.started_at)))


def on_compare(picked: list[str], *, runs: BenchRuns) -> CompareUpdate:
    """Two kept runs side by side.

    Inputs: bench.picked
    Outputs: CompareUpdate
    """
    if len(picked) != 2:
        raise InputError(text.COMPARE_NEEDS_TWO.format(n=len(picked)))
    first, second = (runs.open(run_id).result for run_id in picked)
    labels = [
        f"{letter}: {run.recording}, {_when(run.started_at)}" for letter, run in zip("AB", (first, second), strict=True)
    ]
    figure = charts.comparison_figure(first, second, labels=(labels[0], labels[1]))
    caption = text.COMPARED.format(first=escape_markdown(labels[0][3:]), second=escape_markdown(labels[1][3:]))
    return CompareUpdate(gr.update(visible=True), caption, figure, views.comparison(first, second))


def bind(handler: Callable[..., Any], runs: BenchRuns) -> Callable[..., Any]:
    """The handler with `runs` filled in and its errors made plain sentences.

    A plain function draws in a thread, in its visitor's turn. What comes back is a function with annotations, not a
    partial: gradio looks for `gr.Request` in these.
    """
    if inspect.isasyncgenfunction(handler):

        @functools.wraps(handler)
        async def guarded(*args: Any) -> AsyncIterator[Any]:
            try:
                async for update in handler(*args, runs=runs):
                    yield update
            except Exception as error:  # the UI boundary
                raise _plain(error) from None

    else:

        @functools.wraps(handler)
        async def guarded(*args: Any) -> Any:
            try:
                if inspect.iscoroutinefunction(handler):
                    return await handler(*args, runs=runs)
                request, *inputs = args
                return await runs.drawing.run(runs.visitor_of(request), handler, *inputs, runs=runs)
            except Exception as error:  # the UI boundary
                raise _plain(error) from None

    signature = inspect.signature(handler)
    left = [parameter for name, parameter in signature.parameters.items() if name != "runs"]
    if not (inspect.isasyncgenfunction(handler) or inspect.iscoroutinefunction(handler)):
        left.insert(0, inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=gr.Request))
        guarded.__annotations__ = {**handler.__annotations__, "request": gr.Request}
    guarded.__signature__ = signature.replace(parameters=left)  # type: ignore[attr-defined]
    return guarded


def _plain(error: Exception) -> gr.Error:
    if isinstance(error, OmniError):
        return gr.Error(escape_html(error), title="", print_exception=False)
    _LOG.error("unexpected %s", type(error).__name__, exc_info=error)
    return gr.Error(text.UNEXPECTED, title="", print_exception=False)


def _replay(runs: BenchRuns, wanted: Request, report: Callable[[float, str], None], stop: threading.Event) -> Run:
    return runs.replay(wanted, report=report, stop=stop)


async def follow(
    jobs: Jobs, key: str, visitor: str, work: Work[T], stop: threading.Event
) -> AsyncIterator[tuple[float, str] | T]:
    """The news of a job, then its result. Says the same again every second: only so gradio sees that a page is gone.

    Raises:
        ReplayCancelled: `stop` was set.
        CapExceeded: the visitor's share of jobs is used.
    """
    job = jobs.join(key, visitor, work)
    try:
        task, told, told_at = asyncio.wrap_future(job.future), None, 0.0
        task.add_done_callback(_take_error)
        while not task.done() and not stop.is_set():
            if job.board.latest != told or time.monotonic() - told_at > REPEAT_S:
                told, told_at = job.board.latest, time.monotonic()
                yield told
            await asyncio.wait({task}, timeout=POLL_S)
        if stop.is_set():
            raise ReplayCancelled(text.STOPPING)
        yield task.result()
    finally:
        jobs.leave(job)


def _take_error(task: "asyncio.Future[Any]") -> None:
    """Looks at the outcome, so that a task that is no longer waited for ends without a warning."""
    if not task.cancelled():
        task.exception()


def _busy(news: tuple[float, str]) -> Shown:
    return Shown(
        views.progress_html(*news), gr.update(interactive=False), gr.update(interactive=True), *[gr.skip()] * 7
    )


def _idle(sentence: str) -> Shown:
    return Shown(
        views.status_html(sentence), gr.update(interactive=True), gr.update(interactive=False), *[gr.skip()] * 7
    )


def _shown(run: Run, sentence: str) -> Shown:
    """A finished run: verdict, first picture, and which policies can be looked at closer."""
    names = [name for name in drawing_order(list(run.result.summaries)) if name not in views.CONTROLS]
    router = views.router_of(run.result)
    bars = [(text.ALL_POLICIES, ""), *((text.BY_CATEGORY.format(policy=label_of(name)), name) for name in names)]
    return Shown(
        views.status_html(sentence),
        gr.update(interactive=True),
        gr.update(interactive=False),
        run.key,
        views.verdict_html(run.result),
        gr.update(visible=True),
        gr.update(selected="gain"),
        charts.gain_figure(run.result),
        gr.update(choices=bars, value=""),
        gr.update(choices=[(label_of(name), name) for name in names], value=router.policy if router else None),
    )


def _sizes(entry: RecordingEntry) -> str:
    languages = ", ".join(LANGUAGE_WORDS.get(language, language) for language in entry.languages) or DASH
    return text.RECORDING_SIZES.format(
        n_prompts=entry.n_prompts, n_models=entry.n_models, languages=languages, licence=entry.licence
    )


def default_recording(names: Sequence[str]) -> str | None:
    """The recording chosen at first."""
    return DEFAULT_RECORDING if DEFAULT_RECORDING in names else next(iter(names), None)


def _run_label(row: Any) -> str:
    return f"{_when(row.started_at)} · {row.recording} · {row.n_policies} policies · seed {row.seed}"


def _when(started_at: str) -> str:
    """An ISO time as "2026-01-31 12:59 UTC"."""
    return datetime.fromisoformat(started_at).strftime("%Y-%m-%d %H:%M UTC")
