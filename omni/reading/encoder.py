"""The shipped static encoder: a 256-dimensional vector for each word piece, averaged over the text.

Source: static-minilm-d256-int8, made with model2vec.distill from sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0).
The vector is model2vec's own (mean over the known pieces, then L2-normalised); we read the word pieces ourselves with
a dictionary and a cache, because the tokenizer library needs most of the time budget of a decision on rare words.
"""

import json
import re
import unicodedata
from array import array
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from omni.errors import OmniError
from omni.reading.cache import WordCache
from omni.reading.ngrams import normalised, take_rows

_CACHED_TOKENS = 65_536
_MAX_WORD_CHARS = 100
_ASCII_WORDS = re.compile(r"[a-z0-9]+|[!-/:-@\[-`{-~]")
# the ideographs that BERT's tokenizer sets apart
_IDEOGRAPHS = "\u4e00-\u9fff\u3400-\u4dbf\uf900-\ufaff\U00020000-\U0002fa1f"


class StaticEncoder:
    """Text to word pieces to one vector; holds no state but a bounded cache of rare words."""

    def __init__(self, embeddings: np.ndarray, vocabulary: dict[str, int], unknown_id: int) -> None:
        # as stored: the shipped table has 8-bit integers, whose sums are exact and which take a quarter of the memory
        self.embeddings = embeddings
        """(n_pieces, n_dimensions)"""
        self._vocabulary = vocabulary
        self._unknown_id = unknown_id
        self._dropped, self._words = _word_patterns()
        self._ascii_tokens = WordCache(self._read_ascii_token, limit=_CACHED_TOKENS)
        self._tokens = WordCache(self._read_token, limit=_CACHED_TOKENS)

    @property
    def n_dimensions(self) -> int:
        return self.embeddings.shape[1]

    @property
    def n_pieces(self) -> int:
        return self.embeddings.shape[0]

    def words(self, flat: str) -> list[str]:
        """Words and single marks of a lower-case text, accents taken off, each ideograph apart."""
        if flat.isascii():
            return _ASCII_WORDS.findall(flat)
        return self._words.findall(self._dropped.sub("", unicodedata.normalize("NFD", flat)))

    def words_and_pieces(self, tokens: Sequence[str], *, is_ascii: bool) -> tuple[list[str], bytes]:
        """What `words` and `piece_ids` say of a text, from a memory of what stands between two spaces.

        Args:
            tokens: What stands between the spaces of the text.
            is_ascii: Whether the whole text is. If so, control characters part words; otherwise they are dropped.

        Returns:
            The words, and the bytes of the pieces' ids, int64: joining bytes is faster than making an array of a list.
        """
        memory = self._ascii_tokens if is_ascii else self._tokens
        known = list(map(memory.__getitem__, tokens))
        words, pieces = zip(*known, strict=True) if known else ((), ())
        return list(chain.from_iterable(words)), b"".join(pieces)

    def piece_ids(self, words: Sequence[str]) -> np.ndarray:
        """Word-piece ids of words, (n_pieces,) int64; unknown pieces are left out."""
        return np.frombuffer(self._pieces_of(words), dtype=np.int64)

    def vector(self, piece_ids: np.ndarray) -> np.ndarray:
        """The L2-normalised mean of the pieces' vectors, (n_dimensions,) float32; zeros when there is no piece."""
        if not len(piece_ids):
            return np.zeros(self.n_dimensions, dtype=np.float32)
        taken = take_rows(self.embeddings, piece_ids).astype(np.float32)
        # sums of 8-bit integers are exact in any order, and a product is the fastest
        return normalised(np.ones(len(taken), dtype=np.float32) @ taken)

    def _read_ascii_token(self, token: str) -> tuple[tuple[str, ...], bytes]:
        return self._with_pieces(_ASCII_WORDS.findall(token))

    def _read_token(self, token: str) -> tuple[tuple[str, ...], bytes]:
        return self._with_pieces(self._words.findall(self._dropped.sub("", unicodedata.normalize("NFD", token))))

    def _with_pieces(self, words: list[str]) -> tuple[tuple[str, ...], bytes]:
        return tuple(words), self._pieces_of(words)

    def _pieces_of(self, words: Iterable[str]) -> bytes:
        return array("q", [piece for word in words for piece in self._split_word(word)]).tobytes()

    def _split_word(self, word: str) -> tuple[int, ...]:
        """Greedy longest match from the left, as BERT's word pieces are defined."""
        whole = self._vocabulary.get(word)
        if whole is not None:
            return (whole,)
        if len(word) > _MAX_WORD_CHARS:
            return ()
        pieces: list[int] = []
        start = 0
        while start < len(word):
            prefix = "##" if start else ""
            end = len(word)
            while end > start and (piece := self._vocabulary.get(prefix + word[start:end])) is None:
                end -= 1
            if end == start or piece is None:
                return ()
            pieces.append(piece)
            start = end
        return tuple(piece for piece in pieces if piece != self._unknown_id)


def load_encoder(folder: Path) -> StaticEncoder:
    """The encoder in a folder with model.safetensors and tokenizer.json.

    Raises:
        OmniError: A file is missing or not of this form.
    """
    try:
        embeddings = load_file(folder / "model.safetensors")["embeddings"]
        model = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]
        vocabulary = model["vocab"]
        unknown_id = vocabulary.pop(model["unk_token"])
    except (OSError, KeyError, ValueError) as error:
        raise OmniError(
            f"The static encoder in {str(folder)!r} cannot be read ({error}); expected model.safetensors and "
            f"tokenizer.json. Restore the folder from the repository."
        ) from error
    vocabulary.pop("[PAD]", None)
    return StaticEncoder(embeddings, vocabulary, unknown_id)


def _word_patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Two patterns: characters that BERT's normaliser removes, and the words it finds in what is left."""
    dropped: list[str] = []
    punctuation: list[str] = []
    # only the basic plane: beyond it the regular expressions lose their bit maps and become slow
    for code in range(0x10000):
        character = chr(code)
        category = unicodedata.category(character)
        if category in ("Mn", "Cc", "Cf") and character not in "\t\n\r":
            dropped.append(character)
        elif category[0] == "P" or (code < 128 and category[0] == "S"):
            punctuation.append(character)
    marks = re.escape("".join(punctuation))
    return (
        re.compile(f"[{re.escape(''.join(dropped))}]+"),
        re.compile(f"[^\\s{marks}{_IDEOGRAPHS}]+|[{marks}{_IDEOGRAPHS}]"),
    )
