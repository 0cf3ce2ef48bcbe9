"""Text to numbers: the one feature row that heads, recordings and fitted pools share."""

import hashlib
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import numpy as np

from omni.reading.canonical import CanonicalText, canonicalise
from omni.reading.courtesy import Courtesy, load_courtesy
from omni.reading.encoder import StaticEncoder, load_encoder
from omni.reading.ngrams import (
    GramCounts,
    GramProjection,
    code_points,
    count_grams_and_words,
    load_projection,
    normalised,
)
from omni.reading.side_by_side import MAX_TEXTS, CountTable, count_grams_of, count_words_of, join_codes, weighted_sums
from omni.reading.structure import (
    SIGNAL_NAMES,
    count_ascii_characters,
    count_characters,
    count_characters_of,
    find_structure,
    signals,
)
from omni.types import Structure

ENCODER_FOLDER = "encoder/static-minilm-d256-int8"
NGRAM_FILE = "encoder/ngrams.safetensors"
COURTESY_FILE = "router/courtesy.yml"
# raised when code changes what a row means without changing a file
_FORM = "2"


class TextReading(NamedTuple):
    """Everything computed once from one text."""

    canonical: CanonicalText
    structure: Structure
    codes: np.ndarray
    """Code points of the one-line text, uint32."""
    grams: GramCounts
    tokens: list[str]
    """What stands between the spaces of the one-line text."""
    words: list[str]
    piece_ids: np.ndarray
    word_counts: GramCounts
    """Hashed word pieces and pairs of neighbours."""
    row: np.ndarray
    """(n_features,) float32: static encoder, gram directions, signals."""


class TextReadings(NamedTuple):
    """What `TextReading` holds, of several texts."""

    texts: list[TextReading]
    grams: CountTable
    word_counts: CountTable


class FeatureMaker:
    """Text to feature rows; the two embedding blocks are L2-normalised each, signals lie about -1..1."""

    def __init__(
        self, encoder: StaticEncoder, projection: GramProjection, courtesy: Courtesy, *, fingerprint: str
    ) -> None:
        self.fingerprint = fingerprint
        """Rows with the same fingerprint may be compared with each other."""
        self.n_static = encoder.n_dimensions
        self.n_embedding = encoder.n_dimensions + projection.matrix.shape[1]
        self.signal_names = SIGNAL_NAMES
        self.n_pieces = encoder.n_pieces
        self.encoder = encoder
        self._projection = projection
        self._courtesy = courtesy

    @property
    def n_features(self) -> int:
        return self.n_embedding + len(self.signal_names)

    def features(self, texts: Sequence[str]) -> np.ndarray:
        """Feature rows, (n_texts, n_embedding + n_signals) float32."""
        rows = np.empty((len(texts), self.n_features), dtype=np.float32)
        for start in range(0, len(texts), MAX_TEXTS):
            readings = self.read_texts(texts[start : start + MAX_TEXTS])
            rows[start : start + MAX_TEXTS] = [reading.row for reading in readings.texts]
        return rows

    def read_text(self, text: str) -> TextReading:
        """The feature row of one text with what was found on the way."""
        canonical = canonicalise(text, self._courtesy)
        padded = code_points(canonical.flat)
        is_ascii = canonical.flat.isascii()
        counts = count_ascii_characters(canonical.flat) if is_ascii else count_characters(padded)
        structure = find_structure(canonical, counts.n_digit_runs)
        tokens = canonical.flat.split()
        words, pieces = self.encoder.words_and_pieces(tokens, is_ascii=is_ascii)
        piece_ids = np.frombuffer(pieces, dtype=np.int64)
        grams, word_counts = count_grams_and_words(padded, piece_ids)
        row = np.empty(self.n_features, dtype=np.float32)
        row[: self.n_static] = self.encoder.vector(piece_ids)
        row[self.n_static : self.n_embedding] = self._projection.vector(grams)
        row[self.n_embedding :] = signals(canonical, structure, counts)
        return TextReading(
            canonical=canonical,
            structure=structure,
            codes=padded[1:-1],
            grams=grams,
            tokens=tokens,
            words=words,
            piece_ids=piece_ids,
            word_counts=word_counts,
            row=row,
        )

    def read_texts(self, texts: Sequence[str]) -> TextReadings:
        """What `read_text` says of each text, at most `MAX_TEXTS`, worked out side by side."""
        canonicals = [canonicalise(text, self._courtesy) for text in texts]
        joined = join_codes([canonical.flat for canonical in canonicals])
        grams = count_grams_of(joined)
        tokens = [canonical.flat.split() for canonical in canonicals]
        found = [
            self.encoder.words_and_pieces(of_text, is_ascii=canonical.flat.isascii())
            for of_text, canonical in zip(tokens, canonicals, strict=True)
        ]
        words, pieces = zip(*found, strict=True)
        piece_ids = np.frombuffer(b"".join(pieces), dtype=np.int64)
        piece_starts = list(accumulate([len(ids) // piece_ids.itemsize for ids in pieces], initial=0))
        word_counts = count_words_of(piece_ids, piece_starts)
        directions = weighted_sums(grams.bins, grams.starts, grams.weights, self._projection.matrix)
        ones = np.ones(len(piece_ids), dtype=np.float32)
        totals = weighted_sums(piece_ids, piece_starts, ones, self.encoder.embeddings)
        counts = count_characters_of(joined)
        structures = [find_structure(c, count.n_digit_runs) for c, count in zip(canonicals, counts, strict=True)]
        rows = np.empty((len(texts), self.n_features), dtype=np.float32)
        rows[:, self.n_embedding :] = list(map(signals, canonicals, structures, counts))
        readings = []
        for position, (canonical, structure, row) in enumerate(zip(canonicals, structures, rows, strict=True)):
            own_ids = piece_ids[piece_starts[position] : piece_starts[position + 1]]
            row[: self.n_static] = normalised(totals[position])
            row[self.n_static : self.n_embedding] = normalised(directions[position])
            readings.append(
                TextReading(
                    canonical=canonical,
                    structure=structure,
                    codes=joined.of_text(position),
                    grams=grams.of_text(position),
                    tokens=tokens[position],
                    words=words[position],
                    piece_ids=own_ids,
                    word_counts=word_counts.of_text(position),
                    row=row,
                )
            )
        return TextReadings(texts=readings, grams=grams, word_counts=word_counts)


def load_feature_maker(data_folder: Path) -> FeatureMaker:
    """The shipped encoder, gram directions and polite phrases below a data folder.

    Raises:
        OmniError: A file is missing or cannot be read.
    """
    encoder_folder = data_folder / ENCODER_FOLDER
    ngram_path = data_folder / NGRAM_FILE
    courtesy_path = data_folder / COURTESY_FILE
    encoder = load_encoder(encoder_folder)
    projection = load_projection(ngram_path)
    digest = hashlib.sha256("\n".join((_FORM, *SIGNAL_NAMES)).encode())
    for path in (encoder_folder / "model.safetensors", encoder_folder / "tokenizer.json", ngram_path, courtesy_path):
        digest.update(path.read_bytes())
    return FeatureMaker(encoder, projection, load_courtesy(courtesy_path), fingerprint=digest.hexdigest()[:16])
