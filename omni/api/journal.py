"""The last decisions in memory, and the figures of decisions and answers in the store. No text of a conversation."""

import logging
import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from omni.errors import StoreError
from omni.types import Decision

if TYPE_CHECKING:
    from omni.store import Store

logger = logging.getLogger(__name__)
MAX_DECISIONS = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A decision, and the model that answered last; None = none has."""

    decision: Decision
    answered_by: str | None = None


class Journal:
    """Writes behind the answers, in order, in a thread of its own. The lock guards the entries."""

    def __init__(self, store: "Store | None", *, max_decisions: int = MAX_DECISIONS) -> None:
        self._store = store
        self._max_decisions = max_decisions
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="omni-journal") if store else None

    def keep_decision(self, decision: Decision) -> None:
        """Remembers a decision and stores its figures."""
        with self._lock:
            known = self._entries.pop(decision.decision_id, None)
            self._entries[decision.decision_id] = replace(known or Entry(decision=decision), decision=decision)
            while len(self._entries) > self._max_decisions:
                self._entries.popitem(last=False)
        if self._store is not None:
            self._write(self._store.save_decision, decision)

    def keep_answer(self, decision_id: str, model_id: str, **figures: Any) -> None:
        """Remembers who answered and stores what it took: the other fields of `AnswerRecord`."""
        with self._lock:
            known = self._entries.get(decision_id)
            if known is not None:
                self._entries[decision_id] = replace(known, answered_by=model_id)
        if self._store is not None:
            from omni.store import AnswerRecord

            self._write(self._store.save_answer, AnswerRecord(decision_id=decision_id, model_id=model_id, **figures))

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
            self._writer.submit(lambda: None).result()

    def close(self) -> None:
        """Finishes what was handed in; the store stays open."""
        if self._writer is not None:
            self._writer.shutdown(wait=True)

    def _newest(self, table: str, moment: str, decision_id: str) -> dict[str, Any] | None:
        assert self._store is not None
        sql = f"SELECT * FROM {table} WHERE decision_id = ? ORDER BY {moment} DESC LIMIT 1"
        rows = self._store.read(sql, [decision_id]).to_dict("records")
        return {str(name): _plain(value) for name, value in rows[0].items()} if rows else None

    def _write(self, save: Callable[[Any], None], value: object) -> None:
        assert self._writer is not None
        self._writer.submit(save, value).add_done_callback(_report)


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
