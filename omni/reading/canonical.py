"""One form for every prompt: Unicode NFKC, white space collapsed, head and tail of long input."""

import unicodedata
from dataclasses import dataclass

HEAD_CHARS = 1600
TAIL_CHARS = 800


@dataclass(frozen=True, slots=True, kw_only=True)
class CanonicalText:
    """A text in the one form that every part of reading looks at."""

    text: str
    """NFKC, runs of white space collapsed to one space or one line break, cut to head and tail."""
    flat: str
    """The same in lower case on one line."""
    n_chars: int
    """Length of the whole original text, white space at both ends left out."""
    n_lines: int
    """Lines of the whole original text that hold something; counted in head and tail and scaled when cut."""


def canonicalise(text: str) -> CanonicalText:
    """The canonical form of a text; the work is bounded however long the text is."""
    stripped = text.strip()
    n_chars = len(stripped)
    # twice the kept size is read so that collapsing white space still leaves a full head and tail
    long = n_chars > 2 * (HEAD_CHARS + TAIL_CHARS)
    if long:
        head = _normalise(stripped[: 2 * HEAD_CHARS])[:HEAD_CHARS]
        tail = _normalise(stripped[-2 * TAIL_CHARS :])[-TAIL_CHARS:]
        kept = f"{head}\n{tail}"
        n_lines = stripped.count("\n") + 1
    else:
        kept = _normalise(stripped)
        n_lines = kept.count("\n") + 1 if kept else 0
        if len(kept) > HEAD_CHARS + TAIL_CHARS:
            kept = f"{kept[:HEAD_CHARS]}\n{kept[-TAIL_CHARS:]}"
    return CanonicalText(text=kept, flat=kept.replace("\n", " ").lower(), n_chars=n_chars, n_lines=n_lines)


def _normalise(text: str) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)
