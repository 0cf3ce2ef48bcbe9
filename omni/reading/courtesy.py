"""Greetings, thanks, requests for a favour, and how a test question wants its answer, in many languages.

They say how a person asks and not what, so reading sets them aside before anything is counted. Of courtesy only whole
clauses at the very beginning and the very end are taken off, and never so much that no question is left: "hello" stays.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import yaml

from omni.errors import OmniError
from omni.reading.scripts import UNSPACED, letter_scripts

_LONGEST = 48
"""Characters at either end among which a phrase is looked for."""
_MIN_LETTERS = 8
"""Letters that have to be left; a character beyond the alphabets counts as three."""
_MIN_WORDS = 3
"""Words before thanks that no mark sets apart."""
_MAX_CLAUSES = 4
_OPENING_MARKS = ("¡", "¿")
_CLAUSE_MARKS = ",.;:!…،؛。，、！：～~।-\n"
_CLOSING_MARKS = " .!…。！～~,،，、।\n☺❤♥✨🙏🙂😊😀😄👍\ufe0f"
_SMILEYS = (":)", ";)", ":D", "-)")
_QUESTION_MARKS = ("?", "？", "؟")
_ENDS = ".!?…。！？؟।॥"
_JOINS = ",;،؛，、-"
_AFTER_WORDS = ")]}»\"'`%€$"
# the dotted capital I is two characters in lower case
_FOLDED = str.maketrans({"’": "'", "İ": "i"})
_LISTS = ("greetings", "open", "thanks", "requests", "conditions", "listeners", "matter", "not_requests")


class _Phrase(NamedTuple):
    words: str
    is_unspaced: bool
    """Of a script that writes no spaces."""
    is_open: bool
    """May stand without a mark between it and the question."""


class AnswerForm(NamedTuple):
    """Sentences such as "Answer with the letter of the correct option."."""

    gates: tuple[str, ...]
    """The pattern is tried only when one of these stands in the text."""
    pattern: re.Pattern[str]


_Table = Mapping[str, tuple[_Phrase, ...]]


class Courtesy:
    """Knows polite phrases, and takes them off a prompt; built from `courtesy.yml`."""

    def __init__(self, lists: Mapping[str, Iterable[str]], answer_forms: Sequence[AnswerForm] = ()) -> None:
        self._answer_forms = tuple(answer_forms)
        known = {name: list(_with_bare_forms(lists[name])) for name in _LISTS}
        requests = _phrases(known["requests"], is_open=True)
        apart = _phrases(known["thanks"] + known["conditions"])
        greetings = _phrases(known["greetings"]) + _phrases(known["open"], is_open=True)
        # by the first two characters or the last two, longest first
        self._opening = _by_key(greetings + requests + apart, slice(2))
        self._closing = _by_key(requests + apart, slice(-2, None))
        self._listeners = tuple(sorted(known["listeners"], key=len, reverse=True))
        self._matter = frozenset(known["matter"])
        self._not_requests = tuple(known["not_requests"])

    def strip(self, text: str) -> str:
        """The text without polite clauses around the question and without sentences about the form of its answer.

        Args:
            text: Canonical text; the middle of a long one may be missing.
        """
        text = self._without_answer_forms(text)
        for shorten in (self._without_opening, self._without_closing):
            for _ in range(_MAX_CLAUSES):
                shorter = shorten(text)
                if shorter is None:
                    break
                text = shorter
        return text

    def _without_answer_forms(self, text: str) -> str:
        lowered = text.lower()
        for form in self._answer_forms:
            if any(gate in lowered for gate in form.gates):
                shorter = form.pattern.sub("", text).strip()
                text = shorter if has_question(shorter) else text
        return text

    def _without_opening(self, text: str) -> str | None:
        start = 1 if text.startswith(_OPENING_MARKS) else 0
        begin = _folded(text[start : start + _LONGEST])
        for phrase in _listed(self._opening, begin[:2], begin[:1]):
            if begin.startswith(phrase.words) and _is_edge(phrase, begin[len(phrase.words) : len(phrase.words) + 1]):
                end = self._end_of_clause(begin, phrase)
                rest = text[start + end :]
                return rest if end and has_question(rest) else None
        return None

    def _end_of_clause(self, begin: str, phrase: _Phrase) -> int:
        """Where the words after a phrase begin; 0 when it is no clause of its own."""
        end = len(phrase.words)
        if begin.startswith(self._not_requests):
            return 0
        if begin[end : end + 1] == " ":
            for listener in self._listeners:
                after = end + 1 + len(listener)
                if begin.startswith(listener, end + 1) and begin[after : after + 1] in _CLAUSE_MARKS:
                    return _skip_marks(begin, after)
        question = _skip_marks(begin, end)
        is_apart = any(mark in _CLAUSE_MARKS for mark in begin[end:question])
        return question if is_apart or phrase.is_open else 0

    def _without_closing(self, text: str) -> str | None:
        tail = _folded(text[-2 * _LONGEST :])
        is_question = tail.endswith(_QUESTION_MARKS)
        end = len((tail[:-1] if is_question else tail).rstrip(_CLOSING_MARKS))
        if tail.endswith(_SMILEYS, 0, end):
            end = len(tail[: end - 2].rstrip(_CLOSING_MARKS + ":;"))
        for phrase in _listed(self._closing, tail[max(end - 2, 0) : end], tail[max(end - 1, 0) : end]):
            start = end - len(phrase.words)
            if start >= 0 and tail.startswith(phrase.words, start) and _is_edge(phrase, tail[:start][-1:]):
                if is_question and not phrase.is_open:  # "how do you say thanks?"
                    return None
                return self._before(text[: len(text) - len(tail) + start], phrase)
        return None

    def _before(self, before: str, phrase: _Phrase) -> str | None:
        """What stands before a closing phrase; None when the phrase belongs to the question."""
        before = before.rstrip(" \n¡¿")
        if not before:
            return None
        last = before[-1]
        if last in _ENDS or last in _JOINS:
            before = before.rstrip(_JOINS + " ")
        elif not (_is_letter(last) or last in _AFTER_WORDS) or not (phrase.is_open or self._is_apart(before, phrase)):
            return None
        return before if has_question(before) else None

    def _is_apart(self, before: str, phrase: _Phrase) -> bool:
        words = before.rsplit(None, _MIN_WORDS)
        return not phrase.is_unspaced and len(words) >= _MIN_WORDS and words[-1].lower() not in self._matter


def load_courtesy(path: Path) -> Courtesy:
    """The phrases in a YAML file of `list: phrase, phrase, …`.

    Raises:
        OmniError: The file is missing or lacks a list.
    """
    try:
        lists = yaml.safe_load(path.read_text(encoding="utf-8"))
        forms = [
            AnswerForm(
                tuple(gate.strip() for gate in entry["any"].split(",")), re.compile(entry["pattern"], re.IGNORECASE)
            )
            for entry in lists["answer_forms"]
        ]
        return Courtesy({name: str(lists[name]).split(",") for name in _LISTS}, forms)
    except (OSError, KeyError, TypeError, yaml.YAMLError, re.error) as error:
        raise OmniError(
            f"The polite phrases {str(path)!r} cannot be read ({error!r}); expected the lists {', '.join(_LISTS)} "
            f"and answer_forms. "
            f"Restore the file from the repository."
        ) from error


def _with_bare_forms(phrases: Iterable[str]) -> dict[str, None]:
    """The phrases, and Latin ones without accents as well, as they are often typed."""
    found: dict[str, None] = {}
    for phrase in phrases:
        words = _folded(unicodedata.normalize("NFKC", phrase.strip()))
        bare = unicodedata.normalize("NFD", words).encode("ascii", "ignore").decode()
        found[words] = None
        if len(bare) == len(words):
            found[bare] = None
    found.pop("", None)
    return found


def _phrases(listed: Iterable[str], *, is_open: bool = False) -> list[_Phrase]:
    return [_Phrase(words, bool(letter_scripts(words) & UNSPACED), is_open) for words in listed]


def _by_key(phrases: Iterable[_Phrase], place: slice) -> _Table:
    table: dict[str, list[_Phrase]] = {}
    for phrase in phrases:
        table.setdefault(phrase.words[place], []).append(phrase)
    return {key: tuple(sorted(listed, key=lambda phrase: -len(phrase.words))) for key, listed in table.items()}


def _listed(table: _Table, two: str, one: str) -> Iterable[_Phrase]:
    """The phrases with these two characters, and after them the one of a single character."""
    return chain(table.get(two, ()), table.get(one, ()))


def _folded(text: str) -> str:
    return (text if text.isascii() else text.translate(_FOLDED)).lower()


def _skip_marks(begin: str, place: int) -> int:
    return len(begin) - len(begin[place:].lstrip(_CLAUSE_MARKS + " "))


def _is_edge(phrase: _Phrase, neighbour: str) -> bool:
    """Whether a phrase ends beside a character, rather than in the middle of a word."""
    return phrase.is_unspaced or not neighbour or not (_is_letter(neighbour) or neighbour in "'-_")


def _is_letter(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character)[0] == "M"


def has_question(text: str) -> bool:
    """Whether a text is long enough to be a question."""
    return sum(3 if letter > "\u2e7f" else 1 for letter in text[:_LONGEST] if letter.isalnum()) >= _MIN_LETTERS
