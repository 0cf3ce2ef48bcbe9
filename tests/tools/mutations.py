"""Small faults that can be put into a Python file: each is the file's text with one place changed."""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

_COMPARED = {ast.Lt: ("<", ">"), ast.Gt: (">", "<"), ast.LtE: ("<=", ">="), ast.GtE: (">=", "<=")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """One change of a file."""

    kind: str
    line: int
    """From 1, in the file before the change."""
    start: int
    end: int
    """Bytes of the file that are replaced."""
    new: bytes

    def apply(self, source: bytes) -> bytes:
        """The file with the change."""
        return source[: self.start] + self.new + source[self.end :]

    def describe(self, source: bytes) -> str:
        """What stands at the place, and what is put there."""
        return f"{self.kind}: {_short(source[self.start : self.end])} -> {_short(self.new)}"


class _Places:
    """Where the nodes of a file stand in its bytes: `ast` counts columns in UTF-8."""

    def __init__(self, source: bytes) -> None:
        self.source = source
        self._starts = [0, *(match.end() for match in re.finditer(rb"\n", source))]

    def start(self, node: ast.expr | ast.stmt) -> int:
        return self._starts[node.lineno - 1] + node.col_offset

    def end(self, node: ast.expr | ast.stmt) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._starts[node.end_lineno - 1] + node.end_col_offset

    def text(self, node: ast.expr) -> bytes:
        return self.source[self.start(node) : self.end(node)]

    def between(self, left: ast.expr, right: ast.expr, word: str) -> tuple[int, int] | None:
        """The operator between two operands; None where a comment stands there, too."""
        start, end = self.end(left), self.start(right)
        at = self.source.find(word.encode(), start, end)
        return None if at < 0 or b"#" in self.source[start:end] else (at, at + len(word))


def find_mutations(source: bytes) -> list[Mutation]:
    """Every change that this module knows of, in the order of the file."""
    places, found = _Places(source), []
    for node in _code_nodes(ast.parse(source)):
        for maker in _MAKERS:
            found += maker(node, places)
    return sorted(found, key=lambda mutation: (mutation.start, mutation.kind, mutation.new))


def _code_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but annotations, which do nothing when they are wrong, and blocks for type checkers."""
    for name, value in ast.iter_fields(tree):
        for child in value if isinstance(value, list) else [value]:
            is_typing = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test)
            if isinstance(child, ast.AST) and name not in ("annotation", "returns") and not is_typing:
                yield child
                yield from _code_nodes(child)


def _swap_sign(node: ast.AST, places: _Places) -> Iterator[Mutation]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        old, new = ("+", "-") if isinstance(node.op, ast.Add) else ("-", "+")
        if place := places.between(node.left, node.right, old):
            yield Mutation(kind="sign", line=node.lineno, start=place[0], end=place[1], new=new.encode())


def _swap_comparison(node: ast.AST, places: _Places) -> Iterator[Mutation]:
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARED:
        old, new = _COMPARED[type(node.ops[0])]
        if place := places.between(node.left, node.comparators[0], old):
            yield Mutation(kind="comparison", line=node.lineno, start=place[0], end=place[1], new=new.encode())


def _swap_and_or(node: ast.AST, places: _Places) -> Iterator[Mutation]:
    if isinstance(node, ast.BoolOp):
        old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        if place := places.between(node.values[0], node.values[1], old):
            yield Mutation(kind="and/or", line=node.lineno, start=place[0], end=place[1], new=new.encode())


def _shift_constant(node: ast.AST, places: _Places) -> Iterator[Mutation]:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        for step in (1, -1):
            new = f"({node.value + step!r})".encode()
            yield Mutation(kind="constant", line=node.lineno, start=places.start(node), end=places.end(node), new=new)


def _drop_not(node: ast.AST, places: _Places) -> Iterator[Mutation]:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        new = b"(" + places.text(node.operand) + b")"
        yield Mutation(kind="not", line=node.lineno, start=places.start(node), end=places.end(node), new=new)


def _swap_keywords(node: ast.AST, places: _Places) -> Iterator[Mutation]:
    if not isinstance(node, ast.Call):
        return
    named = [keyword for keyword in node.keywords if keyword.arg is not None]
    for first, second in pairwise(named):
        one, other = places.text(first.value), places.text(second.value)
        if one != other:
            start, end = places.start(first.value), places.end(second.value)
            middle = places.source[places.end(first.value) : places.start(second.value)]
            yield Mutation(kind="keywords", line=first.value.lineno, start=start, end=end, new=other + middle + one)


def _return_early(node: ast.AST, places: _Places) -> Iterator[Mutation]:
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    for statement in node.body[1:]:
        start = places.start(statement)
        indent = places.source[places.source.rfind(b"\n", 0, start) + 1 : start]
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not indent.strip():
            yield Mutation(
                kind="early return", line=statement.lineno, start=start, end=start, new=b"return None\n" + indent
            )


_MAKERS: tuple[Callable[[ast.AST, _Places], Iterator[Mutation]], ...] = (
    _swap_sign,
    _swap_comparison,
    _swap_and_or,
    _shift_constant,
    _drop_not,
    _swap_keywords,
    _return_early,
)


def _short(text: bytes) -> str:
    line = " ".join(text.decode("utf-8", "replace").split())
    return repr(line if len(line) <= 60 else f"{line[:57]}...")
