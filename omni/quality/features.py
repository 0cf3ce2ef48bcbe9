"""Prompt features in the form the learners use: centred blocks, similarity to landmarks, neighbours."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve

N_STATIC = 256
N_NGRAM = 64
N_LANDMARKS = 300
N_NEIGHBOUR_DIMS = 48
CLIP_SD = 4.0
MAX_NORM = 2.0
"""Usual length of an embedding block above which it is brought to 1: blocks of unit vectors never reach it, and the
strengths of the regressions are meant for those."""


class KernelSpec(NamedTuple):
    """Similarity to landmark prompts, exp(-width x squared distance / its median), in some blocks of the features."""

    name: str
    blocks: tuple[str, ...]
    width: float


KERNELS = (
    KernelSpec("kernel_all", ("static", "ngram", "signals"), 2.0),
    KernelSpec("kernel_static", ("static",), 1.0),
    KernelSpec("kernel_ngram", ("ngram",), 0.7),
)


class Mapped(NamedTuple):
    """Prompts in the learners' spaces; row i is prompt i everywhere."""

    linear: np.ndarray
    """(n, d) centred blocks: static embedding, character n-grams, signals."""
    kernels: tuple[np.ndarray, ...]
    """Per kernel (n, n_landmarks) whitened similarity to the landmark prompts."""
    near: np.ndarray
    """(n, p) unit vectors; the inner product is the similarity of two prompts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureMap:
    """What was learned of the features of the fit prompts, without looking at any outcome."""

    centre: np.ndarray
    scale: np.ndarray
    clip: np.ndarray
    """(d,) largest absolute value after scaling; infinite for embeddings."""
    blocks: dict[str, slice]
    """Columns of each block; features of another layout are one block of signals."""
    landmarks: dict[str, np.ndarray]
    """Per block (d_block, k): the landmark prompts, transposed."""
    landmark_norms: dict[str, np.ndarray]
    """Per block (k,) squared norms."""
    exponents: tuple[float, ...]
    whiteners: tuple[np.ndarray, ...]
    projection: np.ndarray
    """(d, p) leading directions once every column has the same spread: neighbours are alike in form, too."""

    def linear(self, features: np.ndarray) -> np.ndarray:
        """(n, d) raw features -> (n, d) centred, scaled, clipped; an unknown value (NaN) becomes the centre."""
        moved = (np.asarray(features, dtype=np.float32) - self.centre) * self.scale
        return _bounded(moved, self.clip)

    def near(self, linear: np.ndarray) -> np.ndarray:
        """(n, d) linear -> (n, p) unit vectors."""
        short = linear @ self.projection
        return short / np.maximum(np.linalg.norm(short, axis=1, keepdims=True), 1e-9)

    def similarities(self, linear: np.ndarray) -> list[np.ndarray]:
        """(n, d) linear -> per kernel (n, k), not whitened."""
        distance = {}
        for name, columns in self.blocks.items():
            part = linear[:, columns]
            norms = np.einsum("nd,nd->n", part, part)[:, None] + self.landmark_norms[name]
            distance[name] = norms - 2.0 * (part @ self.landmarks[name])
        return [
            np.exp(-exponent * np.maximum(_summed(distance, spec), 0.0))
            for spec, exponent in zip(KERNELS, self.exponents, strict=True)
        ]

    def apply(self, features: np.ndarray) -> Mapped:
        """(n, d) raw features -> the learners' spaces."""
        linear = self.linear(features)
        kernels = (s @ white for s, white in zip(self.similarities(linear), self.whiteners, strict=True))
        return Mapped(linear, tuple(kernels), self.near(linear))


def fit_features(features: np.ndarray, seed: int) -> FeatureMap:
    """Learns centre, scale, landmarks and neighbour space from (n, d) features of the fit prompts.

    With more than 320 columns they are read as [256 static embedding | 64 n-gram directions | signals];
    otherwise as one block of signals.
    """
    raw = np.asarray(features, dtype=np.float32)
    n_prompts, n_columns = raw.shape
    first_signal = N_STATIC + N_NGRAM if n_columns > N_STATIC + N_NGRAM else 0
    blocks = {"signals": slice(first_signal, n_columns)}
    if first_signal:
        blocks |= {"static": slice(0, N_STATIC), "ngram": slice(N_STATIC, first_signal)}
    centre, scale, clip = _scaling(raw, first_signal)
    base = _bounded((raw - centre) * scale, clip)
    chosen = base[_sample(n_prompts, N_LANDMARKS, seed)]
    between = {name: squared_distance(chosen[:, columns], chosen[:, columns]) for name, columns in blocks.items()}
    distances = [_summed(between, spec) for spec in KERNELS]
    exponents = tuple(spec.width / _median_distance(d) for spec, d in zip(KERNELS, distances, strict=True))
    evening = _evening(base)
    even = base * evening
    _, directions = np.linalg.eigh((even.T @ even).astype(np.float64))
    return FeatureMap(
        centre=centre,
        scale=scale,
        clip=clip,
        blocks=blocks,
        landmarks={name: np.ascontiguousarray(chosen[:, columns].T) for name, columns in blocks.items()},
        landmark_norms={name: (chosen[:, columns] ** 2).sum(1) for name, columns in blocks.items()},
        exponents=exponents,
        whiteners=tuple(_whitener(np.exp(-e * d)) for e, d in zip(exponents, distances, strict=True)),
        projection=(evening[:, None] * directions[:, ::-1][:, :N_NEIGHBOUR_DIMS]).astype(np.float32),
    )


def solve_ridge(gram: np.ndarray, moment: np.ndarray, strength: float) -> np.ndarray:
    """(d, d) Gram and (d, m) X'Y of centred data -> (d, m) ridge coefficients."""
    factor = cho_factor(gram + strength * np.eye(len(gram)), check_finite=False)
    return cho_solve(factor, moment, check_finite=False)


def squared_distance(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(n, d) and (k, d) -> (n, k)."""
    return np.maximum((left * left).sum(1)[:, None] + (right * right).sum(1) - 2.0 * (left @ right.T), 0.0)


def _summed(distance: dict[str, np.ndarray], spec: KernelSpec) -> np.ndarray:
    """The distances in a kernel's blocks, or in all blocks where the layout has none of them."""
    parts = [distance[name] for name in spec.blocks if name in distance] or list(distance.values())
    return sum(parts[1:], parts[0])


def _bounded(moved: np.ndarray, clip: np.ndarray) -> np.ndarray:
    return np.nan_to_num(np.clip(moved, -clip, clip), nan=0.0, posinf=0.0, neginf=0.0)


def _scaling(raw: np.ndarray, first_signal: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centre, scale and clip per column: unit-norm blocks stay as they are, longer ones and signals get norm 1."""
    known = np.isfinite(raw)
    count = np.maximum(known.sum(0), 1)
    centre = np.where(known, raw, 0.0).sum(0) / count
    spread = np.sqrt((np.where(known, raw - centre, 0.0) ** 2).sum(0) / count)
    scale = np.ones(raw.shape[1], np.float32)
    clip = np.full(raw.shape[1], np.inf, np.float32)
    width = np.sqrt(max(raw.shape[1] - first_signal, 1))
    signal = spread[first_signal:]
    scale[first_signal:] = np.where(signal > 1e-6, 1.0 / (np.maximum(signal, 1e-6) * width), 0.0)
    clip[first_signal:] = CLIP_SD / width
    for block in (slice(0, min(N_STATIC, first_signal)), slice(N_STATIC, max(N_STATIC, first_signal))):
        norm = float(np.linalg.norm(spread[block]))
        if first_signal and norm > MAX_NORM:
            scale[block] = 1.0 / norm
    return centre.astype(np.float32), scale, clip


def _evening(base: np.ndarray) -> np.ndarray:
    """(d,) factors that give every column the same spread; 0 for a constant one."""
    spread = base.std(0)
    return np.where(spread > 1e-7, 1.0 / np.maximum(spread, 1e-7), 0.0).astype(np.float32)


def _sample(n_rows: int, n_wanted: int, seed: int) -> np.ndarray:
    return np.sort(np.random.default_rng(seed).permutation(n_rows)[:n_wanted])


def _median_distance(distance: np.ndarray) -> float:
    apart = distance[~np.eye(len(distance), dtype=bool)]
    return max(float(np.median(apart)), 1e-6) if len(apart) else 1.0


def _whitener(kernel: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(kernel.astype(np.float64))
    return (vectors / np.sqrt(np.maximum(values, 1e-4))).astype(np.float32)
