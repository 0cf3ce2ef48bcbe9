"""Masks secrets and personal data in what is written for operators: log records and error texts."""

import logging
import re
from collections.abc import Callable
from typing import Any

from omni.privacy.anonymise import texts_of
from omni.reading.privacy import find_private

_MARKS = {"ip_address": "ip"}
_WORD = re.compile(r"[^\W\u3040-\u9fff\uac00-\ud7a3]+|[\u3040-\u9fff\uac00-\ud7a3]")
_Factory = Callable[..., logging.LogRecord]


def redact(text: str) -> str:
    """The text with each finding replaced by its kind: "no account for [email]"."""
    pieces, end = [], 0
    for span in find_private(text, 0, "und"):
        pieces += [text[end : span.start], f"[{_MARKS.get(span.kind, span.kind)}]"]
        end = span.end
    return "".join([*pieces, text[end:]]) if pieces else text


def without_echo(text: str, asked: Any) -> str:
    """What a server says about a request, up to where it begins to repeat it; private values masked.

    Args:
        asked: The request's body; three words on end that stand in one of its texts are an echo.
    """
    said = [*_WORD.finditer(text)]
    words = [match.group().lower() for match in said]
    runs = [*zip(words, words[1:], words[2:], strict=False)]
    begins = {runs[place]: said[place].start() for place in reversed(range(len(runs)))}
    ends, cut = {run[-1] for run in begins}, len(text)
    for part in texts_of(asked) if begins else ():
        one = two = three = ""
        for match in _WORD.finditer(part):  # one at a time: a request may hold millions
            one, two, three = two, three, match.group().lower()
            if three in ends:
                cut = min(cut, begins.get((one, two, three), cut))
    return redact(text[:cut]) + ("…" if cut < len(text) else "")


class _Redacting:
    """Makes log records without private values; wraps the factory that was there."""

    def __init__(self, make: _Factory) -> None:
        self._make = make

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self._make(*args, **kwargs)
        _clean_message(record)
        if record.exc_info and record.exc_info[0] is not None:
            shown = logging.Formatter().formatException(record.exc_info)
            redacted = redact(shown)
            if redacted != shown:
                # the text alone: a handler that formats the exception again would show the values
                record.exc_info, record.exc_text = None, redacted
        return record


def install_log_redaction() -> None:
    """From now on no log record of this process, of whatever logger, shows a secret or personal data that is found.

    Works on records as they are made, so that handlers added later are covered. Twice does no harm.
    """
    make = logging.getLogRecordFactory()
    if not isinstance(make, _Redacting):
        logging.setLogRecordFactory(_Redacting(make))


def remove_log_redaction() -> None:
    """Takes it back, for tests."""
    make = logging.getLogRecordFactory()
    if isinstance(make, _Redacting):
        logging.setLogRecordFactory(make._make)


def _clean_message(record: logging.LogRecord) -> None:
    try:
        message = record.getMessage()
    except (TypeError, ValueError, KeyError):
        # arguments that do not fit are the caller's mistake; logging prints them, so they are masked one by one
        message = None
    if message is not None and redact(message) == message:
        return
    record.msg = redact(str(record.msg))
    if isinstance(record.args, tuple):
        record.args = tuple(map(_clean_argument, record.args))
    elif isinstance(record.args, dict):
        record.args = {name: _clean_argument(value) for name, value in record.args.items()}
    if message is None:
        return
    try:
        shown = record.getMessage()
    except (TypeError, ValueError, KeyError):
        shown = message
    if redact(shown) != shown:
        # found only where message and arguments come together: the text as a whole
        record.msg, record.args = redact(message), ()


def _clean_argument(value: Any) -> Any:
    text = str(value)
    redacted = redact(text)
    return value if redacted == text else redacted
