"""The shape of a text: one letter for each kind of character, in which forms are found many times faster."""

from functools import lru_cache

import numpy as np

_N_CODES = 0x20000
"""The planes that hold digits and capitals."""


def find_shape(text: str) -> bytes:
    """The text with A for every capital, a for other letters, 0 for digits, and marks as they are; as long as the text.

    Typographic apostrophes and dashes become plain ones, all else beyond ASCII an underscore.
    """
    if text.isascii():
        return text.encode().translate(_ascii_shapes())
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    return _shapes().take(codes, mode="clip").tobytes()


@lru_cache(maxsize=1)
def _ascii_shapes() -> bytes:
    return bytes(ord(_shape_of(chr(code))) for code in range(256))


@lru_cache(maxsize=1)
def _shapes() -> np.ndarray:
    """Shape by code point, uint8; the last one stands for all beyond."""
    shapes = "".join(map(_shape_of, map(chr, range(_N_CODES))))
    return np.frombuffer(shapes.encode(), dtype=np.uint8)


def _shape_of(character: str) -> str:
    if character.isdecimal():
        return "0"
    if character.isalnum():
        return "A" if character.isupper() else "a"
    if character.isascii():
        return character
    return {"’": "'", "–": "-"}.get(character, "_")
