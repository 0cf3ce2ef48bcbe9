"""Prompt features in the form the learners use: centred columns, similarity to landmarks, neighbours."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve

N_STATIC = 256
N_NGRAM = 64
N_LANDMARKS = 300
N_NEIGHBOUR_DIMS = 48
KERNEL_WIDTH = 2.0
"""Similarity to a landmark is exp(-width x squared distance / its median)."""
CLIP_SD = 4.0
MAX_NORM = 2.0
"""Usual length of an embedding block above which it is brought to 1: blocks of unit vectors never reach it, and the
strengths of the regressions are meant for those."""


class Mapped(NamedTuple):
    """Prompts in the learners' spaces; row i is prompt i everywhere."""

    linear: np.ndarray
    """(n, d) centred columns: static embedding, character n-grams, signals."""
    kernel: np.ndarray
    """(n, n_landmarks) similarity to the landmark prompts, 0..1."""
    near: np.ndarray
    """(n, p) unit vectors; the inner product is the similarity of two prompts."""

    def rows(self, which: np.ndarray) -> "Mapped":
        """Some of the prompts, by mask or positions."""
        return Mapped(self.linear[which], self.kernel[which], self.near[which])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FeatureMap:
    """What was learned of the features of the fit prompts, without looking at any outcome."""

    centre: np.ndarray
    scale: np.ndarray
    clip: np.ndarray
    """(d,) largest absolute value after scaling; infinite for embeddings."""
    landmarks: np.ndarray
    """(d, k) the landmark prompts, transposed."""
    exponent: np.ndarray
    """() of the similarity."""
    projection: np.ndarray
    """(d, p) leading directions once every column has the same spread: neighbours are alike in form, too."""

    def linear(self, features: np.ndarray) -> np.ndarray:
        """(n, d) raw features -> (n, d) centred, scaled, clipped; an unknown value (NaN) becomes the centre."""
        return _bounded((np.asarray(features, dtype=float) - self.centre) * self.scale, self.clip)

    def apply(self, features: np.ndarray) -> Mapped:
        """(n, d) raw features -> the learners' spaces."""
        linear = self.linear(features)
        distance = squared_distance(linear, self.landmarks)
        short = linear @ self.projection
        near = short / np.maximum(np.linalg.norm(short, axis=1, keepdims=True), 1e-9)
        return Mapped(linear, np.exp(-self.exponent * distance), near)

    def whitener(self) -> np.ndarray:
        """(k, k) what turns similarities to landmarks into uncorrelated columns."""
        values, vectors = np.linalg.eigh(np.exp(-self.exponent * squared_distance(self.landmarks.T, self.landmarks)))
        return np.asarray(vectors / np.sqrt(np.maximum(values, 1e-4)))


def fit_features(features: np.ndarray, seed: int) -> FeatureMap:
    """Learns centre, scale, landmarks and neighbour space from (n, d) features of the fit prompts.

    With more than 320 columns they are read as [256 static embedding | 64 n-gram directions | signals];
    otherwise as one block of signals.
    """
    raw = np.asarray(features, dtype=float)
    n_prompts, n_columns = raw.shape
    first_signal = N_STATIC + N_NGRAM if n_columns > N_STATIC + N_NGRAM else 0
    centre, scale, clip = _scaling(raw, first_signal)
    base = _bounded((raw - centre) * scale, clip)
    chosen = base[np.sort(np.random.default_rng(seed).permutation(n_prompts)[:N_LANDMARKS])].T
    distance = squared_distance(chosen.T, chosen)
    exponent = KERNEL_WIDTH / _median_distance(distance)
    evening = _evening(base)
    even = base * evening
    _, directions = np.linalg.eigh(even.T @ even)
    return FeatureMap(
        centre=centre,
        scale=scale,
        clip=clip,
        landmarks=np.ascontiguousarray(chosen),
        exponent=np.array(exponent),
        projection=np.ascontiguousarray(evening[:, None] * directions[:, ::-1][:, :N_NEIGHBOUR_DIMS]),
    )


def solve_ridge(gram: np.ndarray, moment: np.ndarray, strength: float) -> np.ndarray:
    """(d, d) Gram and (d, m) X'Y of centred data -> (d, m) ridge coefficients."""
    factor = cho_factor(gram + strength * np.eye(len(gram)), check_finite=False)
    return np.asarray(cho_solve(factor, moment, check_finite=False))


def squared_distance(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """(n, d) and (d, k) -> (n, k)."""
    norms = np.einsum("nd,nd->n", rows, rows)[:, None] + np.einsum("dk,dk->k", columns, columns)
    return np.maximum(norms - 2.0 * (rows @ columns), 0.0)


def _bounded(moved: np.ndarray, clip: np.ndarray) -> np.ndarray:
    return np.nan_to_num(np.clip(moved, -clip, clip), nan=0.0, posinf=0.0, neginf=0.0)


def _scaling(raw: np.ndarray, first_signal: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centre, scale and clip per column: unit-norm blocks stay as they are, longer ones and signals get norm 1."""
    known = np.isfinite(raw)
    count = np.maximum(known.sum(0), 1)
    centre = np.where(known, raw, 0.0).sum(0) / count
    spread = np.sqrt((np.where(known, raw - centre, 0.0) ** 2).sum(0) / count)
    scale = np.ones(raw.shape[1])
    clip = np.full(raw.shape[1], np.inf)
    width = np.sqrt(max(raw.shape[1] - first_signal, 1))
    signal = spread[first_signal:]
    scale[first_signal:] = np.where(signal > 1e-6, 1.0 / (np.maximum(signal, 1e-6) * width), 0.0)
    clip[first_signal:] = CLIP_SD / width
    for block in (slice(0, min(N_STATIC, first_signal)), slice(N_STATIC, max(N_STATIC, first_signal))):
        norm = float(np.linalg.norm(spread[block]))
        if first_signal and norm > MAX_NORM:
            scale[block] = 1.0 / norm
    return centre, scale, clip


def _evening(base: np.ndarray) -> np.ndarray:
    """(d,) factors that give every column the same spread; 0 for a constant one."""
    spread = base.std(0)
    return np.where(spread > 1e-7, 1.0 / np.maximum(spread, 1e-7), 0.0)


def _median_distance(distance: np.ndarray) -> float:
    apart = distance[~np.eye(len(distance), dtype=bool)]
    return max(float(np.median(apart)), 1e-6) if len(apart) else 1.0
