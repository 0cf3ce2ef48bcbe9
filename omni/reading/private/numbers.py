# ruff: noqa: E501 - a pattern or a list of words is easier to read and to search when it is not cut
"""Numbers that belong to a person: cards, accounts, national identifiers, phones and network addresses.

Form first, then check digits (python-stdnum) or numbering plans (phonenumbers); a weak form also needs a word before it
that says what it is.
"""

import importlib
import ipaddress
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from types import ModuleType
from typing import NamedTuple

Finding = tuple[str, int, int]

_CONTEXT_CHARS = 48
_MAX_PHONES = 300
"""Candidates that the numbering plans are asked about in one text."""

_RUN = re.compile(r"\d(?<![A-Za-z0-9_.,].)[\d ./()\u2013-]{5,28}(?<=\d)(?![A-Za-z0-9_])")
_IPV4 = re.compile(r"\d(?<![A-Za-z0-9_.].)\d{0,2}(?:\.\d{1,3}){3}(?![A-Za-z0-9_]|\.\d)")
_NO_ADDRESS = re.compile(r"(?:version|section|chapter|release|build|windows|kapitel|abschnitt|article|[§v])\.?\s?\Z")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?![\w:])")
_COLON_PAIR = re.compile(r":[0-9a-fA-F]{0,4}:")


# in the shape of a text
_LONG_SHAPE = re.compile(rb"0(?:[ ./()-]{0,28}+0){6}")
_LETTERED_SHAPE = re.compile(rb"AA ?0")
_IPV4_SHAPE = re.compile(rb"0\.0{1,3}\.0{1,3}\.0")
_MIN_DIGITS = 7
"""Digits of a number that no letters belong to."""
_LETTER_AND_DIGIT = re.compile(r"\d(?:(?<=[A-Za-z]\d)|(?<=[A-Z] \d)|(?<=[XYZxyz]-\d)|(?=-?[A-Za-z]))")


class _Lettered(NamedTuple):
    form: re.Pattern[str]
    kind: str
    validators: tuple[str, ...]
    """python-stdnum modules, one of which must agree; none = the form is enough."""


_LETTERED = (
    _Lettered(re.compile(r"[A-Z](?<![A-Za-z0-9].)[A-Z]\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?![A-Za-z0-9])"), "iban", ("iban",)),
    _Lettered(re.compile(r"[A-Z](?<![A-Za-z0-9].)[A-Z]{5}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z](?![A-Za-z0-9])"), "national_id", ("it.codicefiscale",)),
    _Lettered(re.compile(r"[A-Z](?<![A-Za-z0-9].)[A-Z]{3}\d{6}[HM][A-Z]{5}[A-Z0-9]\d(?![A-Za-z0-9])"), "national_id", ("mx.curp",)),
    _Lettered(re.compile(r"[A-CEGHJ-PR-TW-Z](?<![A-Za-z0-9].)[A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D](?![A-Za-z0-9])"), "national_id", ()),
    _Lettered(re.compile(r"[XYZxyz](?<![A-Za-z0-9].)-?\d{7}-?[A-Za-z](?![A-Za-z0-9])"), "national_id", ("es.nie",)),
    _Lettered(re.compile(r"\d(?<![A-Za-z0-9.,].)\d{7}-?[A-Za-z](?![A-Za-z0-9])"), "national_id", ("es.dni",)),
    _Lettered(re.compile(r"\d(?<!\d\d)\d{16}[\dXx](?![A-Za-z0-9])"), "national_id", ("cn.ric",)),
)  # fmt: skip


class _Id(NamedTuple):
    form: re.Pattern[str]
    """How it is written."""
    validator: str | None
    languages: tuple[str, ...]
    """Where the form needs no word before it; "*" = anywhere."""


_IDS = (
    _Id(re.compile(r"\d{3}-\d{2}-\d{4}"), "us.ssn", ("*",)),
    _Id(re.compile(r"\d{18}"), "cn.ric", ("*",)),
    _Id(re.compile(r"\d{3}\.\d{3}\.\d{3}-\d{2}"), "br.cpf", ("*",)),
    _Id(re.compile(r"\d{11}"), "br.cpf", ("pt",)),
    _Id(re.compile(r"\d{11}"), "pl.pesel", ("pl",)),
    _Id(re.compile(r"\d{2} ?\d{3} ?\d{3} ?\d{3}"), "de.idnr", ("de",)),
    _Id(re.compile(r"\d{11}"), "tr.tckimlik", ("tr",)),
    _Id(re.compile(r"[12] ?\d{2} ?\d{2} ?\d{2} ?\d{3} ?\d{3}(?: ?\d{2})"), "fr.nir", ("*",)),
    _Id(re.compile(r"\d{6}-?[1-8]\d{6}"), "kr.rrn", ("ko",)),
    _Id(re.compile(r"\d{6}-[1-4]\d{6}"), None, ("ko",)),
    _Id(re.compile(r"(?:19|20)?\d{6}[-+]\d{4}"), "se.personnummer", ("sv",)),
    _Id(re.compile(r"\d{3}-\d{3}-\d{3} \d{2}"), None, ("*",)),
    _Id(re.compile(r"\d{4} ?\d{4} ?\d{4}"), "in_.aadhaar", ("hi", "bn")),
    _Id(re.compile(r"\d{4} ?\d{4} ?\d{4}"), "jp.in_", ()),
    _Id(re.compile(r"\d{9}|\d{4}[. ]\d{2}[. ]\d{3}"), "nl.bsn", ()),
    _Id(re.compile(r"\d{9}|\d{3} \d{3} \d{3}"), "pt.nif", ()),
    _Id(re.compile(r"\d{10}|\d{12}"), "ru.inn", ()),
    _Id(re.compile(r"\d{13}"), "za.idnr", ()),
    _Id(re.compile(r"\d{13}"), "ro.cnp", ("ro",)),
    _Id(re.compile(r"\d-\d{4}-\d{5}-\d{2}-\d|\d{13}"), "th.pin", ("th",)),
    _Id(re.compile(r"756\.\d{4}\.\d{4}\.\d{2}"), "ch.ssn", ("*",)),
    _Id(re.compile(r"\d{6}[-+A]\d{3}[\dA-Z]"), "fi.hetu", ("fi",)),
    _Id(re.compile(r"\d{6}-\d{4}"), "dk.cpr", ("da",)),
    _Id(re.compile(r"\d{6}/\d{3,4}"), "cz.rc", ("cs", "sk")),
    _Id(re.compile(r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}"), "be.nn", ("*",)),
)
_MARKED_IDS = ("se.personnummer", "kr.rrn", "us.ssn", "fi.hetu", "dk.cpr")
_ID_WORDS = (
    "steuer", "ident", "pesel", "cpf", "nif", "bsn", "burgerservice", "nir", "sécu", "insee", "dni", "nie", "ssn",
    "social security", "ni number", "nino", "national", "tax", "kimlik", "personnummer", "aadhaar", "आधार",
    "マイナンバー", "個人番号", "身份证", "身份證", "주민", "инн", "снилс", "fiscal", "c.f.", "curp", "rodné", "hetu",
    "cpr", "ahv", "contribuinte", "sofi", "id ", "id:", "nip", "tckn", "ausweis",
)  # fmt: skip
_PHONE_WORDS = (
    "tel", "phone", "mobil", "cell", "call", "ring", "text me", "whatsapp", "reach", "number is", "contact", "fax",
    "handy", "ruf", "anruf", "nummer", "nr", "appel", "joign", "portable", "gsm", "llám", "llam", "móvil", "número",
    "chiama", "contattami", "cell", "recapito", "ligue", "celular", "liga", "bel ", "bellen", "zadzwoń", "numer",
    "позвон", "тел", "номер", "звони", "電話", "携帯", "手机", "电话", "電話", "연락처", "번호", "전화", "ara", "cep",
    "ulaş", "hubungi", "hp", "zavolejte", "soita", "gọi", "điện", "зателефон", "اتصل", "جوال", "هاتف", "फोन", "मोबाइल",
    "sms", "cita",
)  # fmt: skip
_NO_PHONE = (
    "bestell", "order", "artikel", "ticket", "rechnung", "invoice", "ref", "commande", "pedido", "ordine", "part", "case",
    "isbn", "ean", "gtin", "encomenda", "zamówi", "заказ", "issue", "kundennummer", "serial", "serien", "订单", "注文",
)  # fmt: skip
_CARD_WORDS = ("card", "karte", "carte", "tarjeta", "carta", "cartão", "kaart", "karta", "карт", "カード", "卡", "카드")
_REGIONS = {
    "en": ("US", "GB", "IN", "AU"), "de": ("DE", "AT", "CH"), "fr": ("FR", "BE", "CH"), "es": ("ES", "MX", "AR"),
    "pt": ("BR", "PT"), "it": ("IT",), "nl": ("NL", "BE"), "pl": ("PL",), "tr": ("TR",), "id": ("ID",), "vi": ("VN",),
    "ru": ("RU",), "uk": ("UA",), "ar": ("SA", "EG", "AE"), "fa": ("IR",), "he": ("IL",), "hi": ("IN",),
    "bn": ("BD", "IN"), "sv": ("SE",), "da": ("DK",), "fi": ("FI",), "cs": ("CZ",), "no": ("NO",), "ro": ("RO",),
    "th": ("TH",), "el": ("GR",), "zh": ("CN", "TW", "HK"), "ja": ("JP",), "ko": ("KR",),
}  # fmt: skip
_ANY_REGION = ("US", "GB", "DE", "FR")
# how national numbers are grouped when nothing says that they are phones: a bracket, a leading 0, the American 3-3-4
_PHONE_FORM = re.compile(r"\(?0\d|\(\d{2,4}\)|\d{3}[-.]\d{3}[-.]\d{4}\Z|1[3-9]\d[ -]?\d{4}[ -]?\d{4}\Z|8 ?\(\d{3}\)")
_DATE = re.compile(r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{4}[./-]\d{1,2}[./-]\d{1,2}")


def find_numbers(text: str, lowered: str, shape: bytes, language: str) -> Iterator[Finding]:
    """Every such number with its kind."""
    if not (_LONG_SHAPE.search(shape) or _LETTERED_SHAPE.search(shape)):
        return
    for lettered in _LETTERED if _LETTER_AND_DIGIT.search(text) else ():
        for match in lettered.form.finditer(text):
            if not lettered.validators or any(_is_valid(name, match.group()) for name in lettered.validators):
                yield lettered.kind, match.start(), match.end()
    n_phones = 0
    for match in _RUN.finditer(text):
        start = match.start()
        while start and text[start - 1] in "+(" and match.start() - start < 2:
            start -= 1
        written = text[start : match.end()]
        digits = "".join(filter(str.isdigit, written))
        if len(digits) < _MIN_DIGITS:
            continue
        before = lowered[max(0, start - _CONTEXT_CHARS) : start]
        kind = _kind_of(written, digits, before, language)
        if kind is None and n_phones < _MAX_PHONES and 7 <= len(digits) <= 15:
            n_phones += 1
            kind = "phone" if _is_phone(written, digits, before, language) else None
        if kind:
            yield kind, start, start + len(written)


def find_addresses(text: str, lowered: str, shape: bytes) -> Iterator[Finding]:
    """Network addresses but this machine's own; versions and sections have the same form."""
    for match in _IPV4.finditer(text) if _IPV4_SHAPE.search(shape) else ():
        is_small = all(len(part) == 1 for part in match.group().split("."))
        before = lowered[max(0, match.start() - 12) : match.start()]
        if not is_small and _is_address(match.group()) and not _NO_ADDRESS.search(before):
            yield "ip_address", *match.span()
    if ("::" in text or text.count(":") >= 7) and _COLON_PAIR.search(text):
        yield from (("ip_address", *m.span()) for m in _IPV6.finditer(text) if _is_address(m.group()))


def _kind_of(written: str, digits: str, before: str, language: str) -> str | None:
    if written.startswith("+"):
        return None
    is_card = 13 <= len(digits) <= 19 and digits[0] in "23456" and len(set(digits)) > 1
    if (
        is_card
        and _is_valid("luhn", digits)
        and (len(digits) in (15, 16) or any(word in before for word in _CARD_WORDS))
    ):
        return "card"
    for form, validator, languages in _IDS:
        if not form.fullmatch(written) or (validator and not _is_valid(validator, _digits_of(written, validator))):
            continue
        if "*" in languages or language in languages or any(word in before for word in _ID_WORDS):
            return "national_id"
    return None


def _digits_of(written: str, validator: str) -> str:
    """What the check is made on: some modules want the marks, too."""
    return written if validator in _MARKED_IDS else re.sub(r"[ ./-]", "", written)


def _is_phone(written: str, digits: str, before: str, language: str) -> bool:
    international = written.startswith(("+", "00", "(+"))
    has_word = any(word in before for word in _PHONE_WORDS) and not any(word in before[-24:] for word in _NO_PHONE)
    if (
        not international
        and not has_word
        and ((written == digits and digits[0] != "0") or not _PHONE_FORM.match(written))
    ):
        return False
    if _DATE.fullmatch(written):
        return False
    regions: tuple[str | None, ...] = (None,) if international else _REGIONS.get(language, _ANY_REGION)
    import phonenumbers  # it costs more than everything else at the start

    dialled = "+" + digits.removeprefix("00") if international else written
    for region in regions:
        try:
            number = phonenumbers.parse(dialled, region)
        except phonenumbers.NumberParseException:
            continue
        # plans keep numbers apart for films and forms: these are possible, and written as phones
        if phonenumbers.is_valid_number(number):
            return True
        if (international or has_word) and phonenumbers.is_possible_number(number):
            return True
    return False


def _is_address(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified) and not text.startswith("255.") and text.strip(":") != ""


@lru_cache(maxsize=64)
def _validator(name: str) -> Callable[[str], bool]:
    module: ModuleType = importlib.import_module(f"stdnum.{name}")
    return module.is_valid


def _is_valid(name: str, number: str) -> bool:
    try:
        return bool(_validator(name)(number))
    except (LookupError, ValueError):
        # python-stdnum 2 lets these out for places and dates that its tables lack
        return False
