"""The last decisions in memory, and the figures of decisions and answers in the store. No text of a conversation."""

import logging
import math
import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from omni.errors import StoreError
from omni.types import Decision

if TYPE_CHECKING:
    from omni.store import AnswerRecord, Store

logger = logging.getLogger(__name__)
MAX_DECISIONS = 512
GATHER_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A decision, and the model that answered last; None = none has."""

    decision: Decision
    answered_by: str | None = None
    session_key: str | None = None
    """Of the conversation that the decision is part of."""


class _Kept(NamedTuple):
    record: "Decision | AnswerRecord"
    at: datetime
    """UTC, without a zone, as the store has it."""


class Journal:
    """Writes behind the answers, in a thread of its own. The lock guards the entries and what waits to be written.

    What comes within half a second is written together: a row alone costs twenty times as much.
    """

    def __init__(self, store: "Store | None", *, max_decisions: int = MAX_DECISIONS) -> None:
        self._store = store
        self._max_decisions = max_decisions
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._waiting: list[_Kept] = []
        self._hurry = threading.Event()
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="omni-journal") if store else None

    def keep_decision(self, decision: Decision, *, session_key: str | None = None) -> None:
        """Remembers a decision and stores its figures."""
        with self._lock:
            known = self._entries.pop(decision.decision_id, None)
            self._entries[decision.decision_id] = replace(
                known or Entry(decision=decision), decision=decision, session_key=session_key
            )
            while len(self._entries) > self._max_decisions:
                self._entries.popitem(last=False)
        self._write(decision)

    def keep_answer(self, decision_id: str, model_id: str, **figures: Any) -> None:
        """Remembers who answered and stores what it took: the other fields of `AnswerRecord`."""
        with self._lock:
            known = self._entries.get(decision_id)
            if known is not None:
                self._entries[decision_id] = replace(known, answered_by=model_id)
        if self._store is not None:
            from omni.store import AnswerRecord

            self._write(AnswerRecord(decision_id=decision_id, model_id=model_id, **figures))

    def find(self, decision_id: str) -> Entry | None:
        """The decision from memory; None when it is not, or no longer, there."""
        with self._lock:
            return self._entries.get(decision_id)

    def stored(self, decision_id: str) -> dict[str, Any] | None:
        """The newest stored figures of a decision, with those of its last answer; None when there are none.

        Raises:
            StoreError: the store cannot be read.
        """
        if self._store is None:
            return None
        decision = self._newest("decisions", "decided_at", decision_id)
        if decision is None:
            return None
        return decision | {"answer": self._newest("answers", "answered_at", decision_id)}

    def flush(self) -> None:
        """Waits until everything handed in so far is stored."""
        if self._writer is not None:
            self._hurry.set()
            self._writer.submit(self._hurry.clear).result()

    def close(self) -> None:
        """Finishes what was handed in; the store stays open."""
        if self._writer is not None:
            self._hurry.set()
            self._writer.shutdown(wait=True)

    def _newest(self, table: str, moment: str, decision_id: str) -> dict[str, Any] | None:
        assert self._store is not None
        sql = f"SELECT * FROM {table} WHERE decision_id = ? ORDER BY {moment} DESC LIMIT 1"
        rows = self._store.read(sql, [decision_id]).to_dict("records")
        return {str(name): _plain(value) for name, value in rows[0].items()} if rows else None

    def _write(self, record: "Decision | AnswerRecord") -> None:
        if self._writer is None:
            return
        with self._lock:
            self._waiting.append(_Kept(record, datetime.now(UTC).replace(tzinfo=None)))
            is_first = len(self._waiting) == 1
        if is_first:
            self._writer.submit(self._write_together).add_done_callback(_report)

    def _write_together(self) -> None:
        from omni.store import decision_row

        assert self._store is not None
        self._hurry.wait(GATHER_S)
        with self._lock:
            kept, self._waiting = self._waiting, []
        decisions, answers = [], []
        for record, at in kept:
            if isinstance(record, Decision):
                decisions.append(decision_row(record) | {"decided_at": at})
            else:
                answers.append(asdict(record) | {"answered_at": at})
        # objects: a figure that is not known stays None and does not become NaN
        self._store.append("decisions", pd.DataFrame(decisions, dtype=object))
        self._store.append("answers", pd.DataFrame(answers, dtype=object))


def _report(future: "Future[None]") -> None:
    error = future.exception()
    if isinstance(error, StoreError):
        logger.warning("figures were not kept: %s", error)
    elif error is not None:
        logger.error("figures were not kept: %s", type(error).__name__)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat() + "Z"
    if hasattr(value, "tolist"):
        value = value.tolist()
    if value is None or isinstance(value, str | int | list | bool):
        return value
    return value if isinstance(value, float) and math.isfinite(value) else None
