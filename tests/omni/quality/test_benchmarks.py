"""What a card's scores say."""

import math

import numpy as np
import pytest

from omni.quality.benchmarks import Scale, deviation, read_card, to_logits
from tests.omni.cards import benchmark_score, model_card


def _scale(*, skill=1, suite="a", extra="", intercept=0.0, slope=2.0, variance=0.5):
    return Scale(suite, skill, extra, "percent", intercept, slope, variance)


def test_a_score_becomes_an_ability_by_the_scale_of_its_benchmark():
    """Half right is logit 0; with intercept -1 and slope 2 that is an ability of 0.5."""
    card = model_card("a/m", scores=(benchmark_score("x", "code", 50.0),))
    evidence = read_card(card, {"x": _scale(intercept=-1.0)})
    assert evidence.value[1] == pytest.approx(0.5)
    assert evidence.variance[1] == pytest.approx(0.5)
    assert np.isnan(evidence.value[[0, 2, 3, 4, 5]]).all()


def test_benchmarks_of_one_suite_count_less_than_those_of_several():
    """Four of one suite are worth two; four of four suites are worth four."""
    scores = tuple(benchmark_score(name, "code", 50.0) for name in "wxyz")
    one = read_card(model_card("a/m", scores=scores), {name: _scale() for name in "wxyz"})
    four = read_card(model_card("a/m", scores=scores), {name: _scale(suite=name) for name in "wxyz"})
    assert one.variance[1] == pytest.approx(0.5 / 2)
    assert four.variance[1] == pytest.approx(0.5 / 4)


def test_runs_of_one_model_are_never_mixed():
    """Of several variants the usual one counts, wherever it stands."""
    low = benchmark_score("x", "code", 1.0, variant="low")
    usual = benchmark_score("x", "code", 50.0)
    for scores in ((low, usual), (usual, low)):
        assert read_card(model_card("a/m", scores=scores), {"x": _scale()}).value[1] == pytest.approx(0.0)


def test_a_deviation_in_a_language_is_believed_by_its_number_of_scores():
    """One score 1.2 logits above the ability there: a third of half of it, 0.2; none: 0."""
    card = model_card("a/m", scores=(benchmark_score("x", "multilingual:ja", 50.0),))
    evidence = read_card(card, {"x": _scale(skill=3, extra="ja", intercept=-2.4)})
    assert deviation(evidence, np.zeros(6), "ja") == pytest.approx(0.5 * 1 / 3 * 1.2)
    assert deviation(evidence, np.zeros(6), "ko") == 0.0


def test_scores_become_logits_by_their_unit():
    """Percentages, arena ratings (400 points = ln 10), ranks and anything else."""
    assert to_logits(75.0, "percent") == pytest.approx(math.log(3))
    assert to_logits(400.0, "rating") == pytest.approx(math.log(10))
    assert to_logits(3.0, "lower") == -3.0
    assert to_logits(1.5, "plain") == 1.5
    assert to_logits(0.0, "percent") == pytest.approx(math.log(1 / 99))
