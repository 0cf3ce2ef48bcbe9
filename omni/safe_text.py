"""The one place that makes a text from outside safe to show: in Markdown, in HTML, in a table that a spreadsheet opens.

An answer, a prompt, a name or a recording's field is words. Markdown keeps what formats words (headings, lists, tables,
code, formulas) and links whose host is shown; HTML, pictures, drawings and every other address become text. What
`to_safe_markdown` changes `to_raw_text` changes back, so that the page's history is what was written.

Code keeps its angle brackets only where the page's Markdown (marked, in Gradio 6.31) reads code for certain. Where that
is in doubt, an invisible sign after the bracket shows the same and opens no tag.
"""

import re
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

import numpy as np
import pandas as pd

LATEX_DELIMITERS: list[dict[str, Any]] = [{"left": "$$", "right": "$$", "display": True}]
"""Formulas; before it reads Markdown the page cuts them out, kind by kind, and so does the search for code."""
_MARK = "\ufeff"
"""Invisible, and the end of an address in Markdown; stands where we put something in."""
_JOINER = "\u2060"
"""Invisible; stands within what would be syntax, where code may not be told from words."""
_CODE = "\ue001"
"""Stands for a code span."""
_FIRST_FORMULA, _MAX_FORMULAS = 0xF0000, 0x10000
_FORMULA = "\U000f0000-\U000fffff"
"""Each stands for the formula of its number."""
_NUMBER = r"[+\-−]?[\d.,]+(?: ?%)?"
_NUMBERS = re.compile(rf"{_NUMBER}(?: to {_NUMBER})?")
_OWN_SIGNS = re.compile(f"[{_MARK}{_FORMULA}{_CODE}]")
_HOLE = re.compile(f"[{_FORMULA}{_CODE}]")
_LATEX = [re.compile(rf"{re.escape(d['left'])}[\s\S]+?{re.escape(d['right'])}") for d in LATEX_DELIMITERS]
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_SYNTAX = re.compile(r"(?<=<)(?=[A-Za-z/!?])|(?<=!)(?=\[)|(?<=\])(?=[(:])")
_FENCE = re.compile(r"`{3,}(?=[^`]*$)|~{3,}")
_LIST_ITEM = re.compile(r"(?:[*+-]|(?P<number>\d{1,9})[.)])(?: {1,4}(?! )| |$)")
_TABLE_RULE = re.compile(r"[ >]*\|?[ :|-]*-[ :|-]*$")
_BRACKETED = re.compile(r"(?=(\[[^\[\]]*\]\([^()]*\)|<[^<>]*>))")
_SPACE = re.compile(r"[ \t\n\v\f\r\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")
"""What ends an address in a browser."""
_URL = re.compile(r"://|www\.|@", re.IGNORECASE)
_DRAWN = re.compile(r"((?<![`~])[`~]{3,}[ \t]*)(?=(?:mermaid|cpp)\b)", re.IGNORECASE)
"""Fences whose language the page must not know: drawings bring links and pictures of their own, so their source is
shown; C++ is shown without colours, as Gradio's page stops at its colouring (6.31)."""
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{1,5})?"
_PATH = rf"[^\s()<>\[\]`\\\"'&{_FORMULA}{_CODE}]"
_LINK = re.compile(
    rf"\((?P<url>https?://{_HOST}(?:[/?#](?:{_PATH}|&(?![#\w]*;)|\({_PATH}*\))*)?|mailto:[\w.+-]+@{_HOST})"
    rf"(?: +\"[^\"\n<>\[\]`\\{_FORMULA}{_CODE}]*\")?\)",
    re.ASCII,
)
_BARE_URL = re.compile(r"(?P<scheme>(?:https?|ftp)://|www\.)(?P<rest>[^\s<]*)", re.IGNORECASE)
_PLAIN_HOST = re.compile(rf"{_HOST}\.?(?=[/?#)\]}}>,;:!'\"*_|&~]|{_MARK}|$)", re.ASCII)
_ANGLED_URL = re.compile(r"<((?:https?|ftp|mailto):[^\s<>`]*)>", re.IGNORECASE)
_JOINED = re.compile(rf"(?<=[<!\]`~ \t]){_JOINER}(?=[A-Za-z/!?\[(:])")
_PUT_IN = re.compile(rf"{_MARK} \([^{_MARK}\n]*\){_MARK}")
_BACK = {"&#60;": "<", "&#62;": ">", "&#91;": "[", "&#93;": "]", "&#40;": "(", "&#58;": ":"}
_BACK_PATTERN = re.compile("|".join(_BACK))
_OWN_ENTITY = re.compile(f"&(?=#(?:{'|'.join(code[2:-1] for code in _BACK)});)")
"""What a person writes like one of these stays apart from ours."""
_MARKDOWN = re.compile(r"[\\`*_{}\[\]<>#|!~$&@:]|(?<=www)\.", re.IGNORECASE)
_CHART_TAG = re.compile(r"<(?!/?(?:b|i|br|sub|sup|extra)>)", re.IGNORECASE)
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


class _Part(NamedTuple):
    """A piece of Markdown."""

    text: str
    """Each `_CODE` in it stands for a code span."""
    kind: Literal["code", "words", "unclear"]
    """Unclear: readers of Markdown may differ on what is code."""
    spans: tuple[str, ...] = ()


def to_safe_markdown(text: str) -> str:
    """The text as Markdown that can only format words; every word of it is shown."""
    text = _OWN_SIGNS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = _OWN_ENTITY.sub(f"&{_MARK}", text)
    formulas: list[str] = []

    def keep(match: re.Match[str]) -> str:
        formulas.append(match.group())
        return chr(_FIRST_FORMULA + len(formulas) - 1) if len(formulas) <= _MAX_FORMULAS else ""

    cut = text
    for pattern in _LATEX:
        cut = pattern.sub(keep, cut)
    if len(formulas) > _MAX_FORMULAS:
        return _safe_part(_Part(text, "unclear"), ())
    return "".join(_safe_part(part, formulas) for part in _split(_DRAWN.sub(rf"\1{_JOINER}", cut)))


def to_raw_text(shown: str) -> str:
    """What `to_safe_markdown` was given."""
    if _MARK in shown:
        shown = _PUT_IN.sub("", shown)
    if _JOINER in shown:
        shown = _JOINED.sub("", shown)
    if "&#" in shown:
        shown = _BACK_PATTERN.sub(lambda match: _BACK[match.group()], shown)
    return shown.replace(_MARK, "")


def escape_html(text: object) -> str:
    """A text from outside as words inside HTML, or in a label of a chart.

    One line: in the chat, an empty line would end the HTML and begin Markdown.
    """
    return escape(" ".join(str(text).split()))


def escape_markdown(text: object) -> str:
    """A short text from outside as words inside a sentence that is Markdown: nothing in it formats or links."""
    return _MARKDOWN.sub(lambda sign: f"&#{ord(sign.group())};", " ".join(str(text).split()))


def escape_cell(value: Any) -> Any:
    """A table's cell that no spreadsheet takes for a formula: such a text gets an apostrophe in front."""
    if not isinstance(value, str) or len(value) < 2 or _is_number(value):
        return value
    return f"'{value}" if value.lstrip(f" {_MARK}").startswith(_FORMULA_STARTS) else value


def escape_cells(table: pd.DataFrame) -> pd.DataFrame:
    """The table with each cell and column name that a spreadsheet would take for a formula as text."""
    texts = [name for name, kind in table.dtypes.items() if not pd.api.types.is_numeric_dtype(kind)]
    return table.assign(**{name: table[name].map(escape_cell) for name in texts}).rename(columns=escape_cell)


def escape_labels(figure: Any) -> Any:
    """A Plotly figure as a dict, or a part of one, whose labels only break lines and set weight.

    No name in it becomes a link or brings a style.
    """
    if isinstance(figure, str):
        return _CHART_TAG.sub("&lt;", figure)
    if isinstance(figure, dict):
        return {name: escape_labels(value) for name, value in figure.items()}
    if isinstance(figure, np.ndarray) and figure.dtype.kind in "OU":
        return np.array([escape_labels(value) for value in figure.ravel()], dtype=object).reshape(figure.shape)
    if isinstance(figure, list | tuple):
        return type(figure)(escape_labels(value) for value in figure)
    return figure


def _is_number(value: str) -> bool:
    """A figure or an interval of two."""
    return _NUMBERS.fullmatch(value.strip()) is not None


def _safe_part(part: _Part, formulas: Sequence[str]) -> str:
    safe = part.text if part.kind == "code" else _without_addresses(part.text, is_clear=part.kind == "words")
    spans = iter(part.spans)

    def put_back(match: re.Match[str]) -> str:
        if match.group() == _CODE:
            return _HOLE.sub(put_back, next(spans))
        formula = _HOLE.sub(put_back, formulas[ord(match.group()) - _FIRST_FORMULA])
        return formula if part.kind == "code" else _TAG.sub("&#60;", formula)

    return _HOLE.sub(put_back, safe)


def _without_addresses(text: str, *, is_clear: bool) -> str:
    """Tags and pictures as text, links with their host, no definitions of links."""
    if is_clear:
        text = _TAG.sub("&#60;", _ANGLED_URL.sub(rf"&#60;\1{_MARK}&#62;", text)) if "<" in text else text
        text = _safe_links(text) if "[" in text or "]" in text else text
    else:
        text = _SYNTAX.sub(_JOINER, text)
    return _BARE_URL.sub(_safe_bare_url, text) if "//" in text or "ww" in text.lower() else text


def _safe_bare_url(match: re.Match[str]) -> str:
    if _PLAIN_HOST.match(match["rest"]):
        return match.group()
    return f"{match['scheme'][:-1]}{_MARK}{match['scheme'][-1]}{match['rest']}"


def _safe_links(text: str) -> str:
    pieces: list[str] = []
    opened: list[tuple[int, bool]] = []
    at = 0
    while at < len(text):
        sign = text[at]
        if sign == "\\" and at + 1 < len(text):
            pieces.append(text[at : at + 2])
            at += 2
        elif sign == "[":
            is_picture = at > 0 and text[at - 1] == "!" and not (pieces and pieces[-1] == "\\!")
            opened.append((len(pieces), is_picture))
            pieces.append("&#91;" if is_picture else "[")
            at += 1
        elif sign == "]":
            end = _close(text, at, pieces, opened)
            at = end
        else:
            nearest = _NEXT_SIGN.search(text, at + 1)
            end = nearest.start() if nearest else len(text)
            pieces.append(text[at:end])
            at = end
    return "".join(pieces)


_NEXT_SIGN = re.compile(r"[\\\[\]]")


def _close(text: str, at: int, pieces: list[str], opened: list[tuple[int, bool]]) -> int:
    """Writes a closing bracket and the address after it; where to go on."""
    begin, is_picture = opened.pop() if opened else (None, True)
    after = text[at + 1 : at + 2]
    closing = "&#93;" if is_picture and begin is not None else "]"
    if after == ":":
        pieces.append(f"{closing}&#58;")
        return at + 2
    if after != "(":
        pieces.append(closing)
        return at + 1
    link = None if is_picture else _LINK.match(text, at + 1)
    if link is None or begin is None:
        pieces.append(f"{closing}&#40;")
        return at + 2
    label, url = "".join(pieces[begin + 1 :]), link["url"]
    host = url.removeprefix("mailto:") if url.startswith("mailto:") else urlsplit(url).netloc.lower()
    pieces.append(f"]{link.group()}")
    if label != url:
        pieces.append(f"{_MARK} ({host}){_MARK}")
    return link.end()


class _Fence(NamedTuple):
    """Where fenced code opens."""

    column: int
    sign: str


def _split(text: str) -> list[_Part]:
    """The text as code and words."""
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    try:
        return list(_blocks(lines))
    except _UnclearError:
        return [_Part(text, "unclear")]


class _UnclearError(Exception):
    """Where code ends depends on who reads."""


def _blocks(lines: Sequence[str]) -> Iterator[_Part]:
    """Fenced code, and the paragraphs between."""
    begin = row = 0
    has_list = any(_LIST_ITEM.match(line.lstrip(" ")) for line in lines)
    offsets: list[int] = []
    while row < len(lines):
        opened = _open_fence(lines, row, offsets)
        if opened is None:
            row += 1
            continue
        yield from _paragraphs(lines[begin:row], has_list=has_list)
        begin, row = row, _end_of_fence(lines, row, opened)
        yield _Part("".join(lines[begin:row]), "code")
        begin = row
    yield from _paragraphs(lines[begin:], has_list=has_list)


def _open_fence(lines: Sequence[str], row: int, offsets: list[int]) -> _Fence | None:
    """The fence that opens on a line, or None.

    Args:
        offsets: the columns at which the texts of the lists around begin; changed to those around the next line.

    Raises:
        _UnclearError: it may be one.
    """
    body = lines[row].rstrip("\n")
    column = _indent(body)
    if column == len(body):
        return None
    while offsets and column < offsets[-1]:
        offsets.pop()
    may_begin_list = bool(offsets) or row == 0 or not lines[row - 1].strip(" \t\n")
    while (item := _LIST_ITEM.match(body, column)) and column - (offsets[-1] if offsets else 0) <= 3:
        if not may_begin_list and item["number"] not in (None, "1"):
            break
        column = item.end()
        offsets.append(column)
    fence = _FENCE.match(body, column)
    if fence is None:
        is_odd = re.match(r"[ \t>]*(?:`{3}|~{3})", body[column:] if ">" not in body[:column] else body)
        if is_odd and not _is_span(body):
            raise _UnclearError
        return None
    if column - (offsets[-1] if offsets else 0) > 3 or _SYNTAX.search(body):
        raise _UnclearError
    if not lines[row].endswith("\n"):
        return None  # nothing is in it yet, and after a paragraph it is words
    return _Fence(column, fence.group())


def _is_span(body: str) -> bool:
    """Whether a line that begins with three backticks holds a code span instead of a fence."""
    return body.lstrip(" ").startswith("```") and "`" in body.strip(" ").lstrip("`")


def _end_of_fence(lines: Sequence[str], row: int, fence: _Fence) -> int:
    """The row after the fence's last."""
    for at in range(row + 1, len(lines)):
        body = lines[at].rstrip("\n")
        indent = _indent(body)
        if indent < min(fence.column, len(body)):
            raise _UnclearError
        rest = body.strip(" \t")
        if rest.startswith(fence.sign) and not rest.strip("`~ \t"):
            if indent != fence.column or re.search(r"\t|[`~] +[`~]", body):
                raise _UnclearError
            return at + 1
    return len(lines)


def _indent(body: str) -> int:
    return len(body) - len(body.lstrip(" "))


def _paragraphs(lines: Sequence[str], *, has_list: bool) -> Iterator[_Part]:
    """Words, split at empty lines: a code span does not go beyond one."""
    begin = 0
    for row in range(len(lines) + 1):
        if row == len(lines) or not lines[row].strip(" \t\n"):
            if row > begin:
                is_indented = not has_list and lines[begin].startswith(("    ", "\t"))
                yield _to_part(lines[begin:row], is_indented=is_indented)
            if row < len(lines):
                yield _Part(lines[row], "words")
            begin = row + 1


def _to_part(lines: Sequence[str], *, is_indented: bool) -> _Part:
    """A paragraph with its code spans taken out; unclear unless every line's backticks are its own."""
    text = "".join(lines)
    if "`" not in text:
        return _Part(text, "unclear" if is_indented else "words")
    if is_indented or any(match[1].count("`") % 2 for match in _BRACKETED.finditer(text)):
        return _Part(text, "unclear")
    is_table = any(_TABLE_RULE.match(line.rstrip("\n")) for line in lines)
    n_tildes, words, spans = text.count("~"), [], []
    for line in lines:
        pieces = line.split("`")
        if len(pieces) % 2 == 0 or "" in pieces[1:-1]:
            return _Part(text, "unclear")
        for piece in pieces[0:-1:2]:
            if piece.endswith("\\") or _URL.search(_SPACE.split(piece)[-1]):
                return _Part(text, "unclear")
        if (n_tildes > 1 and any("~" in piece for piece in pieces[::2])) or (
            is_table and any("|" in piece for piece in pieces[1::2])
        ):
            return _Part(text, "unclear")
        words.append(_CODE.join(pieces[::2]))
        spans += [f"`{piece}`" for piece in pieces[1::2]]
    return _Part("".join(words), "words", tuple(spans))
