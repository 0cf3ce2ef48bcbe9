"""What personal data may stand beside: the words and stems that are looked for before every pattern."""

from collections.abc import Set
from functools import lru_cache
from itertools import chain
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
    """Finds the listed words in texts that are all ASCII, or in others; remembers what holds none."""

    def __init__(self, listed: frozenset[str], *, is_ascii: bool) -> None:
        self._listed = listed
        self._is_ascii = is_ascii
        self._idle: set[str] = set()

    def find(self, words: Set[str]) -> Set[str]:
        awake = list(words - self._idle)
        if len(self._idle) > _KNOWN_WORDS:
            self._idle.clear()
        parts = [spaced.split() for spaced in self._without_marks("\n".join(awake)).split("\n")]
        for word, own in zip(awake, parts, strict=False):
            if self._listed.isdisjoint(own) and len(word) <= LONGEST_KEY:
                self._idle.add(word)
        return self._listed.intersection(chain.from_iterable(parts))

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
