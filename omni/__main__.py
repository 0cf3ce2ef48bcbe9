"""python -m omni route | models | bench | serve."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from omni.errors import OmniError

COMMANDS = ("route", "models", "bench", "serve")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; bad input gives one line on standard error and exit code 2."""
    parser = argparse.ArgumentParser(prog="python -m omni", description="The open router for open models.")
    subparsers = parser.add_subparsers(dest="command", required=True)
    given = sys.argv[1:] if argv is None else argv
    # only the command that is asked for: some need libraries that take longer to load than a route takes
    for command in given[:1] if given and given[0] in COMMANDS else COMMANDS:
        importlib.import_module(f"omni.commands.{command}").add_parser(subparsers)
    args = parser.parse_args(given)
    try:
        return args.run(args)
    except OmniError as error:
        print(f"omni: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader went away (`| head`): that is no error, but Python would complain again while closing stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


if __name__ == "__main__":
    sys.exit(main())
