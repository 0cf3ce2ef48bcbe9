"""From a replay to the router it judged, in this visitor's chat."""

import functools
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

import gradio as gr

from evals.replay import ReplayCancelled
from evals.ui import text, views
from evals.ui.callbacks import follow
from evals.ui.runs import BenchRuns, Run, ServedRouter
from omni.errors import OmniError


class UseUpdate(NamedTuple):
    """Outputs of `on_use`, in order."""

    progress: Any
    use: Any
    stop: Any
    router: Any
    """Key of the router that the chat should use; None = none."""


async def on_use(key: str | None, request: gr.Request, *, runs: BenchRuns) -> AsyncIterator[UseUpdate]:
    """Fits the router of the run's recording and hands its key over, with progress until done or stopped.

    Inputs: bench.key
    Outputs: UseUpdate
    """
    run = runs.get(key)
    session = str(request.session_hash)
    stop = runs.begin(session)
    try:
        work = functools.partial(_fit, runs, run)
        async for news in follow(runs.jobs, runs.fit_key_of(run), runs.visitor_of(request), work, stop):
            if isinstance(news, ServedRouter):
                yield _update(views.status_html(text.IN_USE.format(title=news.title)), news.key)
            else:
                yield _update(views.progress_html(*news), is_running=True)
    except ReplayCancelled:
        yield _update(views.status_html(text.FIT_STOPPED))
    except OmniError as error:
        yield _update(views.status_html(str(error)))
    except Exception:
        yield _update("")
        raise
    finally:
        runs.end(session, stop)


def _fit(runs: BenchRuns, run: Run, report: Callable[[float, str], None], stop: threading.Event) -> ServedRouter:
    return runs.fit(run, report=report, stop=stop)


def _update(progress: str, router: str | None = None, *, is_running: bool = False) -> UseUpdate:
    return UseUpdate(progress, gr.update(interactive=not is_running), gr.update(visible=is_running), router)
