"""Prompt features in the form the learners use: centred blocks, soft neighbourhoods, a short space for neighbours."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from sklearn.cluster import KMeans

N_STATIC = 256
N_NGRAM = 64
N_LANDMARKS = 320
KERNEL_WIDTHS = (2.0, 0.5)
"""Kernel exponents, as multiples of 1 / median squared distance: narrow, then wide."""
N_NEIGHBOUR_DIMS = 48
CLUSTER_COUNTS = (16, 64)
MIN_PROMPTS_PER_CLUSTER = 6


class Mapped(NamedTuple):
    """Prompts in the learners' spaces; row i is prompt i everywhere."""

    linear: np.ndarray
    """(n, d) centred blocks: static embedding, character n-grams, signals."""
    kernels: tuple[np.ndarray, ...]
    """Per kernel width: (n, n_landmarks) whitened similarity to the landmark prompts."""
    near: np.ndarray
    """(n, p) unit vectors; inner product = similarity of two prompts."""
    clusters: tuple[np.ndarray, ...]
    """Per clustering: (n,) int, the cluster of each prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureMap:
    """What of the features was learned on the fit prompts, without looking at any outcome."""

    centre: np.ndarray
    scale: np.ndarray
    clip: np.ndarray
    """(d,) largest absolute value after scaling; infinite for embeddings."""
    ngram: slice
    """Columns that hold the character n-gram directions; the whole row when the features have another layout."""
    signals: slice
    landmarks: np.ndarray
    exponents: tuple[float, ...]
    whiteners: tuple[np.ndarray, ...]
    projection: np.ndarray
    centroids: tuple[np.ndarray, ...]

    def linear(self, features: np.ndarray) -> np.ndarray:
        """(n, d) raw features -> (n, d) centred, scaled, clipped; an unknown value (NaN) becomes the centre."""
        moved = (np.asarray(features, dtype=np.float32) - self.centre) * self.scale
        return np.nan_to_num(np.clip(moved, -self.clip, self.clip), nan=0.0)

    def near(self, linear: np.ndarray) -> np.ndarray:
        """(n, d) linear -> (n, p) unit vectors."""
        return _unit(linear @ self.projection)

    def kernels(self, linear: np.ndarray) -> tuple[np.ndarray, ...]:
        """(n, d) linear -> per kernel (n, n_landmarks)."""
        distance = _squared_distance(linear, self.landmarks)
        return tuple(
            np.exp(-exponent * distance) @ white for exponent, white in zip(self.exponents, self.whiteners, strict=True)
        )

    def clusters(self, linear: np.ndarray) -> tuple[np.ndarray, ...]:
        """(n, d) linear -> per clustering (n,) the nearest centroid."""
        return tuple(np.argmin((c * c).sum(1) - 2.0 * (linear @ c.T), axis=1) for c in self.centroids)

    def apply(self, features: np.ndarray) -> Mapped:
        """(n, d) raw features -> the learners' spaces."""
        linear = self.linear(features)
        return Mapped(linear, self.kernels(linear), self.near(linear), self.clusters(linear))


def fit_features(features: np.ndarray, seed: int) -> FeatureMap:
    """Learns centre, scale, landmarks, neighbour space and clusters from (n, d) features of the fit prompts.

    With more than 320 columns they are read as [256 static embedding | 64 n-gram directions | signals];
    otherwise as one block.
    """
    raw = np.asarray(features, dtype=np.float32)
    n_prompts, n_columns = raw.shape
    rng = np.random.default_rng(seed)
    centre, scale, clip = _scaling(raw)
    base = np.nan_to_num(np.clip((raw - centre) * scale, -clip, clip), nan=0.0)
    landmarks = base[np.sort(rng.permutation(n_prompts)[:N_LANDMARKS])]
    between = _squared_distance(landmarks, landmarks)
    median = float(np.median(between[~np.eye(len(landmarks), dtype=bool)])) if len(landmarks) > 1 else 1.0
    exponents = tuple(width / max(median, 1e-9) for width in KERNEL_WIDTHS)
    covariance = base.T @ base
    _, vectors = np.linalg.eigh(covariance.astype(np.float64))
    laid_out = n_columns > N_STATIC + N_NGRAM
    return FeatureMap(
        centre=centre,
        scale=scale,
        clip=clip,
        ngram=slice(N_STATIC, N_STATIC + N_NGRAM) if laid_out else slice(0, n_columns),
        signals=slice(N_STATIC + N_NGRAM, n_columns) if laid_out else slice(n_columns, n_columns),
        landmarks=landmarks,
        exponents=exponents,
        whiteners=tuple(_whitener(np.exp(-exponent * between)) for exponent in exponents),
        projection=vectors[:, ::-1][:, :N_NEIGHBOUR_DIMS].astype(np.float32),
        centroids=tuple(_centroids(base, count, seed) for count in CLUSTER_COUNTS),
    )


def solve_ridge(gram: np.ndarray, moment: np.ndarray, strength: float) -> np.ndarray:
    """(d, d) Gram and (d, m) X'Y of centred data -> (d, m) ridge coefficients."""
    ridge = gram + strength * np.eye(len(gram))
    return cho_solve(cho_factor(ridge, check_finite=False), moment, check_finite=False)


def _scaling(raw: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centre, scale and clip per column: unit-norm blocks stay as they are, signals are standardised to norm 1."""
    n_columns = raw.shape[1]
    centre = np.nan_to_num(np.nanmean(np.where(np.isfinite(raw).any(0), raw, 0.0), axis=0)).astype(np.float32)
    spread = np.nan_to_num(np.nanstd(np.where(np.isfinite(raw).any(0), raw, 0.0), axis=0)).astype(np.float32)
    scale, clip = np.ones(n_columns, np.float32), np.full(n_columns, np.inf, np.float32)
    standard = 1.0 / np.maximum(spread, 1e-6)
    standard[spread < 1e-6] = 0.0
    first = N_STATIC + N_NGRAM if n_columns > N_STATIC + N_NGRAM else 0
    width = np.float32(np.sqrt(max(n_columns - first, 1)))
    scale[first:], clip[first:] = standard[first:] / width, 4.0 / width
    return centre, scale, clip


def _centroids(base: np.ndarray, count: int, seed: int) -> np.ndarray:
    """(k, d) k-means centroids; one when there are too few prompts for a table."""
    n_clusters = min(count, len(base) // MIN_PROMPTS_PER_CLUSTER)
    if n_clusters < 2:
        return base.mean(0, keepdims=True)
    rng = np.random.default_rng(seed)
    sample = base[np.sort(rng.permutation(len(base))[:4000])]
    n_distinct = len(np.unique(sample.round(6), axis=0))
    if n_distinct < n_clusters:
        return base.mean(0, keepdims=True)
    return KMeans(n_clusters, n_init=1, max_iter=20, random_state=seed).fit(sample).cluster_centers_


def _whitener(kernel: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(kernel.astype(np.float64))
    return (vectors / np.sqrt(np.maximum(values, 1e-4))).astype(np.float32)


def _squared_distance(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    cross = left @ right.T
    return np.maximum((left * left).sum(1)[:, None] + (right * right).sum(1) - 2.0 * cross, 0.0)


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
