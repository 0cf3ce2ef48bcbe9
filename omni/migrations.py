"""The steps that bring a store file to the present form: an ordered list, never edited, only added to."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from omni.errors import StoreError

Cursor = Any
"""A DuckDB cursor; only the store modules import duckdb."""


class Migration(NamedTuple):
    """One step; `name` is "owner.number_what" and is what the file remembers."""

    name: str
    apply: Callable[[Cursor], None]


def create_decisions(cursor: Cursor) -> None:
    """What was decided for a prompt, in figures; never the prompt."""
    cursor.execute("""
        CREATE TABLE decisions (
            decision_id VARCHAR NOT NULL, decided_at TIMESTAMP NOT NULL,
            catalog_version VARCHAR, parameters_version VARCHAR,
            language VARCHAR, main_task VARCHAR, difficulty DOUBLE, input_tokens INTEGER,
            n_images INTEGER, n_turns INTEGER, privacy_kinds VARCHAR[], safety VARCHAR,
            preset VARCHAR, model_id VARCHAR NOT NULL, runner_up_model_id VARCHAR, reference_model_id VARCHAR,
            utility DOUBLE, quality DOUBLE, quality_se DOUBLE, cost_usd DOUBLE, latency_s DOUBLE,
            n_candidates INTEGER, n_excluded INTEGER)
    """)


def create_answers(cursor: Cursor) -> None:
    """What answering cost, beside what the decision expected."""
    cursor.execute("""
        CREATE TABLE answers (
            decision_id VARCHAR NOT NULL, answered_at TIMESTAMP NOT NULL, model_id VARCHAR NOT NULL, provider VARCHAR,
            input_tokens INTEGER, output_tokens INTEGER, cost_usd DOUBLE,
            time_to_first_token_s DOUBLE, latency_s DOUBLE, finish_reason VARCHAR, error_kind VARCHAR)
    """)


def create_feedback(cursor: Cursor) -> None:
    """Likes, dislikes and pairwise votes."""
    cursor.execute("""
        CREATE TABLE feedback (
            decision_id VARCHAR NOT NULL, given_at TIMESTAMP NOT NULL, kind VARCHAR NOT NULL,
            model_id VARCHAR NOT NULL, other_model_id VARCHAR, value DOUBLE)
    """)


def add_voices(cursor: Cursor) -> None:
    """What learning from feedback asks for; rows from before have a visitor unknown to us."""
    for column in ("visitor VARCHAR", "tasks MAP(VARCHAR, DOUBLE)", "length_ratio DOUBLE", "expected_logit DOUBLE"):
        cursor.execute(f"ALTER TABLE feedback ADD COLUMN {column}")


def create_salts(cursor: Cursor) -> None:
    """Random values that turn a visitor's name into a mark; one a purpose, made when first asked for."""
    cursor.execute("CREATE TABLE salts (purpose VARCHAR PRIMARY KEY, salt VARCHAR NOT NULL)")


def add_router(cursor: Cursor) -> None:
    """Which router decided: file or title, fingerprint, date; null in rows from before."""
    cursor.execute("ALTER TABLE decisions ADD COLUMN router VARCHAR")


MIGRATIONS = (
    Migration("omni.001_decisions", create_decisions),
    Migration("omni.002_answers", create_answers),
    Migration("omni.003_feedback", create_feedback),
    Migration("omni.004_voices", add_voices),
    Migration("omni.005_salts", create_salts),
    Migration("omni.006_router", add_router),
)


def applied_names(cursor: Cursor) -> set[str]:
    """Names of the steps that this file has had; makes the table of them when it is missing."""
    cursor.execute("CREATE TABLE IF NOT EXISTS migrations (name VARCHAR PRIMARY KEY, applied_at TIMESTAMP NOT NULL)")
    return {row[0] for row in cursor.execute("SELECT name FROM migrations").fetchall()}


def migrate(cursor: Cursor, migrations: Sequence[Migration]) -> list[str]:
    """Applies the steps the file has not had, in order, inside the caller's transaction.

    Returns:
        Names of the steps applied now.

    Raises:
        StoreError: the file has had steps of the same owner that this version does not know.
    """
    done = applied_names(cursor)
    known = {migration.name for migration in migrations}
    owners = {name.split(".")[0] for name in known}
    newer = sorted(name for name in done - known if name.split(".")[0] in owners)
    if newer:
        raise StoreError(
            f"The store was written by a newer version (it has {newer[-1]!r}, the last known here is "
            f"{migrations[-1].name!r}). Update this program, or name another file."
        )
    fresh = [migration for migration in migrations if migration.name not in done]
    for migration in fresh:
        migration.apply(cursor)
        cursor.execute("INSERT INTO migrations VALUES (?, now() AT TIME ZONE 'UTC')", [migration.name])
    return [migration.name for migration in fresh]
