"""Text to numbers: the one feature row that heads, recordings and fitted pools share."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from omni.reading.canonical import CanonicalText, canonicalise
from omni.reading.courtesy import Courtesy, load_courtesy
from omni.reading.encoder import StaticEncoder, load_encoder
from omni.reading.ngrams import GramCounts, GramProjection, code_points, count_grams_and_words, load_projection
from omni.reading.structure import SIGNAL_NAMES, count_characters, find_structure, signals
from omni.types import Structure

ENCODER_FOLDER = "encoder/static-minilm-d256-int8"
NGRAM_FILE = "encoder/ngrams.safetensors"
COURTESY_FILE = "router/courtesy.yml"
# raised when code changes what a row means without changing a file
_FORM = "4"


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


class FeatureMaker:
    """Text to feature rows; the two embedding blocks are L2-normalised each, signals lie about -1..1."""

    def __init__(
        self,
        encoder: StaticEncoder,
        projection: GramProjection,
        courtesy: Courtesy,
        *,
        fingerprint: str,
        text_form: str,
    ) -> None:
        self.fingerprint = fingerprint
        """Rows with the same fingerprint may be compared with each other."""
        self.text_form = text_form
        """The same of everything in a reading but the gram directions."""
        self.n_static = encoder.n_dimensions
        self.n_embedding = encoder.n_dimensions + projection.matrix.shape[1]
        self.signal_names = SIGNAL_NAMES
        self.n_pieces = encoder.n_pieces
        self.encoder = encoder
        self.projection = projection
        self._courtesy = courtesy

    @property
    def n_features(self) -> int:
        return self.n_embedding + len(self.signal_names)

    def features(self, texts: Sequence[str]) -> np.ndarray:
        """Feature rows, (n_texts, n_embedding + n_signals) float32."""
        rows = np.empty((len(texts), self.n_features), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            row[:] = self.read_text(text).row
        return rows

    def read_text(self, text: str) -> TextReading:
        """The feature row of one text with what was found on the way."""
        canonical = canonicalise(text, self._courtesy)
        padded = code_points(canonical.flat)
        is_ascii = canonical.flat.isascii()
        counts = count_characters(padded)
        structure = find_structure(canonical, counts.n_digit_runs)
        tokens = canonical.flat.split()
        words, pieces = self.encoder.words_and_pieces(tokens, is_ascii=is_ascii)
        piece_ids = np.frombuffer(pieces, dtype=np.int64)
        grams, word_counts = count_grams_and_words(padded, piece_ids)
        row = np.empty(self.n_features, dtype=np.float32)
        row[: self.n_static] = self.encoder.vector(piece_ids)
        row[self.n_static : self.n_embedding] = self.projection.vector(grams)
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


def load_feature_maker(data_folder: Path) -> FeatureMaker:
    """The shipped encoder, gram directions and polite phrases below a data folder.

    Raises:
        OmniError: A file is missing or cannot be read.
    """
    encoder_folder = data_folder / ENCODER_FOLDER
    ngram_path = data_folder / NGRAM_FILE
    courtesy_path = data_folder / COURTESY_FILE
    digest = hashlib.sha256("\n".join((_FORM, *SIGNAL_NAMES)).encode())
    for path in (encoder_folder / "model.safetensors", encoder_folder / "tokenizer.json", courtesy_path):
        digest.update(path.read_bytes())
    text_form = digest.hexdigest()[:16]
    digest.update(ngram_path.read_bytes())
    return FeatureMaker(
        load_encoder(encoder_folder),
        load_projection(ngram_path),
        load_courtesy(courtesy_path),
        fingerprint=digest.hexdigest()[:16],
        text_form=text_form,
    )
