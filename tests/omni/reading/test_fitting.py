"""The heads are fitted from labels and outcomes."""

import numpy as np
import pytest

from omni.errors import OmniError
from omni.reading.fitting import OutcomeSource, fit_difficulty, fit_levels, load_labels, load_levels
from omni.reading.heads import TASKS


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


def test_unknown_task_is_named(tmp_path):
    """A label file with an unknown task says which."""
    path = tmp_path / "labels.csv"
    path.write_text("task,language,prompt\ncooking,en,Bake bread\n", encoding="utf-8")
    with pytest.raises(OmniError, match="cooking"):
        load_labels(path)


def test_missing_file_is_named(tmp_path):
    """A missing label file is an error a person can act on."""
    with pytest.raises(OmniError, match="columns task, language, prompt"):
        load_labels(tmp_path / "none.csv")


def write_levels(path, rows) -> None:
    """A file of levels."""
    path.write_text("file,row,level\n" + "".join(f"{f},{r},{v}\n" for f, r, v in rows), encoding="utf-8")


def test_levels_follow_the_order_of_the_labels(tmp_path):
    """Rows may stand in any order; level 3 means that 35 % of the models fail."""
    path = tmp_path / "levels.csv"
    write_levels(path, [("b", 1, 3), ("a", 2, 1), ("a", 1, 5)])
    levels = load_levels(path, {"a": 2, "b": 1})
    assert 1 / (1 + np.exp(-levels)) == pytest.approx([0.85, 0.05, 0.35])


@pytest.mark.parametrize(
    ("rows", "said"), [([("a", 1, 3)], "labelled prompt 2"), ([("a", 1, 9)], "1 to 5"), ([("c", 1, 1)], "columns")]
)
def test_unusable_levels_are_named(tmp_path, rows, said):
    """A prompt without a level, an unknown level and an unknown file each say what is wrong."""
    path = tmp_path / "levels.csv"
    write_levels(path, rows)
    with pytest.raises(OmniError, match=said):
        load_levels(path, {"a": 2})


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
