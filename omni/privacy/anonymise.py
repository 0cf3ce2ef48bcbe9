"""Exchanges what is private in a conversation for placeholders before it goes to a model."""

import re
import string
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from omni.privacy.placeholders import NAMES, OTHER, keys_in, write
from omni.privacy.restore import Restorer
from omni.reading.privacy import find_private
from omni.types import Conversation, Span

Finder = Callable[[str, int, str], list[Span]]

_ANY_CASE = frozenset({"email", "person", "address", "iban"})
"""Kinds that name the same thing however they are capitalised; everything else is exact."""
_WORD = frozenset(string.ascii_letters + string.digits + "_")
_MAX_REPEATED = 200
"""With more values than this each is replaced where it was found only."""
_MIN_REPEATED_CHARS = 4
"""A shorter value is masked where it was found, not wherever the same letters stand."""
_NAME_PART = re.compile(r"[^\W\d_]{3,}")
_AMBIGUOUS = (
    "art bill bob christian dale dawn earl faith frank gene grace grant guy hope iris jack jade john joy june mark may "
    "mercy miles mike nick norm pat penny pearl ray rich rob rose ruby rusty sandy skip sue summer sunny victor wade "
    "will woods dr mr mrs ms herr frau prof von van der den del della dos das"
)
_ALSO_WORDS = frozenset(_AMBIGUOUS.split())
"""Parts of names that are words, too: masked within a name only."""
_KEPT_FIELDS = frozenset(
    {"model", "role", "type", "id", "tool_call_id", "url", "data", "file_data", "format", "detail"}
)
"""Fields of a request that hold no prose, or what must reach the server as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Masked:
    """A conversation without the private values that were found, and what puts them back."""

    conversation: Conversation
    restorer: Restorer = field(repr=False)
    counts: Mapping[str, int]
    """Kind to the number of distinct values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedBody:
    """A chat-completions request without the private values that were found."""

    body: dict[str, Any] = field(repr=False)
    restorer: Restorer = field(repr=False)
    counts: Mapping[str, int]


class Anonymiser:
    """Finds and replaces; holds no values of its own, so that one serves every request."""

    def __init__(self, find: Finder = find_private) -> None:
        self._find = find

    def mask(self, conversation: Conversation, language: str = "und") -> Masked:
        """The conversation with a placeholder for each distinct value, the same in every message.

        Args:
            conversation: As the person wrote it; earlier answers with their values back in.
            language: ISO 639-1 code of the conversation, for numbers without a country code.
        """
        texts = [message.text for message in conversation.messages]
        table = self._table(texts, language)
        masked = tuple(replace(message, text=table.mask(message.text)) for message in conversation.messages)
        return Masked(
            conversation=replace(conversation, messages=masked), restorer=table.restorer(), counts=table.counts
        )

    def mask_body(self, body: Mapping[str, Any], language: str = "und") -> MaskedBody:
        """The same for an OpenAI request: every text in it, tool calls and tool descriptions too; pictures stay."""
        table = self._table(list(texts_of(body)), language)
        is_json = (body.get("response_format") or {}).get("type") in ("json_object", "json_schema")
        return MaskedBody(
            body={name: _mapped(name, value, table.mask) for name, value in body.items()},
            restorer=table.restorer(as_json=is_json),
            counts=table.counts,
        )

    def _table(self, texts: Sequence[str], language: str) -> "_Table":
        return _Table({text: self._find(text, 0, language) for text in texts})


class _Table:
    """Values and their placeholders, of one request."""

    def __init__(self, spans: Mapping[str, Sequence[Span]]) -> None:
        """`spans` by the text they were found in."""
        self._spans = spans
        self._taken = {key for text in spans for key in keys_in(text)}
        """Placeholders that the person wrote; no value gets one of these."""
        self._numbers: Counter[str] = Counter()
        self._keys: dict[str, str] = {}
        """Value, folded where case does not matter, to "EMAIL_1"."""
        self._values: dict[str, str] = {}
        self._kinds: dict[str, str] = {}
        for text, found in spans.items():
            for span in found:
                self._add(span.kind, text[span.start : span.end])
        self.counts: Mapping[str, int] = dict(Counter(self._kinds.values()))
        if len(self._values) <= _MAX_REPEATED:
            for name in [value for key, value in self._values.items() if self._kinds[key] == "person"]:
                self._add_parts(name)
        self._pattern = self._build_pattern()

    def restorer(self, *, as_json: bool = False) -> Restorer:
        return Restorer(self._values, as_json=as_json)

    def mask(self, text: str) -> str:
        """The text with each finding replaced, and every other place where the same value stands."""
        pieces, end = [], 0
        for span in self._spans.get(text, ()):
            pieces += [self._mask_repeated(text[end : span.start]), self._placeholder(text[span.start : span.end])]
            end = span.end
        return "".join([*pieces, self._mask_repeated(text[end:])])

    def _add(self, kind: str, value: str) -> None:
        folded = value.casefold() if kind in _ANY_CASE else value
        if folded in self._keys:
            return
        name = NAMES.get(kind, OTHER)
        self._numbers[name] += 1
        while f"{name}_{self._numbers[name]}" in self._taken:
            self._numbers[name] += 1
        key = f"{name}_{self._numbers[name]}"
        self._keys[folded] = key
        self._values[key] = value
        self._kinds[key] = kind

    def _add_parts(self, name: str) -> None:
        """The parts of a name that stand elsewhere alone, too: "Ask Maria" after "Maria Keller"."""
        for part in _NAME_PART.findall(name):
            if part.casefold() in _ALSO_WORDS or not part[0].isupper() or part == name:
                continue
            alone = re.compile(rf"(?<!\w){re.escape(part)}(?!\w)")
            if any(alone.search(text.replace(name, " ")) for text in self._spans if part in text):
                self._add("person", part)

    def _build_pattern(self) -> re.Pattern[str] | None:
        """Finds values anywhere. None when there are none, or so many that the search would take long."""
        values = [
            (value, self._kinds[key]) for key, value in self._values.items() if _is_telling(value, self._kinds[key])
        ]
        if not 0 < len(values) <= _MAX_REPEATED:
            return None
        forms = []
        for value, kind in sorted(values, key=lambda item: -len(item[0])):
            form = re.escape(value)
            folds = kind in _ANY_CASE and not value.isalpha()
            # an edge beside letters and digits only: other scripts are written without spaces
            head = r"(?<![A-Za-z0-9_])" if value[0] in _WORD else ""
            tail = r"(?![A-Za-z0-9_])" if value[-1] in _WORD else ""
            forms.append(head + (f"(?i:{form})" if folds else form) + tail)
        return re.compile("|".join(forms))

    def _mask_repeated(self, text: str) -> str:
        return self._pattern.sub(lambda match: self._placeholder(match.group()), text) if self._pattern else text

    def _placeholder(self, value: str) -> str:
        key = self._keys.get(value) or self._keys.get(value.casefold())
        if key is None:
            return value
        name, _, number = key.rpartition("_")
        return write(name, int(number))


def _is_telling(value: str, kind: str) -> bool:
    """Whether the same characters elsewhere are the same value."""
    if kind == "person" and value.casefold() in _ALSO_WORDS:
        return False
    return len(value) >= _MIN_REPEATED_CHARS or not value.isascii()


def texts_of(value: Any, name: str = "") -> Iterator[str]:
    """Every text of a request that may be masked."""
    if isinstance(value, str):
        if name not in _KEPT_FIELDS:
            yield value
    elif isinstance(value, Mapping):
        for field_name, item in value.items():
            yield from texts_of(item, field_name)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts_of(item, name)


def _mapped(name: str, value: Any, mask: Callable[[str], str]) -> Any:
    """The same request with every such text masked."""
    if isinstance(value, str):
        return value if name in _KEPT_FIELDS else mask(value)
    if isinstance(value, Mapping):
        return {field_name: _mapped(field_name, item, mask) for field_name, item in value.items()}
    return [_mapped(name, item, mask) for item in value] if isinstance(value, list | tuple) else value
