"""A process that has imported what the tests need and runs them in a fork of itself, once for each line it is given.

Started by `tests.tools.faults` in a copy of the program; nothing of the program itself is imported before the fork.
"""

import gc
import importlib
import json
import os
import signal
import sys
from contextlib import suppress
from typing import Any

LIBRARIES = ("aiohttp", "coverage", "duckdb", "gradio", "httpx", "hypothesis", "numpy", "openai", "orjson", "pandas",
             "phonenumbers", "plotly.graph_objects", "pyarrow", "pydantic", "pytest", "safetensors.numpy",
             "scipy.stats", "uvicorn", "yaml")  # fmt: skip


def main() -> None:
    """Reads requests as JSON, and prints the exit code of pytest for each; below 0 = killed by that signal."""
    for name in LIBRARIES:
        with suppress(ImportError):
            importlib.import_module(name)
    gc.freeze()
    for line in sys.stdin:
        child = os.fork()
        if not child:
            run(**json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def run(tests: list[str], coverage_of: str | None, timeout_s: int) -> None:
    """Runs the tests and ends the process."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    signal.alarm(timeout_s)
    import pytest

    measured: Any = None
    if coverage_of is not None:
        from coverage import Coverage

        measured = Coverage(data_file=".covered", include=[coverage_of])
        measured.start()
    # plugins that were imported before pytest could rewrite their assertions
    quiet = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    code = pytest.main(["-x", "-q", "-p", "no:cacheprovider", *quiet, "-m", "not browser", *tests])
    if measured is not None:
        measured.stop()
        measured.save()
    os._exit(int(code))


if __name__ == "__main__":
    main()
