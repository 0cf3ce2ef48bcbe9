"""Who may import whom, how long files and functions may be, and what stands at the top level."""

import ast
import gc
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted([ROOT / "app.py", *ROOT.glob("omni/**/*.py"), *ROOT.glob("evals/**/*.py")])
TOP_LEVEL = {
    "app.py",
    "requirements.txt",
    "README.md",
    "Space.md",
    "omni",
    "evals",
    "data",
    "tests",
    "pyproject.toml",
    ".ci",
    ".gitignore",
}
MAX_FILE_LINES = 600
MAX_FUNCTION_LINES = 60
MAX_DATA_MB = 40


def name_of(path: Path) -> str:
    """The path below the root, as `omni/policy.py`."""
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    """The parsed file."""
    # Python 3.11 loses count of its depth when finalisers run while it builds a tree (SystemError).
    gc.disable()
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    finally:
        gc.enable()


def imports_of(path: Path) -> set[str]:
    """Every module imported anywhere in the file, dotted."""
    found = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def is_in(module: str, *packages: str) -> bool:
    """Whether the module is one of the packages or below one."""
    return any(module == package or module.startswith(package + ".") for package in packages)


def may_import(path: str, module: str) -> bool:
    """The import rules of the project."""
    in_ui = path.startswith("omni/ui/")
    is_eval_ui = path in ("evals/ui.py", "evals/benchmark_views.py") or path.startswith("evals/ui/")
    if is_in(module, "gradio"):
        return in_ui or is_eval_ui or path == "app.py"
    if is_in(module, "duckdb"):
        return path in ("omni/store.py", "evals/store.py", "omni/migrations.py")
    if is_in(module, "plotly"):
        return in_ui or path.startswith("evals/charts/") or is_eval_ui
    if is_in(module, "evals.studies"):
        return path.startswith("evals/studies/")
    if is_in(module, "evals"):
        return path.startswith("evals/") or path == "app.py"
    if is_in(module, "omni.ui"):
        return in_ui or path == "app.py"
    return True


PURE = {
    "omni/policy.py": {"omni.types", "omni.errors", "omni.conditions", "omni.rules"},
    "omni/conditions.py": {"omni.types"},
    "omni/rules.py": {"omni.types", "omni.errors"},
    "omni/explain.py": {
        "omni.types",
        "omni.errors",
        "omni.catalog",
        "omni.figures",
        "omni.evidence",
        "omni.vocabulary",
    },
    "omni/evidence.py": {"omni.types", "omni.quality.estimate", "omni.quality.fitted"},
    "omni/vocabulary.py": {"omni.types"},
    "omni/types.py": set(),
    "omni/errors.py": set(),
}


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_imports_keep_to_the_layers(path):
    """No file imports what its room may not."""
    wrong = [module for module in sorted(imports_of(path)) if not may_import(name_of(path), module)]
    assert wrong == []


@pytest.mark.parametrize("name", PURE)
def test_pure_modules_know_values_only(name):
    """The pure modules see nothing of the rest of the package."""
    own = {module for module in imports_of(ROOT / name) if is_in(module, "omni")}
    assert {m for m in own if not is_in(m, *PURE[name])} == set()


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_files_and_functions_stay_short(path):
    """Nobody has to scroll through more than 600 lines, or 60 of one function."""
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MAX_FILE_LINES
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert code_lines(node) <= MAX_FUNCTION_LINES, node.name


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the end, less the docstring."""
    docstring = ast.get_docstring(function, clean=False)
    return (function.end_lineno or 0) - function.lineno + 1 - (docstring.count("\n") + 1 if docstring else 0)


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_globals_and_one_reader_of_the_environment(path):
    """State is passed, not declared global; only the settings read the environment (the start may silence Gradio)."""
    tree = tree_of(path)
    assert not [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Global)]
    reads = [
        node.lineno for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
    ]
    assert not reads or name_of(path) in ("omni/config.py", "app.py")


def test_the_top_level_is_fixed():
    """Git tracks nothing but the named files and folders at the top."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    assert {line.split("/")[0] for line in listed.stdout.splitlines()} <= TOP_LEVEL


def test_data_stays_small():
    """The shipped data fits in 40 MB."""
    size = sum(path.stat().st_size for path in (ROOT / "data").rglob("*") if path.is_file())
    assert size < MAX_DATA_MB * 1e6


def test_every_public_function_says_what_it_returns():
    """Public functions and classes of the packages have a docstring."""
    missing = []
    for path in SOURCES:
        for node in tree_of(path).body:
            public = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name[0] != "_"
            if public and not ast.get_docstring(node):
                missing.append(f"{name_of(path)}:{node.lineno} {node.name}")
    assert missing == []
