# ruff: noqa: E501 - a pattern or a list of words is easier to read and to search when it is not cut
"""Postal addresses, by how streets and house numbers are written in each language."""

import re
from collections.abc import Iterator, Sequence, Set
from typing import NamedTuple

Finding = tuple[str, int, int]

_UP = r"[A-ZÀ-ÖØ-ÞĀĂĄĆČĎĐĘĚĞİĹĽŁŃŇŐŒŘŚŠŞŤŮŰŹŻŽ]"
_WORD = rf"{_UP}[\w'’.-]{{0,30}}"
_CITY = rf"{_UP}[^\W\d_]{{1,24}}(?:[ -](?:[a-z]{{1,3}} )?{_UP}[^\W\d_]{{1,24}}){{0,2}}"
_POST = rf"(?:,? (?:[A-Z]{{1,2}}-)?\d{{2}}-\d{{3}} {_CITY}|,? \d{{5}}-\d{{3}} {_CITY}|,? \d{{3}} \d{{2}} {_CITY}|,? \d{{4,6}}(?: [A-Z]{{2}})? {_CITY})"
_UK_POST = r"[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}"
_EN_STREET = (
    "Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Court|Ct|Boulevard|Blvd|Crescent|Close|Way|Place|Pl|Terrace|Square|"
    "Gardens|Grove|Hill|Row|Highway|Hwy|Parkway|Circle|Mews|Walk|Quay|Park|Green"
)
_ENGLISH = re.compile(
    rf"\d{{1,5}}[A-Za-z]?,? (?:[NSEW]\.? )?(?:{_WORD} ){{1,3}}(?:{_EN_STREET})\b\.?"
    rf"(?:,? (?:Apt|Apartment|Suite|Unit|Flat|#)\.? ?\w{{1,5}})?(?:,? {_CITY})?(?:,? [A-Z]{{2}},? \d{{5}}(?:-\d{{4}})?|,? {_UK_POST})?"
)
_FLAT = re.compile(r"(?:Flat|Apt|Apartment|Unit|Suite) \w{1,5}, ?\Z")
_SUFFIX = (
    "straße|strasse|str\\.|weg|platz|gasse|allee|ring|ufer|damm|markt|hof|berg|gracht|straat|laan|plein|kade|dijk|singel|"
    "gatan|vägen|vej|gade|katu|tie|stieg|chaussee|náměstí"
)
_GERMANIC = re.compile(
    rf"(?<!\w)(?:{_UP}[\w.-]{{0,28}}|(?:{_UP}[\w.-]{{1,24}}[ -]){{1,3}}{_UP}[\w.-]{{1,24}}) \d{{1,4}} ?(?:[a-z](?!\w))?{_POST}?"
)
_POST_NEXT = re.compile(r"\d{1,4}(?:/\d{1,4})?[a-z]?,? (?:[A-Z]{1,2}-)?\d{2}[\d -]")
_POST_SHAPE = re.compile(rb"0a?,? (?:AA?-)?00[0 -]")
_POSTED = re.compile(rf"(?<!\w)(?:{_UP}[\w.-]{{2,28}} ){{1,3}}\d{{1,4}}(?:/\d{{1,4}})?[a-z]?{_POST}")
_RO_STREET = (
    "rue|avenue|boulevard|bd|place|chemin|impasse|allée|quai|cours|route|via|viale|corso|piazza|piazzale|largo|vicolo|"
    "calle|c/|avenida|av\\.|avda\\.|plaza|paseo|carrer|camino|rua|travessa|praça|alameda|rodovia|estrada"
)
_ROMANCE = re.compile(
    rf"(?:(?P<first>\d{{1,4}})(?: (?:bis|ter))?,? )?(?i:{_RO_STREET}) (?:(?:d[aeiou]s?|del|della|dei|delle|los|las|la|le|les|l[’'])[ ’']?){{0,2}}"
    rf"{_WORD}(?:[ -](?:(?:d[aeiou]s?|del|della) )?{_WORD}){{0,3}}(?P<last>,? (?:n[º°.] ?)?\d{{1,5}}\b)?"
    rf"(?:, (?:\d{{1,2}}º(?: \d{{1,2}}ª)?|apto\.? \w{{1,5}}|int\. \w{{1,4}}))?{_POST}?(?:, {_CITY})?"
)
_SLAVIC = re.compile(
    r"(?<!\w)(?:ul|al|pl|os)\. ?[^\W\d_][\w. -]{1,40}? \d{1,4}[a-zA-Z]?(?:/\d{1,4})?(?: m\. ?\d{1,4})?" + _POST + "?"
)
_CYRILLIC = re.compile(
    r"(?<!\w)(?:(?:г|город)\.? ?[А-ЯЁІЇЄ][\w-]{2,24}, ?)?(?:ул|вул|пр|просп|пр-т|пер|ш|наб|б-р|улица|вулиця|проспект|переулок|шоссе|набережная)\.? ?"
    r"[А-ЯЁІЇЄ][\w. -]{1,40}?,? ?(?:д|дом|буд|будинок)?\.? ?\d{1,4}[а-я]?(?:/\d{1,4})?(?:,? ?(?:корп|стр)\.? ?\d{1,3})?"
    r"(?:,? ?(?:кв|квартира)\.? ?\d{1,4})?(?:, [А-ЯЁІЇЄ][а-яёіїє-]{2,24})?"
)
_JAPANESE = re.compile(
    r"(?:〒? ?\d{3}-\d{4} ?)?(?:東京都|北海道|京都府|大阪府|[\u4e00-\u9fff]{2,3}県)[^\s、。,，!?]{2,24}?\d{1,4}(?:(?:[-−ー丁目番地号のF]|番地){1,3}\d{1,4}){0,3}(?:号|番地|番)?"
)
_CHINESE = re.compile(
    r"[\u4e00-\u9fff]{2,8}?[省市区县區縣][\u4e00-\u9fff]{1,16}?(?:路|街|道|巷|弄|大街|大道|胡同)\d{1,5}(?:号|號|弄)(?:[\u4e00-\u9fff\d-]{0,14}?(?:室|楼|樓|单元|栋|座|房)){0,3}"
)
_KOREAN = re.compile(
    r"[가-힣]{2,6}(?:특별시|광역시|특별자치시|도|시) (?:[가-힣]{1,6}(?:구|군|시|읍|면|동) ){0,3}[가-힣\d]{1,12}(?:로|길|대로) ?\d{1,4}(?:-\d{1,4})?"
)
_TURKISH = re.compile(
    rf"(?<!\w){_WORD}(?: {_WORD}){{0,2}} (?:Mah|Mahallesi|Cad|Caddesi|Sok|Sokak|Bulvarı)\.?,? (?:[\w. ]{{0,24}}?)(?:No:? ?)?\d{{1,4}}(?:/\d{{1,4}})?"
)
_STREET_WORDS = frozenset(_RO_STREET.replace("\\", "").split("|"))
_EN_WORDS = frozenset(word.lower() + end for word in _EN_STREET.split("|") for end in ("", "."))
_SUFFIX_ENDS = frozenset(suffix + " " for suffix in (*_SUFFIX.replace("\\", "").split("|"), " tor"))
_ELSEWHERE: dict[str, re.Pattern[str]] = {
    **dict.fromkeys(("ul. ", "al. ", "pl. ", "os. "), _SLAVIC),
    **dict.fromkeys((" mah", " cad", " sok"), _TURKISH),
    **dict.fromkeys(("ул", "пр", "пер", "ш.", "наб"), _CYRILLIC),
    **dict.fromkeys(("東京都", "北海道", "京都府", "大阪府", "県"), _JAPANESE),
    **dict.fromkeys(("号", "號"), _CHINESE),
    **dict.fromkeys(("로", "길"), _KOREAN),
}
WORDS = _STREET_WORDS | _EN_WORDS
STEMS = _SUFFIX_ENDS | _ELSEWHERE.keys()
"""What this finder looks for first: whole words, and parts of words."""
_HOUSE = re.compile(r"[1-9](?<![\w.,/:-].)(?!\d{1,2}[.,:]\d)\d{0,4}")
_YEAR = re.compile(r"(?:19|20)\d\d\Z")
_BEFORE_CHARS = 72
_MAX_HOUSES = 2000


class _Hints(NamedTuple):
    """What a text holds that may belong to an address."""

    fronts: Sequence[re.Pattern[str]]
    """Forms that begin with the house number."""
    suffixes: tuple[str, ...]
    """Ends of streets' names."""


def find_places(text: str, lowered: str, shape: bytes, words: Set[str], stems: Set[str]) -> Iterator[Finding]:
    """Addresses in a text that holds a digit, looked for around house numbers and words for streets.

    Args:
        text: As it was sent.
        lowered: The same in small letters, character by character.
        shape: Its shape.
        words: Those of `WORDS` that stand in it.
        stems: Those of `STEMS` that stand in it.
    """
    street_words = words & _STREET_WORDS
    fronts = [_ENGLISH] if words & _EN_WORDS else []
    fronts += [_ROMANCE] if street_words else []
    suffixes = tuple(end[:-1] for end in stems & _SUFFIX_ENDS)
    has_houses = fronts or suffixes or _POST_SHAPE.search(shape)
    for n_houses, house in enumerate(_HOUSE.finditer(text) if has_houses else ()):
        if n_houses == _MAX_HOUSES:
            break
        yield from _around(text, lowered, house.span(), _Hints(fronts, suffixes))
    for word in street_words:
        place = lowered.find(word + " ")
        while place >= 0:
            if not place or not text[place - 1].isalnum():
                match = _ROMANCE.match(text, place)
                if match and match["last"]:
                    yield "address", *match.span()
            place = lowered.find(word + " ", place + len(word))
    for pattern in {_ELSEWHERE[stem] for stem in stems & _ELSEWHERE.keys()}:
        for match in pattern.finditer(text):
            yield "address", *match.span()


def _around(text: str, lowered: str, place: tuple[int, int], hints: _Hints) -> Iterator[Finding]:
    """Addresses whose house number stands here."""
    start, end = place
    for front in hints.fronts:
        match = front.match(text, start)
        if match:
            flat = _FLAT.search(text, max(0, start - 20), start)
            yield "address", flat.start() if flat else start, match.end()
    if end - start > 4 or start < 4 or text[start - 1] != " " or _YEAR.match(text, start, end):
        return
    first = max(0, start - _BEFORE_CHARS)
    if lowered.endswith(hints.suffixes, first, start - 1):
        yield from _ending(text, _GERMANIC, first, start)
    elif _POST_NEXT.match(text, start):
        yield from _ending(text, _POSTED, first, start)


def _ending(text: str, pattern: re.Pattern[str], first: int, house: int) -> Iterator[Finding]:
    """The first match that takes in this house number."""
    for match in pattern.finditer(text, first, min(len(text), house + _BEFORE_CHARS)):
        if match.start() < house < match.end():
            yield "address", *match.span()
