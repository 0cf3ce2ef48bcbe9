"""What stands for a value on its way to a model: `[EMAIL_1]`; how it is written, and how it is known again."""

import re
from collections.abc import Iterator

NAMES = {
    "email": "EMAIL",
    "phone": "PHONE",
    "card": "CARD",
    "iban": "IBAN",
    "national_id": "ID",
    "passport": "PASSPORT",
    "ip_address": "IP",
    "address": "ADDRESS",
    "person": "PERSON",
    "birth_date": "BIRTHDATE",
    "secret": "SECRET",
}
OTHER = "PRIVATE"
"""For a kind without a name of its own."""

# Models write a placeholder back as it was, without brackets, with others, in small letters, or escaped for Markdown.
MARK = re.compile(
    r"[\[［【]\ ?(?P<boxed>[A-Za-z]{2,9}(?:\\?_|[ -])[0-9]{1,5})\ ?[\]］】]"
    r"|(?<![A-Za-z0-9_])(?P<bare>[A-Z]{2,9}\\?_[0-9]{1,5})(?![A-Za-z0-9_])"
)
_HEAD = re.compile(
    r"(?:[\[［【]\ ?(?P<boxed>[A-Za-z]{0,9}(?:(?<=[A-Za-z])(?:\\_?|[_ -])[0-9]{0,5})?)(?:(?<=[0-9])\ )?"
    r"|(?<![A-Za-z0-9_])(?P<bare>[A-Z]{1,9}(?:\\_?|_)?[0-9]{0,5}))\Z"
)
_MAX_HEAD = 24
"""Characters of the longest form, and some more."""


def write(name: str, number: int) -> str:
    """The text that stands for a value."""
    return f"[{name}_{number}]"


def key_of(match: re.Match[str]) -> str:
    """Which placeholder a match of `MARK` is, however it was written: "EMAIL_1"."""
    return _plain(match["boxed"] or match["bare"])


def keys_in(text: str) -> Iterator[str]:
    """Everything in a text that reads like a placeholder."""
    if "_" in text or "[" in text or "［" in text or "【" in text:
        yield from map(key_of, MARK.finditer(text))


def begun_at(text: str, keys: tuple[str, ...]) -> int:
    """Where the text ends in what may become one of the placeholders `keys`; its length when it does not."""
    head = _HEAD.search(text, max(0, len(text) - _MAX_HEAD))
    if head is None:
        return len(text)
    begun = _plain(head["boxed"] if head["boxed"] is not None else head["bare"])
    return head.start() if any(key.startswith(begun) for key in keys) else len(text)


def _plain(written: str) -> str:
    return written.replace("\\", "").replace(" ", "_").replace("-", "_").upper()
