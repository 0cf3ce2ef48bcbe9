"""Labels, levels and the figures of real prompts are read and written."""

import numpy as np
import pandas as pd
import pytest

from evals.studies.labels import (
    FIGURES_FILE,
    figures_of,
    form_of,
    load_corpus,
    load_figures,
    load_labels,
    load_levels,
    save_figures,
    trainable,
)
from omni.config import DATA_DIR
from omni.errors import OmniError
from omni.reading import load_feature_maker
from omni.reading.cues import load_cues
from omni.reading.reader import CUE_FILE


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


@pytest.fixture(scope="module")
def features():
    """The shipped maker of feature rows."""
    return load_feature_maker(DATA_DIR)


@pytest.fixture(scope="module")
def cues(features):
    """The shipped cue list."""
    return load_cues(DATA_DIR / CUE_FILE, features.encoder)


def test_figures_come_back_as_written(tmp_path, features, cues):
    """Bins, counts and cues are exact; vectors and signals are rounded."""
    texts = ["Name three rivers in Peru, and then three more rivers.", "用Python写一个函数"]
    figures = figures_of(features, cues, texts, ["knowledge", "code"], ["a", "b"])
    save_figures(figures, ["en", "zh"], tmp_path / "f.parquet", form="1")
    back = load_figures(tmp_path / "f.parquet", cues.n_cues, form="1")
    assert list(back.tasks) == ["knowledge", "code"]
    assert np.array_equal(back.cues, figures.cues)
    assert np.array_equal(back.grams[0].bins, figures.grams[0].bins)
    assert np.allclose(back.words[0].weights, figures.words[0].weights, atol=1e-6)
    assert np.allclose(back.static, figures.static, atol=0.005)
    assert np.allclose(back.signals, figures.signals, atol=0.002)


def test_figures_of_another_form_are_refused(tmp_path, features, cues):
    """Figures made by another form of reading would train heads that read other numbers."""
    save_figures(figures_of(features, cues, ["hi"], ["chat"], ["a"]), ["en"], tmp_path / "f.parquet", form="1")
    with pytest.raises(OmniError, match="train-reader --prompts"):
        load_figures(tmp_path / "f.parquet", cues.n_cues, form="2")


def test_shipped_figures_fit_the_reader_and_hold_no_text(features, cues):
    """The repository's figures were made by today's reading and have no column of text."""
    figures = load_figures(DATA_DIR / FIGURES_FILE, cues.n_cues, form=form_of(DATA_DIR, features))
    assert len(figures) > 2_500
    numbers = {"static", "signals", "cues", "gram_bins", "gram_counts", "word_bins", "word_counts"}
    columns = set(pd.read_parquet(DATA_DIR / FIGURES_FILE).columns)
    assert columns == {"task", "family", "language"} | numbers


def test_a_corpus_keeps_conversations_tools_and_licences(tmp_path):
    """Message lists become conversations; only permissive rows without tools may train."""
    rows = {
        "prompt": ["2+2", '[{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes?"}]', "x", "y"],
        "is_conversation": [False, True, False, False],
        "task": ["math", "chat", "", "code"],
        "tools": ["", "", "", '["run"]'],
        "licence_class": ["permissive", "unstated", "permissive", "permissive"],
        "family": ["a", "b", "a", "c"],
        "language": ["en", "en", "en", "en"],
    }
    pd.DataFrame(rows).to_parquet(tmp_path / "c.parquet")
    corpus = load_corpus(tmp_path / "c.parquet")
    assert [len(conversation.messages) for conversation in corpus["conversation"]] == [1, 2, 1]
    assert corpus["conversation"][2].tool_names == ("run",)
    assert list(trainable(corpus)["family"]) == ["a"]
