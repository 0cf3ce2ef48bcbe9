"""Personal data and secrets in a prompt, by kind and place; the content itself is never kept.

Cheap tests come first (an @, a number of digits, a word that announces a name), and only then the patterns and the
libraries. All of it takes a time that grows with the length of the text.
"""

from omni.reading.private.dates import find_births, find_documents
from omni.reading.private.emails import find_emails
from omni.reading.private.gates import find_gates
from omni.reading.private.numbers import find_addresses, find_numbers
from omni.reading.private.people import find_people, find_people_elsewhere
from omni.reading.private.places import find_places
from omni.reading.private.secrets import find_secrets
from omni.reading.private.shape import find_shape
from omni.types import Span

_MAX_CHARS = 200_000
"""Longer messages are searched in pieces of this many characters, which overlap."""
_OVERLAP = 2_000
_ORDER = ("secret", "email", "card", "iban", "national_id", "ip_address", "passport", "birth_date", "address", "phone")
"""Which finding stays where two overlap; others come after these."""
_RANK = {kind: rank for rank, kind in enumerate(_ORDER)}
_IMPERSONAL = ("secret", "ip_address")
"""Findings that say nothing of a person."""


def find_private(text: str, message_index: int, language: str) -> list[Span]:
    """Personal data and secrets in one message, in order of place, without overlaps.

    Kinds: email, phone, card, iban, national_id, passport, ip_address, secret, person, birth_date, address.

    Args:
        text: The message as it was sent.
        message_index: Its position in the conversation.
        language: ISO 639-1 code; says in which countries a number without a country code may be a phone number.
    """
    found: list[tuple[str, int, int]] = []
    for offset in range(0, max(1, len(text) - _OVERLAP), _MAX_CHARS - _OVERLAP):
        piece = text if len(text) <= _MAX_CHARS else text[offset : offset + _MAX_CHARS]
        found += [(kind, start + offset, end + offset) for kind, start, end in _find(piece, language)]
    if not found:
        return []
    spans: list[Span] = []
    for kind, start, end in _without_overlaps(found):
        spans.append(Span(kind=kind, message_index=message_index, start=start, end=end))
    return spans


def _without_overlaps(found: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """The findings by place; of two that overlap the one of the surer kind, then the longer."""
    kept: list[tuple[str, int, int]] = []
    for item in sorted(set(found), key=lambda item: (item[1], -item[2])):
        while kept and item[1] < kept[-1][2]:
            if _strength(item) >= _strength(kept[-1]):
                break
            kept.pop()
        else:
            kept.append(item)
    return kept


def _strength(item: tuple[str, int, int]) -> tuple[int, int]:
    return _RANK.get(item[0], len(_ORDER)), item[1] - item[2]


def _find(text: str, language: str) -> list[tuple[str, int, int]]:
    lowered, shape = _lower(text), find_shape(text)
    words, stems = find_gates(lowered)
    found = list(find_addresses(text, lowered, shape))
    if "@" in text:
        found += [("email", start, end) for start, end in find_emails(text)]
    if stems:
        found += [("secret", start, end) for start, end in find_secrets(text, lowered, stems)]
    if b"0" in shape:
        found += find_births(text, lowered, stems)
        found += find_documents(text, lowered, stems)
        found += find_numbers(text, lowered, shape, language)
        found += find_places(text, lowered, shape, words, stems)
    is_personal = any(kind not in _IMPERSONAL for kind, _, _ in found)
    found += find_people(text, lowered, shape, words, is_personal=is_personal)
    if not text.isascii():
        found += find_people_elsewhere(text)
    return found


def _lower(text: str) -> str:
    """Small letters, place for place."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(small if len(small := character.lower()) == 1 else character for character in text)
