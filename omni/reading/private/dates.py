# ruff: noqa: E501 - a pattern or a list of words is easier to read and to search when it is not cut
"""Dates of birth and numbers of passports: values that only the word before them makes personal."""

import re
from collections.abc import Iterator, Set

Finding = tuple[str, int, int]

_BIRTH = frozenset((
    "born", "birth", "dob", "d.o.b", "geboren", "geb.", "geburts", "né le", "née le", "né(e)", "naissance", "naci",
    "nascid", "nascimento", "nasci", "nato a", "nata a", "nato il", "nata il", "nascita", "geboortedatum", "urodz", "родил", "рожден", "рождён", "生年月日",
    "誕生日", "生まれ", "出生", "生日", "생년월일", "생일", "doğum", "född", "født", "narozen", "народ", "lahir", "sinh",
    "syntym", "ميلاد", "जन्म",
))  # fmt: skip
_DATE = re.compile(
    r"(?<!\d)(?:\d{1,2}(?:st|nd|rd|th|er|º|\.)?[ ./-](?:de )?[^\W\d_]{3,12}\.?,? (?:de )?(?P<y1>\d{4})(?: года)?"
    r"|[^\W\d_]{3,12} \d{1,2}(?:st|nd|rd|th)?,? (?P<y2>\d{4})"
    r"|\d{1,2}[./-]\d{1,2}[./-](?P<y3>\d{4}|\d{2})"
    r"|(?P<y4>\d{4})[./-]\d{1,2}[./-]\d{1,2}"
    r"|(?P<y5>\d{4}) ?[年년] ?\d{1,2} ?[月월] ?\d{1,2} ?[日일])(?!\d)"
)
_AFTER_CHARS = 60
_FIRST_YEAR = 1915
"""Whoever was born earlier is a matter of history."""

_PASSPORT = frozenset((
    "passport", "passeport", "pasaporte", "passaporto", "passaporte", "reisepass", "paspoort", "paszport", "паспорт",
    "パスポート", "护照", "護照", "여권", "pasaport", "paspor", "cestovní pas", "جواز",
))  # fmt: skip
_ID_CARD = frozenset(("ausweis", "identity card", "id card", "carta d'identità", "carte d'identité", "dowód", "dowodu"))
STEMS = _BIRTH | _PASSPORT | _ID_CARD
"""What these finders look for first."""
_DOCUMENT = re.compile(r"(?:[A-Za-z]{1,3} ?\d{2} ?\d{4,7}|[A-Z]\d{2}[A-Z]\d{2}[A-Z]\d{2,3}|\d{2} \d{2} \d{6}|\d{2}[A-Z]{2}\d{5}|[A-Z]{1,4}(?=[A-Z0-9]*\d)[A-Z0-9]{6,9}|\d{8,10})(?![A-Za-z0-9])")  # fmt: skip
_BETWEEN = re.compile(r"[^\n.;!?。]{0,28}?(?<![A-Za-z0-9])(?=[A-Z0-9])")
_MAX_EACH = 100


def find_births(text: str, lowered: str, stems: Set[str]) -> Iterator[Finding]:
    """Dates right after a word for birth, one of the `stems` that stand in the text."""
    for word in stems & _BIRTH:
        for after in _places(lowered, word):
            match = _DATE.search(text, after, after + _AFTER_CHARS)
            if match is None or any(mark in text[after : match.start()] for mark in ("?", "\n\n", ". ")):
                continue
            year = next(int(group) for group in match.groups() if group)
            if year < 100 or year >= _FIRST_YEAR:
                yield "birth_date", match.start(), match.end()


def find_documents(text: str, lowered: str, stems: Set[str]) -> Iterator[Finding]:
    """Numbers right after a word for a passport or an identity card."""
    for words, kind in ((_PASSPORT, "passport"), (_ID_CARD, "national_id")):
        for word in stems & words:
            for after in _places(lowered, word):
                begin = _BETWEEN.match(text, after)
                while begin:
                    match = _DOCUMENT.match(text, begin.end())
                    if match:
                        yield kind, match.start(), match.end()
                        break
                    begin = _BETWEEN.match(text, begin.end() + 1) if begin.end() - after < 24 else None


def _places(lowered: str, word: str) -> Iterator[int]:
    place, n_seen = lowered.find(word), 0
    while place >= 0 and n_seen < _MAX_EACH:
        n_seen += 1
        yield place + len(word)
        place = lowered.find(word, place + len(word))
