"""How well the seconds of an answer are predicted, in cross-validation on a fit side that timed them."""

import argparse
import json
from dataclasses import asdict, dataclass

import numpy as np

from omni.errors import InputError
from omni.recording import Recording, load_recording

N_FOLDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyError:
    """Root mean squared errors of the logarithm of seconds, held out."""

    recording: str
    by_prompt: float
    """Of the expected seconds of each prompt and model."""
    by_mean: float
    """Of the model's mean seconds."""
    by_typical: float
    """Of the model's geometric mean: the best that can be said without the prompt."""
    n: int
    n_models: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("recording", metavar="RECORDING", help="a folder in the recording format, with latency_s")
    parser.add_argument("--json", action="store_true")


def run(args: argparse.Namespace) -> int:
    """Prints the errors."""
    found = measure(load_recording(args.recording))
    if args.json:
        print(json.dumps(asdict(found)))
        return 0
    print(
        f"{found.recording}: error of log seconds {found.by_prompt:.3f} by prompt and model, {found.by_mean:.3f} by "
        f"the model's mean, {found.by_typical:.3f} by its geometric mean; {N_FOLDS} folds, n = {found.n:,} answers of "
        f"{found.n_models} models"
    )
    return 0


def measure(recording: Recording) -> LatencyError:
    """The errors on prompts whose group took no part in the fit.

    Raises:
        InputError: the recording timed nothing.
    """
    rows = recording.is_fit
    seconds = np.where(recording.latencies_s[rows] > 0, recording.latencies_s[rows], np.nan)
    seconds = seconds[:, np.isfinite(seconds).any(axis=0)]
    if not seconds.size:
        raise InputError(f"recording {recording.name!r} has no latency_s; expected some. Time its answers.")
    features = recording.features[rows]
    groups = np.unique(recording.prompts["group_id"].to_numpy()[rows].astype(str), return_inverse=True)[1]
    folds = (np.random.default_rng(1).permutation(groups.max() + 1) % N_FOLDS)[groups]
    expected = np.full((3, *seconds.shape), np.nan)
    for fold in range(N_FOLDS):
        inside, outside = folds != fold, folds == fold
        known = seconds[inside]
        expected[:2, outside] = predict_seconds(features[inside], known, groups[inside], features[outside])
        expected[2, outside] = np.exp(np.nanmean(np.log(known), axis=0))
    errors = np.sqrt(np.nanmean((np.log(expected) - np.log(seconds)) ** 2, axis=(1, 2)))
    by_prompt, by_mean, by_typical = errors.tolist()
    return LatencyError(
        recording=recording.name,
        by_prompt=by_prompt,
        by_mean=by_mean,
        by_typical=by_typical,
        n=int(np.isfinite(seconds).sum()),
        n_models=seconds.shape[1],
    )


def predict_seconds(features: np.ndarray, seconds: np.ndarray, groups: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(2, n_others, n_models) seconds as the router learns them, by prompt and as the model's mean.

    The only place where this study meets the fitting code.

    Args:
        features: (n, n_features) of the prompts learned from.
        seconds: (n, n_models), NaN = unknown.
        groups: (n,) codes of prompts that stay together in cross-validation.
        others: (n_others, n_features).
    """
    from omni.quality.cost import fit_amounts
    from omni.quality.features import fit_features
    from omni.quality.fitted import fold_of

    feature_map = fit_features(features, 0)
    head = fit_amounts(feature_map.linear(features), seconds, fold_of(groups, 5, seed=0))
    by_prompt = head.predict(feature_map.linear(others))
    return np.array([by_prompt, np.broadcast_to(head.mean, by_prompt.shape)])
