"""Replay runs in the store: what was run, its tables, and one result row per prompt. All of evals' SQL is here.

Of a policy's dial only two settings are kept prompt by prompt: full quality, and the dearest one that costs no more
than the best single model. Single models are not kept prompt by prompt: that is the recording itself.
"""

import json
import math
import uuid
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import pandas as pd

from evals.results import (
    CATEGORY_COLUMNS,
    CHOICE_COLUMNS,
    ENVELOPE_COLUMNS,
    FAILURE_COLUMNS,
    POINT_COLUMNS,
    SINGLE_COLUMNS,
    WAIT_COLUMNS,
    EqualCostGain,
    Failure,
    Interval,
    PolicySummary,
    ReplayResult,
    WorstSlice,
)
from omni.errors import StoreError
from omni.migrations import Cursor, Migration
from omni.store import Store

_RUN_TABLES = {
    "eval_points": POINT_COLUMNS,
    "eval_singles": SINGLE_COLUMNS,
    "eval_envelope": ENVELOPE_COLUMNS,
    "eval_categories": CATEGORY_COLUMNS,
    "eval_failures": FAILURE_COLUMNS,
    "eval_results": CHOICE_COLUMNS,
    "eval_waits": WAIT_COLUMNS,
}
"""Table to the columns of the replay table that it keeps, beside run_id and position."""
_TEXT_COLUMNS = {"policy", "setting", "prompt_id", "model", "model_id", "category", "reason", "latency_basis",
                 "price_basis"}  # fmt: skip
_TYPES = {"n_scored": "INTEGER", "n_failed": "INTEGER", "n_timed": "INTEGER", "is_headline": "BOOLEAN",
          "on_envelope": "BOOLEAN"}  # fmt: skip
_RUN_FACTS = ("recording", "title", "seed", "n_fit", "n_test", "cost_basis", "latency_basis", "best_single",
              "started_at", "finished_at", "repeatable_gap")  # fmt: skip
_SUMMARY_FIGURES = ("setting", "quality", "cost_usd_per_1k", "latency_s", "aiq", "cost_to_match", "gap_closed",
                    "calibration_error", "router_arena", "p_value", "n_scored", "n_failed", "n_total", "fit_s",
                    "routing_us", "routing_batch_us")  # fmt: skip


def create_runs(cursor: Cursor) -> None:
    """What was run, on what, with which versions."""
    cursor.execute("""
        CREATE TABLE eval_runs (
            run_id VARCHAR PRIMARY KEY, recording VARCHAR NOT NULL, title VARCHAR, spec VARCHAR NOT NULL,
            versions VARCHAR NOT NULL, seed BIGINT, n_fit INTEGER, n_test INTEGER, cost_basis VARCHAR,
            latency_basis VARCHAR, best_single VARCHAR, started_at VARCHAR, finished_at VARCHAR)
    """)
    cursor.execute("""
        CREATE TABLE eval_policies (
            run_id VARCHAR NOT NULL, position INTEGER, policy VARCHAR NOT NULL, setting VARCHAR, quality DOUBLE,
            cost_usd_per_1k DOUBLE, latency_s DOUBLE, aiq DOUBLE, gain_mean DOUBLE, gain_lo DOUBLE, gain_hi DOUBLE,
            cost_to_match DOUBLE, gap_closed DOUBLE, calibration_error DOUBLE, router_arena DOUBLE, p_value DOUBLE,
            n_scored INTEGER, n_failed INTEGER, n_total INTEGER, fit_s DOUBLE, routing_us DOUBLE,
            routing_batch_us DOUBLE, figures VARCHAR NOT NULL)
    """)


def create_run_tables(cursor: Cursor) -> None:
    """The tables of a run, with the columns of `ReplayResult`, and the routing time of each result's policy."""
    for table in _RUN_TABLES:
        if table != "eval_waits":
            _create_table(cursor, table)


def create_waits(cursor: Cursor) -> None:
    """The recorded latencies of a run."""
    _create_table(cursor, "eval_waits")


def add_repeatable_gap(cursor: Cursor) -> None:
    """The share of the oracle's gap that repeats on a fresh draw."""
    cursor.execute("ALTER TABLE eval_runs ADD COLUMN repeatable_gap DOUBLE")


def _create_table(cursor: Cursor, table: str) -> None:
    typed = ", ".join(
        f"{name} {'VARCHAR' if name in _TEXT_COLUMNS else _TYPES.get(name, 'DOUBLE')}" for name in _RUN_TABLES[table]
    )
    extra = ", routing_us DOUBLE" if table == "eval_results" else ""
    cursor.execute(f"CREATE TABLE {table} (run_id VARCHAR NOT NULL, position INTEGER, {typed}{extra})")


MIGRATIONS = (
    Migration("evals.001_runs", create_runs),
    Migration("evals.002_run_tables", create_run_tables),
    Migration("evals.003_waits", create_waits),
    Migration("evals.004_repeatable_gap", add_repeatable_gap),
)


def prepare(store: Store) -> None:
    """Brings the tables of runs to the present form."""
    store.migrate(MIGRATIONS)


def save_run(store: Store, result: ReplayResult) -> str:
    """Keeps a run, all of it or nothing, and returns its run_id."""
    prepare(store)
    run_id = result.run_id or new_run_id(result)
    run = {name: getattr(result, name) for name in _RUN_FACTS} | {
        "run_id": run_id,
        "spec": json.dumps(result.spec, sort_keys=True),
        "versions": json.dumps(dict(result.versions), sort_keys=True),
    }
    frames = {"eval_runs": pd.DataFrame([run]), "eval_policies": _policy_rows(result, run_id)} | {
        table: _run_rows(rows, run_id) for table, rows in _result_tables(result).items()
    }

    def insert(cursor: Cursor) -> None:
        for table, rows in frames.items():
            if not rows.empty:
                cursor.append(table, rows, by_name=True)

    store.write(insert)
    return run_id


def new_run_id(result: ReplayResult) -> str:
    """A run's name: when it started, on what, and eight random digits."""
    when = result.started_at[:19].replace("-", "").replace(":", "")
    return f"{when}-{result.recording}-{uuid.uuid4().hex[:8]}"


def load_runs(store: Store) -> pd.DataFrame:
    """One row a run, newest first: run_id, recording, started_at, seed, sizes, best_single, number of policies."""
    prepare(store)
    return store.read("""
        SELECT run_id, recording, title, started_at, finished_at, seed, n_fit, n_test, best_single, cost_basis,
            (SELECT count(*) FROM eval_policies AS p WHERE p.run_id = r.run_id)::INTEGER AS n_policies
        FROM eval_runs AS r ORDER BY started_at DESC, run_id
    """)


def load_run(store: Store, run_id: str) -> ReplayResult:
    """A run as it was saved; `choices` has the kept settings only.

    Raises:
        StoreError: no run of that name; the text lists the newest.
    """
    prepare(store)
    found = store.read("SELECT * FROM eval_runs WHERE run_id = ?", [run_id])
    if found.empty:
        newest = load_runs(store)["run_id"].head(5).tolist()
        raise StoreError(f"no run {run_id!r} in {store.path!r}; it has: {', '.join(newest) or 'no runs'}.")
    run = {str(name): _none(value) for name, value in found.iloc[0].items()}
    frames = {
        table: store.read(f"SELECT * FROM {table} WHERE run_id = ? ORDER BY position", [run_id])[list(columns)]
        for table, columns in _RUN_TABLES.items()
    }
    policies = store.read("SELECT figures FROM eval_policies WHERE run_id = ? ORDER BY position", [run_id])
    summaries = [_summary_from(json.loads(figures)) for figures in policies["figures"]]
    failures = frames["eval_failures"].astype(object).to_dict("records")
    return ReplayResult(
        **{name: run[name] for name in _RUN_FACTS} | {name: int(run[name]) for name in ("seed", "n_fit", "n_test")},
        spec=json.loads(run["spec"]),
        versions=json.loads(run["versions"]),
        choices=frames["eval_results"],
        points=frames["eval_points"],
        singles=frames["eval_singles"],
        envelope=frames["eval_envelope"],
        per_category=frames["eval_categories"],
        waits=frames["eval_waits"],
        summaries={summary.policy: summary for summary in summaries},
        failures=tuple(Failure(**{str(name): _none(value) for name, value in row.items()}) for row in failures),
        run_id=run_id,
    )


def kept_settings(result: ReplayResult) -> dict[str, tuple[str, ...]]:
    """Policy to the settings whose results are kept prompt by prompt: full quality, and at the best single's cost."""
    best = result.singles.loc[result.singles["model"] == result.best_single, "cost_usd_per_1k"]
    budget = float(best.iloc[0]) if len(best) else math.nan
    kept = {}
    for policy, points in result.points.groupby("policy", observed=True, sort=False):
        if str(policy).startswith("single:"):
            continue
        headline = points.loc[points["is_headline"].astype(bool), "setting"].tolist()
        affordable = points[points["cost_usd_per_1k"] <= budget * (1 + 1e-9)].sort_values("cost_usd_per_1k")
        kept[str(policy)] = tuple(dict.fromkeys([*headline, *affordable["setting"].tail(1)]))
    return kept


def _result_tables(result: ReplayResult) -> dict[str, pd.DataFrame]:
    kept = pd.MultiIndex.from_tuples(
        [(policy, setting) for policy, settings in kept_settings(result).items() for setting in settings],
        names=["policy", "setting"],
    )
    choices = result.choices
    pairs = pd.MultiIndex.from_arrays([choices["policy"].astype(str), choices["setting"].astype(str)])
    results = choices[pairs.isin(kept)]
    routing = {name: summary.routing_us for name, summary in result.summaries.items()}
    results = results.assign(routing_us=results["policy"].astype(str).map(routing).astype(float))
    failures = pd.DataFrame([asdict(failure) for failure in result.failures], columns=list(FAILURE_COLUMNS))
    return {
        "eval_points": result.points,
        "eval_singles": result.singles,
        "eval_envelope": result.envelope,
        "eval_categories": result.per_category,
        "eval_failures": failures,
        "eval_results": results,
        "eval_waits": result.waits,
    }


def _run_rows(rows: pd.DataFrame, run_id: str) -> pd.DataFrame:
    """The rows with run_id and position; text as plain objects with None, as DuckDB wants it."""
    text = {name: rows[name].astype(object).where(rows[name].notna(), None) for name in rows if name in _TEXT_COLUMNS}
    return rows.assign(**text, run_id=run_id, position=range(len(rows)))


def _policy_rows(result: ReplayResult, run_id: str) -> pd.DataFrame:
    lines = []
    for position, summary in enumerate(result.summaries.values()):
        gain = summary.equal_cost_gain
        lines.append(
            {name: getattr(summary, name) for name in _SUMMARY_FIGURES}
            | {"run_id": run_id, "position": position, "policy": summary.policy}
            | {"gain_mean": gain.mean, "gain_lo": gain.lo, "gain_hi": gain.hi, "figures": json.dumps(asdict(summary))}
        )
    return pd.DataFrame(lines)


def _summary_from(figures: dict[str, Any]) -> PolicySummary:
    """The summary that `asdict` took apart."""
    worst: Mapping[str, Any] | None = figures["worst_slice"]
    pairs: Mapping[str, list[float] | None] = figures["intervals"]
    summary = PolicySummary(**figures)
    return replace(
        summary,
        equal_cost_gain=EqualCostGain(**figures["equal_cost_gain"]),
        worst_slice=None if worst is None else WorstSlice(**worst),
        intervals={name: None if pair is None else Interval(*pair) for name, pair in pairs.items()},
    )


def _none(value: Any) -> Any:
    """None for what a table shows as missing."""
    return None if value is None or (not isinstance(value, str) and pd.isna(value)) else value
