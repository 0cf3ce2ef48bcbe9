"""Abilities from benchmark scores."""

import numpy as np

from omni.quality.abilities import TASKS, benchmark_matrix, build_abilities
from omni.quality.factors import fit_factors, standardise
from omni.types import Task
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


def test_better_scores_give_higher_ability():
    """The order of the scores is the order of the abilities in each measured task."""
    table = build_abilities(graded_cards())
    for task in (Task.CODE, Task.MATH, Task.CREATIVE_WRITING):
        assert (np.diff(table.task[:, TASKS.index(task)]) > 0).all()


def test_a_model_without_scores_is_estimated_from_its_size_with_more_doubt():
    """Size alone places a model between its neighbours, with a wider error than theirs."""
    cards = [*graded_cards(), model_card("z/new", params_total_b=48.0)]
    table = build_abilities(cards)
    code = TASKS.index(Task.CODE)
    assert table.n_scores[-1] == 0
    assert table.task[-1, code] > table.task[:6, code].max()
    assert table.task_se[-1, code] > table.task_se[:-1, code].max()


def test_own_strength_in_a_task_shows_there():
    """A model that codes better than its other scores suggest has more ability in code than in mathematics."""
    cards = graded_cards()
    scores = tuple(benchmark_score(n, c, 75.0 if c == "code" else 40.0) for n, c in BENCHMARKS)
    table = build_abilities([*cards, model_card("z/coder", params_total_b=14.0, scores=scores)])
    assert table.task[-1, TASKS.index(Task.CODE)] > table.task[-1, TASKS.index(Task.MATH)] + 0.3


def test_runs_of_one_model_are_never_mixed():
    """Of several variants the default one counts."""
    cards = graded_cards()
    extra = benchmark_score("code_a", "code", 1.0, variant="low")
    cards[3] = model_card("a/m03", params_total_b=14.0, scores=(extra, *cards[3].scores))
    assert np.array_equal(benchmark_matrix(cards)[0], benchmark_matrix(graded_cards())[0])


def test_lower_is_better_turns_round():
    """A benchmark where less is better ranks the model with less higher."""
    cards = [
        model_card(f"a/m{i}", scores=(benchmark_score("rank", "code", float(i), higher_is_better=False),))
        for i in range(9)
    ]
    matrix, _ = benchmark_matrix(cards)
    assert (np.diff(matrix[:, 0]) < 0).all()


def test_held_out_cells_are_predicted_better_than_by_the_mean():
    """On a planted rank-two matrix the completion explains most of the hidden cells."""
    rng = np.random.default_rng(1)
    full = standardise(rng.normal(size=(60, 2)) @ rng.normal(size=(2, 20)) + 0.2 * rng.normal(size=(60, 20)))
    hidden = rng.random(full.shape) < 0.2
    factors = fit_factors(np.where(hidden, np.nan, full), np.ones((60, 1)))
    predicted = factors.mean @ factors.loadings.T
    assert ((predicted - full)[hidden] ** 2).mean() < 0.3 * (full[hidden] ** 2).mean()


def test_a_catalog_without_benchmarks_has_equal_abilities():
    """With nothing measured, nothing is claimed."""
    table = build_abilities([model_card("a/one"), model_card("a/two")])
    assert table.task.tolist() == np.zeros((2, len(TASKS))).tolist()
