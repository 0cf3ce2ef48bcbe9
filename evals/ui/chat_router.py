"""From a replay to the router it judged, in this visitor's chat."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import gradio as gr

from evals.replay import ReplayCancelled
from evals.ui import text, views
from evals.ui.callbacks import Board, follow, take_error
from evals.ui.runs import BenchRuns
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
    session, board = str(request.session_hash), Board()
    stop = runs.begin(session)
    task = asyncio.ensure_future(asyncio.to_thread(runs.fit, run, report=board.report, stop=stop))
    task.add_done_callback(take_error)
    try:
        async for news in follow(task, board, stop):
            yield _update(views.progress_html(*news), is_running=True)
        if stop.is_set():
            yield _update(views.status_html(text.FIT_STOPPED))
            return
        served = task.result()
        yield _update(views.status_html(text.IN_USE.format(title=served.title)), served.key)
    except ReplayCancelled:
        yield _update(views.status_html(text.FIT_STOPPED))
    except OmniError as error:
        yield _update(views.status_html(str(error)))
    except Exception:
        yield _update("")
        raise
    finally:
        runs.end(session, stop)


def _update(progress: str, router: str | None = None, *, is_running: bool = False) -> UseUpdate:
    return UseUpdate(progress, gr.update(interactive=not is_running), gr.update(visible=is_running), router)
