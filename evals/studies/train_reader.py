"""Rebuild what reading learned: gram directions and heads, from data/labels and data/recordings."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from safetensors.numpy import load_file, save_file
from threadpoolctl import threadpool_limits

from evals.studies.labels import (
    FIGURES_FILE,
    LABEL_FILES,
    LEVEL_FILE,
    Figures,
    corpus_figures,
    form_of,
    load_corpus,
    load_figures,
    load_labels,
    load_levels,
    own_figures,
    save_figures,
    trainable,
)
from evals.studies.reader_heads import (
    OutcomeSource,
    TaskTable,
    calibrated,
    feature_rows,
    fingerprint_of,
    fit_calibration,
    fit_difficulty,
    fit_directions,
    fit_levels,
    fit_tasks,
    leave_families_out,
)
from omni.config import DATA_DIR
from omni.errors import OmniError
from omni.reading import FeatureMaker, load_feature_maker
from omni.reading.cues import CueFinder, load_cues
from omni.reading.features import NGRAM_FILE
from omni.reading.heads import Heads, difficulty_rows, save_heads
from omni.reading.ngrams import GramProjection
from omni.reading.reader import CUE_FILE, HEAD_FILE
from omni.recording import Recording, load_recording

_MIN_PROMPTS = 50
_MIN_MODELS = 3
_TOLERANCE = 0.02
"""Difference between two fits of the same data on different processors that changes no share visibly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What the reader is fitted on."""

    own: Figures
    real: Figures
    levels: np.ndarray
    """Logit of the share of models that fail each own label, (n_own,)."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("--check", action="store_true", help="compare with the shipped parameters and write nothing")
    parser.add_argument("--prompts", type=Path, help="real prompts (parquet): read the figures of them anew first")
    parser.add_argument("--recordings", type=Path, default=DATA_DIR / "recordings", help="recorded outcomes")
    parser.add_argument("--directions-only", action="store_true", help="stop after the gram directions")


def run(args: argparse.Namespace) -> int:
    """Fits and writes, or compares; 1 when --check finds other parameters than the shipped ones."""
    features = load_feature_maker(DATA_DIR)
    cues = load_cues(DATA_DIR / CUE_FILE, features.encoder)
    if args.prompts:
        table = trainable(load_corpus(args.prompts))
        figures = corpus_figures(features, cues, table)
        form = form_of(DATA_DIR, features)
        save_figures(figures, table["language"].tolist(), DATA_DIR / FIGURES_FILE, form=form)
        print(f"{len(figures):,} real prompts, written to {FIGURES_FILE}")
    # sums of another number of threads differ in their last bits
    with threadpool_limits(limits=1):
        material = load_material(features, cues)
        projection = fit_directions(material.own.grams + material.real.grams)
        if not args.check:
            save_projection(projection, DATA_DIR / NGRAM_FILE)
            features = load_feature_maker(DATA_DIR)
            print(f"gram directions written to {NGRAM_FILE}; features {features.fingerprint}")
        if args.directions_only:
            return 0
        # as stored, in half precision
        projection = GramProjection(projection.matrix.astype(np.float16))
        heads = fit_heads(material, projection, load_recordings(args.recordings, features), features.fingerprint)
    if args.check:
        return _check(projection, heads)
    save_heads(heads, DATA_DIR / HEAD_FILE)
    print(f"heads {heads.fingerprint}, written to {HEAD_FILE}")
    return 0


def load_material(features: FeatureMaker, cues: CueFinder) -> Material:
    """The labels, levels and figures below data/labels.

    Raises:
        OmniError: A file is missing or was made with another form of reading.
    """
    files = {name: load_labels(DATA_DIR / path) for name, path in LABEL_FILES.items()}
    labels = [label for file in files.values() for label in file]
    return Material(
        own=own_figures(features, cues, labels),
        real=load_figures(DATA_DIR / FIGURES_FILE, cues.n_cues, form=form_of(DATA_DIR, features)),
        levels=load_levels(DATA_DIR / LEVEL_FILE, {name: len(file) for name, file in files.items()}),
    )


def fit_heads(
    material: Material, projection: GramProjection, recordings: Sequence[Recording], feature_fingerprint: str
) -> Heads:
    """Both heads, the task shares calibrated on families left out."""
    table = TaskTable(material.own, material.real, projection)
    calibration = fit_calibration(list(leave_families_out(table)), table.tasks)
    print(f"tasks: {len(table.tasks):,} prompts, temperature {calibration.temperature:.2f}")
    parts = calibrated(fit_tasks(table), calibration)
    outcomes = fit_difficulty([source for recording in recordings for source in sources_of(recording)])
    correlations = ", ".join(f"{name} {value:.2f}" for name, value in outcomes.loso.items())
    print(f"difficulty: ridge {outcomes.ridge:g}, correlation on the source left out: {correlations}")
    rows = difficulty_rows(feature_rows(material.own, projection))
    parts["difficulty"] = fit_levels(rows, material.own.tasks.tolist(), material.levels, outcomes.weights)
    parts = {name: np.asarray(values, dtype=np.float32) for name, values in parts.items()}
    names = ", ".join(recording.name for recording in recordings)
    return Heads(
        **parts,
        fingerprint=fingerprint_of(parts, feature_fingerprint),
        trained_on=f"{len(material.own):,} prompts written for this project, figures of {len(material.real):,} real "
        f"prompts, and the recordings {names}",
    )


def save_projection(projection: GramProjection, path: Path) -> None:
    """Writes the gram directions in half precision."""
    save_file({"projection": projection.matrix.astype(np.float16)}, path)


def load_recordings(folder: Path, features: FeatureMaker) -> list[Recording]:
    """The unmixed recordings in a folder that have features of this maker.

    Raises:
        OmniError: Fewer than two have such features.
    """
    paths = [path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith("mixed")]
    recordings = [load_recording(path) for path in paths]
    usable = [recording for recording in recordings if recording.feature_fingerprint == features.fingerprint]
    if len(usable) < 2:
        raise OmniError(
            f"{str(folder)!r} holds fewer than two recordings with features of encoder {features.fingerprint!r}; "
            f"expected at least two. Rebuild the recordings."
        )
    return usable


def sources_of(recording: Recording) -> list[OutcomeSource]:
    """How hard the prompts of each task were for open models, on the fit side."""
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
            features = difficulty_rows(recording.features[rows])
            found.append(OutcomeSource(name=recording.name, task=task, features=features, difficulty=target[rows]))
    return found


def largest_difference(path: Path, other: Path) -> float:
    """The largest difference between two parameter files, relative for figures above 1; infinite when names differ."""
    ours, theirs = load_file(path), load_file(other)
    if {name: value.shape for name, value in ours.items()} != {name: value.shape for name, value in theirs.items()}:
        return float("inf")
    differences = [
        float(np.max(np.abs(value.astype(float) - theirs[name]) / np.maximum(np.abs(value), 1.0), initial=0.0))
        for name, value in ours.items()
    ]
    return max(differences, default=0.0)


def _check(projection: GramProjection, heads: Heads) -> int:
    """Fitted against shipped. Another processor rounds differently, so figures are compared and not only hashes."""
    worst = 0.0
    with TemporaryDirectory() as folder:
        paths = {NGRAM_FILE: Path(folder) / "ngrams.safetensors", HEAD_FILE: Path(folder) / "heads.safetensors"}
        save_projection(projection, paths[NGRAM_FILE])
        save_heads(heads, paths[HEAD_FILE])
        for name, path in paths.items():
            difference = largest_difference(path, DATA_DIR / name)
            worst = max(worst, difference)
            print(f"{name}: largest difference from the shipped file {difference:.2g}")
    return 0 if worst <= _TOLERANCE else 1
