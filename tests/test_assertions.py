"""Every test asserts something for sure: not only inside a loop or an `if` that may not run."""

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent
_ASSERTING_CALL = re.compile(r"\b(pytest\.raises|pytest\.warns|pytest\.fail|wait_until|wait_for|assert_\w+)\(")
"""Calls that fail a test, Playwright's and pandas' included."""
Function = ast.FunctionDef | ast.AsyncFunctionDef


def unsure_tests(source: str) -> list[str]:
    """Names of the tests that may run to their end without an assertion."""
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, Function)]
    sure = {one.name for one in functions if _surely_asserts(one.body, set(_filled_names(one)))}
    tests = [one for one in functions if one.name.startswith("test_")]
    return [test.name for test in tests if not _surely_asserts(test.body, sure | {*_filled_names(test)})]


def _calls(statement: ast.stmt, helpers: set[str]) -> bool:
    """Whether a statement of its own calls a helper that asserts for sure."""
    call = statement.value if isinstance(statement, ast.Expr | ast.Assign) else None
    call = call.value if isinstance(call, ast.Await) else call
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in helpers


def _surely_asserts(body: Sequence[ast.stmt], filled: set[str]) -> bool:
    """`filled`: names of values that are not empty, and of helpers that assert for sure."""
    return any(_asserts(statement, filled) for statement in body)


def _asserts(statement: ast.stmt, filled: set[str]) -> bool:
    match statement:
        case ast.Assert():
            return True
        case ast.With() | ast.AsyncWith():
            heads = " ".join(ast.unparse(item.context_expr) for item in statement.items)
            return bool(_ASSERTING_CALL.search(heads)) or _surely_asserts(statement.body, filled)
        case ast.For() | ast.AsyncFor():
            return _is_filled(statement.iter, filled) and _surely_asserts(statement.body, filled)
        case ast.If():
            return _surely_asserts(statement.body, filled) and _surely_asserts(statement.orelse, filled)
        case ast.Try():
            return _surely_asserts([*statement.body, *statement.finalbody], filled)
        case ast.FunctionDef() | ast.AsyncFunctionDef():  # a part of the test that a loop or a thread runs
            return _surely_asserts(statement.body, filled)
        case _:
            return bool(_ASSERTING_CALL.search(ast.unparse(statement))) or _calls(statement, filled)


def _is_filled(iterated: ast.expr, filled: set[str]) -> bool:
    """Whether a loop runs at least once: over written-out values, numbers, a constant or a parameter."""
    match iterated:
        case ast.Tuple() | ast.List() | ast.Set():
            return bool(iterated.elts)
        case ast.Dict():
            return bool(iterated.keys)
        case ast.Name():
            return iterated.id.isupper() or iterated.id in filled
        case ast.Call(func=ast.Name(id="range" | "enumerate" | "zip" | "sorted"), args=[first, *_]):
            return isinstance(first, ast.Constant) or _is_filled(first, filled)
        case ast.Call(func=ast.Attribute(value=value, attr="items" | "values")):
            return _is_filled(value, filled)
        case _:
            return False


def _filled_names(test: Function) -> Iterator[str]:
    """Names that a test is given as parameters, or that it writes out itself."""
    for decorator in test.decorator_list:
        if "parametrize" in ast.unparse(decorator):
            yield from (argument.arg for argument in test.args.args)
    for node in ast.walk(test):
        if isinstance(node, ast.Assign) and _is_filled(node.value, set()):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


@pytest.mark.parametrize("folder", ["evals", "omni", "."])
def test_every_test_asserts_for_sure(folder: str) -> None:
    """A loop over nothing, or an `if` that is never true, would pass without having looked."""
    paths = [*(FOLDER / folder).glob("test_*.py"), *(FOLDER / folder).glob("*/test_*.py")] if folder != "." else []
    paths = paths or list(FOLDER.glob("test_*.py"))
    unsure = {path.name: names for path in paths if (names := unsure_tests(path.read_text(encoding="utf-8")))}
    assert len(paths) >= 5
    assert unsure == {}


def test_loops_and_branches_that_may_not_run_are_found() -> None:
    """One test of each kind; the last four are sure."""
    source = """
def test_a(x):
    for y in x.all(): assert y
def test_b(x):
    if x: assert x
def test_c(x):
    x.go()
def test_d(x):
    for y in (1, 2): assert y
def test_e(x):
    if x: assert x
    else: assert not x
def test_f(x):
    with pytest.raises(ValueError): x.go()
def test_g(x):
    look_at(x)
def look_at(x):
    assert x
"""
    assert unsure_tests(source) == ["test_a", "test_b", "test_c"]
