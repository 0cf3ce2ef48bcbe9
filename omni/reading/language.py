"""The language of a prompt: its script where one language owns it, otherwise py3langid on the asking words.

Built on py3langid (BSD), restricted to languages that chat prompts plausibly come in; code, formulas, addresses and
quoted passages are left out first, since "translate „Der Wald schwieg“ into French" is asked in English.
"""

import re
import sys
import unicodedata
from array import array
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
from py3langid import langid

from omni.reading.ngrams import code_points, run_lengths, take_rows
from omni.reading.scripts import find_script

UNDETERMINED = "und"
_READ_CHARS = 120
_MIN_LETTERS = 3
_LATIN_WEIGHT = 0.4
"""Latin letters inside another script are mostly names and code: they count less when the language is asked."""
# scripts that one written language owns in practice
_BY_SCRIPT = {
    "Kore": "ko", "Jpan": "ja", "Hani": "zh", "Thai": "th", "Grek": "el", "Hebr": "he", "Beng": "bn", "Guru": "pa",
    "Gujr": "gu", "Orya": "or", "Taml": "ta", "Telu": "te", "Knda": "kn", "Mlym": "ml", "Sinh": "si", "Laoo": "lo",
    "Tibt": "bo", "Mymr": "my", "Geor": "ka", "Ethi": "am", "Khmr": "km", "Armn": "hy",
}  # fmt: skip
_IN_SCRIPT = {
    "Cyrl": ("ru", "uk", "bg", "sr", "mk", "be", "kk", "mn"),
    "Arab": ("ar", "fa", "ur"),
    "Deva": ("hi", "mr", "ne"),
    "Latn": (
        "en", "de", "fr", "es", "pt", "it", "nl", "pl", "tr", "id", "vi", "sv", "da", "no", "fi", "cs", "sk", "ro", 
        "hu", "hr", "sl", "lt", "lv", "et", "ca", "sw", "tl", "af", "sq", "az",
    ),
}  # fmt: skip
_SHORT_CHARS = 60
# on a few words only languages that are likely beforehand
_IN_SCRIPT_SHORT = {
    "Cyrl": ("ru", "uk"),
    "Arab": ("ar", "fa", "ur"),
    "Deva": ("hi", "mr"),
    "Latn": ("en", "de", "fr", "es", "pt", "it", "nl", "pl", "tr", "id", "vi", "sv", "cs", "ro", "hu", "fi"),
}
_NOT_ASKING = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]*`|\$[^$\n]+\$|https?://\S+|“[^”]*”|„[^“”]*[“”]|«[^»]*»|\"[^\"\n]{6,}\"|「[^」]*」",
    re.DOTALL,
)
_MARKS = ("`", "$", "“", "„", "«", '"', "「", "http")
_WORD = re.compile(r"[^\W\d_]++(?:['’][^\W\d_]++)*+")
_ASCII_WORD = re.compile(r"[A-Za-z]++(?:'[A-Za-z]++)*+")
# what follows "Translate into French:" is the matter, not the asking
_ANNOUNCING = ":：\n"
_MIN_ASKING_LETTERS = 12
_CACHED_WALKS = 16_384
_LONGEST_WORD = 32


class _Walk(NamedTuple):
    """What the automaton meets on some bytes."""

    found: bytes
    """Known sequences in order, int32: joining bytes is faster than making an array of a list."""
    state: int
    """Where it ends."""


class Automaton:
    """py3langid's automaton, which finds the byte sequences that its model knows."""

    def __init__(self, model: Any) -> None:
        self._moves = model.tk_nextmove
        # arrays, not lists: a walk jumps about, and numbers on end miss the processor's caches less often
        self._rows, self._outputs = array("i", model._rowbase), array("i", model.tk_output)
        # from a state over a word and the space after it; threads at worst work out the same walk twice
        self._walks: dict[tuple[int, bytes], _Walk] = {}

    def visited(self, text: bytes) -> np.ndarray:
        """The known sequences of a text in order, int32."""
        state, parts, walks = 0, [], self._walks
        *words, last = text.split(b" ")
        for word in words:
            found, state = walks.get((state, word)) or self._remember(state, word)
            parts.append(found)
        parts.append(self._walk(state, last).found)
        return np.frombuffer(b"".join(parts), dtype=np.int32)

    def _remember(self, state: int, word: bytes) -> "_Walk":
        walk = self._walk(state, word + b" ")
        if len(self._walks) >= _CACHED_WALKS:
            self._walks.clear()
        if len(word) <= _LONGEST_WORD:
            self._walks[state, word] = walk
        return walk

    def _walk(self, state: int, text: bytes) -> "_Walk":
        moves, rows, outputs = self._moves, self._rows, self._outputs
        found = array("i")
        for byte in text:
            state = moves[rows[state] + byte]
            output = outputs[state]
            if output >= 0:
                found.append(output)
        return _Walk(found.tobytes(), state)


class Identifier:
    """py3langid's naive Bayes model over a few languages, without what its own class does beside the decision."""

    def __init__(self, model: Any, languages: Sequence[str]) -> None:
        columns = [column for column, language in enumerate(model.nb_classes) if language in languages]
        self._languages = [sys.intern(str(model.nb_classes[column])) for column in columns]
        self._weights = np.ascontiguousarray(model.nb_ptc[:, columns], dtype=np.float32)
        self._priors = model.nb_pc[columns]

    def classify(self, visited: np.ndarray) -> str:
        """The most likely of the languages, ISO 639-1, by the known sequences of a text."""
        if not len(visited):
            return self._languages[0]
        ordered = np.sort(visited)
        starts, counts = run_lengths(ordered)
        weights = take_rows(self._weights, ordered.take(starts))
        scores = _visit_weights().take(counts, mode="clip") @ weights + self._priors
        return self._languages[int(scores.argmax())]


class LanguageModel(NamedTuple):
    """What py3langid's model file holds, in the form that reading needs."""

    automaton: Automaton
    long: dict[str, Identifier]
    """By script."""
    short: dict[str, Identifier]
    """The same for a few words."""


class LanguageReader:
    """Finds the language of a text; holds identifiers for the scripts that several languages share."""

    def __init__(self, loading: Future[LanguageModel]) -> None:
        self._loading = loading

    @cached_property
    def _model(self) -> LanguageModel:
        return self._loading.result()

    def find(self, text: str) -> str:
        """ISO 639-1 code of the language that asks, "und" without enough letters.

        Args:
            text: Canonical text, with its case.
        """
        head = text[: 5 * _READ_CHARS]
        own = _NOT_ASKING.sub(" ", head) if [mark for mark in _MARKS if mark in head] else head
        asking = _letters(_asking_part(own))
        if len(asking) < _MIN_LETTERS:
            asking = _letters(head)
        script = "Latn" if asking.isascii() else find_script(code_points(asking)[1:-1], latin_weight=_LATIN_WEIGHT)
        if script in _BY_SCRIPT:
            return _BY_SCRIPT[script]
        model = self._model
        identifier = (model.short if len(asking) < _SHORT_CHARS else model.long).get(script)
        if identifier is None or len(asking) < _MIN_LETTERS:
            return UNDETERMINED
        if asking.isupper() or asking.istitle():
            asking = asking.lower()
        encoded = unicodedata.normalize("NFC", asking).encode("utf-8", "surrogatepass")
        return identifier.classify(model.automaton.visited(encoded))


def _letters(text: str) -> str:
    words = (_ASCII_WORD if text.isascii() else _WORD).findall(text[: 2 * _READ_CHARS])
    # the last word may be cut; enough without it is enough
    if len(text) > 2 * _READ_CHARS and sum(map(len, words[:-1])) < _READ_CHARS:
        words = _WORD.findall(text)
    return " ".join(words)[:_READ_CHARS]


def _asking_part(text: str) -> str:
    """The text before its first colon or line break, if that holds enough letters to tell a language by."""
    ends = [end for mark in _ANNOUNCING if (end := text.find(mark)) >= 0]
    if not ends:
        return text
    before = text[: min(ends)]
    if sum(map(str.isalpha, before[: 2 * _MIN_ASKING_LETTERS])) >= _MIN_ASKING_LETTERS:
        return before
    # one character beyond the alphabets says about as much as three letters
    n_letters = sum(map(str.isalpha, before)) + sum(2 for character in before if character > "\u2e7f")
    return before if n_letters >= _MIN_ASKING_LETTERS else text


@lru_cache(maxsize=1)
def _visit_weights() -> np.ndarray:
    """Weight by count, float32; no sequence is met more often than there are bytes."""
    return np.log1p(np.arange(4 * _READ_CHARS + 1, dtype=np.float32))


def load_language_reader() -> LanguageReader:
    """The identifiers from py3langid's own model file, unpacked beside what else is loaded: it takes longest."""
    executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="language-model")
    model = executor.submit(_load_model)
    executor.shutdown(wait=False)
    return LanguageReader(model)


def _load_model() -> LanguageModel:
    model = langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE)
    return LanguageModel(
        Automaton(model),
        {script: Identifier(model, languages) for script, languages in _IN_SCRIPT.items()},
        {script: Identifier(model, languages) for script, languages in _IN_SCRIPT_SHORT.items()},
    )
