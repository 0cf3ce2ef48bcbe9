"""The store: one writer, one cursor per thread, migrations, and a plain word for whoever comes second."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pandas as pd
import pytest

from omni.errors import StoreError
from omni.migrations import MIGRATIONS, Migration
from omni.store import AnswerRecord, Feedback, open_store
from omni.types import Conversation, RouterName
from tests.omni.ui.builders import a_decision

INSERT_LIKE = "INSERT INTO feedback (decision_id, given_at, kind, model_id) VALUES ('d', ?, 'like', 'm')"
INSERT_DECISION = "INSERT INTO decisions (decision_id, decided_at, model_id) VALUES ('d', ?, 'm')"
ROOT = Path(__file__).resolve().parents[2]
OPEN_IN_ANOTHER_PROCESS = """
import sys
from omni.errors import StoreError
from omni.store import open_store
try:
    open_store(sys.argv[1])
except StoreError as error:
    sys.exit(f"{error}")
"""


def _open_elsewhere(path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", OPEN_IN_ANOTHER_PROCESS, str(path)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def test_a_second_process_is_told_who_holds_the_file(tmp_path):
    """The refusal is one plain line that names the process."""
    path = tmp_path / "omni.duckdb"
    with open_store(path):
        refused = _open_elsewhere(path)
    assert refused.returncode == 1
    assert "is in use by process" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1


def test_a_closed_store_lets_the_next_process_in(tmp_path):
    """Closing lets go of the file, cursors of other threads included."""
    path = tmp_path / "omni.duckdb"
    with open_store(path) as store, ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: store.read("SELECT 1"), range(4)))
    assert _open_elsewhere(path).returncode == 0


def test_threads_read_their_own_rows_while_others_write():
    """Each reading thread gets the answer to its own question."""
    with open_store(":memory:") as store, ThreadPoolExecutor(6) as pool:
        like = Feedback(decision_id="d", kind="like", model_id="m")
        writes = [pool.submit(store.save_feedback, like) for _ in range(20)]
        reads = list(pool.map(lambda i: store.read("SELECT ? AS value", [i])["value"].item(), range(200)))
        [write.result() for write in writes]
        assert reads == list(range(200))
        assert store.read("SELECT count(*) AS n FROM feedback")["n"].item() == 20


def test_a_failed_write_keeps_nothing():
    """A job that breaks half-way leaves no rows and the store goes on."""
    with open_store(":memory:") as store:

        def insert_then_break(cursor):
            cursor.execute(INSERT_LIKE, [datetime(2026, 1, 1)])
            cursor.execute("SELECT * FROM no_such_table")

        with pytest.raises(StoreError, match="no_such_table"):
            store.write(insert_then_break)
        assert store.read("SELECT * FROM feedback").empty


def test_an_error_of_the_job_reaches_the_caller():
    """What is not DuckDB's own error arrives as it was raised."""
    with open_store(":memory:") as store, pytest.raises(ZeroDivisionError):
        store.write(lambda _: 1 / 0)


def test_a_write_inside_a_write_is_refused():
    """It would wait for itself for ever."""
    with open_store(":memory:") as store, pytest.raises(StoreError, match="inside a write"):
        store.write(lambda _: store.write(lambda _: None))


def test_times_are_kept_in_utc():
    """A time with another zone is turned into UTC."""
    at = datetime(2026, 11, 22, 12, 0, tzinfo=timezone(timedelta(hours=2)))
    with open_store(":memory:") as store:
        store.save_answer(AnswerRecord(decision_id="d", model_id="m", cost_usd=0.001), at=at)
        row = store.read("SELECT * FROM answers").iloc[0]
    assert row["answered_at"] == pd.Timestamp("2026-11-22 10:00")
    assert pd.isna(row["latency_s"])


def test_append_matches_columns_by_name():
    """Column order of the table handed in does not matter."""
    rows = pd.DataFrame({"kind": ["like"], "model_id": ["m"], "decision_id": ["d"], "given_at": [datetime(2026, 1, 1)]})
    with open_store(":memory:") as store:
        store.append("feedback", rows)
        assert store.read("SELECT model_id FROM feedback")["model_id"].tolist() == ["m"]


def test_migrations_run_once(tmp_path):
    """Opening again applies nothing and keeps the rows."""
    path = tmp_path / "omni.duckdb"
    with open_store(path) as store:
        store.save_feedback(Feedback(decision_id="d", kind="like", model_id="m"))
    with open_store(path) as store:
        assert store.migrate(MIGRATIONS) == []
        assert len(store.read("SELECT * FROM feedback")) == 1
        assert len(store.read("SELECT * FROM migrations")) == len(MIGRATIONS)


@pytest.mark.parametrize("n_old", range(len(MIGRATIONS)))
def test_every_older_file_comes_up_to_date(tmp_path, n_old):
    """From each earlier form, down to the oldest, the file reaches the present one."""
    path = tmp_path / "omni.duckdb"
    open_store(path, migrations=MIGRATIONS[:n_old] or [Migration("omni.000_nothing", lambda _: None)]).close()
    present = [Migration("omni.000_nothing", lambda _: None), *MIGRATIONS]
    with open_store(path, migrations=present) as store:
        tables = set(store.read("SELECT table_name FROM duckdb_tables()")["table_name"])
    assert {"decisions", "answers", "feedback", "salts", "migrations"} <= tables


def test_decisions_name_their_router_and_older_ones_have_none(tmp_path):
    """File or title, fingerprint and date in one column; null in rows from before it."""
    path = tmp_path / "omni.duckdb"
    with open_store(path, migrations=MIGRATIONS[:5]) as store:
        store.write(lambda cursor: cursor.execute(INSERT_DECISION, [datetime(2026, 1, 1)]))
    name = RouterName(
        source="fitted", title="Fitted on toys", file_name="my.router", fingerprint="2d3c", as_of=date(2026, 11, 28)
    )
    with open_store(path) as store:
        store.save_decision(replace(a_decision(), router=name))
        routers = store.read("SELECT router FROM decisions ORDER BY decided_at")["router"]
    assert [None if pd.isna(router) else router for router in routers] == [None, "my.router 2d3c 2026-11-28"]


def test_judgements_from_before_visitors_were_marked_still_load(tmp_path):
    """A file of the first version keeps its rows; what they did not say is unknown."""
    path = tmp_path / "omni.duckdb"
    with open_store(path, migrations=MIGRATIONS[:3]) as store:
        store.write(lambda cursor: cursor.execute(INSERT_LIKE, [datetime(2026, 1, 1)]))
    with open_store(path) as store:
        [(feedback, given_at)] = store.load_feedback()
    assert (feedback.kind, feedback.visitor, feedback.tasks, feedback.length_ratio) == ("like", None, None, None)
    assert given_at == datetime(2026, 1, 1, tzinfo=UTC)


def test_judgements_come_back_as_they_were_given():
    """By time, with visitor, tasks and length."""
    at = datetime(2026, 11, 22, tzinfo=UTC)
    vote = Feedback(
        decision_id="d",
        kind="vote",
        model_id="m",
        other_model_id="n",
        value=0.5,
        visitor="mark",
        tasks={"code": 0.75, "math": 0.25},
        length_ratio=1.5,
    )
    like = Feedback(decision_id="d", kind="like", model_id="m")
    with open_store(":memory:") as store:
        store.save_feedback(like, at=at)
        store.save_feedback(vote, at=at - timedelta(days=1))
        assert store.load_feedback() == [(vote, at - timedelta(days=1)), (like, at)]


def test_a_judgement_without_tasks_takes_the_decisions_main_task(router):
    """Rows of the API's first version say which decision they are about."""
    decision = router.route(Conversation.from_prompt("Write a Rust function that sorts a list."))
    with open_store(":memory:") as store:
        store.save_decision(decision)
        store.save_decision(decision)
        store.save_feedback(Feedback(decision_id=decision.decision_id, kind="like", model_id="m"))
        [(feedback, _)] = store.load_feedback()
    assert feedback.tasks == {decision.profile.main_task.value: 1.0}


def test_spending_counts_the_expected_cost_where_the_actual_is_unknown(router):
    """Unknown is never free; another model's expectation does not stand in."""
    decision = router.route(Conversation.from_prompt("What is the capital of Peru?"))
    chosen = decision.chosen
    start = datetime(2026, 11, 22, tzinfo=UTC)
    with open_store(":memory:") as store:
        store.save_decision(decision)
        for model_id, cost, at in [
            (chosen.model_id, None, start),
            (chosen.model_id, 0.5, start),
            ("another", None, start),
            (chosen.model_id, 9.0, start - timedelta(seconds=1)),
        ]:
            record = AnswerRecord(decision_id=decision.decision_id, model_id=model_id, cost_usd=cost)
            store.save_answer(record, at=at)
        assert store.spent_usd(start) == pytest.approx(0.5 + chosen.cost_usd)


def test_a_new_file_can_be_tidied(tmp_path):
    """DuckDB moves its log into the file only while no transaction was left open."""
    with open_store(tmp_path / "a.duckdb") as store:
        store.read("CHECKPOINT")
        log = tmp_path / "a.duckdb.wal"
        assert not log.exists() or not log.stat().st_size


def test_a_thread_that_ends_leaves_nothing_behind():
    """The page reads from threads that come and go."""
    count = "FROM duckdb_connection_count()"
    with open_store(":memory:") as store:
        before = store.read(count)["count"].item()
        for _ in range(3):
            reader = threading.Thread(target=store.read, args=("SELECT 1",))
            reader.start()
            reader.join()
        assert store.read(count)["count"].item() == before


def test_a_mark_stays_in_its_file_and_hides_the_name(tmp_path):
    """The same visitor is the same after a restart, and another one in another file."""
    marks = []
    for name in ("a.duckdb", "a.duckdb", "b.duckdb"):
        with open_store(tmp_path / name) as store:
            marks.append(store.mark("192.0.2.7"))
            assert store.mark("192.0.2.7") == marks[-1] != store.mark("192.0.2.8")
            assert store.mark("192.0.2.7", purpose="other") != marks[-1]
    assert marks[0] == marks[1] != marks[2]
    assert "192.0.2.7" not in marks[0]


def test_a_broken_migration_leaves_the_file_as_it_was(tmp_path):
    """All steps or none: the file still opens with the old version."""
    path = tmp_path / "omni.duckdb"
    open_store(path, migrations=MIGRATIONS[:1]).close()
    broken = Migration("omni.002_broken", lambda cursor: cursor.execute("CREATE TABLE x AS SELECT * FROM nowhere"))
    with pytest.raises(StoreError, match="nowhere"):
        open_store(path, migrations=(*MIGRATIONS[:2], broken))
    with open_store(path, migrations=MIGRATIONS[:1]) as store:
        assert len(store.read("SELECT * FROM migrations")) == 1


def test_a_file_of_a_newer_version_is_refused(tmp_path):
    """An old program does not write into tables it does not know."""
    path = tmp_path / "omni.duckdb"
    open_store(path, migrations=(*MIGRATIONS, Migration("omni.900_future", lambda _: None))).close()
    with pytest.raises(StoreError, match="newer version"):
        open_store(path)


@pytest.mark.parametrize(("make", "words"), [("text", "not a DuckDB store"), ("missing_folder", "does not exist")])
def test_a_path_that_cannot_be_a_store_is_refused_in_plain_words(tmp_path, make, words):
    """The message says what is wrong and to name another file."""
    path = tmp_path / "gone" / "x.duckdb" if make == "missing_folder" else tmp_path / "x.duckdb"
    if make == "text":
        path.write_text("not a database " * 400)
    with pytest.raises(StoreError, match=words):
        open_store(path)


def test_a_closed_store_says_so():
    """Reading and writing after close give a plain error; closing twice is harmless."""
    store = open_store(":memory:")
    store.close()
    store.close()
    with pytest.raises(StoreError, match="is closed"):
        store.read("SELECT 1")
    with pytest.raises(StoreError, match="is closed"):
        store.write(lambda _: None)


def test_closing_finishes_queued_writes(tmp_path):
    """What was submitted before close is in the file."""
    gate = threading.Event()
    with open_store(tmp_path / "omni.duckdb") as store:
        store.submit(lambda _: gate.wait(5))
        queued = store.submit(lambda cursor: cursor.execute(INSERT_LIKE, [datetime(2026, 1, 1)]).fetchall())
        gate.set()
    assert queued.done()
    with open_store(tmp_path / "omni.duckdb") as store:
        assert len(store.read("SELECT * FROM feedback")) == 1


def test_a_table_is_not_taken_for_a_store(tmp_path: Path) -> None:
    """DuckDB opens it in memory, where everything kept would be lost."""
    (tmp_path / "models.csv").write_text("model,price\nsmall,1\n")
    with pytest.raises(StoreError, match=r"models\.csv' holds a table, not a store"):
        open_store(tmp_path / "models.csv")
