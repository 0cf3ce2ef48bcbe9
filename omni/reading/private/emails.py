"""E-mail addresses."""

import re
from collections.abc import Iterator

_MAX_LOCAL_CHARS = 64
_LOCAL = re.compile(r"[A-Za-z0-9\u00c0-\u024f\u0400-\u04ff_.+-]+\Z")
_DOMAIN = re.compile(
    r"@(?:[A-Za-z0-9\u00c0-\u024f\u0400-\u04ff-]{1,63}\.){1,8}[A-Za-z\u00c0-\u024f\u0400-\u04ff]{2,24}(?![A-Za-z0-9_])"
)


def find_emails(text: str) -> Iterator[tuple[int, int]]:
    """Addresses, looked for outwards from each @ so that a long text without one costs nothing."""
    for domain in _DOMAIN.finditer(text):
        first = max(0, domain.start() - _MAX_LOCAL_CHARS)
        local = _LOCAL.search(text[first : domain.start()])
        if local:
            yield first + local.start(), domain.end()
