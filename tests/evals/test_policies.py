"""One contract for every policy, and what sets the single ones apart."""

from dataclasses import replace

import numpy as np
import pytest

from evals.arena import build_arena
from evals.policies import POLICIES
from evals.policies.base import N_DIAL, NO_PICK, Registry, best_column, build_dial
from evals.policies.learning import fill_targets, fold_of_rows, routing_loss
from omni.errors import InputError
from tests.builders import build_recording

HINDSIGHT = {"mixture", "oracle"}
SHAPES = {
    "plain": {},
    "half_missing": {"missing": 0.5},
    "two_models": {"n_models": 2},
    "one_model": {"n_models": 1},
    "no_categories": {"n_categories": 0},
    "no_costs": {"with_costs": False},
    "dominant_model": {"dominant": 1},
    "graded": {"graded": True},
    "few_groups": {"n_groups": 6},
    "tiny": {"n_prompts": 24},
}


def _choose(name, recording, seed=0):
    arena = build_arena(recording, seed=seed)
    return arena, POLICIES.create(name).choose(arena.fit, arena.test, build_dial(arena.fit))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", POLICIES.names())
def test_every_policy_picks_a_model_for_every_prompt_and_setting(name, shape):
    """Whatever the recording lacks, picks are columns of the pool and settings are distinct."""
    if name == "cheapest" and shape == "no_costs":
        pytest.skip("there is no cheapest model without costs")
    arena, choices = _choose(name, build_recording(**SHAPES[shape]))
    assert choices.picks.shape == (len(choices.settings), len(arena.prompt_ids))
    assert len(set(choices.settings)) == len(choices.settings)
    assert choices.picks.max() < len(arena.fit.models)
    has_outcome = np.isfinite(arena.test.scores).any(axis=1)
    assert (choices.picks[:, has_outcome] != NO_PICK).all()
    if choices.predicted is not None:
        assert np.isfinite(choices.predicted).all()


@pytest.mark.parametrize("name", POLICIES.names())
def test_every_policy_repeats_itself(name):
    """The same recording and seed give the same picks."""
    recording = build_recording()
    _, first = _choose(name, recording, seed=5)
    _, second = _choose(name, recording, seed=5)
    assert np.array_equal(first.picks, second.picks)


@pytest.mark.parametrize("name", sorted(set(POLICIES.names()) - HINDSIGHT))
def test_no_router_looks_at_the_outcomes_of_the_test_side(name):
    """Turning the test side's outcomes upside down changes no pick."""
    recording = build_recording()
    upside_down = recording.scores.copy()
    upside_down[recording.is_test] = 1.0 - upside_down[recording.is_test]
    _, honest = _choose(name, recording)
    _, other = _choose(name, replace(recording, scores=upside_down))
    assert np.array_equal(honest.picks, other.picks)


def test_the_public_router_reads_no_outcome_at_all():
    """Turning all outcomes upside down, those of the fit side included, changes no prediction."""
    recording = build_recording()
    _, honest = _choose("omni_public", recording)
    _, other = _choose("omni_public", replace(recording, scores=1.0 - recording.scores))
    assert np.array_equal(honest.predicted, other.predicted)
    assert np.array_equal(honest.picks[0], other.picks[0])


@pytest.mark.parametrize("name", ["task_table", "knn", "kmeans", "ridge", "matrix_factorisation", "omni"])
def test_learned_policies_beat_the_best_single_model_where_topics_decide(name):
    """Topics with their own best model, plenty of prompts: full quality is above any one model."""
    arena, choices = _choose(name, build_recording(1200, graded=True))
    prompts = np.arange(len(arena.prompt_ids))
    quality = arena.test.scores[prompts, choices.picks[0]].mean()
    assert quality > arena.test.scores[:, best_column(arena.fit)].mean() + 0.01


@pytest.mark.parametrize("name", ["knn", "ridge", "omni", "oracle"])
def test_the_dial_runs_from_quality_to_cheapness(name):
    """The last setting costs no more than the first."""
    arena, choices = _choose(name, build_recording(600))
    costs = arena.test.costs_usd[np.arange(len(arena.prompt_ids)), choices.picks]
    assert len(choices.settings) == N_DIAL
    assert costs[-1].mean() < costs[0].mean()


def test_without_costs_there_is_one_setting():
    """Only quality counts when no cost is known."""
    _, choices = _choose("ridge", build_recording(with_costs=False))
    assert choices.settings == ("quality_per_usd=0",)


def test_the_best_single_model_needs_half_of_the_prompts():
    """A model scored on three easy prompts is not the best."""
    recording = build_recording()
    scores = recording.scores.copy()
    scores[:, 0] = np.nan
    scores[np.flatnonzero(recording.is_fit)[:3], 0] = 1.0
    arena = build_arena(replace(recording, scores=scores), seed=0)
    assert arena.fit.models[best_column(arena.fit)] != "model-a"


def test_the_oracle_takes_the_cheapest_of_equals_and_skips_prompts_without_outcomes():
    """All right: the cheapest model; nothing recorded: no pick."""
    recording = build_recording()
    scores = np.ones_like(recording.scores)
    last = np.flatnonzero(recording.is_test)[-1]
    scores[last] = np.nan
    arena, choices = _choose("oracle", replace(recording, scores=scores))
    cheapest = np.argmin(arena.test.costs_usd, axis=1)
    assert np.array_equal(choices.picks[0, :-1], cheapest[:-1])
    assert choices.picks[0, -1] == NO_PICK


def test_ties_go_to_the_first_name():
    """Two models that never differ: the first by name is picked, wherever it stands in the files."""
    recording = build_recording(n_models=2, with_costs=False)
    same = np.repeat(recording.scores[:, :1], 2, axis=1)
    recording = replace(recording, scores=same).subset(models=["model-b", "model-a"])
    arena, choices = _choose("knn", recording)
    assert {arena.fit.models[column] for column in choices.picks[0]} == {"model-a"}


def test_models_without_costs_stay_out_of_a_priced_pool():
    """Unknown is not free: such a model is named and not routed to."""
    recording = build_recording()
    costs = recording.costs_usd.copy()
    costs[:, 2] = np.nan
    arena = build_arena(replace(recording, costs_usd=costs), seed=0)
    assert arena.fit.models == ("model-a", "model-b", "model-d")
    assert set(arena.left_out) == {"model-c"}


def test_missing_cells_are_filled_by_model_and_prompt():
    """Known cells stay as they are and none is left open."""
    arena = build_arena(build_recording(missing=0.3), seed=0)
    filled = fill_targets(arena.fit)
    known = np.isfinite(arena.fit.scores)
    assert np.array_equal(filled.scores[known], arena.fit.scores[known])
    assert np.isfinite(filled.scores).all()
    assert np.isfinite(filled.costs).all()


@pytest.mark.parametrize("score", [None, 1.0])
@pytest.mark.parametrize("n_fit", [2, 6])
@pytest.mark.parametrize("name", POLICIES.names())
def test_a_handful_of_prompts_and_equal_scores_are_no_trouble(name, n_fit, score):
    """Every policy fits and picks, without a warning; None = scores as they come."""
    recording = build_recording(n_prompts=n_fit + 4)
    scores = recording.scores if score is None else np.full_like(recording.scores, score)
    prompts = recording.prompts.assign(split=["fit"] * n_fit + ["test"] * 4, group_id=recording.prompts["prompt_id"])
    arena = build_arena(replace(recording, scores=scores, prompts=prompts), seed=0)
    picks = POLICIES.create(name).choose(arena.fit, arena.test, build_dial(arena.fit)).picks
    assert ((picks >= 0) & (picks < recording.n_models)).all()


def test_folds_keep_groups_together():
    """No group stands in two folds."""
    arena = build_arena(build_recording(n_groups=40), seed=0)
    folds = fold_of_rows(arena.fit)
    assert set(folds) == {0, 1, 2, 3, 4}
    assert all(len(set(folds[arena.fit.groups == group])) == 1 for group in set(arena.fit.groups))


def test_the_loss_sees_only_differences_between_models():
    """A constant added to a prompt's predictions changes nothing; missing cells do not count."""
    scores = np.array([[0.0, 1.0], [1.0, np.nan]])
    assert routing_loss(scores + 0.3, scores) == pytest.approx(0.0)
    assert routing_loss(np.array([[0.5, 0.5], [0.0, 9.0]]), scores) == pytest.approx(0.5 / 3)


def test_a_name_is_registered_once_and_an_unknown_one_lists_the_known():
    """Both mistakes are said plainly."""
    registry = Registry()
    registry.register("a", place=1)(lambda: None)
    with pytest.raises(ValueError, match="twice"):
        registry.register("a", place=2)(lambda: None)
    with pytest.raises(InputError, match="unknown policy 'b'; expected one of: a, single:MODEL"):
        registry.create("b")
