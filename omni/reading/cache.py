"""A bounded memory of pure functions of one word."""

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
LONGEST_KEY = 48
"""Longer words are not remembered."""


class WordCache(dict[str, T]):
    """Values of a function by word; `cache[word]` works out what is missing.

    Faster than `functools.lru_cache` inside `map`. It is emptied when it is full; threads may share it, because two
    of them at worst work out the same value twice.
    """

    def __init__(self, function: Callable[[str], T], *, limit: int) -> None:
        super().__init__()
        self._function = function
        self._limit = limit

    def __missing__(self, word: str) -> T:
        value = self._function(word)
        if len(word) <= LONGEST_KEY:
            if len(self) >= self._limit:
                self.clear()
            self[word] = value
        return value
