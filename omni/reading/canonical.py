"""One form for every prompt: NFKC, plain quotes, single spaces, no courtesy, head and tail if long."""

import re
import unicodedata
from typing import NamedTuple

from omni.reading.courtesy import Courtesy

HEAD_CHARS = 1600
TAIL_CHARS = 800
_OPTION = re.compile(r"^(?:\([A-Ja-j1-9]\)|[A-J][.:、．)]|[a-j]\)|（[A-J]）)", re.MULTILINE)
_OPTION_MARK = re.compile(f"{_OPTION.pattern} *", re.MULTILINE)
_MIN_OPTIONS = 2
_PRINTABLE = bytes(range(32, 127))
_END_MARKS = ".!?…。！？؟।॥ \n"
# typographic quotes and dashes, which keyboards and programs set or leave as they please
_PLAIN = str.maketrans({**dict.fromkeys("“”„‟", '"'), **dict.fromkeys("‘’‚‛", "'"), **dict.fromkeys("‐‑‒–—―", "-")})


class CanonicalText(NamedTuple):
    """A text in the one form that every part of reading looks at."""

    text: str
    """NFKC, plain quotes and dashes, runs of white space collapsed to one space or one line break, the courtesy around
    the question, the form of the answer, letters of answer options and end marks set aside, cut to head and tail."""
    flat: str
    """The same in lower case on one line."""
    n_chars: int
    """Length of the whole text in this form before it was cut; estimated from head and tail when it is long."""
    n_lines: int
    """Lines of the whole original text that hold something; of a long one, its line breaks and one."""
    n_options: int
    """Lines that look like answer options, in head and tail when the text was cut."""


def canonicalise(text: str, courtesy: Courtesy | None = None) -> CanonicalText:
    """The canonical form of a text; the work is bounded however long the text is.

    Args:
        courtesy: What to set aside around the question; None = nothing.
    """
    stripped = text.strip()
    # twice the kept size is read so that collapsing white space still leaves a full head and tail
    is_long = len(stripped) > 2 * (HEAD_CHARS + TAIL_CHARS)
    if is_long:
        head, tail = _normalise(stripped[: 2 * HEAD_CHARS]), _normalise(stripped[-2 * TAIL_CHARS :])
        whole = f"{head[:HEAD_CHARS]}\n{tail[-TAIL_CHARS:]}"
    else:
        whole = _without_quotes(_normalise(stripped))
    n_options = len(_OPTION.findall(whole)) if "\n" in whole else int(_OPTION.match(whole) is not None)
    # what options say tells the subject; their letters tell a test
    kept = _question(_OPTION_MARK.sub("", whole) if n_options >= _MIN_OPTIONS else whole, courtesy)
    if is_long:
        n_chars = round(len(stripped) * (len(head) + len(tail)) / (2 * (HEAD_CHARS + TAIL_CHARS)))
        n_lines = stripped.count("\n") + 1
    else:
        n_chars = len(kept)
        n_lines = kept.count("\n") + 1 if kept else 0
        if n_chars > HEAD_CHARS + TAIL_CHARS:
            kept = f"{kept[:HEAD_CHARS]}\n{kept[-TAIL_CHARS:]}"
    flat = kept.replace("\n", " ").lower()
    return CanonicalText(text=kept, flat=flat, n_chars=n_chars, n_lines=n_lines, n_options=n_options)


def _normalise(text: str) -> str:
    if text.isascii():
        # most prompts are one line with single spaces, and in this form already
        if "  " not in text and text[:1] != " " != text[-1:] and not text.encode().translate(None, _PRINTABLE):
            return text
    else:
        text = unicodedata.normalize("NFKC", text).translate(_PLAIN)
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def _question(text: str, courtesy: Courtesy | None) -> str:
    """The text without courtesy and end marks, which many leave out; only marks stay as they are."""
    if courtesy:
        text = courtesy.strip(text)
    return text.rstrip(_END_MARKS) or text


def _without_quotes(text: str) -> str:
    """The text without quotation marks around the whole of it."""
    if text[:1] == '"' and text.find('"', 1) == len(text) - 1 > 1:
        return text[1:-1].strip()
    return text
