"""The language of a prompt: its script where one language owns it, otherwise py3langid on the asking words.

Built on py3langid (BSD), restricted to languages that chat prompts plausibly come in; code, formulas, addresses and
quoted passages are left out first, since "translate „Der Wald schwieg“ into French" is asked in English.
"""

import copy
import re
import sys
from typing import Any, Protocol

from py3langid import langid

from omni.reading.ngrams import code_points
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
_MARKS = re.compile(r"[`$“„«\"「]|https?:")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
# what follows "Translate into French:" is the matter, not the asking
_ANNOUNCED = re.compile(r"[:：\n]")
_MIN_ASKING_LETTERS = 12


class Identifier(Protocol):
    """What py3langid offers of an identifier."""

    def classify(self, text: str) -> tuple[str, float]: ...


class LanguageReader:
    """Finds the language of a text; holds identifiers for the scripts that several languages share."""

    def __init__(self, long: dict[str, Identifier], short: dict[str, Identifier]) -> None:
        self._long = long
        self._short = short

    def find(self, text: str) -> str:
        """ISO 639-1 code of the language that asks, "und" without enough letters.

        Args:
            text: Canonical text, with its case.
        """
        head = text[: 5 * _READ_CHARS]
        own = _NOT_ASKING.sub(" ", head) if _MARKS.search(head) else head
        asking = _letters(_asking_part(own))
        if len(asking) < _MIN_LETTERS:
            asking = _letters(head)
        script = find_script(code_points(asking)[1:-1], latin_weight=_LATIN_WEIGHT)
        if script in _BY_SCRIPT:
            return _BY_SCRIPT[script]
        identifier = (self._short if len(asking) < _SHORT_CHARS else self._long).get(script)
        if identifier is None or len(asking) < _MIN_LETTERS:
            return UNDETERMINED
        return sys.intern(str(identifier.classify(asking)[0]))


def _letters(text: str) -> str:
    return " ".join(_WORD.findall(text))[:_READ_CHARS]


def _asking_part(text: str) -> str:
    """The text before its first colon or line break, if that holds enough letters to tell a language by."""
    end = _ANNOUNCED.search(text)
    if end is None:
        return text
    before = text[: end.start()]
    # one character beyond the alphabets says about as much as three letters
    n_letters = sum(map(str.isalpha, before)) + sum(2 for character in before if character > "\u2e7f")
    return before if n_letters >= _MIN_ASKING_LETTERS else text


def load_language_reader() -> LanguageReader:
    """The identifiers from py3langid's own model file, which is read once and shared."""
    whole = langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE)
    return LanguageReader(_restrict(whole, _IN_SCRIPT), _restrict(whole, _IN_SCRIPT_SHORT))


def _restrict(whole: Any, languages_by_script: dict[str, tuple[str, ...]]) -> dict[str, Identifier]:
    identifiers: dict[str, Identifier] = {}
    for script, languages in languages_by_script.items():
        identifier = copy.copy(whole)
        identifier.set_languages(languages)
        identifiers[script] = identifier
    return identifiers
