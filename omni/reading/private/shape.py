"""The shape of a text: one letter for each kind of character, in which forms are found many times faster."""


class _Shapes(dict[int, str]):
    """What stands for a character, by its code point; worked out when it is first met."""

    _LIMIT = 4096

    def __missing__(self, code: int) -> str:
        if len(self) >= self._LIMIT:
            self.clear()
        shape = self[code] = _shape_of(chr(code))
        return shape


_SHAPES = _Shapes()


def find_shape(text: str) -> str:
    """The text with A for every capital, a for other letters, 0 for digits, and marks as they are; as long as the text.

    Typographic apostrophes and dashes become plain ones, all else beyond ASCII an underscore.
    """
    return text.translate(_SHAPES)


def _shape_of(character: str) -> str:
    if character.isdecimal():
        return "0"
    if character.isalnum():
        return "A" if character.isupper() else "a"
    if character.isascii():
        return character
    return {"’": "'", "–": "-"}.get(character, "_")
