"""Heavy work in few threads, visitor by visitor: whoever sends much waits behind their own work, not before others'."""

import asyncio
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
MAX_REST_S = 0.5
"""A replay that took a minute does not keep the next one waiting for another."""


class FairPool:
    """Threads that take one job of each visitor in turn. May be shared between threads and loops.

    After each job a thread rests for as long as it worked: the event loop, which needs the same interpreter, gets at
    least half of the time, however much waits here.
    """

    def __init__(self, *, n_threads: int = 1, name: str = "heavy") -> None:
        """One thread by default: every other one would compete with the event loop for the interpreter."""
        self._threads = ThreadPoolExecutor(n_threads, thread_name_prefix=f"omni-{name}")
        self._lock = threading.Lock()
        """Guards `_waiting`."""
        self._waiting: OrderedDict[str, deque[tuple[Future[Any], Callable[[], Any]]]] = OrderedDict()

    def submit(self, visitor: str, work: Callable[..., T], *args: Any, **named: Any) -> "Future[T]":
        """The result to come; cancelled in time, the work is never done."""
        future: Future[T] = Future()
        with self._lock:
            self._waiting.setdefault(visitor, deque()).append((future, lambda: work(*args, **named)))
        self._threads.submit(self._do_one)
        return future

    async def run(self, visitor: str, work: Callable[..., T], *args: Any, **named: Any) -> T:
        """The work's result; raises what the work raises."""
        return await asyncio.wrap_future(self.submit(visitor, work, *args, **named))

    def close(self) -> None:
        """Ends the threads after the work in hand; what waits is dropped."""
        with self._lock:
            dropped = [future for jobs in self._waiting.values() for future, _ in jobs]
            self._waiting.clear()
        for future in dropped:
            future.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _do_one(self) -> None:
        taken = self._take()
        if taken is None or not taken[0].set_running_or_notify_cancel():
            return
        future, work = taken
        began_s = time.thread_time()
        try:
            result = work()
        except BaseException as error:  # belongs to whoever waits for it
            future.set_exception(error)
        else:
            future.set_result(result)
        time.sleep(min(MAX_REST_S, time.thread_time() - began_s))

    def _take(self) -> tuple[Future[Any], Callable[[], Any]] | None:
        """The next visitor's oldest job; that visitor then stands last."""
        with self._lock:
            if not self._waiting:
                return None
            visitor, jobs = self._waiting.popitem(last=False)
            job = jobs.popleft()
            if jobs:
                self._waiting[visitor] = jobs
            return job
