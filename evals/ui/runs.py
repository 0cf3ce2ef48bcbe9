"""What the benchmark tab's visitors share: recordings, replays under way, results in memory, and kept runs."""

import re
import shutil
import tempfile
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from evals.fit import fit_judged
from evals.recordings import RecordingEntry, list_recordings
from evals.replay import ReplayCancelled, code_fingerprint, replay
from evals.results import ReplayResult
from evals.store import load_run, load_runs, save_run
from evals.ui import text
from evals.ui.jobs import Jobs
from evals.ui.views import CONTROLS, figures
from omni.errors import InputError, RecordingError, StoreError
from omni.fair_pool import FairPool
from omni.recording import load_recording
from omni.safe_text import escape_cells
from omni.shelf import RouterShelf
from omni.store import Store
from omni.visitors import name_of

N_RESULTS = 6
"""Results kept in memory; each takes a few megabytes."""
MAX_SEED = 2**32 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A replay as the page shows it."""

    key: str
    result: ReplayResult
    """`choices` holds the picks at full quality only."""
    categories: pd.Series | None
    """Category by prompt_id; None = the recording names none, or is no longer there."""
    note: str
    """Whether it is kept, in a sentence."""
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a visitor asks for, checked."""

    recording: str
    policies: tuple[str, ...]
    seed: int


class ServedRouter(NamedTuple):
    """A fitted router on the shelf."""

    key: str
    title: str


class Exports(NamedTuple):
    """Paths of the files of one run."""

    figures_csv: str
    figures_parquet: str
    picks_csv: str
    picks_parquet: str


class BenchRuns:
    """Shared between visitors and threads."""

    def __init__(
        self,
        store: Store | None,
        *,
        shelf: RouterShelf | None = None,
        list_entries: Callable[[], list[RecordingEntry]] = list_recordings,
        in_space: bool = False,
    ) -> None:
        """With `store` None results stay in memory; with `shelf` None no router is served."""
        self.jobs = Jobs()
        self.drawing = FairPool(name="drawing")
        """Where tables and pictures are made."""
        self._in_space = in_space
        self.store = store
        self.shelf = shelf
        self._list_entries = list_entries
        self._lock = threading.Lock()
        """Guards `_runs`, `_stops` and `_served`."""
        self._runs: OrderedDict[str, Run] = OrderedDict()
        self._stops: dict[str, threading.Event] = {}
        self._served: OrderedDict[str, ServedRouter] = OrderedDict()
        """By recording and seed the router that was fitted last."""
        self._folder = Path(tempfile.mkdtemp(prefix="omni-benchmark-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)

    @cached_property
    def entries(self) -> dict[str, RecordingEntry]:
        """The recordings on offer by name; counted at the first call."""
        return {entry.name: entry for entry in self._list_entries()}

    @cached_property
    def _code(self) -> str:
        return code_fingerprint()

    def check(self, recording: str | None, policies: Sequence[str], seed: float | None) -> Request:
        """The request, with the controls added.

        Raises:
            InputError: a recording that is not on offer, or a seed that is not a whole number in range.
        """
        if recording not in self.entries:
            known = ", ".join(self.entries) or "none"
            raise InputError(text.UNKNOWN_RECORDING.format(name=recording, known=known))
        if seed is None or seed != int(seed) or not 0 <= seed <= MAX_SEED:
            raise InputError(text.BAD_SEED.format(seed=seed))
        names = tuple(sorted({*policies, *CONTROLS}))
        return Request(recording=str(recording), policies=names, seed=int(seed))

    def key_of(self, request: Request) -> str:
        """The name of a result in memory: the same key means the same figures."""
        return f"{request.recording}|{','.join(request.policies)}|{request.seed}|{self._code}"

    def fit_key_of(self, run: Run) -> str:
        """The name of the router that is fitted on the run's recording."""
        return f"fit|{run.result.recording}|{run.result.seed}|{self._code}"

    def get(self, key: str | None) -> Run:
        """A run in memory.

        Raises:
            InputError: nothing was run yet, or the run has left the memory.
        """
        if key is None:
            raise InputError(text.NO_RUN)
        run = self.find(key)
        if run is None:
            raise InputError(text.RUN_GONE)
        return run

    def find(self, key: str) -> Run | None:
        """A run in memory, which it then stays longer."""
        with self._lock:
            if key in self._runs:
                self._runs.move_to_end(key)
            return self._runs.get(key)

    def visitor_of(self, request: Any) -> str:
        """Whose turn and share a request of the page takes."""
        return name_of(request, in_space=self._in_space)

    def begin(self, session: str) -> threading.Event:
        """A new stop signal for a visitor's replay; the one before is set."""
        with self._lock:
            if session in self._stops:
                self._stops[session].set()
            self._stops[session] = threading.Event()
            return self._stops[session]

    def stop(self, session: str) -> None:
        """Stops the visitor's replay, if there is one."""
        with self._lock:
            if session in self._stops:
                self._stops[session].set()

    def end(self, session: str, signal: threading.Event) -> None:
        """Forgets a stop signal, unless a newer one took its place."""
        signal.set()
        with self._lock:
            if self._stops.get(session) is signal:
                del self._stops[session]

    def replay(self, request: Request, *, report: Callable[[float, str], None], stop: threading.Event) -> Run:
        """Runs a replay, keeps it and remembers it.

        Raises:
            ReplayCancelled: `stop` was set; nothing is kept.
        """
        started = time.monotonic()
        recording = load_recording(request.recording)
        result = replay(recording, request.policies, seed=request.seed, progress=report, cancelled=stop.is_set)
        if stop.is_set():
            raise ReplayCancelled(text.STOPPING)
        seconds = time.monotonic() - started
        result, note = self._keep(result)
        categories = _categories(recording.prompts)
        slim = replace(result, choices=result.picks())
        return self._remember(
            Run(key=self.key_of(request), result=slim, categories=categories, note=note, seconds=seconds)
        )

    def fit(self, run: Run, *, report: Callable[[float, str], None], stop: threading.Event) -> ServedRouter:
        """Fits the router of the run's recording as it was judged and puts it on the shelf, once.

        Raises:
            ReplayCancelled: `stop` was set.
            InputError: the recording's features are of another reader, so that no prompt could be routed.
            RecordingError: the recording is no longer there.
        """
        assert self.shelf is not None
        result = run.result
        name = f"{result.recording}|{result.seed}"
        with self._lock:
            known = self._served.get(name)
        if known is not None and self.shelf.find(known.key) is not None:
            return known
        report(0.0, text.FITTING_ROUTER.format(recording=result.recording))
        recording = load_recording(result.recording)
        judged = result if result.versions.get("code") == self._code else None
        fitted = fit_judged(recording, seed=result.seed, judged=judged, progress=report, cancelled=stop.is_set)
        if stop.is_set():
            raise ReplayCancelled(text.FIT_STOPPED)
        served = ServedRouter(self.shelf.put(fitted, texts=_texts(recording.prompts)), fitted.card.title)
        with self._lock:
            self._served[name] = served
            while len(self._served) > N_RESULTS:
                self._served.popitem(last=False)
        return served

    def kept(self) -> pd.DataFrame:
        """The kept runs, newest first; empty without a store."""
        return pd.DataFrame() if self.store is None else load_runs(self.store)

    def open(self, run_id: str) -> Run:
        """A kept run, also with the categories when its recording is still there.

        Raises:
            StoreError: no such run, or no store.
        """
        if self.store is None:
            raise StoreError(text.NO_STORE)
        key = f"kept|{run_id}"
        known = self.find(key)
        if known is not None:
            return known
        result = load_run(self.store, run_id)
        try:
            is_on_offer = result.recording in self.entries
            categories = _categories(load_recording(result.recording).prompts) if is_on_offer else None
        except RecordingError:
            categories = None
        slim = replace(result, choices=result.picks())
        note = text.KEPT.format(run_id=run_id)
        return self._remember(Run(key=key, result=slim, categories=categories, note=note, seconds=0.0))

    def export(self, run: Run) -> Exports:
        """Writes figures and picks of a run as CSV and Parquet."""
        folder = self._folder / sha256(run.key.encode()).hexdigest()[:12]
        folder.mkdir(parents=True, exist_ok=True)
        stem = re.sub(r"[^A-Za-z0-9_.-]", "_", run.result.recording)[:60]
        rows = run.result.choices
        if run.categories is not None:
            rows = rows.assign(category=rows["prompt_id"].map(run.categories))
        paths = [folder / f"{stem}-{name}" for name in ("figures.csv", "figures.parquet", "picks.csv", "picks.parquet")]
        for table, csv, parquet in ((figures(run.result), *paths[:2]), (rows, *paths[2:])):
            escape_cells(table).to_csv(csv, index=False)
            table.to_parquet(parquet, index=False)
        return Exports(*(str(path) for path in paths))

    def _keep(self, result: ReplayResult) -> tuple[ReplayResult, str]:
        if self.store is None:
            return result, text.NOT_KEPT
        try:
            run_id = save_run(self.store, result)
        except StoreError as error:
            return result, text.NOT_KEPT_BECAUSE.format(reason=error)
        return replace(result, run_id=run_id), text.KEPT.format(run_id=run_id)

    def _remember(self, run: Run) -> Run:
        with self._lock:
            self._runs[run.key] = run
            self._runs.move_to_end(run.key)
            while len(self._runs) > N_RESULTS:
                self._runs.popitem(last=False)
        return run


def _texts(prompts: pd.DataFrame) -> dict[str, str]:
    """Prompts by id, where the recording has their text."""
    said = prompts.set_index("prompt_id")["prompt"].dropna()
    return {str(prompt_id): str(prompt) for prompt_id, prompt in said.items()}


def _categories(prompts: pd.DataFrame) -> pd.Series | None:
    named = prompts.set_index("prompt_id")["category"].dropna()
    return None if named.empty else named.astype(str)
