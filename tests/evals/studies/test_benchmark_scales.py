"""Scales of benchmarks, fitted on a catalog."""

import numpy as np
import pytest

from evals.studies.benchmark_factors import fit_factors, standardise
from evals.studies.benchmark_scales import benchmark_matrix, fit_scales
from omni.quality.benchmarks import read_card
from tests.omni.cards import benchmark_score, model_card

BENCHMARKS = [("code_a", "code"), ("code_b", "code"), ("math_a", "math"), ("write_a", "creative_writing")]


def graded_cards(n: int = 12) -> list:
    """Models whose scores rise from 20 % to 86 % in every benchmark, with sizes that rise too."""
    return [
        model_card(
            f"a/m{i:02}",
            params_total_b=float(2 + 4 * i),
            scores=tuple(benchmark_score(name, category, 20.0 + 6 * i) for name, category in BENCHMARKS),
        )
        for i in range(n)
    ]


def test_better_scores_are_read_as_higher_abilities():
    """The order of the scores is the order of the abilities in each measured skill."""
    cards = graded_cards()
    scales = fit_scales(cards)
    assert set(scales) == {name for name, _ in BENCHMARKS}
    values = np.array([read_card(card, scales).value for card in cards])
    assert (np.diff(values[:, [0, 1, 3]], axis=0) > 0).all()
    assert np.isnan(values[:, [2, 4, 5]]).all()


def test_a_benchmark_that_says_nothing_of_its_skill_has_no_scale():
    """Scores that fall where all others of its skill rise are left out."""
    cards = [
        model_card(card.model_id, params_total_b=card.params_total_b, scores=(*card.scores, noise))
        for i, card in enumerate(graded_cards())
        for noise in [benchmark_score("luck", "code", 80.0 - 5.0 * i)]
    ]
    assert "luck" not in fit_scales(cards)


def test_lower_is_better_turns_round():
    """A benchmark where less is better ranks the model with less higher."""
    cards = [
        model_card(f"a/m{i}", scores=(benchmark_score("rank", "code", float(i), higher_is_better=False),))
        for i in range(9)
    ]
    assert (np.diff(benchmark_matrix(cards).scores[:, 0]) < 0).all()


def test_held_out_cells_are_predicted_better_than_by_the_mean():
    """On a planted rank-two matrix the completion explains most of the hidden cells."""
    rng = np.random.default_rng(1)
    full = standardise(rng.normal(size=(60, 2)) @ rng.normal(size=(2, 20)) + 0.2 * rng.normal(size=(60, 20)))
    hidden = rng.random(full.shape) < 0.2
    factors = fit_factors(np.where(hidden, np.nan, full), np.ones((60, 1)))
    predicted = factors.mean @ factors.loadings.T
    assert ((predicted - full)[hidden] ** 2).mean() < 0.3 * (full[hidden] ** 2).mean()


def test_a_score_is_read_back_as_the_ability_that_it_was_fitted_for():
    """On scores without noise the ability read from one benchmark is the one read from all."""
    cards = graded_cards()
    scales = fit_scales(cards)
    all_of_it = read_card(cards[5], scales).value[1]
    alone = read_card(model_card("z/one", scores=cards[5].scores[:1]), scales).value[1]
    assert alone == pytest.approx(all_of_it, abs=0.05)
