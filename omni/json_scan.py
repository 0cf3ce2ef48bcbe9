"""Counts what a JSON text holds before it is parsed: piece by piece as it arrives, far cheaper than a parser."""

from itertools import accumulate

from omni.caps import MAX_DEPTH, MAX_VALUES, check_number

_NOT_BRACKETS = bytes(sorted(set(range(256)) - set(b"[]{}")))
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
"""Brackets to 1 and -1 as signed bytes."""


class JsonScan:
    """Values and depth of a text that comes in pieces. What is not JSON is counted somehow and refused by the parser.

    The first value of a list or object is counted by its bracket and every other by its comma, so that an empty list
    or object counts as two values.
    """

    def __init__(self, *, max_values: int = MAX_VALUES, max_depth: int = MAX_DEPTH) -> None:
        self.n_values = 1
        self.depth = 0
        """Lists and objects that are open."""
        self._max_values = max_values
        self._max_depth = max_depth
        self._in_string = False
        self._held = b""
        """A backslash whose partner has not arrived."""

    def feed(self, piece: bytes) -> None:
        """Counts a piece.

        Raises:
            CapExceeded: the text so far has too many values, or too many of them in each other.
        """
        outside = self._outside(piece)
        brackets = outside.translate(None, _NOT_BRACKETS)
        self.n_values += outside.count(b",") + outside.count(b"[") + outside.count(b"{")
        check_number("The request", self.n_values, self._max_values, unit="JSON values")
        if brackets:
            # not numpy: it lets go of the interpreter, and to get it back takes longer than the sum
            steps = memoryview(brackets.translate(_STEPS)).cast("b")
            deepest = max(accumulate(steps, initial=self.depth))
            self.depth += sum(steps)
            check_number("The request", deepest, self._max_depth, unit="lists and objects inside each other")

    def _outside(self, piece: bytes) -> bytes:
        """The part of a piece that is in no string."""
        text = self._held + piece
        self._held = b""
        if b"\\" in text:
            text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
            if text.endswith(b"\\"):
                text, self._held = text[:-1], b"\\"
        parts = text.split(b'"')
        outside = b"".join(parts[1 if self._in_string else 0 :: 2])
        if len(parts) % 2 == 0:
            self._in_string = not self._in_string
        return outside
