"""python -m evals.studies NAME: the research behind the shipped parameters. Without a name, the list."""

import argparse
import ast
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from evals.__main__ import run_command

STUDIES = {
    "train-reader": "train_reader",
    "judge-reader": "judge_reader",
    "train-public": "train_public",
    "judge-public": "judge_public",
    "held-out": "held_out",
    "newcomers": "newcomers",
    "stress": "stress",
    "turns": "turns",
    "latency-error": "latency_error",
    "robustness": "robustness",
    "build": "build",
}
"""Name to module of this package. A study has `add_arguments(parser)`, `run(args) -> int`, and its help as the first
line of its docstring. Modules are imported only when asked for."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one study, or prints the list; bad input gives one line on standard error and exit code 2."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] not in STUDIES:
        parser = argparse.ArgumentParser(
            prog="python -m evals.studies",
            description="Research behind the shipped parameters.",
            epilog="\n".join(f"{name:14} {help_of(module)}".rstrip() for name, module in STUDIES.items()),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        parser.add_argument("study", metavar="NAME", choices=STUDIES, help="one of those below")
        if arguments:
            parser.parse_args(arguments)
        parser.print_help()
        return 0
    name, *rest = arguments
    study = import_module(f"evals.studies.{STUDIES[name]}")
    parser = argparse.ArgumentParser(prog=f"python -m evals.studies {name}", description=help_of(STUDIES[name]))
    study.add_arguments(parser)
    return run_command(study.run, parser.parse_args(rest))


def help_of(module: str) -> str:
    """The first line of a study's docstring, read without importing it."""
    spec = find_spec(f"evals.studies.{module}")
    source = Path(spec.origin).read_text(encoding="utf-8") if spec and spec.origin else ""
    return (ast.get_docstring(ast.parse(source)) or "").split("\n", 1)[0]


if __name__ == "__main__":
    sys.exit(main())
