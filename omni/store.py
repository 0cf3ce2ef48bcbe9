"""The one DuckDB file: a single writer thread, one cursor per reading thread, decisions and feedback in figures.

DuckDB lets one process hold a file; a connection shared by threads mixes up their results (checked on 2.0), and
concurrent upserts fail, hence the queue.
"""

import hashlib
import queue
import re
import secrets
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

import duckdb
import pandas as pd

from omni.errors import StoreError
from omni.migrations import MIGRATIONS, Migration, migrate
from omni.types import Decision

T = TypeVar("T")
Cursor = duckdb.DuckDBPyConnection
FeedbackKind = Literal["like", "dislike", "vote", "retry"]

_LOAD_FEEDBACK = """
    SELECT f.*, d.main_task
    FROM feedback f
    LEFT JOIN (SELECT decision_id, any_value(main_task) AS main_task FROM decisions GROUP BY decision_id) d
    USING (decision_id)
    ORDER BY f.given_at, f.rowid
"""
_PLACE = "SELECT path FROM duckdb_databases() WHERE database_name = current_database()"
"""Null for what is kept in memory only, as DuckDB does with a CSV, JSON or Parquet file that it was told to open."""
_SPENT = """
    SELECT coalesce(sum(coalesce(a.cost_usd, CASE WHEN d.model_id = a.model_id THEN d.cost_usd END)), 0) AS usd
    FROM answers a
    LEFT JOIN (
        SELECT decision_id, any_value(model_id) AS model_id, any_value(cost_usd) AS cost_usd
        FROM decisions GROUP BY decision_id) d
    USING (decision_id)
    WHERE a.answered_at >= ?
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRecord:
    """What one answer took; None = not known."""

    decision_id: str
    model_id: str
    provider: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    time_to_first_token_s: float | None = None
    latency_s: float | None = None
    finish_reason: str | None = None
    error_kind: str | None = None
    """Name of the error class when the answer failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """One person's judgement of one answer."""

    decision_id: str
    kind: FeedbackKind
    model_id: str
    other_model_id: str | None = None
    """The model it was compared with in a vote."""
    value: float | None = None
    """In a vote: 1 = `model_id` was better, 0 = the other, 0.5 = a tie."""
    visitor: str | None = None
    """A mark made by `Store.mark`; None = not known."""
    tasks: Mapping[str, float] | None = None
    """Share per task of the prompt; None = the decision's main task."""
    length_ratio: float | None = None
    """Length of the answer over the other's, or over the usual one; None = not known."""
    expected_logit: float | None = None
    """Quality that the decision expected of `model_id` less the other's, logits; None = not known."""


class Store:
    """An open store file. Safe to share between threads; close it to let another process in."""

    def __init__(self, connection: Cursor, path: str) -> None:
        self.path = path
        self._connection = connection
        self._local = threading.local()
        self._lock = threading.Lock()
        """Guards `_cursors` and `_is_closed`."""
        self._cursors: weakref.WeakSet[Cursor] = weakref.WeakSet()
        """Those of threads that are still there."""
        self._is_closed = False
        self._salts: dict[str, str] = {}
        """Read once each; two threads that ask at once read the same."""
        self._jobs: queue.SimpleQueue[tuple[Callable[[Cursor], Any], Future[Any]] | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write_jobs, name="omni-store-writer", daemon=True)
        self._writer.start()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, sql: str, params: Sequence[Any] | Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Rows of a query as a table. Values go in as parameters (`?` or `$name`), never into the text.

        Raises:
            StoreError: the query fails or the store is closed.
        """
        try:
            return self._cursor().execute(sql, params).df()
        except duckdb.Error as error:
            raise StoreError(f"The store {self.path!r} could not be read: {_first_line(error)}") from error

    def submit(self, job: Callable[[Cursor], T]) -> "Future[T]":
        """Queues `job` for the writer thread, which runs it in a transaction of its own; returns at once."""
        future: Future[T] = Future()
        with self._lock:
            self._check_open()
            self._jobs.put((job, future))
        return future

    def write(self, job: Callable[[Cursor], T]) -> T:
        """Runs `job` in a transaction on the writer thread and waits for its result.

        Raises:
            StoreError: DuckDB refused; nothing of the job was kept.
        """
        if threading.current_thread() is self._writer:
            raise StoreError("A write was started inside a write; use the cursor that was handed in.")
        return self.submit(job).result()

    def append(self, table: str, rows: pd.DataFrame) -> None:
        """Adds the rows of a table by column name, in one transaction (about 500,000 rows a second)."""
        if not rows.empty:
            self.write(lambda cursor: cursor.append(table, rows, by_name=True))

    def migrate(self, migrations: Sequence[Migration]) -> list[str]:
        """Applies the steps that the file has not had; all or none. Returns their names."""
        return self.write(lambda cursor: migrate(cursor, migrations))

    def save_decision(self, decision: Decision, *, at: datetime | None = None) -> None:
        """Keeps the figures of a decision; no text of the conversation. `at` is UTC, now when left out."""
        row = decision_row(decision) | {"decided_at": _timestamp(at)}
        self.write(lambda cursor: _insert(cursor, "decisions", row))

    def save_answer(self, answer: AnswerRecord, *, at: datetime | None = None) -> None:
        """Keeps what an answer took."""
        row = _fields(answer) | {"answered_at": _timestamp(at)}
        self.write(lambda cursor: _insert(cursor, "answers", row))

    def save_feedback(self, feedback: Feedback, *, at: datetime | None = None) -> None:
        """Keeps one judgement."""
        row = _fields(feedback) | {"given_at": _timestamp(at)}
        if feedback.tasks is not None:
            # the form that DuckDB takes for a map
            row["tasks"] = {"key": list(feedback.tasks), "value": list(feedback.tasks.values())}
        self.write(lambda cursor: _insert(cursor, "feedback", row))

    def load_feedback(self) -> list[tuple[Feedback, datetime]]:
        """All judgements by time, each with when it was given in UTC; tasks from the decision where none were kept.

        Raises:
            StoreError: the store cannot be read.
        """
        rows = self.read(_LOAD_FEEDBACK).astype(object)
        rows = rows.where(rows.notna(), None)
        return [_to_feedback(row) for row in rows.to_dict("records")]

    def spent_usd(self, since: datetime) -> float:
        """Cost of the answers from `since` on; where the actual one is not known, the expected one.

        Raises:
            StoreError: the store cannot be read.
        """
        return float(self.read(_SPENT, [_timestamp(since)])["usd"].item())

    def mark(self, visitor: str, *, purpose: str = "visitor") -> str:
        """A mark for a visitor: the same for the same name in this file, and of no use outside it.

        It hides the name from whoever sees the mark; whoever holds the file could still try names one by one.
        """
        salt = self._salts.get(purpose)
        if salt is None:
            salt = self._salts[purpose] = self.write(lambda cursor: _find_salt(cursor, purpose))
        return hashlib.sha256(f"{salt} {visitor}".encode("utf-8", "surrogatepass")).hexdigest()[:24]

    def close(self) -> None:
        """Finishes queued writes and lets go of the file; harmless the second time."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            self._jobs.put(None)
        self._writer.join()
        for cursor in tuple(self._cursors):
            cursor.close()
        self._connection.close()

    def _check_open(self) -> None:
        if self._is_closed:
            raise StoreError(f"The store {self.path!r} is closed.")

    def _cursor(self) -> Cursor:
        cursor: Cursor | None = getattr(self._local, "cursor", None)
        with self._lock:
            self._check_open()
            if cursor is None:
                cursor = self._local.cursor = self._connection.cursor()
                self._cursors.add(cursor)
        return cursor

    def _write_jobs(self) -> None:
        cursor = self._connection.cursor()
        while (item := self._jobs.get()) is not None:
            job, future = item
            if future.set_running_or_notify_cancel():
                _run_in_transaction(cursor, job, future)
        cursor.close()


def open_store(path: Path | str, *, migrations: Sequence[Migration] = MIGRATIONS) -> Store:
    """Opens (or makes) a store file and brings it to the present form.

    Args:
        path: the file, or ":memory:".
        migrations: further owners add theirs through `Store.migrate`.

    Raises:
        StoreError: the file is held by another process (named), is not a store, or its folder is missing.
    """
    name = str(path)
    if name != ":memory:" and not Path(name).resolve().parent.is_dir():
        raise StoreError(f"The folder of the store {name!r} does not exist. Make it, or name another file.")
    try:
        connection = duckdb.connect(name)
    except duckdb.Error as error:
        raise StoreError(_explain_refusal(name, str(error))) from error
    # all rows: one left unread would keep a transaction open, and the log would grow for ever
    if name != ":memory:" and connection.execute(_PLACE).fetchall() == [(None,)]:
        connection.close()
        raise StoreError(f"The file {name!r} holds a table, not a store; nothing would be kept. Name another file.")
    store = Store(connection, name)
    try:
        store.migrate(migrations)
    except BaseException:
        store.close()
        raise
    return store


def decision_row(decision: Decision) -> dict[str, Any]:
    """The figures of a decision that are kept: models, expectations, kinds of personal data; no text, no spans."""
    chosen, profile = decision.chosen, decision.profile
    return {
        "decision_id": decision.decision_id,
        "catalog_version": decision.catalog_version,
        "parameters_version": decision.parameters_version,
        "router": decision.router.label,
        "language": profile.language,
        "main_task": profile.main_task.value,
        "difficulty": profile.difficulty,
        "input_tokens": profile.input_tokens,
        "n_images": profile.n_images,
        "n_turns": profile.n_turns,
        "privacy_kinds": list(profile.privacy_kinds),
        "safety": profile.safety.value,
        "preset": decision.preferences.preset,
        "model_id": chosen.model_id,
        "runner_up_model_id": decision.candidates[1].model_id if len(decision.candidates) > 1 else None,
        "reference_model_id": decision.reference_model_id,
        "utility": chosen.utility,
        "quality": chosen.quality,
        "quality_se": chosen.quality_se,
        "cost_usd": chosen.cost_usd,
        "latency_s": chosen.latency_s,
        "n_candidates": len(decision.candidates),
        "n_excluded": len(decision.excluded),
    }


def _to_feedback(row: Mapping[str, Any]) -> tuple[Feedback, datetime]:
    tasks = row["tasks"] or ({row["main_task"]: 1.0} if row["main_task"] else None)
    feedback = Feedback(
        decision_id=row["decision_id"],
        kind=row["kind"],
        model_id=row["model_id"],
        other_model_id=row["other_model_id"],
        value=row["value"],
        visitor=row["visitor"],
        tasks=tasks,
        length_ratio=row["length_ratio"],
        expected_logit=row["expected_logit"],
    )
    return feedback, row["given_at"].to_pydatetime().replace(tzinfo=UTC)


def _find_salt(cursor: Cursor, purpose: str) -> str:
    cursor.execute("INSERT OR IGNORE INTO salts VALUES (?, ?)", [purpose, secrets.token_hex(16)])
    found = cursor.execute("SELECT salt FROM salts WHERE purpose = ?", [purpose]).fetchone()
    assert found is not None  # the line above has put it there
    return str(found[0])


def _run_in_transaction(cursor: Cursor, job: Callable[[Cursor], Any], future: "Future[Any]") -> None:
    try:
        cursor.begin()
        result = job(cursor)
        cursor.commit()
    except BaseException as error:  # whatever it is belongs to the caller; the writer goes on
        _roll_back(cursor)
        if isinstance(error, duckdb.Error):
            refused = StoreError(f"The store refused a write: {_first_line(error)}")
            refused.__cause__ = error
            future.set_exception(refused)
        else:
            future.set_exception(error)
    else:
        future.set_result(result)


def _roll_back(cursor: Cursor) -> None:
    try:
        cursor.rollback()
    except duckdb.Error:  # no transaction was open: nothing to undo
        return


def _insert(cursor: Cursor, table: str, row: Mapping[str, Any]) -> None:
    columns, marks = ", ".join(row), ", ".join("?" for _ in row)
    cursor.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", list(row.values()))


def _fields(record: AnswerRecord | Feedback) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__slots__}


def _timestamp(at: datetime | None) -> datetime:
    return (at or datetime.now(UTC)).astimezone(UTC).replace(tzinfo=None)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def _explain_refusal(name: str, message: str) -> str:
    holder = re.search(r"held in (?P<program>.+?) \(PID (?P<pid>\d+)\)", message)
    if holder:
        return (
            f"The store {name!r} is in use by process {holder['pid']} ({Path(holder['program']).name}); one process "
            "at a time can open it. Stop that process, or name another file."
        )
    if "lock" in message.lower():
        return f"The store {name!r} is in use by another process. Stop that process, or name another file."
    if "not a valid DuckDB" in message or "serialization" in message.lower():
        return f"The file {name!r} is not a DuckDB store of this program. Name another file."
    return f"The store {name!r} could not be opened: {message.strip().splitlines()[0]}"
