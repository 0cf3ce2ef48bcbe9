"""python -m omni fit: rebuilds the task and difficulty heads from the label set and the shipped recordings."""

import argparse
from pathlib import Path

import numpy as np

from omni.config import DATA_DIR
from omni.errors import OmniError, RecordingError
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


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command and its options."""
    parser = subparsers.add_parser("fit", help="rebuild the trained heads from data/labels and data/recordings")
    parser.add_argument("--check", action="store_true", help="compare with the shipped heads and write nothing")
    parser.add_argument("--cv", action="store_true", help="also cross-validate the task head (about a minute)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Fits the heads and writes or compares them; 1 when --check finds another fingerprint."""
    features = load_feature_maker(DATA_DIR)
    cues = load_cues(DATA_DIR / CUE_FILE, features.encoder)
    files = {name: load_labels(DATA_DIR / path) for name, path in _LABEL_FILES.items()}
    labels = [label for file in files.values() for label in file]
    levels = load_levels(DATA_DIR / _LEVEL_FILE, {name: len(file) for name, file in files.items()})
    difficulty = fit_difficulty(load_sources(DATA_DIR / "recordings", features))
    correlations = ", ".join(f"{name} {value:.2f}" for name, value in difficulty.loso.items())
    print(f"difficulty: ridge {difficulty.ridge:g}, correlation on the source left out: {correlations}")
    if args.cv:
        table = build_task_table(features, cues, labels)
        share = cross_validate_tasks(table, [label.task for label in labels])
        print(f"tasks: {share:.1%} of {len(labels)} labels right in cross-validation")
    rows = features.features([label.prompt for label in labels])
    weights = fit_levels(rows, [label.task for label in labels], levels, difficulty.weights)
    heads = build_heads(features, cues, labels, weights)
    path = DATA_DIR / HEAD_FILE
    if args.check:
        shipped = load_heads(path).fingerprint
        print(f"fingerprint {heads.fingerprint}, shipped {shipped}")
        return 0 if heads.fingerprint == shipped else 1
    save_heads(heads, path)
    print(f"fingerprint {heads.fingerprint}, written to {HEAD_FILE}")
    return 0


def load_sources(folder: Path, features: FeatureMaker) -> list[OutcomeSource]:
    """What the fit side of each unmixed shipped recording says about difficulty, one entry a recording and task.

    Raises:
        OmniError: Fewer than two recordings have features of this encoder.
    """
    sources = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.name.startswith("mixed") or not path.is_dir():
            continue
        try:
            recording = load_recording(path)
        except RecordingError as error:
            raise OmniError(f"Cannot fit on the recording {path.name!r}: {error}") from error
        if recording.feature_fingerprint == features.fingerprint:
            sources += _sources_of(recording)
    if len({source.name for source in sources}) < 2:
        raise OmniError(
            f"{str(folder)!r} holds fewer than two recordings with features of encoder {features.fingerprint!r}; "
            f"expected at least two. Rebuild the recordings."
        )
    return sources


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
