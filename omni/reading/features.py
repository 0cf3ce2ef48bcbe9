"""Text to numbers: the one feature row that heads, recordings and fitted pools share."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from omni.reading.canonical import CanonicalText, canonicalise
from omni.reading.encoder import StaticEncoder, load_encoder
from omni.reading.ngrams import GramCounts, GramProjection, code_points, count_grams, load_projection
from omni.reading.structure import SIGNAL_NAMES, find_structure, signals
from omni.types import Structure

ENCODER_FOLDER = "encoder/static-minilm-d256-int8"
NGRAM_FILE = "encoder/ngrams.safetensors"
# raised when code changes what a row means without changing a file
_FORM = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextReading:
    """Everything computed once from one text."""

    canonical: CanonicalText
    structure: Structure
    codes: np.ndarray
    """Code points of the one-line text, uint32."""
    grams: GramCounts
    words: list[str]
    piece_ids: np.ndarray
    row: np.ndarray
    """(n_features,) float32: static encoder, gram directions, signals."""


class FeatureMaker:
    """Text to feature rows; the two embedding blocks are L2-normalised each, signals lie about -1..1."""

    def __init__(self, encoder: StaticEncoder, projection: GramProjection, *, fingerprint: str) -> None:
        self.fingerprint = fingerprint
        """Rows with the same fingerprint may be compared with each other."""
        self.n_static = encoder.n_dimensions
        self.n_embedding = encoder.n_dimensions + projection.matrix.shape[1]
        self.signal_names = SIGNAL_NAMES
        self.n_pieces = encoder.n_pieces
        self.encoder = encoder
        self._projection = projection

    @property
    def n_features(self) -> int:
        return self.n_embedding + len(self.signal_names)

    def features(self, texts: Sequence[str]) -> np.ndarray:
        """Feature rows, (n_texts, n_embedding + n_signals) float32."""
        rows = np.empty((len(texts), self.n_features), dtype=np.float32)
        for position, text in enumerate(texts):
            rows[position] = self.read_text(text).row
        return rows

    def read_text(self, text: str) -> TextReading:
        """The feature row of one text with what was found on the way."""
        canonical = canonicalise(text)
        padded = code_points(canonical.flat)
        codes = padded[1:-1]
        structure = find_structure(canonical, codes)
        grams = count_grams(padded)
        words, piece_ids = self.encoder.words_and_pieces(canonical.flat)
        row = np.empty(self.n_features, dtype=np.float32)
        row[: self.n_static] = self.encoder.vector(piece_ids)
        row[self.n_static : self.n_embedding] = self._projection.vector(grams)
        row[self.n_embedding :] = signals(canonical, structure, codes)
        return TextReading(
            canonical=canonical,
            structure=structure,
            codes=codes,
            grams=grams,
            words=words,
            piece_ids=piece_ids,
            row=row,
        )


def load_feature_maker(data_folder: Path) -> FeatureMaker:
    """The shipped encoder and gram directions below a data folder.

    Raises:
        OmniError: A file is missing or cannot be read.
    """
    encoder_folder = data_folder / ENCODER_FOLDER
    ngram_path = data_folder / NGRAM_FILE
    encoder = load_encoder(encoder_folder)
    projection = load_projection(ngram_path)
    digest = hashlib.sha256("\n".join((_FORM, *SIGNAL_NAMES)).encode())
    for path in (encoder_folder / "model.safetensors", encoder_folder / "tokenizer.json", ngram_path):
        digest.update(path.read_bytes())
    return FeatureMaker(encoder, projection, fingerprint=digest.hexdigest()[:16])
