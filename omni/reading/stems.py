"""Which of many stems stand in a text, without searching the text for every one of them."""

import re
from collections.abc import Iterable

from omni.reading.cache import LONGEST_KEY

_KNOWN_WORDS = 65_536
_PARTS = re.compile(r" ?\S+ ?")


class StemFinder:
    """Finds stems, which may hold spaces; what a word may be part of is remembered by word, mostly nothing.

    Threads may share it: two of them at worst learn the same word twice.
    """

    def __init__(self, stems: Iterable[str]) -> None:
        # what has to stand in one word, with the spaces around it, and its stem, by the first character
        self._parts: dict[str, list[tuple[str, str]]] = {}
        for stem in stems:
            part = max(_PARTS.findall(stem), key=len)
            self._parts.setdefault(part[0], []).append((part, stem))
        self._stems_of: dict[str, list[str]] = {}
        # sets are taken from each other faster than words are looked up one by one
        self._idle: set[str] = set()

    def find(self, text: str, words: frozenset[str]) -> set[str]:
        """The stems that stand in a text.

        Args:
            text: In lower case.
            words: What stands between the white space of the text.
        """
        awake = words - self._idle
        if not awake:
            return set()
        known = self._stems_of
        held = {stem for word in known.keys() & awake for stem in known[word]}
        new = awake.difference(known)
        if new:
            held.update(self._learn(new))
        return {stem for stem in held if stem in text}

    def _learn(self, new: frozenset[str]) -> list[str]:
        """The stems that new words may be part of."""
        if len(self._idle) + len(self._stems_of) > _KNOWN_WORDS:
            # not emptied: another thread may be reading them
            self._idle, self._stems_of = set(), {}
        joined = f" {' '.join(new)} "
        held = [pair for first in set(joined) for pair in self._parts.get(first, ()) if pair[0] in joined]
        for word in new:
            if len(word) > LONGEST_KEY:
                continue
            of_word = [stem for part, stem in held if part in f" {word} "] if held else []
            if of_word:
                self._stems_of[word] = of_word
            else:
                self._idle.add(word)
        return [stem for _, stem in held]
