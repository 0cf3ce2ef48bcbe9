"""Low-rank completion of a benchmark matrix with missing cells, with a variance for every model."""

from dataclasses import dataclass

import numpy as np

N_FACTORS = 4
N_STEPS = 25
LOADING_RIDGE = 2.0
"""Pseudo-observations that pull a benchmark's loadings to 0: a benchmark of eight models cannot claim three factors."""
MIN_NOISE = 0.05
"""Least unexplained variance of a standardised benchmark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    """A fitted factor model: standardised score = loadings · factor + noise."""

    loadings: np.ndarray
    """(n_benchmarks, n_factors)."""
    noise: np.ndarray
    """(n_benchmarks,) unexplained variance of the standardised score."""
    mean: np.ndarray
    """(n_models, n_factors) posterior mean."""
    covariance: np.ndarray
    """(n_models, n_factors, n_factors) posterior covariance."""


def standardise(scores: np.ndarray) -> np.ndarray:
    """Scales each benchmark (column) to mean 0 and standard deviation 1 over the models that have it."""
    centred = scores - np.nanmean(scores, axis=0)
    spread = np.nanstd(centred, axis=0)
    return centred / np.where(spread > 0, spread, 1.0)


def fit_factors(
    scores: np.ndarray,
    covariates: np.ndarray,
    *,
    trust: np.ndarray | None = None,
    n_factors: int = N_FACTORS,
    n_steps: int = N_STEPS,
) -> Factors:
    """Fits the factor model by expectation maximisation.

    Args:
        scores: (n_models, n_benchmarks), standardised, NaN = not measured.
        covariates: (n_models, n_covariates) with a column of ones; they set each model's prior mean.
        trust: (n_benchmarks,) 0..1, how much a benchmark counts as evidence of its own; None = all 1. Thirty overlap
            scores of one suite repeat each other, and a model known by them alone is not known well.

    Source: probabilistic factor analysis with missing cells, Rubin and Thayer 1982, Psychometrika 47, section 2;
        here the prior mean is a linear function of covariates.
    """
    seen = ~np.isnan(scores)
    filled = np.where(seen, scores, 0.0)
    n_benchmarks = scores.shape[1]
    n_factors = min(n_factors, *scores.shape)
    loadings = _initial_loadings(filled, n_factors)
    noise = np.full(n_benchmarks, 0.5)
    regression = np.zeros((covariates.shape[1], n_factors))
    identity = np.eye(n_factors)
    trusted = np.ones(n_benchmarks) if trust is None else trust
    for _ in range(n_steps):
        mean, covariance = _posterior(filled, seen, loadings, noise / trusted, covariates @ regression)
        second = covariance + mean[:, :, None] * mean[:, None, :]
        moments = np.tensordot(seen.astype(float), second, axes=(0, 0)) + LOADING_RIDGE * identity
        cross = filled.T @ mean
        loadings = np.linalg.solve(moments, cross[:, :, None])[:, :, 0]
        squared = np.einsum("bi,bij,bj->b", loadings, moments - LOADING_RIDGE * identity, loadings)
        unexplained = (filled**2).sum(axis=0) - 2 * (loadings * cross).sum(axis=1) + squared
        noise = np.maximum(MIN_NOISE, (unexplained + 1.0) / (seen.sum(axis=0) + 2.0))
        gram = covariates.T @ covariates + np.eye(covariates.shape[1])
        regression = np.linalg.solve(gram, covariates.T @ mean)
    mean, covariance = _posterior(filled, seen, loadings, noise / trusted, covariates @ regression)
    return Factors(loadings=loadings, noise=noise, mean=mean, covariance=covariance)


def _initial_loadings(filled: np.ndarray, n_factors: int) -> np.ndarray:
    _, singular, right = np.linalg.svd(filled, full_matrices=False)
    loadings = (right[:n_factors] * singular[:n_factors, None]).T / np.sqrt(len(filled))
    # An SVD's signs are arbitrary: fix them so that every machine starts from the same point.
    signs = np.where(loadings.sum(axis=0) < 0, -1.0, 1.0)
    return loadings * signs


def _posterior(
    filled: np.ndarray, seen: np.ndarray, loadings: np.ndarray, noise: np.ndarray, prior_mean: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    weighted = loadings / noise[:, None]
    outer = weighted[:, :, None] * loadings[:, None, :]
    precision = np.tensordot(seen.astype(float), outer, axes=(1, 0)) + np.eye(loadings.shape[1])
    covariance = np.linalg.inv(precision)
    evidence = filled @ weighted + prior_mean
    return np.einsum("mij,mj->mi", covariance, evidence), covariance
