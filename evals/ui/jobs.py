"""Replays and fits of all visitors: one at a time, each visitor in turn, and equal requests computed once."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from evals.charts.style import label_of
from evals.replay import policy_names
from evals.ui import text
from omni.caps import MAX_REPLAYS_PER_VISITOR
from omni.errors import CapExceeded
from omni.fair_pool import FairPool

T = TypeVar("T")
Work = Callable[[Callable[[float, str], None], threading.Event], T]
"""Does the job; is given where to report progress, and what says that it is not wanted any more."""


class Board:
    """The latest news of a job: written by its thread, read by the pages that wait for it."""

    def __init__(self, what: str = text.STARTING) -> None:
        self.latest = (0.0, what)

    def report(self, share: float, what: str) -> None:
        """Replaces the news; a tuple is swapped whole, so no lock is needed."""
        known = what in policy_names()
        self.latest = (share, text.FITTING.format(policy=label_of(what)) if known else what)


@dataclass(slots=True, kw_only=True, eq=False)
class Job(Generic[T]):
    """One computation, and how many pages wait for it."""

    key: str
    visitor: str
    """Who asked first; it counts against this visitor's share."""
    board: Board
    future: "Future[T]" = field(init=False)
    stop: threading.Event = field(default_factory=threading.Event)
    """Set when no page waits any more."""
    n_pages: int = 0


class Jobs:
    """Shared between visitors and threads."""

    def __init__(self, *, max_per_visitor: int = MAX_REPLAYS_PER_VISITOR) -> None:
        self._max_per_visitor = max_per_visitor
        self._pool = FairPool(name="replays")
        self._lock = threading.Lock()
        """Guards `_jobs` and the counts of pages."""
        self._jobs: dict[str, Job[Any]] = {}

    def join(self, key: str, visitor: str, work: "Work[T]") -> "Job[T]":
        """The job of this key: the one under way, or a new one. Each `join` needs a `leave`.

        Raises:
            CapExceeded: the visitor's share of jobs is used.
        """
        with self._lock:
            job = self._jobs.get(key)
            if job is None:
                n_own = sum(each.visitor == visitor for each in self._jobs.values())
                if n_own >= self._max_per_visitor:
                    sentence = text.TOO_MANY_REPLAYS.format(n=n_own, at_most=self._max_per_visitor)
                    raise CapExceeded(sentence, name="replays")
                job = self._jobs[key] = self._begin(key, visitor, work)
            job.n_pages += 1
        job.future.add_done_callback(lambda _: self._forget(job))
        return job

    def leave(self, job: "Job[Any]") -> None:
        """A page does not wait any more; with the last one the job is dropped."""
        with self._lock:
            job.n_pages -= 1
            if job.n_pages:
                return
            job.stop.set()
            if self._jobs.get(job.key) is job:
                del self._jobs[job.key]
        job.future.cancel()

    def _begin(self, key: str, visitor: str, work: "Work[T]") -> "Job[T]":
        job: Job[T] = Job(key=key, visitor=visitor, board=Board(text.WAITING if self._jobs else text.STARTING))

        def do() -> T:
            job.board.report(0.0, text.STARTING)
            return work(job.board.report, job.stop)

        job.future = self._pool.submit(visitor, do)
        return job

    def _forget(self, job: "Job[Any]") -> None:
        with self._lock:
            if self._jobs.get(job.key) is job:
                del self._jobs[job.key]
