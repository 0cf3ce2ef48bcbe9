"""What personal data may stand beside: the words and stems that are looked for before every pattern."""

from collections.abc import Set
from functools import lru_cache
from typing import NamedTuple

from omni.reading.cache import LONGEST_KEY
from omni.reading.private import dates, people, places, secrets
from omni.reading.stems import StemFinder

_KNOWN_WORDS = 65_536
_SPACED = str.maketrans(dict.fromkeys('"“”„«»()[]{}:,;!<>*=|/', " "))
_MARKS = '"“”„«»():,;='


class Gates(NamedTuple):
    """What stands in a text of all that the finders ask for."""

    words: Set[str]
    """Whole words, without the marks around them; full stops stay."""
    stems: Set[str]
    """Parts of words, and phrases."""


def find_gates(lowered: str) -> Gates:
    """The gates that a text in small letters opens."""
    words = frozenset(lowered.split())
    return Gates(_word_finder(lowered.isascii()).find(words), _stem_finder().find(lowered, words))


class _WordFinder:
    """Finds the listed words in texts that are all ASCII, or in others; remembers which words hold which."""

    def __init__(self, listed: frozenset[str], *, is_ascii: bool) -> None:
        self._listed = listed
        self._is_ascii = is_ascii
        self._held_by: dict[str, frozenset[str]] = {}
        self._idle: set[str] = set()

    def find(self, words: frozenset[str]) -> Set[str]:
        awake = words - self._idle
        known = self._held_by
        found = {listed for word in known.keys() & awake for listed in known[word]}
        new = awake.difference(known)
        return found.union(*self._learn(list(new))) if new else found

    def _learn(self, new: list[str]) -> list[frozenset[str]]:
        """The listed words in each of some new words."""
        if len(self._idle) + len(self._held_by) > _KNOWN_WORDS:
            # not emptied: another thread may be reading them
            self._idle, self._held_by = set(), {}
        spaced = self._without_marks("\n".join(new)).split("\n")
        held = [self._listed.intersection(parts.split()) for parts in spaced]
        for word, listed in zip(new, held, strict=True):
            if len(word) > LONGEST_KEY:
                continue
            if listed:
                self._held_by[word] = listed
            else:
                self._idle.add(word)
        return held

    def _without_marks(self, text: str) -> str:
        if self._is_ascii:
            return text.translate(_SPACED)
        for mark in _MARKS:
            text = text.replace(mark, " ")
        return text


@lru_cache(maxsize=2)
def _word_finder(is_ascii: bool) -> _WordFinder:
    return _WordFinder(people.WORDS | places.WORDS, is_ascii=is_ascii)


@lru_cache(maxsize=1)
def _stem_finder() -> StemFinder:
    return StemFinder(dates.STEMS | secrets.STEMS | places.STEMS)
