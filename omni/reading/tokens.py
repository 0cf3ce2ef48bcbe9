"""How many tokens a text takes, from stated characters-per-token rates per kind of character.

Source: rates we set for the byte-pair vocabularies of 100k-200k entries that today's open models have, starting from
the rule of thumb of about 4 characters a token for English (help.openai.com, "What are tokens") and
fewer for other scripts. They are not fitted; for Latin text the shipped word pieces come within about 15 % of them on
prose (the word pieces split numbers and formulas more finely). Read them as estimates, about ±20 % on prose.
"""

import re
from functools import lru_cache

import numpy as np

from omni.reading.scripts import SCRIPTS, iso_script_table

_SAMPLE_CHARS = 16_384
_N_SAMPLES = 16
# one token is about this many characters
_CHARS_PER_TOKEN_LATIN = 4.2
"""Letters only: with the space before each word English prose comes to about 4.5 characters per token."""
_CHARS_PER_TOKEN_ACCENTED = 2.0
_CHARS_PER_TOKEN = {
    "Cyrl": 3.2, "Grek": 2.4, "Arab": 3.0, "Hebr": 2.6, "Deva": 2.6, "Beng": 2.4, "Thai": 2.6, "Taml": 2.6, "Telu": 2.4,
    "Hang": 1.5, "Kana": 1.5, "Hani": 1.4, "Armn": 2.2, "Geor": 2.2,
}  # fmt: skip
_CHARS_PER_TOKEN_OTHER_SCRIPT = 1.5
_CHARS_PER_TOKEN_DIGIT = 2.5
_CHARS_PER_TOKEN_MARK = 1.5
_TOKENS_PER_SPACE = 0.06
_SPACES = re.compile(" +")
_CHARS_PER_TOKEN_BEYOND = 0.6
"""Emoji and rare characters outside the basic plane take more than one token each."""


def estimate_tokens(text: str) -> int:
    """Estimated tokens of a text, at least 1 unless it is empty; long texts are sampled, so the time is bounded.

    White space at both ends and all but one of several spaces on end count nothing: vocabularies hold runs of spaces.
    """
    text = text.strip()
    if not text:
        return 0
    if len(text) <= _SAMPLE_CHARS * _N_SAMPLES:
        return max(1, round(_count(text)))
    step = len(text) // _N_SAMPLES
    sample = "".join(text[start : start + _SAMPLE_CHARS] for start in range(0, step * _N_SAMPLES, step))
    return max(1, round(_count(sample) * len(text) / len(sample)))


def _count(text: str) -> float:
    if text.isascii():
        codes = np.frombuffer(text.encode(), dtype=np.uint8)
        return float(_token_share_table().take(codes).sum()) - _spaces_too_many(text)
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    return float(_token_share_table()[np.minimum(codes, 0xFFFF)].sum()) - _spaces_too_many(text)


def _spaces_too_many(text: str) -> float:
    """Tokens that were counted for spaces after a space."""
    if "  " not in text:
        return 0.0
    return _TOKENS_PER_SPACE * (text.count(" ") - len(_SPACES.findall(text)))


@lru_cache(maxsize=1)
def _token_share_table() -> np.ndarray:
    """Tokens per character for every code point of the basic plane; the last one stands for all beyond, float32."""
    shares = np.full(len(SCRIPTS) + 1, 1.0 / _CHARS_PER_TOKEN_OTHER_SCRIPT, dtype=np.float32)
    for position, script in enumerate(SCRIPTS, start=1):
        if script in _CHARS_PER_TOKEN:
            shares[position] = 1.0 / _CHARS_PER_TOKEN[script]
    shares[SCRIPTS.index("Latn") + 1] = 1.0 / _CHARS_PER_TOKEN_ACCENTED
    table = shares[iso_script_table()]
    table[:128] = 1.0 / _CHARS_PER_TOKEN_MARK
    for first, last in ((0x41, 0x5A), (0x61, 0x7A)):
        table[first : last + 1] = 1.0 / _CHARS_PER_TOKEN_LATIN
    table[0x30:0x3A] = 1.0 / _CHARS_PER_TOKEN_DIGIT
    # a space goes with the word after it; further white space is merged into long tokens
    table[[0x20, 0x09, 0x0A, 0x0D]] = [_TOKENS_PER_SPACE, 0.1, 0.25, 0.0]
    table[0xFFFF] = 1.0 / _CHARS_PER_TOKEN_BEYOND
    return table
