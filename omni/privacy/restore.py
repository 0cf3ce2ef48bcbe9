"""Puts the values back where an answer holds their placeholders, whole or in pieces.

A placeholder inside an address, a tag or a link's target stays: what the model wrote there would send the value on.
"""

import json
import re
import string
from collections.abc import Mapping
from typing import Any, NoReturn

from omni.privacy.addresses import AddressWatch
from omni.privacy.placeholders import MARK, begun_at, key_of

_WORD = frozenset(string.ascii_letters + string.digits + "_")


class Restorer:
    """The values of one request, and the end of the piece that may go on. Belongs to one text; see `again`.

    Shows, copies to a file or a log nothing of what it keeps: its text form has the count only, and it cannot be
    pickled.
    """

    __slots__ = ("_as_json", "_before", "_held", "_keys", "_values", "_watch")

    def __init__(self, values: Mapping[str, str], *, as_json: bool = False) -> None:
        """`values` by placeholder as "EMAIL_1"; `as_json` writes them as the inside of a JSON string."""
        self._values = dict(values)
        self._keys = tuple(values)
        self._as_json = as_json
        self._before = ""
        self._held = ""
        self._watch = AddressWatch()

    def __repr__(self) -> str:
        return f"Restorer({len(self._values)} values)"

    def __len__(self) -> int:
        return len(self._values)

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("A Restorer holds private values and is not written anywhere; keep it in memory.")

    def __copy__(self) -> "Restorer":
        return self.again()

    def __deepcopy__(self, memo: Any) -> "Restorer":
        return self.again()

    def again(self, *, as_json: bool | None = None) -> "Restorer":
        """One for another text of the same request; None keeps how values are written."""
        return Restorer(self._values, as_json=self._as_json if as_json is None else as_json)

    def restore(self, text: str) -> str:
        """A whole text with the values in it."""
        return self.again()._put_back(text) if self._values else text

    def feed(self, piece: str) -> str:
        """What can be shown after this piece: everything but an end that may become a placeholder."""
        if not self._values:
            return piece
        text = self._held + piece
        cut = begun_at(self._before + text, self._keys) - len(self._before)
        self._held = text[cut:]
        return self._put_back(text[:cut])

    def flush(self) -> str:
        """The rest, when no further piece comes."""
        text, self._held = self._held, ""
        return self._put_back(text)

    def _put_back(self, text: str) -> str:
        if not text:
            return ""
        # a stand-in for the character before: the end of a longer word is no placeholder
        before, self._before = self._before, "_" if text[-1] in _WORD else " "
        text, pieces, end = before + text, [], len(before)
        for match in MARK.finditer(text):
            begin = max(match.start(), end)
            self._watch.pass_over(text[end:begin])
            shown = match.group() if self._watch.is_open else self._value_of(match)
            pieces += [text[end:begin], shown]
            self._watch.pass_over(shown)
            end = match.end()
        self._watch.pass_over(text[end:])
        return "".join([*pieces, text[end:]])

    def _value_of(self, match: re.Match[str]) -> str:
        value = self._values.get(key_of(match))
        if value is None:
            return match.group()
        return json.dumps(value, ensure_ascii=False)[1:-1] if self._as_json else value
