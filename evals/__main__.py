"""python -m evals replay | fit | list | report."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from omni.errors import InputError, OmniError, StoreError

if TYPE_CHECKING:
    from evals.results import ReplayResult

MAX_SEED = 2**32 - 1
"""The largest that every library takes."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; bad input gives one line on standard error and exit code 2."""
    parser = argparse.ArgumentParser(prog="python -m evals", description="Replay recordings and judge routers on them.")
    subparsers = parser.add_subparsers(dest="command", required=True)
    _add_replay(subparsers)
    _add_fit(subparsers)
    _add_list(subparsers)
    _add_report(subparsers)
    args = parser.parse_args(argv)
    return run_command(args.run, args)


def run_command(run: Callable[[argparse.Namespace], int], args: argparse.Namespace) -> int:
    """Runs a command and returns its exit code: 2 after an `OmniError`, told in one line, and 130 after Ctrl-C."""
    try:
        code = run(args)
        sys.stdout.flush()
    except OmniError as error:
        print(f"evals: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nevals: stopped; nothing was kept.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader went away (`| head`): that is no error, but Python would complain again while closing stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _add_replay(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("replay", help="judge policies on a recording")
    parser.add_argument("recording", metavar="RECORDING", help="a shipped name, or a folder in the recording format")
    parser.add_argument("--policies", metavar="A,B", help="policies to run; default: all, and every single model")
    parser.add_argument("--db", type=Path, metavar="FILE.duckdb", help="keep the run in this store")
    parser.add_argument("--json", metavar="FILE|-", help="write the figures as JSON; - writes them to standard output")
    parser.add_argument("--decisions", type=Path, metavar="FILE.parquet", help="write every pick at every setting")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of folds, chance and resampling; default: 0")
    parser.set_defaults(run=run_replay)


def _add_fit(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("fit", help="fit a router on recordings and write it as a file to serve")
    parser.add_argument("recordings", nargs="+", metavar="RECORDING", help="shipped names or folders; mixed if several")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the router file to write")
    parser.add_argument("--side", choices=("fit", "all"), default="fit", help="prompts to fit on; default: fit")
    parser.add_argument("--also", nargs="+", default=[], metavar="MODEL_ID", help="catalog models without outcomes")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of folds and landmarks; default: 0")
    parser.set_defaults(run=run_fit)


def _add_list(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("list", help="list the shipped recordings")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run_list)


def _add_report(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("report", help="show the runs of a store, and the figures of one")
    parser.add_argument("--db", type=Path, required=True, metavar="FILE.duckdb", help="the store")
    parser.add_argument("--run", dest="run_id", metavar="ID", help="the run to show; default: the newest")
    parser.add_argument("--export", type=Path, metavar="FILE.csv|FILE.parquet", help="write the run's figures")
    parser.set_defaults(run=run_report)


def run_replay(args: argparse.Namespace) -> int:
    """Replays, writes what was asked for, and prints the table unless JSON goes to standard output."""
    from evals import report
    from evals.replay import check_names, replay
    from evals.store import prepare, save_run
    from omni.recording import load_recording
    from omni.store import open_store

    if not 0 <= args.seed <= MAX_SEED:
        raise InputError(f"--seed is {args.seed!r}; expected 0 to {MAX_SEED}.")
    if args.decisions is not None and args.decisions.suffix.lower() not in (".parquet", ".csv"):
        raise InputError(f"--decisions is {str(args.decisions)!r}; expected a name that ends in .parquet or .csv.")
    _check_folders(args)
    policies = None if args.policies is None else [name.strip() for name in args.policies.split(",") if name.strip()]
    recording = load_recording(args.recording)
    check_names(recording, policies)
    if args.db is not None:
        with open_store(args.db) as store:  # a store that is held or unusable is said before the work, not after it
            prepare(store)
    result = replay(recording, policies, seed=args.seed, progress=_tell)
    # Shown before anything is written: a store or a disk that fails by now must not cost the figures.
    print(_to_json(result) if args.json == "-" else report.to_text(result), flush=True)
    if args.db is not None:
        with open_store(args.db) as store:
            print(f"kept as {save_run(store, result)} in {args.db}", file=sys.stderr)
    if args.decisions is not None:
        report.export_table(report.decisions_table(result), args.decisions)
    if args.json not in (None, "-"):
        _write_text(args.json, _to_json(result))
    return 0 if result.summaries else 1


def run_fit(args: argparse.Namespace) -> int:
    """Fits, judges, writes the file and prints what the router is worth."""
    from evals.fit import fit_judged, load_recordings, to_text
    from omni.quality.router_file import save_router

    if not 0 <= args.seed <= MAX_SEED:
        raise InputError(f"--seed is {args.seed!r}; expected 0 to {MAX_SEED}.")
    if os.path.isdir(args.out) or not os.path.isdir(args.out.resolve().parent):
        raise InputError(f"--out is {str(args.out)!r}; expected a file in a folder that exists.")
    recording = load_recordings(args.recordings)
    fitted = fit_judged(recording, side=args.side, also=args.also, seed=args.seed, progress=_tell)
    save_router(fitted, args.out)
    print(to_text(fitted, args.out))
    return 0


def run_list(args: argparse.Namespace) -> int:
    """Prints the shipped recordings."""
    from evals.recordings import list_recordings

    entries = list_recordings()
    if args.json:
        print(json.dumps([asdict(entry) for entry in entries], indent=2))
        return 0
    width = max((len(entry.name) for entry in entries), default=0)
    for entry in entries:
        size = f"{entry.n_prompts:>6,} prompts  {entry.n_models:>3} models"
        print(f"{entry.name:<{width}}  {size}  {', '.join(entry.languages):<8}  {entry.licence:<12}  {entry.title}")
    return 0


def run_report(args: argparse.Namespace) -> int:
    """Prints the runs of a store and the figures of one."""
    from evals import report
    from evals.store import load_run, load_runs
    from omni.store import open_store

    if not os.path.isfile(args.db):  # unlike Path.is_file, it takes names and folders that may not be looked up
        raise StoreError(f"there is no store {str(args.db)!r}; make one with: python -m evals replay NAME --db FILE.")
    with open_store(args.db) as store:
        runs = load_runs(store)
        if runs.empty:
            print(f"{args.db} holds no runs.")
            return 0
        result = load_run(store, args.run_id or str(runs["run_id"].iloc[0]))
    if args.run_id is None:
        for _, run in runs.iterrows():
            print(f"{run['run_id']}  {run['n_policies']} policies  {run['n_test']:,} test prompts")
        print()
    print(report.to_text(result))
    if args.export is not None:
        report.export_table(report.figures_table(result), args.export)
    return 0


def _check_folders(args: argparse.Namespace) -> None:
    """An output that cannot be written is said before the work, not after it."""
    named = [args.decisions, None if args.json in (None, "-") else Path(args.json)]
    for path in named:
        if path is not None and not os.path.isdir(path.resolve().parent):
            raise InputError(f"the folder of {str(path)!r} does not exist; make it, or name another file.")
        if path is not None and os.path.isdir(path):
            raise InputError(f"{str(path)!r} is a folder; name a file.")


def _to_json(result: "ReplayResult") -> str:
    return json.dumps(result.to_json(), indent=2, allow_nan=False)


def _write_text(target: str, text: str) -> None:
    try:
        Path(target).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise StoreError(f"cannot write {target!r}: {error.strerror or error}. Name another file.") from error


def _tell(share: float, what: str) -> None:
    """One line of progress on standard error, rewritten in place on a terminal."""
    if sys.stderr.isatty():
        print(f"\r{100 * share:3.0f} %  {what:<30}", end="\n" if share >= 1 else "", file=sys.stderr, flush=True)
    else:
        print(f"{100 * share:.0f} %  {what}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
