"""Words that hint at a task, one concept across languages, so that what English prompts teach holds in Bengali too."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml

from omni.errors import OmniError
from omni.reading.cache import WordCache
from omni.reading.encoder import StaticEncoder
from omni.reading.scripts import UNSPACED, letter_scripts

_CACHED_WORDS = 32_768
_N_HEAD, _N_TAIL = 80, 40
_N_NEAR = 12
"""Words counted as near the edge of a text: the asking mostly stands there."""
_CHARS_PER_WORD = 3
"""In scripts without spaces."""
_SHORT_STEM = 3
_PROCLITIC = frozenset({"Arab", "Hebr"})


class Phrase(NamedTuple):
    """Words that follow a first word, and the concept they make with it."""

    rest: tuple[str, ...]
    concept: int
    """A whole number with the bit of the concept set."""


class Clue(NamedTuple):
    """What one word hints at, alone and with the words after it."""

    concepts: int
    """A bit for each concept that the word alone names."""
    phrases: Mapping[str, Sequence[Phrase]] | None
    """By the letter that the second word begins with."""


class CueFinder:
    """Finds which concepts a text names; built from `cues.yml`."""

    def __init__(self, cues: Mapping[str, Sequence[str]], encoder: StaticEncoder) -> None:
        self.concepts = tuple(cues)
        self.n_cues = 2 * len(cues)
        """Two numbers a concept: named near the edge, named anywhere."""
        self._whole: dict[str, int] = {}
        self._stems: dict[str, int] = {}
        # by first word, then by the letter that the second word begins with
        self._phrases: dict[str, dict[str, list[Phrase]]] = {}
        self._unspaced: dict[str, list[tuple[str, int]]] = {}
        for position, stems in enumerate(cues.values()):
            for stem in stems:
                self._add(stem.strip().lower(), 1 << position, encoder)
        self._longest = max(map(len, self._stems), default=0)
        self._clues = WordCache(self._clue_of, limit=_CACHED_WORDS)

    def vector(self, words: Sequence[str], flat: str) -> np.ndarray:
        """Which concepts a text names, (n_cues,) float32 of 0 and 1: near the edge, anywhere.

        Args:
            words: The words of the text as the encoder splits it.
            flat: The canonical one-line text, for scripts without spaces.
        """
        n_bytes = (self.n_cues + 7) // 8
        bits = np.frombuffer(self._bits(words, flat).to_bytes(n_bytes, "little"), dtype=np.uint8)
        return np.unpackbits(bits, count=self.n_cues, bitorder="little").astype(np.float32)

    def _bits(self, words: Sequence[str], flat: str) -> int:
        """The row of a text, a bit for each number: whole numbers are faster to join than sets."""
        n_words = len(words)
        if n_words > _N_HEAD + _N_TAIL:
            near, anywhere = self._find_words(words, 0, _N_HEAD)
            near_end, anywhere_else = self._find_words(words, n_words - _N_TAIL, n_words)
            near, anywhere = near | near_end, anywhere | anywhere_else
        else:
            near, anywhere = self._find_words(words, 0, n_words)
        if not flat.isascii():
            near_unspaced, unspaced = self._find_unspaced(flat)
            near, anywhere = near | near_unspaced, anywhere | unspaced
        return near | (near | anywhere) << len(self.concepts)

    def _find_words(self, words: Sequence[str], start: int, end: int) -> tuple[int, int]:
        """What words name near the edge of the text, and farther inside."""
        near = inside = 0
        last = len(words) - 1
        for position, clue in enumerate(map(self._clues.__getitem__, words[start:end]), start):
            if clue is None:
                continue
            concepts, phrases = clue
            if phrases and position < last:
                second = words[position + 1]
                for rest, concept in phrases.get(second[0], ()):
                    if second.startswith(rest[0]) and (len(rest) == 1 or _follows(words, position + 1, rest)):
                        concepts |= concept
            if position < _N_NEAR or last - position < _N_NEAR:
                near |= concepts
            else:
                inside |= concepts
        return near, inside

    def _find_unspaced(self, flat: str) -> tuple[int, int]:
        """What a text names in scripts without spaces: near its edge, and farther inside."""
        near = inside = 0
        if len(flat) > _CHARS_PER_WORD * (_N_HEAD + _N_TAIL):
            flat = flat[: _CHARS_PER_WORD * _N_HEAD] + flat[-_CHARS_PER_WORD * _N_TAIL :]
        last = len(flat) - 1
        for position, character in enumerate(flat):
            for stem, concept in self._unspaced.get(character, ()):
                if flat.startswith(stem, position):
                    if min(position, last - position) < _CHARS_PER_WORD * _N_NEAR:
                        near |= concept
                    else:
                        inside |= concept
        return near, inside

    def _add(self, stem: str, concept: int, encoder: StaticEncoder) -> None:
        whole = stem.endswith("!")
        stem = stem.removesuffix("!")
        if letter_scripts(stem) & UNSPACED:
            self._unspaced.setdefault(stem[0], []).append((stem, concept))
            return
        words = encoder.words(stem)
        if len(words) > 1:
            by_letter = self._phrases.setdefault(words[0], {})
            by_letter.setdefault(words[1][0], []).append(Phrase(tuple(words[1:]), concept))
        elif words:
            table = self._whole if whole or len(words[0]) <= _SHORT_STEM else self._stems
            table[words[0]] = table.get(words[0], 0) | concept

    def _clue_of(self, word: str) -> Clue | None:
        concepts, phrases = self._find_word(word), self._phrases.get(word)
        return Clue(concepts, phrases) if concepts or phrases else None

    def _find_word(self, word: str) -> int:
        found = self._whole.get(word, 0)
        starts = range(4) if len(word) > _SHORT_STEM + 1 and letter_scripts(word[:1]) & _PROCLITIC else range(1)
        for start in starts:
            for end in range(start + _SHORT_STEM, min(len(word), start + self._longest) + 1):
                found |= self._stems.get(word[start:end], 0)
        return found


def load_cues(path: Path, encoder: StaticEncoder) -> CueFinder:
    """The cue list in a YAML file of `concept: stem, stem, …`.

    Raises:
        OmniError: The file is missing or not of this form.
    """
    try:
        lines = yaml.safe_load(path.read_text(encoding="utf-8"))
        cues = {str(concept): str(stems).split(",") for concept, stems in lines.items()}
    except (OSError, AttributeError, yaml.YAMLError) as error:
        raise OmniError(
            f"The cue list {str(path)!r} cannot be read ({error}); expected lines of 'concept: stem, stem'. "
            f"Restore it from the repository."
        ) from error
    return CueFinder(cues, encoder)


def _follows(words: Sequence[str], start: int, rest: tuple[str, ...]) -> bool:
    return len(words) >= start + len(rest) and all(
        words[start + offset].startswith(word) for offset, word in enumerate(rest)
    )
