"""Form of a prompt without regard to its language: code, formulas, tables, options, and numeric signals of these."""

import math
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from omni.reading.canonical import CanonicalText
from omni.reading.scripts import SCRIPT_GROUPS, script_table
from omni.types import Structure

_CODE_GATES = ("def ", "class ", "import ", "#include", "SELECT ", "function ", "const ", "fn ", "public ", "return ")
_CODE_LINE = re.compile(
    r"^(?:def \w+\(|class \w+[:({ ].*[:{]$|import [\w.]+(?: as \w+)?;?$|from [\w.]+ import |"
    r"#include ?[<\"]|select .+ from |(?:public|private) (?:static |class |void |int )|"
    r"(?:async )?function ?\w*\(|(?:const|let|var) \w+ ?=|fn \w+\(|return [^ ]+.*;$)",
    re.MULTILINE | re.IGNORECASE,
)
# none of these says code alone; three of them together do
_CODE_HINTS = (
    "();", ");\n", "){", ") {", "):\n", "==", "!=", "=>", "->", "&&", "||", "++", "+=", "</", "/>", "};", "[i]",
    "self.", "Traceback (most", "Error:", "Exception", "print(", "console.", "#!/", "$(", "();\n", "::", "[0]", "0x",
    "null",
)  # fmt: skip
# a single character is found several times faster than a hint, and most prompts hold none of these
_RARE_SIGNS = (*"()=>&|+<}[#", "::", "null", "0x", "self.", "console.", "Error:", "Exception")
_MIN_HINTS = 3
_FEW_LINES = 16
_LINE_END = re.compile("\n")
_LATEX = re.compile(
    r"\\(?:frac|sqrt|sum|int|cdot|times|left|begin|text|math\w+|alpha|beta|theta|pi|leq?|geq?|boxed|infty|lim|log|sin|cos)"
    r"(?![a-z])|\$[^$\n]*[\\^_={}][^$\n]*\$|\$[A-Za-z]\$|\\\(|\\\["
)
_PIPE_TABLE = re.compile(r"^\|?[^|\n]+\|[^\n]+\n\|?[ :|-]+\|", re.MULTILINE)
_QUESTION = "?？؟՞"

_OPERATORS = "+-*/=^_\\|&%~"
_BRACKETS = "()[]{}<>"
_QUOTES = "\"'`“”„«»「」『』"
(_SPACE, _DIGIT, _OPERATOR, _BRACKET, _QUOTE, _POINT, _SYMBOL, _MARK, _LETTER) = range(9)
"""Kinds of characters; letters of the script group g have the kind _LETTER + 1 + g."""
_N_KINDS = _LETTER + 1 + len(SCRIPT_GROUPS)

SIGNAL_NAMES: tuple[str, ...] = (
    "log_chars",
    "log_words",
    "log_lines",
    "log_line_chars",
    "word_chars",
    "digit_share",
    "punctuation_share",
    "operator_share",
    "bracket_share",
    "quote_share",
    "log_numbers",
    "options",
    "has_question",
    "has_code",
    "has_latex",
    "has_table",
    "asks_json",
    "has_url",
    "non_ascii_share",
    *(f"script_{group}" for group in SCRIPT_GROUPS),
)


class CharacterCounts(NamedTuple):
    """How many characters of each kind a one-line text has."""

    kinds: list[int]
    """By kind; spaces are not counted in full."""
    n_digit_runs: int
    n_beyond_ascii: int


def count_characters(padded: np.ndarray) -> CharacterCounts:
    """The counts of one text.

    Args:
        padded: Code points of the canonical one-line text with a space at both ends, uint32.
    """
    kinds = _kind_table().take(padded, mode="clip")
    counts = np.bincount(kinds, minlength=_N_KINDS).tolist()
    is_digit = (padded - np.uint32(48)) < 10
    n_digit_runs = int(np.count_nonzero(is_digit[1:] > is_digit[:-1])) if counts[_DIGIT] else 0
    return CharacterCounts(counts, n_digit_runs, int(np.count_nonzero(padded > 127)))


def find_structure(canonical: CanonicalText, n_numbers: int) -> Structure:
    """The facts about the form of a canonical text; counts are those of head and tail when it was cut."""
    text, flat = canonical.text, canonical.flat
    # trying a pattern where lines begin is faster than letting it search for line breaks
    starts = [0, *[line_end.end() for line_end in _LINE_END.finditer(text)]]
    return Structure(
        has_code=_has_code(text, starts),
        has_latex=("\\" in text or "$" in text) and _LATEX.search(text) is not None,
        has_table="\n" in text and _has_table(text),
        asks_json="json" in flat,
        has_url="http://" in flat or "https://" in flat or "www." in flat,
        n_options=canonical.n_options,
        n_numbers=n_numbers,
        n_chars=canonical.n_chars,
        n_lines=canonical.n_lines,
    )


def signals(canonical: CanonicalText, structure: Structure, counts: CharacterCounts) -> list[float]:
    """Numbers about -1..1 in the order of `SIGNAL_NAMES`, scaled by fixed constants."""
    text, kinds = canonical.text, counts.kinds
    n_chars = max(len(canonical.flat), 1)
    by_script = kinds[_LETTER + 1 :]
    n_letters = kinds[_LETTER] + sum(by_script)
    n_words = canonical.flat.count(" ") + 1
    lines, letters = max(structure.n_lines, 1), max(n_letters, 1)
    n_points = sum(kinds[_OPERATOR : _POINT + 1])
    return [
        (math.log1p(structure.n_chars) - 5.5) / 3.0,
        (math.log1p(n_words) - 3.5) / 2.5,
        (math.log1p(lines) - 1.5) / 1.5,
        (math.log1p(structure.n_chars / lines) - 4.5) / 2.0,
        (min(n_letters / n_words, 12.0) - 5.0) / 4.0,
        min(4.0 * kinds[_DIGIT] / n_chars, 1.0),
        min(5.0 * n_points / n_chars, 1.0),
        min(10.0 * kinds[_OPERATOR] / n_chars, 1.0),
        min(10.0 * kinds[_BRACKET] / n_chars, 1.0),
        min(10.0 * kinds[_QUOTE] / n_chars, 1.0),
        math.log1p(structure.n_numbers) / 3.0 - 0.5,
        min(structure.n_options, 10) / 10.0,
        float("?" in text or (counts.n_beyond_ascii > 0 and any(mark in text for mark in _QUESTION))),
        float(structure.has_code),
        float(structure.has_latex),
        float(structure.has_table),
        float(structure.asks_json),
        float(structure.has_url),
        counts.n_beyond_ascii / n_chars,
        *[count / letters for count in by_script],
    ]


def _has_code(text: str, line_starts: Sequence[int]) -> bool:
    if "```" in text:
        return True
    # both have to hold: the cheaper one is tried first
    has_gate = len(line_starts) <= _FEW_LINES or _has_code_gate(text)
    if has_gate and any(_CODE_LINE.match(text, start) for start in line_starts) and _has_code_gate(text):
        return True
    signs = [sign for sign in _RARE_SIGNS if sign in text]
    return sum([hint in text for sign in signs for hint in _hints_by_sign()[sign]]) >= _MIN_HINTS


def _has_code_gate(text: str) -> bool:
    return any(gate in text for gate in _CODE_GATES)


@lru_cache(maxsize=1)
def _hints_by_sign() -> dict[str, tuple[str, ...]]:
    """Each hint once, under the first sign that it holds."""
    table: dict[str, tuple[str, ...]] = dict.fromkeys(_RARE_SIGNS, ())
    for hint in _CODE_HINTS:
        sign = next(sign for sign in _RARE_SIGNS if sign in hint)
        table[sign] += (hint,)
    return table


def _has_table(text: str) -> bool:
    if "|" in text and _PIPE_TABLE.search(text) is not None:
        return True
    if "," not in text:
        return False
    # separated values: two lines on end with the same number of commas and no space after them
    commas = [line.count(",") if ", " not in line else 0 for line in text.split("\n")]
    return any(first == second >= 2 for first, second in pairwise(commas))


@lru_cache(maxsize=1)
def _kind_table() -> np.ndarray:
    """Kind of every code point of the basic plane, (65536,) uint8."""
    by_category = {"N": _DIGIT, "P": _POINT, "S": _SYMBOL, "Z": _SPACE, "C": _SPACE, "M": _MARK}
    kinds = [by_category.get(unicodedata.category(chr(code))[0], _LETTER) for code in range(0x10000)]
    table = np.array(kinds, dtype=np.uint8)
    scripts = script_table()
    table = np.where((table == _LETTER) & (scripts > 0), _LETTER + scripts, table).astype(np.uint8)
    for kind, characters in ((_OPERATOR, _OPERATORS), (_BRACKET, _BRACKETS), (_QUOTE, _QUOTES)):
        table[[ord(character) for character in characters]] = kind
    return table
