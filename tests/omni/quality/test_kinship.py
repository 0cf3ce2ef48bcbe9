"""Models of few scores, placed by their kin."""

import datetime

import numpy as np
import pytest

from omni.catalog import load_catalog
from omni.quality.abilities import TASKS, build_abilities
from omni.quality.kinship import SHARPER, complete_abilities
from omni.quality.unlabelled import MIN_SCORES
from omni.types import Task
from tests.omni.cards import model_card


@pytest.fixture(scope="module")
def tables():
    """The shipped catalog's abilities before and after, and its cards."""
    cards = load_catalog().models
    table = build_abilities(cards)
    return cards, table, complete_abilities(cards, table)


def test_models_with_scores_stay_where_they_are(tables):
    """Only models of few scores move; how many scores they have is not changed."""
    _, before, after = tables
    known = before.n_scores >= MIN_SCORES
    assert np.array_equal(before.task[known], after.task[known])
    assert np.array_equal(before.task_se[known], after.task_se[known])
    assert np.array_equal(before.n_scores, after.n_scores)


def test_dated_models_of_few_scores_move_with_less_doubt(tables):
    """Mathematics moves, vision does not, and an undated model stays."""
    cards, before, after = tables
    few = before.n_scores < MIN_SCORES
    dated = np.array([card.release_date is not None for card in cards])
    math, vision = TASKS.index(Task.MATH), TASKS.index(Task.VISION)
    assert (before.task[few & dated, math] != after.task[few & dated, math]).all()
    assert after.task_se[few & dated, math] == pytest.approx(SHARPER * before.task_se[few & dated, math])
    assert np.array_equal(before.task[:, vision], after.task[:, vision])
    assert np.array_equal(before.task[~dated], after.task[~dated])


def test_general_stays_the_mean_over_text_tasks(tables):
    """Parts of a score still sum."""
    _, _, after = tables
    text = [TASKS.index(task) for task in TASKS if task is not Task.VISION]
    assert after.general == pytest.approx(after.task[:, text].mean(axis=1))


def test_a_small_catalog_is_left_alone():
    """Without models to tie the scales by, the table comes back as it is."""
    cards = [model_card(f"a/m{i}", params_total_b=7.0, release_date=datetime.date(2025, 1, 1)) for i in range(5)]
    table = build_abilities(cards)
    assert complete_abilities(cards, table) is table
