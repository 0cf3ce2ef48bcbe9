"""python -m omni fit: rebuilds the task and difficulty heads from the label set and the shipped recordings."""

import argparse
from pathlib import Path

import numpy as np

from omni.config import DATA_DIR
from omni.errors import OmniError, RecordingError
from omni.quality.transfer import TRANSFER_FILE, Transfer, build_transfer, load_transfer, save_transfer
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
    transfer = sum_up(DATA_DIR / "recordings", features, rows, [label.task for label in labels])
    path, transfer_path = DATA_DIR / HEAD_FILE, DATA_DIR / TRANSFER_FILE
    if args.check:
        shipped, sums = load_heads(path).fingerprint, load_transfer(transfer_path).fingerprint
        print(f"fingerprint {heads.fingerprint}, shipped {shipped}; transfer {transfer.fingerprint}, shipped {sums}")
        return 0 if (heads.fingerprint, transfer.fingerprint) == (shipped, sums) else 1
    save_heads(heads, path)
    save_transfer(transfer, transfer_path)
    print(f"fingerprint {heads.fingerprint}, written to {HEAD_FILE}")
    print(f"fingerprint {transfer.fingerprint}, written to {TRANSFER_FILE}")
    return 0


def sum_up(folder: Path, features: FeatureMaker, label_rows: np.ndarray, label_tasks: list[str]) -> Transfer:
    """What the unmixed shipped recordings and the labels say of models and prompts in general."""
    paths = [path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith("mixed")]
    recordings = [load_recording(path) for path in paths]
    usable = [recording for recording in recordings if recording.feature_fingerprint == features.fingerprint]
    return build_transfer(usable, label_rows, label_tasks, features.n_embedding)


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
