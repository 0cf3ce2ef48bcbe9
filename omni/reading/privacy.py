"""Personal data and secrets in a prompt, by kind and place; the content itself is never kept.

Cheap tests come first (an @, a run of digits, a key's prefix), and only then the libraries: phonenumbers for phone
numbers, python-stdnum for cards, accounts and national identifiers, the patterns of detect-secrets for keys.
"""

import importlib
import ipaddress
import re
import string
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from types import ModuleType

import numpy as np

from omni.types import Span

_MAX_CHARS = 200_000
"""Longer messages are searched in this many characters at the beginning and as many at the end."""
_MAX_CANDIDATES = 50

_MAX_LOCAL_CHARS = 64
_EMAIL_LOCAL = re.compile(r"[\w.+-]+\Z")
_EMAIL_DOMAIN = re.compile(r"@(?:[\w-]{1,63}\.)+[^\W\d_]{2,24}\b")
# the first digit of a run that may belong to a number worth a look: seven digits on end, a capital or one of xyz before
# it, or another digit after one or two marks; no form of ours fits the other runs
_FIRST_DIGIT = re.compile(r"\d(?<!\d\d)(?=\d{6}|(?<=[A-Zxyz]\d)|\d*[ ./()-]{1,2}\d)")
_SHORT_TEXT = 300
_DIGIT, _MARK, _CAPITAL = 1, 2, 3
_DIGITS = re.compile(r"\d(?:[ ./()-]{0,2}\d){6,19}(?!\w)")
_IPV4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?![\w:])")
_COLON_PAIR = re.compile(r":[0-9a-fA-F]{0,4}:")
# form, letters before the first digit, python-stdnum modules that check it, kind
_LETTERED = (
    (re.compile(r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b"), 2, ("iban",), "iban"),
    (re.compile(r"[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]\b"), 6, ("it.codicefiscale",), "national_id"),
    (re.compile(r"\d{8}-?[A-Za-z]\b"), 0, ("es.dni",), "national_id"),
    (re.compile(r"[XYZxyz]-?\d{7}-?[A-Za-z]\b"), 1, ("es.nie",), "national_id"),
)
# python-stdnum modules with a check digit, by the number of digits they have
_NATIONAL = {
    9: ("nl.bsn",),
    11: ("br.cpf", "pl.pesel", "de.idnr", "tr.tckimlik"),
    12: ("in_.aadhaar",),
    13: ("fr.nir", "za.idnr", "th.pin", "ro.cnp"),
    15: ("fr.nir",),
    18: ("cn.ric",),
}
_SSN = re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])")
_REGIONS = {
    "en": ("US", "GB", "IN", "AU"), "de": ("DE", "AT", "CH"), "fr": ("FR", "BE", "CH"), "es": ("ES", "MX", "AR"),
    "pt": ("BR", "PT"), "it": ("IT",), "nl": ("NL", "BE"), "pl": ("PL",), "tr": ("TR",), "id": ("ID",), "vi": ("VN",),
    "ru": ("RU",), "uk": ("UA",), "ar": ("SA", "EG", "AE"), "fa": ("IR",), "he": ("IL",), "hi": ("IN",),
    "bn": ("BD", "IN"),
    "th": ("TH",), "el": ("GR",), "zh": ("CN", "TW", "HK"), "ja": ("JP",), "ko": ("KR",),
}  # fmt: skip

# a prefix that must stand in the text, then the detect-secrets plugin that knows the form, or a form of our own
_LIBRARY_SECRETS = (
    ("aws", "AWSKeyDetector", ("AKIA", "ASIA", "ABIA", "ACCA", "A3T")),
    ("github_token", "GitHubTokenDetector", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_")),
    ("gitlab_token", "GitLabTokenDetector", ("glpat-", "gldt-", "glrt-", "GR1348941", "glcbt-", "glptt-")),
    ("private_key", "PrivateKeyDetector", ("PRIVATE KEY", "PuTTY-User-Key")),
    ("slack", "SlackDetector", ("xox", "hooks.slack.com")),
    ("stripe", "StripeDetector", ("k_live_",)),
    ("telegram_token", "TelegramBotTokenDetector", (":AA",)),
    ("sendgrid", "SendGridDetector", ("SG.",)),
    ("pypi_token", "PypiTokenDetector", ("pypi-Ag",)),
    ("azure_storage_key", "AzureStorageKeyDetector", ("AccountKey=",)),
    ("basic_auth", "BasicAuthDetector", ("://",)),
    ("mailchimp", "MailchimpDetector", ("-us",)),
)
_OWN_SECRETS = (
    ("eyJ", re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?")),
    ("hf_", re.compile(r"\bhf_[A-Za-z0-9]{20,}\b")),
    ("sk-", re.compile(r"\bsk-(?:proj-|ant-|or-)?[A-Za-z0-9_-]{20,}")),
    ("github_pat_", re.compile(r"\bgithub_pat_[A-Za-z0-9_]{22,}\b")),
    ("AIza", re.compile(r"\bAIza[0-9A-Za-z_-]{35}\b")),
    ("xai-", re.compile(r"\bxai-[A-Za-z0-9]{40,}\b")),
    ("gsk_", re.compile(r"\bgsk_[A-Za-z0-9]{30,}\b")),
    ("npm_", re.compile(r"\bnpm_[A-Za-z0-9]{36}\b")),
)
_ASSIGNED = re.compile(
    r"\b(?:api[_-]?key|secret(?:[_-]?key)?|access[_-]?token|auth[_-]?token|password|passwd)\b[\"']?\s*[:=]\s*"
    r"[\"']?(?P<value>[^\s\"',;<>{}()\[\]]{8,})",
    re.IGNORECASE,
)
_ASSIGNED_GATES = ("api_key", "api-key", "apikey", "secret", "token", "password", "passwd")


def find_private(text: str, message_index: int, language: str) -> list[Span]:
    """Personal data and secrets in one message, in order of place, without overlaps.

    Kinds: email, phone, card, iban, national_id, ip_address, secret.

    Args:
        text: The message as it was sent.
        message_index: Its position in the conversation.
        language: ISO 639-1 code; says in which countries a number without a country code may be a phone number.
    """
    if len(text) <= 2 * _MAX_CHARS:
        found = list(_find(text, language))
    else:
        offset = len(text) - _MAX_CHARS
        tail = [(kind, start + offset, end + offset) for kind, start, end in _find(text[offset:], language)]
        found = [*_find(text[:_MAX_CHARS], language), *tail]
    spans: list[Span] = []
    for kind, start, end in sorted(found, key=lambda item: (item[1], -item[2])):
        if not spans or start >= spans[-1].end:
            spans.append(Span(kind=kind, message_index=message_index, start=start, end=end))
    return spans


def _find(text: str, language: str) -> Iterator[tuple[str, int, int]]:
    if "@" in text:
        yield from (("email", start, end) for start, end in _find_emails(text))
    yield from (("secret", start, end) for start, end in _find_secrets(text))
    yield from _find_numbers(text, language)
    if ("::" in text or text.count(":") >= 7) and _COLON_PAIR.search(text):
        yield from (("ip_address", *m.span()) for m in _IPV6.finditer(text) if _is_address(m.group()))


def _find_numbers(text: str, language: str) -> Iterator[tuple[str, int, int]]:
    """Everything with digits in it, looked for outwards from each run of them."""
    done = n_tried = 0
    for start in _first_digits(text):
        if start < done:
            continue
        found = _lettered_at(text, start) or _address_at(text, start)
        if not found and n_tried < _MAX_CANDIDATES and (digits := _DIGITS.match(text, start)):
            while start and text[start - 1] in "+(":
                start -= 1
            if not start or not (text[start - 1].isalnum() or text[start - 1] in "._"):
                n_tried += 1
                kind = _kind_of_number(text[start : digits.end()], language)
                found = (kind, start, digits.end()) if kind else None
        if found:
            done = found[2]
            yield found


def _first_digits(text: str) -> Iterable[int]:
    if len(text) < _SHORT_TEXT or not text.isascii():
        return (match.start() for match in _FIRST_DIGIT.finditer(text))
    # the same as the pattern and many times as fast
    kinds = np.frombuffer(f"\0{text}\0\0\0".encode().translate(_kinds()), dtype=np.uint8)
    is_digit, is_mark = kinds == _DIGIT, kinds == _MARK
    edges = np.flatnonzero(is_digit[1:] != is_digit[:-1]) + 1
    first, end = edges[0::2], edges[1::2]
    keep = is_mark[end] & (is_digit[end + 1] | (is_mark[end + 1] & is_digit[end + 2]))
    keep |= (end - first >= 7) | (kinds[first - 1] == _CAPITAL)
    return (first[keep] - 1).tolist()


@lru_cache(maxsize=1)
def _kinds() -> bytes:
    """Kind of each ASCII character, for `bytes.translate`."""
    kinds = bytearray(256)
    for kind, characters in ((_DIGIT, string.digits), (_MARK, " ./()-"), (_CAPITAL, string.ascii_uppercase + "xyz")):
        for character in characters:
            kinds[ord(character)] = kind
    return bytes(kinds)


def _lettered_at(text: str, start: int) -> tuple[str, int, int] | None:
    """An account or identifier of letters and digits whose first digits stand at `start`."""
    for pattern, n_letters, names, kind in _LETTERED:
        first = start - n_letters
        if first < 0 or (first and text[first - 1].isalnum()):
            continue
        match = pattern.match(text, first)
        if match and any(_is_valid(name, match.group()) for name in names):
            return kind, first, match.end()
    return None


def _address_at(text: str, start: int) -> tuple[str, int, int] | None:
    match = _IPV4.match(text, start)
    if match is None or (start and (text[start - 1].isalnum() or text[start - 1] == ".")):
        return None
    return ("ip_address", start, match.end()) if _is_address(match.group()) else None


def _find_emails(text: str) -> Iterator[tuple[int, int]]:
    """Addresses, looked for outwards from each @ so that a long text without one costs nothing."""
    for domain in _EMAIL_DOMAIN.finditer(text):
        first = max(0, domain.start() - _MAX_LOCAL_CHARS)
        local = _EMAIL_LOCAL.search(text[first : domain.start()])
        if local:
            yield first + local.start(), domain.end()


def _kind_of_number(written: str, language: str) -> str | None:
    digits = "".join(character for character in written if character.isdigit())
    international = written.startswith(("+", "00"))
    if not international:
        if 13 <= len(digits) <= 19 and digits[0] in "23456" and _is_valid("luhn", digits) and len(set(digits)) > 1:
            return "card"
        if _SSN.fullmatch(written) and _is_valid("us.ssn", written):
            return "national_id"
        # eleven digits on end are as often a quantity: one of the check digits has to agree
        if any(_is_valid(name, digits) for name in _NATIONAL.get(len(digits), ())):
            return "national_id"
    if 8 <= len(digits) <= 15 and _is_phone(written, digits, language, international):
        return "phone"
    return None


def _is_phone(written: str, digits: str, language: str, international: bool) -> bool:
    # a bare run of digits is a number to reckon with unless it begins like a call
    if not international and written == digits and not digits.startswith("0"):
        return False
    regions: tuple[str | None, ...] = (None,) if international else _REGIONS.get(language, ("US",))
    import phonenumbers  # it costs more than everything else at the start

    dialled = "+" + digits.removeprefix("00") if international else written
    for region in regions:
        try:
            if phonenumbers.is_valid_number(phonenumbers.parse(dialled, region)):
                return True
        except phonenumbers.NumberParseException:
            continue
    return False


def _is_address(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified)


def _find_secrets(text: str) -> Iterator[tuple[int, int]]:
    for sign, gates in _secret_gates():
        if sign in text:
            for pattern in [pattern for gate, pattern in gates if gate in text]:
                for form in (pattern,) if isinstance(pattern, re.Pattern) else _library_patterns(*pattern):
                    yield from (match.span() for match in form.finditer(text))
    if ("=" in text or ":" in text) and any(gate in (lowered := text.lower()) for gate in _ASSIGNED_GATES) and lowered:
        for match in _ASSIGNED.finditer(text):
            value = match["value"]
            if any(character.isdigit() for character in value) and not value.isdigit():
                yield match.span("value")


@lru_cache(maxsize=1)
def _secret_gates() -> list[tuple[str, list[tuple[str, re.Pattern[str] | tuple[str, str]]]]]:
    """Prefixes and what to search for, by a mark that the prefix holds: one test for the mark spares many for prefixes.

    What to search for is a form of ours, or module and class in detect-secrets.
    """
    by_sign: dict[str, list[tuple[str, re.Pattern[str] | tuple[str, str]]]] = {}
    for gate, pattern in _OWN_SECRETS:
        by_sign.setdefault(_sign_of(gate), []).append((gate, pattern))
    for module, name, gates in _LIBRARY_SECRETS:
        for gate in gates:
            by_sign.setdefault(_sign_of(gate), []).append((gate, (module, name)))
    return list(by_sign.items())


def _sign_of(gate: str) -> str:
    return next((character for character in gate if character in "_-:="), "")


@lru_cache(maxsize=32)
def _library_patterns(module: str, name: str) -> tuple[re.Pattern[str], ...]:
    detector = getattr(importlib.import_module(f"detect_secrets.plugins.{module}"), name)
    return tuple(detector().denylist)


@lru_cache(maxsize=32)
def _validator(name: str) -> Callable[[str], bool]:
    module: ModuleType = importlib.import_module(f"stdnum.{name}")
    return module.is_valid


def _is_valid(name: str, number: str) -> bool:
    try:
        return bool(_validator(name)(number))
    except (LookupError, ValueError):
        # python-stdnum 2 lets these out for places and dates that its tables lack
        return False
