"""Puts faults into a copy of the program and counts those that its tests notice.

`python -m tests.tools.faults --n 30 [--seed S]` for random faults on covered lines, `--named` for the listed ones. The
working tree is never changed.
"""

import argparse
import compileall
import json
import os
import queue
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Literal

from tests.tools.mutations import Mutation, find_mutations
from tests.tools.named import NAMED_FAULTS, NamedFault
from tests.tools.relevant import ROOT, rounds_of_tests

Outcome = Literal["noticed", "NOT NOTICED", "too slow to tell", "tests fail without it", "not covered"]
Run = Literal["passed", "failed", "too slow"]
TIMEOUT_S = 400
"""Of one round of tests."""
_LEFT_OUT = ("evals/studies/", "omni/__main__.py", "evals/__main__.py")
"""Studies are run by hand; the entry points run in processes of their own, where no line is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A file with something wrong in it."""

    path: str
    what: str
    source: bytes


class Copy:
    """A copy of the program in a folder of its own, and a process that runs its tests. Belongs to one thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("omni", "evals", "tests"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("app.py", "pyproject.toml", "README.md", "requirements.txt"):
            shutil.copy(ROOT / name, folder / name)
        (folder / "data").symlink_to(ROOT / "data")
        # compiled files that name the hash of their source: one of the same length and second is not taken for another
        compileall.compile_dir(folder, quiet=2, invalidation_mode=PycInvalidationMode.CHECKED_HASH)
        env = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1", "PYTEST_ADDOPTS": ""}
        self._runner = subprocess.Popen(
            [sys.executable, "-m", "tests.tools.warm"],
            cwd=folder, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def close(self) -> None:
        """Ends the process."""
        self._runner.communicate()

    def run(self, tests: Sequence[str], *, coverage_of: str | None = None) -> Run:
        """Whether all of these test files pass."""
        assert self._runner.stdin is not None
        assert self._runner.stdout is not None
        if not tests:
            return "passed"
        request = {"tests": list(tests), "coverage_of": coverage_of, "timeout_s": TIMEOUT_S}
        self._runner.stdin.write(json.dumps(request) + "\n")
        self._runner.stdin.flush()
        code = int(self._runner.stdout.readline())
        return "too slow" if code == -signal.SIGALRM else "failed" if code else "passed"

    def covered_lines(self, path: str) -> set[int]:
        """Lines of the file that the last run with coverage went through."""
        from coverage import CoverageData

        data = CoverageData(str(self.folder / ".covered"))
        data.read()
        return set(data.lines(str(self.folder / path)) or ())

    def judge(self, fault: Fault, rounds: Sequence[Sequence[str]]) -> Outcome:
        """Whether the tests fail with the fault in place; round by round, until one does."""
        kept = (self.folder / fault.path).read_bytes()
        (self.folder / fault.path).write_bytes(fault.source)
        try:
            runs = [self.run(rounds[0])]
            runs += [self.run(tests) for tests in rounds[1:] if runs[0] == "passed"]
            return "noticed" if "failed" in runs else "too slow to tell" if "too slow" in runs else "NOT NOTICED"
        finally:
            (self.folder / fault.path).write_bytes(kept)


def named_fault(named: NamedFault) -> Fault:
    """The fault as a changed file.

    Raises:
        ValueError: the text does not stand in the file exactly once.
    """
    text = (ROOT / named.path).read_text(encoding="utf-8")
    if text.count(named.old) != 1:
        raise ValueError(f"{named.path} has {named.old!r} {text.count(named.old)} times; expected once ({named.what}).")
    return Fault(path=named.path, what=named.what, source=text.replace(named.old, named.new).encode())


def random_files(n: int, seed: int) -> dict[str, int]:
    """Files and how many faults each gets: a line is as likely as another."""
    paths = [path for folder in ("omni", "evals") for path in sorted((ROOT / folder).rglob("*.py"))]
    names = [path.relative_to(ROOT).as_posix() for path in paths]
    names = [name for name in names if not name.startswith(_LEFT_OUT)]
    sizes = [len(find_mutations((ROOT / name).read_bytes())) for name in names]
    drawn = random.Random(seed).choices(names, weights=sizes, k=n)
    return {name: drawn.count(name) for name in sorted(set(drawn))}


def random_faults(path: str, n: int, seed: int, covered: set[int]) -> Iterator[Fault]:
    """Up to `n` faults on covered lines of one file, each kind as likely as another."""
    source, rng = (ROOT / path).read_bytes(), random.Random(f"{seed} {path}")
    usable = [mutation for mutation in find_mutations(source) if mutation.line in covered]
    for _ in range(min(n, len(usable))):
        kind = rng.choice(sorted({mutation.kind for mutation in usable}))
        mutation: Mutation = rng.choice([mutation for mutation in usable if mutation.kind == kind])
        usable.remove(mutation)
        what = f"line {mutation.line}, {mutation.describe(source)}"
        yield Fault(path=path, what=what, source=mutation.apply(source))


def judge_file(copy: Copy, path: str, n: int, seed: int) -> list[tuple[Fault, Outcome]]:
    """The outcome of `n` random faults in one file."""
    rounds = rounds_of_tests(path)
    if copy.run(rounds[0], coverage_of=path) != "passed":
        return [(Fault(path=path, what="", source=b""), "tests fail without it")]
    faults = list(random_faults(path, n, seed, copy.covered_lines(path)))
    if not faults:
        return [(Fault(path=path, what="", source=b""), "not covered")]
    return [(fault, copy.judge(fault, rounds)) for fault in faults]


def judge_named(copy: Copy, path: str, listed: Sequence[NamedFault]) -> list[tuple[Fault, Outcome]]:
    """The outcome of the listed faults of one file."""
    rounds = rounds_of_tests(path)
    if copy.run(rounds[0]) != "passed":
        return [(Fault(path=path, what="", source=b""), "tests fail without it")]
    return [(fault, copy.judge(fault, rounds)) for fault in map(named_fault, listed)]


Job = Callable[[Copy], list[tuple[Fault, Outcome]]]


def work(jobs: "queue.SimpleQueue[Job]", found: "queue.SimpleQueue[tuple[Fault, Outcome] | None]") -> None:
    """Does jobs in one copy until none is left, then says None."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            copy = Copy(Path(folder))
            try:
                while True:
                    for result in jobs.get_nowait()(copy):
                        found.put(result)
            except queue.Empty:
                copy.close()
    finally:
        found.put(None)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints a line a fault and the share noticed; 1 when a listed fault is not noticed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=0, help="random faults")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--named", action="store_true", help="the listed faults, too")
    parser.add_argument("--jobs", type=int, default=1, help="copies that are tested side by side")
    args = parser.parse_args(arguments)
    jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
    found: queue.SimpleQueue[tuple[Fault, Outcome] | None] = queue.SimpleQueue()
    for path in sorted({named.path for named in NAMED_FAULTS}) if args.named else ():
        jobs.put(partial(judge_named, path=path, listed=[named for named in NAMED_FAULTS if named.path == path]))
    for path, n in (random_files(args.n, args.seed) if args.n else {}).items():
        jobs.put(partial(judge_file, path=path, n=n, seed=args.seed))
    for _ in range(args.jobs):
        threading.Thread(target=work, args=(jobs, found)).start()
    counts: Counter[Outcome] = Counter()
    for _ in range(args.jobs):
        while (result := found.get()) is not None:
            fault, outcome = result
            counts[outcome] += 1
            print(f"{outcome:12}  {fault.path}: {fault.what}", flush=True)
    print(f"noticed {counts['noticed']} of {counts['noticed'] + counts['NOT NOTICED']}; {dict(counts)}")
    return int(args.named and "NOT NOTICED" in counts)


if __name__ == "__main__":
    raise SystemExit(main())
