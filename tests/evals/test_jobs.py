"""Replays of many visitors: one at a time, in turns, equal ones once, and dropped with their last page."""

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from evals.replay import ReplayCancelled
from evals.ui import callbacks, text
from evals.ui.jobs import Jobs
from omni.caps import MAX_REPLAYS_PER_VISITOR
from omni.errors import CapExceeded
from tests.evals.test_ui import shared

DEADLINE_S = 5.0


class Gate:
    """Work that waits for its release; notes who was worked for."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.begun = threading.Event()
        self.done: list[str] = []

    def work(self, name: str) -> Any:
        def do(report: Any, stop: threading.Event) -> str:  # noqa: ARG001
            self.begun.set()
            self.open.wait(DEADLINE_S)
            self.done.append(name)
            return name

        return do


@pytest.fixture
def gate() -> Gate:
    return Gate()


def test_equal_requests_are_computed_once(gate: Gate) -> None:
    """Both pages get the one result."""
    jobs = Jobs()
    first, second = (jobs.join("same", visitor, gate.work(visitor)) for visitor in ("a", "b"))
    gate.open.set()
    assert first.future.result(DEADLINE_S) == second.future.result(DEADLINE_S) == "a"
    assert gate.done == ["a"]


def test_a_job_goes_on_while_a_page_waits_for_it_and_is_dropped_with_the_last(gate: Gate) -> None:
    """The page that asked first may go."""
    jobs = Jobs()
    job = jobs.join("same", "a", gate.work("a"))
    assert jobs.join("same", "b", gate.work("b")) is job
    jobs.leave(job)
    assert not job.stop.is_set()
    jobs.leave(job)
    assert job.stop.is_set()
    assert jobs.join("same", "a", gate.work("new")) is not job
    gate.open.set()


def test_what_waits_is_never_begun_when_its_page_goes(gate: Gate) -> None:
    """It costs nothing."""
    jobs = Jobs()
    running = jobs.join("one", "a", gate.work("one"))
    assert gate.begun.wait(DEADLINE_S)
    waiting = jobs.join("two", "a", gate.work("two"))
    assert waiting.board.latest == (0.0, text.WAITING)
    jobs.leave(waiting)
    gate.open.set()
    running.future.result(DEADLINE_S)
    assert jobs.join("three", "b", gate.work("three")).future.result(DEADLINE_S) == "three"
    assert gate.done == ["one", "three"]


def test_a_visitor_has_a_share_and_others_have_theirs(gate: Gate) -> None:
    """At the cap it is taken; one above is refused with both numbers, and another visitor's is taken."""
    jobs = Jobs()
    for number in range(MAX_REPLAYS_PER_VISITOR):
        jobs.join(f"{number}", "a", gate.work("a"))
    with pytest.raises(CapExceeded, match=r"^2 replays from your address .* 2 at most"):
        jobs.join("more", "a", gate.work("a"))
    jobs.join("other", "b", gate.work("b"))
    gate.open.set()


def test_visitors_take_turns(gate: Gate) -> None:
    """Whoever asks often waits behind whoever asks once."""
    jobs = Jobs(max_per_visitor=3)
    jobs.join("a0", "a", gate.work("a0"))
    assert gate.begun.wait(DEADLINE_S)
    rest = [jobs.join(key, key[0], gate.work(key)) for key in ("a1", "a2", "b1")]
    gate.open.set()
    for job in rest:
        job.future.result(DEADLINE_S)
    assert gate.done == ["a0", "a1", "b1", "a2"]


def test_a_page_that_is_gone_drops_its_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gradio closes the generator; the replay hears of it, and its place is free."""
    runs, stopped = shared(monkeypatch, None), threading.Event()

    def slow(*_: Any, cancelled: Any, **__: Any) -> None:
        while not cancelled():
            threading.Event().wait(0.01)
        stopped.set()
        raise ReplayCancelled("stopped")

    monkeypatch.setattr("evals.ui.runs.replay", slow)

    async def leave() -> None:
        page = SimpleNamespace(session_hash="gone")
        updates = callbacks.on_replay("synthetic", ["knn"], 0, page, runs=runs)  # type: ignore[arg-type]
        await anext(updates)
        await updates.aclose()  # type: ignore[attr-defined]

    asyncio.run(leave())
    assert stopped.wait(DEADLINE_S)
    assert runs.jobs._jobs == {}
