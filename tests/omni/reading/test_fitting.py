"""The heads are fitted from labels and outcomes."""

import numpy as np
import pytest

from omni.errors import OmniError
from omni.reading.fitting import OutcomeSource, fit_difficulty, load_labels


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
