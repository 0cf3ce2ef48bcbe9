"""One slot of memory for functions of values that seldom change and are costly to go through."""

from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")
Result = TypeVar("Result")


def remember_last(function: Callable[[Value], Result]) -> Callable[[Value], Result]:
    """The function, which answers from memory when it is given the very same object again.

    For values that are replaced and never edited, such as what servers offer or what people voted: between two changes
    thousands of decisions bring the same object. Safe between threads.
    """
    last: tuple[Value, Result] | None = None

    def remembering(value: Value) -> Result:
        nonlocal last
        seen = last
        if seen is not None and seen[0] is value:
            return seen[1]
        result = function(value)
        last = (value, result)
        return result

    return remembering
