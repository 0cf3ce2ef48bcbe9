"""Scripts by Unicode ranges."""

from functools import lru_cache

import numpy as np

# fmt: off
# ISO 15924 code, then inclusive ranges of the basic plane
_RANGES: tuple[tuple[str, tuple[tuple[int, int], ...]], ...] = (
    (
        "Latn",
        (
            (0x41, 0x5A),
            (0x61, 0x7A),
            (0xAA, 0xAA),
            (0xBA, 0xBA),
            (0xC0, 0xD6),
            (0xD8, 0xF6),
            (0xF8, 0x24F),
            (0x1E00, 0x1EFF),
        ),
    ),
    ("Grek", ((0x370, 0x3FF), (0x1F00, 0x1FFF))),
    ("Cyrl", ((0x400, 0x52F), (0x1C80, 0x1C8F), (0x2DE0, 0x2DFF), (0xA640, 0xA69F))),
    ("Armn", ((0x531, 0x58F),)),
    ("Hebr", ((0x591, 0x5F4), (0xFB1D, 0xFB4F))),
    ("Arab", ((0x600, 0x6FF), (0x750, 0x77F), (0x8A0, 0x8FF), (0xFB50, 0xFDFF), (0xFE70, 0xFEFC))),
    ("Deva", ((0x900, 0x963), (0x966, 0x97F), (0xA8E0, 0xA8FF))),
    ("Beng", ((0x980, 0x9FF),)),
    ("Guru", ((0xA00, 0xA7F),)),
    ("Gujr", ((0xA80, 0xAFF),)),
    ("Orya", ((0xB00, 0xB7F),)),
    ("Taml", ((0xB80, 0xBFF),)),
    ("Telu", ((0xC00, 0xC7F),)),
    ("Knda", ((0xC80, 0xCFF),)),
    ("Mlym", ((0xD00, 0xD7F),)),
    ("Sinh", ((0xD80, 0xDFF),)),
    ("Thai", ((0xE01, 0xE5B),)),
    ("Laoo", ((0xE80, 0xEFF),)),
    ("Tibt", ((0xF00, 0xFFF),)),
    ("Mymr", ((0x1000, 0x109F),)),
    ("Geor", ((0x10A0, 0x10FF), (0x1C90, 0x1CBF))),
    ("Ethi", ((0x1200, 0x139F),)),
    ("Khmr", ((0x1780, 0x17FF),)),
    ("Hang", ((0x1100, 0x11FF), (0x3130, 0x318F), (0xAC00, 0xD7AF))),
    (
        "Kana",
        ((0x3041, 0x3096), (0x309D, 0x309F), (0x30A1, 0x30FA),
              (0x30FC, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF9F)),
    ),
    ("Hani", ((0x3005, 0x3007), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF))),
)
# fmt: on
SCRIPTS: tuple[str, ...] = tuple(code for code, _ in _RANGES)
UNSPACED = frozenset({"Hani", "Kana", "Thai", "Laoo", "Khmr", "Mymr"})
"""Scripts whose words no space parts."""
_EAST_ASIAN = (SCRIPTS.index("Hani"), SCRIPTS.index("Kana"), SCRIPTS.index("Hang"))

SCRIPT_GROUPS: tuple[str, ...] = ("latin", "greek_cyrillic", "right_to_left", "other_alphabet", "hangul", "kana", "han")
_GROUP_OF = {
    "Latn": "latin",
    "Grek": "greek_cyrillic",
    "Cyrl": "greek_cyrillic",
    "Armn": "greek_cyrillic",
    "Geor": "greek_cyrillic",
    "Hebr": "right_to_left",
    "Arab": "right_to_left",
    "Hang": "hangul",
    "Kana": "kana",
    "Hani": "han",
}


@lru_cache(maxsize=1)
def iso_script_table() -> np.ndarray:
    """Position in `SCRIPTS` plus one of every code point of the basic plane, 0 for none, (65536,) uint8."""
    table = np.zeros(0x10000, dtype=np.uint8)
    for position, (_, ranges) in enumerate(_RANGES, start=1):
        for first, last in ranges:
            table[first : last + 1] = position
    # the multiplication and division signs lie inside the Latin block
    table[[0xD7, 0xF7]] = 0
    return table


@lru_cache(maxsize=1)
def script_table() -> np.ndarray:
    """Position in `SCRIPT_GROUPS` plus one of every code point of the basic plane, 0 for none, (65536,) uint8."""
    groups = [0, *(SCRIPT_GROUPS.index(_GROUP_OF.get(code, "other_alphabet")) + 1 for code in SCRIPTS)]
    return np.array(groups, dtype=np.uint8)[iso_script_table()]


def find_script(codes: np.ndarray, *, latin_weight: float = 1.0) -> str:
    """ISO 15924 code of the script most characters belong to; "Zyyy" (common) when there is no letter.

    Han characters count as Japanese ("Jpan") or Korean ("Kore") when kana or hangul stand beside them.

    Args:
        codes: Code points, uint32.
        latin_weight: What one Latin letter counts against one of another alphabet.
    """
    counts = np.bincount(iso_script_table()[np.minimum(codes, 0xFFFF)], minlength=len(SCRIPTS) + 1)[1:].tolist()
    han, kana, hangul = (counts[position] for position in _EAST_ASIAN)
    alphabets = list(counts)
    alphabets[0] *= latin_weight
    for position in _EAST_ASIAN:
        alphabets[position] = 0
    best = max(alphabets)
    # one ideograph or syllable carries about as much as two letters
    if 2 * (han + kana + hangul) > best:
        if hangul >= max(kana, han / 2):
            return "Kore"
        return "Jpan" if 8 * kana > han else "Hani"
    return SCRIPTS[alphabets.index(best)] if best else "Zyyy"


def letter_scripts(text: str) -> frozenset[str]:
    """ISO 15924 codes of the scripts whose letters stand in a text."""
    table = iso_script_table()
    return frozenset(SCRIPTS[table[ord(letter)] - 1] for letter in text if ord(letter) < 0x10000 and table[ord(letter)])
