"""Abilities of models not seen, from models like them."""

import numpy as np
import pytest

from omni.quality.kriging import ABILITY, N_SKILLS, Observed, block_level, krige
from tests.omni.quality.model_facts import describe_models

EVEN = np.full(N_SKILLS, 1 / N_SKILLS)


def _observed(models, value, variance=0.01, skills=EVEN, language="en"):
    value = np.array(value)
    return Observed(
        source="a", models=models, skills=skills, language=language, value=value, variance=np.full(len(value), variance)
    )


def _even(kriged):
    return kriged.mean @ EVEN, np.einsum("a,b,abij->ij", EVEN, EVEN, kriged.covariance)


def _models(*sizes, family="qwen2"):
    names = [f"{family}-{size}b" for size in sizes]
    return describe_models(names, list(sizes))


def test_without_observations_larger_and_newer_models_are_expected_to_be_better():
    """Size and date speak where nothing else does, with a wide error."""
    mean, covariance = _even(krige(ABILITY, [], _models(7.0, 70.0)))
    assert mean[1] > mean[0]
    assert np.diag(covariance).min() > 0.1


def test_an_observed_model_is_known_better_than_an_unseen_one():
    """The error shrinks most for the model itself, less for its family, least for strangers."""
    pool = [*_models(7.0, 70.0), *_models(8.0, family="zzz")]
    mean, covariance = _even(krige(ABILITY, [_observed(_models(7.0, 70.0, 14.0), [0.0, 3.0, 0.5])], pool))
    _, before = _even(krige(ABILITY, [], pool))
    shrunk = np.diag(covariance) / np.diag(before)
    assert mean[1] - mean[0] > 1.0
    assert shrunk[2] > shrunk[1]


def test_the_level_of_a_source_says_nothing_of_its_models():
    """The same differences on an easier source give the same abilities."""
    pool, seen = _models(7.0, 70.0), _models(7.0, 70.0, 32.0)
    value = np.array([-1.0, 1.0, 0.5])
    hard, easy = _observed(seen, value), _observed(seen, value + 2.0)
    assert krige(ABILITY, [easy], pool).mean == pytest.approx(krige(ABILITY, [hard], pool).mean)
    assert block_level(ABILITY, easy) == pytest.approx(block_level(ABILITY, hard) + 2.0)


def test_a_language_that_a_model_is_not_made_for_is_learned_from_recordings_in_it():
    """Models of English only fall behind in Korean chat: a foreign language then costs more."""
    chat = np.eye(N_SKILLS)[3]
    english = describe_models([f"llama-3-{size}b" for size in (8, 70)], [8.0, 70.0])
    speaking = describe_models([f"qwen2-{size}b" for size in (7, 72)], [8.0, 70.0])
    assert [model.foreignness("ko") for model in (*english, *speaking)] == [1.0, 1.0, 0.0, 0.0]
    seen = _observed([*english, *speaking], [-2.0, -1.5, 1.5, 2.0], skills=chat, language="ko")
    after, before = krige(ABILITY, [seen], english).slope, np.array(ABILITY.slope)
    assert after[5] < before[5] - 0.2


def test_a_model_made_for_a_task_is_expected_to_be_better_at_it():
    """Of two models alike in size and date, the coder leads at code alone."""
    models = describe_models(["zzz-coder", "zzz-plain"], [7.0, 7.0])
    mean = krige(ABILITY, [], models).mean
    assert mean[0] - mean[1] == pytest.approx([0, ABILITY.slope[7], 0, 0, 0, 0])
