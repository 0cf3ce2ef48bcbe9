"""The heads are fitted from labels and outcomes."""

import numpy as np
import pytest

from evals.studies.labels import Figures
from evals.studies.reader_heads import (
    LeftOut,
    OutcomeSource,
    TaskTable,
    fit_calibration,
    fit_difficulty,
    fit_directions,
    fit_levels,
    fit_tasks,
    leave_families_out,
    task_logits,
)
from omni.reading.heads import TASKS
from omni.reading.ngrams import N_BINS, GramCounts, GramProjection, code_points, count_grams


def source(name: str, task: str, *, shift: float, seed: int) -> OutcomeSource:
    """Prompts whose first feature says how hard they are."""
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(200, 5)).astype(np.float32)
    return OutcomeSource(name=name, task=task, features=features, difficulty=features[:, 0] + shift)


def test_difficulty_that_transfers_is_learned():
    """A direction shared by the sources predicts the one left out."""
    sources = [source("a", "math", shift=1.0, seed=1), source("b", "code", shift=-1.0, seed=2)]
    fit = fit_difficulty(sources)
    assert min(fit.loso.values()) > 0.95
    assert fit.weights[5:-1][1] > 0 > fit.weights[5:-1][0]


def test_levels_set_the_task_and_keep_the_slope_of_the_recordings():
    """A task labelled harder is expected harder, and what recordings say of a feature still counts."""
    generator = np.random.default_rng(3)
    features = generator.normal(size=(400, 5)).astype(np.float32)
    tasks = ["math" if row % 2 else "chat" for row in range(400)]
    levels = np.array([1.0 if task == "math" else -1.0 for task in tasks]) + features[:, 0]
    recorded = np.concatenate([[1.0, 0, 0, 0, 0], np.zeros(len(TASKS)), [4.0]])
    weights = fit_levels(features, tasks, levels, recorded)
    offsets = dict(zip(TASKS, weights[5:-1], strict=True))
    assert weights[0] == pytest.approx(1.0, abs=0.1)
    assert offsets["math"] - offsets["chat"] == pytest.approx(2.0, abs=0.2)


def figures(families: list[str]) -> Figures:
    """Two prompts of each task for each family, whose first signal-free dimension is the task's number."""
    tasks = [task.value for task in TASKS for _ in range(2)]
    n, generator = len(families) * len(tasks), np.random.default_rng(5)
    one_hot = np.tile(np.repeat(np.eye(len(TASKS)), 2, axis=0), (len(families), 1))
    counts = [GramCounts(np.array([row % 7]), np.ones(1, dtype=np.float32)) for row in range(n)]
    return Figures(
        static=(one_hot + 0.01 * generator.normal(size=one_hot.shape)).astype(np.float32),
        signals=np.zeros((n, 2), dtype=np.float32),
        cues=np.zeros((n, 3), dtype=np.float32),
        grams=counts,
        words=counts,
        tasks=np.array(tasks * len(families), dtype=object),
        families=np.repeat(np.array(families, dtype=object), len(tasks)),
    )


PROJECTION = GramProjection(np.zeros((N_BINS, 2)))


def test_what_separates_tasks_is_learned():
    """Prompts that differ in one figure each get their task."""
    own, real = figures([""]), figures(["a", "b"])
    parts = fit_tasks(TaskTable(own, real, PROJECTION))
    found = task_logits(parts, own, PROJECTION).argmax(axis=1)
    assert [TASKS[place].value for place in found] == list(own.tasks)


def test_each_family_is_left_out_once():
    """Every real prompt is judged by a fit without its family, and no own label is."""
    table = TaskTable(figures([""]), figures(["a", "b"]), PROJECTION)
    parts = list(leave_families_out(table))
    n_own = 2 * len(TASKS)
    assert [part.family for part in parts] == ["a", "b"]
    assert sorted(np.concatenate([part.rows for part in parts])) == list(range(n_own, 3 * n_own))
    assert all((part.logits.argmax(axis=1) == np.repeat(np.arange(len(TASKS)), 2)).all() for part in parts)


def test_calibration_makes_bold_shares_honest():
    """Logits of 10 that are right half of the time become shares of about a half."""
    logits = np.zeros((40, len(TASKS)))
    logits[:, 0] = 10.0
    tasks = np.array([TASKS[0].value, TASKS[1].value] * 20)
    calibration = fit_calibration([LeftOut(np.arange(40), "a", logits)], tasks)
    assert 0.3 < calibration.shares(logits)[0].max() < 0.6


def test_directions_are_fitted_from_grams():
    """Fitting gives a projection that places a text."""
    texts = [f"text number {n} about {w}" for n in range(8) for w in ("cats", "ships")]
    projection = fit_directions([count_grams(code_points(text)) for text in texts], n_directions=4)
    assert projection.matrix.shape == (N_BINS, 4)
