"""Which test files look at a source file: by name first, then by what they import."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_ALWAYS = {
    "omni": ("tests/test_golden.py", "tests/omni/test_sentences.py"),
    "evals": ("tests/evals/test_columns.py", "tests/test_golden.py"),
}
"""Files that look at the last step from figure to sentence or column, and at whole decisions."""
_NOT_ASKED = ("browser", "tests/tools/", "tests/evals/studies/", "test_degraded", "test_soak")
"""Tests that take long, or look at other programs."""
N_NEAR, N_FAR = 6, 8
"""Test files of the first and of the second round."""


def rounds_of_tests(source: str) -> tuple[list[str], list[str]]:
    """Test files that look at the source file or stand in its room, and those that look at what uses it."""
    ranked = sorted((_distance(name, source), len(imports_of(name)), name) for name in _tests())
    near = [name for distance, _, name in ranked if distance <= 2][:N_NEAR]
    near = near or [name for distance, _, name in ranked if distance <= 4][:N_NEAR]
    near += [name for name in _ALWAYS[source.split("/")[0]] if (ROOT / name).exists() and name not in near]
    return near, [name for distance, _, name in ranked if distance <= 4 and name not in near][:N_FAR]


def _distance(test: str, source: str) -> int:
    """0 = named after the file, 1 = imports it, 2 = is of its room, 3 and 4 = imports a user of it, or a user's."""
    module = module_of(source)
    if _is_named_after(test, source):
        return 0
    if _looks_at(test, module):
        return 1
    if _is_of_room(test, source):
        return 2
    users = _users_of(frozenset({module}))
    if any(_looks_at(test, user) for user in users):
        return 3
    return 4 if any(_looks_at(test, user) for user in _users_of(users)) else 9


def _is_of_room(test: str, source: str) -> bool:
    room = Path(source).parent.name.replace("private", "reading")
    return Path(test).stem.startswith(f"test_{room}") or (Path(test).parent.name == room and room != "omni")


@cache
def _users_of(modules: frozenset[str]) -> frozenset[str]:
    return frozenset(module_of(name) for name in _sources() if modules & imports_of(name)) - modules


def module_of(name: str) -> str:
    """`omni/ui/chat.py` -> `omni.ui.chat`."""
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@cache
def imports_of(name: str) -> frozenset[str]:
    """Modules that a file imports; names from a package are followed to the module that has them."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / name).read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif (
            isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in ("omni", "evals", "tests")
        ):
            found |= {_origin(node.module, alias.name) for alias in node.names} | {node.module}
    return frozenset(found)


def _origin(module: str, name: str) -> str:
    """The module in which a name of a package is written."""
    package = ROOT / module.replace(".", "/")
    if (package / f"{name}.py").exists() or (package / name).is_dir():
        return f"{module}.{name}"
    if (package / "__init__.py").exists():
        for node in ast.walk(ast.parse((package / "__init__.py").read_bytes())):
            if isinstance(node, ast.ImportFrom) and node.module and name in {alias.name for alias in node.names}:
                return node.module
    return module


@cache
def _looks_at(test: str, module: str) -> bool:
    """Imports the module, itself or through a helper under tests/."""
    own = imports_of(test)
    helpers = [name.replace(".", "/") + ".py" for name in own if name.startswith("tests.")]
    return module in own.union(*(imports_of(name) for name in helpers if (ROOT / name).exists()))


def _is_named_after(test: str, source: str) -> bool:
    stem, folder = Path(source).stem, Path(source).parent.name
    names = {f"test_{stem}", f"test_{folder}_{stem}", f"test_{stem}_command"}
    return Path(test).stem in names and Path(test).parent.name in (folder, "omni", "evals", "tests")


@cache
def _tests() -> tuple[str, ...]:
    paths = sorted((ROOT / "tests").rglob("test_*.py"))
    names = [path.relative_to(ROOT).as_posix() for path in paths]
    return tuple(name for name in names if not any(part in name for part in _NOT_ASKED))


@cache
def _sources() -> tuple[str, ...]:
    paths = [*(ROOT / "omni").rglob("*.py"), *(ROOT / "evals").rglob("*.py")]
    return tuple(sorted(path.relative_to(ROOT).as_posix() for path in paths))
