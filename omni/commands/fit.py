"""python -m omni fit: rebuilds the trained parameters from the label set and the shipped recordings."""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from safetensors.numpy import load_file
from threadpoolctl import threadpool_limits

from omni.catalog import load_catalog
from omni.config import DATA_DIR
from omni.errors import OmniError, RecordingError
from omni.quality.abilities import build_abilities
from omni.quality.ability_file import ABILITY_FILE, fingerprint_of, save_abilities, shipped_abilities
from omni.quality.kinship import complete_abilities
from omni.quality.transfer import TRANSFER_FILE, build_transfer, load_transfer, save_transfer
from omni.reading import FeatureMaker, load_feature_maker
from omni.reading.cues import load_cues
from omni.reading.fitting import (
    OutcomeSource,
    build_heads,
    build_task_table,
    cross_validate_tasks,
    fit_difficulty,
    fit_levels,
    load_labels,
    load_levels,
)
from omni.reading.heads import load_heads, save_heads
from omni.reading.reader import CUE_FILE, HEAD_FILE
from omni.recording import Recording, load_recording

_LABEL_FILES = {
    "latin": "labels/train_latin.csv",
    "scripts": "labels/train_scripts.csv",
    "hard": "labels/train_hard.csv",
    "english": "labels/train_english.csv",
    "world": "labels/train_world.csv",
}
_LEVEL_FILE = "labels/difficulty.csv"
_MIN_PROMPTS = 50
_MIN_MODELS = 3
_TOLERANCE = 0.02
"""Difference between two fits of the same data on different processors that changes no share visibly."""


class _Fitted(NamedTuple):
    fingerprint: str
    save: Callable[[Path], None]
    """Writes to a path."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command and its options."""
    parser = subparsers.add_parser("fit", help="rebuild the trained heads from data/labels and data/recordings")
    parser.add_argument("--check", action="store_true", help="compare with the shipped parameters and write nothing")
    parser.add_argument("--cv", action="store_true", help="also cross-validate the task head (about a minute)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Fits the parameters and writes or compares them; 1 when --check finds others than the shipped ones."""
    features = load_feature_maker(DATA_DIR)
    cues = load_cues(DATA_DIR / CUE_FILE, features.encoder)
    files = {name: load_labels(DATA_DIR / path) for name, path in _LABEL_FILES.items()}
    labels = [label for file in files.values() for label in file]
    tasks = [label.task for label in labels]
    levels = load_levels(DATA_DIR / _LEVEL_FILE, {name: len(file) for name, file in files.items()})
    recordings = load_recordings(DATA_DIR / "recordings", features)
    difficulty = fit_difficulty([source for recording in recordings for source in _sources_of(recording)])
    correlations = ", ".join(f"{name} {value:.2f}" for name, value in difficulty.loso.items())
    print(f"difficulty: ridge {difficulty.ridge:g}, correlation on the source left out: {correlations}")
    if args.cv:
        share = cross_validate_tasks(build_task_table(features, cues, labels), tasks)
        print(f"tasks: {share:.1%} of {len(labels)} labels right in cross-validation")
    rows = features.features([label.prompt for label in labels])
    heads = build_heads(features, cues, labels, fit_levels(rows, tasks, levels, difficulty.weights))
    names = ", ".join(recording.name for recording in recordings)
    heads = replace(heads, trained_on=f"{len(labels):,} prompts written for this project, and the recordings {names}")
    catalog = load_catalog()
    # sums of another number of threads differ in their last bits
    with threadpool_limits(limits=1):
        transfer = build_transfer(recordings, rows, tasks, features.n_embedding)
        abilities = complete_abilities(catalog.models, build_abilities(catalog.models), transfer)
    fitted = {
        HEAD_FILE: _Fitted(heads.fingerprint, partial(save_heads, heads)),
        TRANSFER_FILE: _Fitted(transfer.fingerprint, partial(save_transfer, transfer)),
        ABILITY_FILE: _Fitted(fingerprint_of(abilities), partial(save_abilities, abilities, catalog.version)),
    }
    if args.check:
        return _check(fitted, catalog.version)
    for name, one in fitted.items():
        one.save(DATA_DIR / name)
        print(f"fingerprint {one.fingerprint}, written to {name}")
    return 0


def load_recordings(folder: Path, features: FeatureMaker) -> list[Recording]:
    """The unmixed shipped recordings with features of this maker.

    Raises:
        OmniError: A recording cannot be read, or fewer than two have such features.
    """
    recordings = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.name.startswith("mixed") or not path.is_dir():
            continue
        try:
            recordings.append(load_recording(path))
        except RecordingError as error:
            raise OmniError(f"Cannot fit on the recording {path.name!r}: {error}") from error
    usable = [recording for recording in recordings if recording.feature_fingerprint == features.fingerprint]
    if len(usable) < 2:
        raise OmniError(
            f"{str(folder)!r} holds fewer than two recordings with features of encoder {features.fingerprint!r}; "
            f"expected at least two. Rebuild the recordings."
        )
    return usable


def _check(fitted: Mapping[str, _Fitted], catalog_version: str) -> int:
    """Fitted against shipped. Another processor rounds differently, so figures are compared and not only hashes."""
    abilities = shipped_abilities(catalog_version)
    shipped = {
        HEAD_FILE: load_heads(DATA_DIR / HEAD_FILE).fingerprint,
        TRANSFER_FILE: load_transfer(DATA_DIR / TRANSFER_FILE).fingerprint,
        ABILITY_FILE: "of another catalog" if abilities is None else fingerprint_of(abilities),
    }
    worst = 0.0 if abilities is not None else float("inf")
    with TemporaryDirectory() as folder:
        for name, one in fitted.items():
            path = Path(folder) / Path(name).name
            one.save(path)
            difference = largest_difference(path, DATA_DIR / name)
            worst = max(worst, difference)
            print(f"{name}: fitted {one.fingerprint}, shipped {shipped[name]}, largest difference {difference:.2g}")
    return 0 if worst <= _TOLERANCE else 1


def largest_difference(path: Path, other: Path) -> float:
    """The largest difference between two parameter files, relative for figures above 1; infinite when names differ."""
    ours, theirs = load_file(path), load_file(other)
    if {name: value.shape for name, value in ours.items()} != {name: value.shape for name, value in theirs.items()}:
        return float("inf")
    return max(
        (
            float(np.max(np.abs(value - theirs[name].astype(float)) / np.maximum(np.abs(value), 1.0), initial=0.0))
            for name, value in ((name, value.astype(float)) for name, value in ours.items())
        ),
        default=0.0,
    )


def _sources_of(recording: Recording) -> list[OutcomeSource]:
    is_open = recording.models["open_weight"].to_numpy(dtype=bool)
    scores = recording.scores[:, is_open]
    n_scored = np.isfinite(scores).sum(axis=1)
    n_failed = n_scored - np.nansum(scores, axis=1)
    target = np.log((n_failed + 0.5) / (n_scored - n_failed + 0.5))
    usable = recording.is_fit & (n_scored >= _MIN_MODELS)
    tasks = recording.prompts["task"].to_numpy(dtype=object)
    found = []
    for task in sorted(set(tasks[usable])):
        rows = usable & (tasks == task)
        if rows.sum() >= _MIN_PROMPTS:
            found.append(
                OutcomeSource(
                    name=recording.name, task=task, features=recording.features[rows], difficulty=target[rows]
                )
            )
    return found
