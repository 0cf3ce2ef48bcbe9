"""The fitted router of one pool."""

from dataclasses import replace

import numpy as np
import pytest

from omni.errors import InputError
from omni.quality.newcomers import Levels
from omni.quality.pool import Pool, fit_pool
from tests.omni.quality.planted import Planted, plant


def fit(data: Planted, **options: object) -> Pool:
    return fit_pool(data.features, data.scores, data.costs_usd, groups=data.groups, categories=None, **options)  # type: ignore[arg-type]


def picked_score(pool: Pool, data: Planted) -> float:
    pick = pool.predict(data.features).quality.argmax(1)
    return float(data.scores[np.arange(len(pick)), pick].mean())


def test_planted_topics_are_routed_better_than_the_best_model() -> None:
    """On unseen prompts the router beats every single model clearly."""
    test = plant(seed=1)
    assert picked_score(fit(plant(seed=0)), test) > test.scores.mean(0).max() + 0.2


def test_without_signal_the_best_model_is_always_chosen() -> None:
    """Held-out predictions that gain nothing switch the deviations off."""
    data = plant(600, signal=0.0)
    pool = fit(data._replace(scores=data.scores * 0.5 + np.array([0.0, 0.1, 0.2, 0.4]) * 0.9))
    assert set(pool.predict(data.features).quality.argmax(1)) == {3}


def test_half_of_the_scores_may_be_missing() -> None:
    """The planted gain survives random gaps, and no prediction is unknown."""
    data, test = plant(seed=0), plant(seed=1)
    holes = np.random.default_rng(2).random(data.scores.shape) < 0.5
    pool = fit(
        data._replace(scores=np.where(holes, np.nan, data.scores), costs_usd=np.where(holes, np.nan, data.costs_usd))
    )
    assert np.isfinite(pool.predict(test.features).quality).all()
    assert picked_score(pool, test) > test.scores.mean(0).max() + 0.15


def test_three_lucky_scores_do_not_make_a_model_the_best() -> None:
    """The worst model, scored only where it was right, is not sent what the best one answers."""
    data = plant(600, signal=0.0)
    scores = (np.random.default_rng(0).random(data.scores.shape) < np.array([0.2, 0.5, 0.6, 0.8])).astype(float)
    scores[:, 0] = np.nan
    scores[:3, 0] = 1.0
    prediction = fit(data._replace(scores=scores)).predict(data.features)
    assert ((prediction.quality - prediction.doubt).argmax(1) != 0).all()
    assert prediction.reference == 3


def test_a_single_score_does_not_move_what_is_expected_of_the_others() -> None:
    """Means pulled together stay so: the learners predict deviations around them, not the raw means again."""
    data = plant(400, 12)
    scores = data.scores.copy()
    scores[:, :4] = np.nan
    scores[0, :4] = 1.0
    pool = fit(data._replace(scores=scores))
    assert np.allclose(pool.predict(data.features).quality.mean(0), pool.mean, atol=0.08)


def test_embeddings_of_another_size_are_routed_on_too() -> None:
    """Another encoder's vectors may be thousands of times longer than unit ones."""
    data = plant(200)
    wide = np.random.default_rng(0).normal(size=(200, 400))
    wide[:, : data.features.shape[1]] = data.features
    plain, long = (fit(data._replace(features=(size * wide).astype(np.float32))) for size in (1.0, 1e4))
    expected = plain.predict((wide).astype(np.float32)).quality
    assert np.allclose(long.predict((1e4 * wide).astype(np.float32)).quality, expected, atol=1e-3)


def test_models_scored_alike_are_doubted_alike() -> None:
    """Without gaps choosing needs the expected quality alone."""
    assert (fit(plant(200)).doubt == 0).all()


def test_two_models_are_enough() -> None:
    """The smallest pool gives one reference and finite figures."""
    prediction = fit(plant(200, 2)).predict(plant(50, 2, seed=3).features)
    assert prediction.quality.shape == (50, 2)
    assert (prediction.gain_se[:, prediction.reference] == 0).all()


def test_one_model_is_a_pool_too() -> None:
    """With a single model there is nothing to choose and nothing to fail."""
    assert fit(plant(100, 1)).predict(plant(5, 1).features).quality.shape == (5, 1)


def test_same_input_and_seed_give_the_same_bits() -> None:
    """Fit and prediction are deterministic."""
    first, second = (fit(plant()).predict(plant(seed=5).features) for _ in range(2))
    assert first.quality.tobytes() == second.quality.tobytes()
    assert first.cost_usd.tobytes() == second.cost_usd.tobytes()


def test_a_dominant_model_is_never_left() -> None:
    """A model that is right everywhere stays the choice on every prompt."""
    data = plant(200)
    scores = data.scores.copy()
    scores[:, 2] = 1.0
    assert set(fit(data._replace(scores=scores)).predict(data.features).quality.argmax(1)) == {2}


def test_repeated_prompts_stay_in_one_fold() -> None:
    """Copies of a prompt with the same group do not make noise look predictable."""
    data = plant(60, signal=0.0)
    copies = Planted(*(np.repeat(part, 5, axis=0) for part in data))
    pool = fit(copies)
    assert pool.describe()["shrink"] == 0.0 or picked_score(pool, plant(400, signal=0.0, seed=9)) > 0.5


def test_identical_prompts_do_not_break_the_fit() -> None:
    """Features without any difference leave the means."""
    data = plant(80)
    pool = fit(data._replace(features=np.ones_like(data.features)))
    assert np.ptp(pool.predict(data.features).quality, axis=0).max() < 1e-6


def test_expected_cost_follows_the_prompt() -> None:
    """A cost that doubles with a feature is predicted so."""
    data = plant(300)
    dear = data.costs_usd * np.exp(data.features[:, [1]])
    predicted = fit(data._replace(costs_usd=dear)).predict(data.features).cost_usd
    assert np.corrcoef(np.log(predicted[:, 0]), data.features[:, 1])[0, 1] > 0.9


def test_unknown_cost_stays_unknown() -> None:
    """A model without any price has no expected cost, and the others keep theirs."""
    data = plant(200)
    costs = data.costs_usd.copy()
    costs[:, 1] = np.nan
    cost = fit(data._replace(costs_usd=costs)).predict(data.features).cost_usd
    assert np.isnan(cost[:, 1]).all()
    assert np.isfinite(np.delete(cost, 1, axis=1)).all()


def test_few_labels_keep_to_the_means() -> None:
    """Ten prompts teach means only."""
    pool = fit(plant(10))
    assert pool.describe()["shrink"] == 0.0


def test_categories_help_only_the_fit() -> None:
    """Categories are accepted at the fit and not asked for at prediction."""
    data, test = plant(seed=0), plant(seed=1)
    pool = fit_pool(
        data.features, data.scores, data.costs_usd, groups=data.groups, categories=np.array(["a", "b"])[data.topic]
    )
    assert picked_score(pool, test) > test.scores.mean(0).max() + 0.2


def test_arrays_that_do_not_belong_together_are_named() -> None:
    """The message says which shapes were given."""
    data = plant(50)
    with pytest.raises(InputError, match=r"\(49, 4\)"):
        fit(data._replace(scores=data.scores[1:]))


def test_a_pool_without_any_score_is_refused() -> None:
    """The message says what serves such a pool."""
    data = plant(50)
    with pytest.raises(InputError, match="no number"):
        fit(data._replace(scores=np.full_like(data.scores, np.nan)))


def test_a_pool_cannot_be_changed() -> None:
    """Pools are values: a change is a new pool."""
    pool = fit(plant(60))
    assert replace(pool, n_fit=1).n_fit == 1
    assert pool.n_fit == 60


def test_free_models_have_no_cost() -> None:
    """Costs of zero are costs: known, and predicted as zero."""
    data = plant(100)
    assert (fit(data._replace(costs_usd=0.0 * data.costs_usd)).predict(data.features).cost_usd == 0).all()


def test_a_strange_prompt_costs_no_more_than_any_seen() -> None:
    """Far outside the fit prompts, cost stays within what was seen and quality within 0..1."""
    data = plant(200)
    far = fit(data).predict(np.full((1, 12), 1e6, np.float32))
    assert (far.cost_usd <= data.costs_usd.max(0) * 1.5).all()
    assert ((far.quality >= 0) & (far.quality <= 1)).all()


def test_unknown_features_count_as_average() -> None:
    """NaN and infinite features neither fail nor decide."""
    data = plant(100)
    odd = data.features.copy()
    odd[0, :] = np.nan
    odd[1, 3] = np.inf
    assert np.isfinite(fit(data._replace(features=odd)).predict(odd).quality).all()


def _with_newcomer(data: Planted, n_labels: int) -> Planted:
    scores = data.scores.copy()
    scores[n_labels:, 3] = np.nan
    return data._replace(scores=scores)


def _levels(value: float, sd: float = 0.4) -> Levels:
    return Levels(np.array([0.0, 0.0, 0.0, value]), sd**2 * np.eye(4))


def test_a_newcomer_known_to_be_strong_is_chosen_and_one_known_to_be_weak_is_not() -> None:
    """Without one score here, what is known from elsewhere decides."""
    data = plant(400, signal=0.0)
    for value, is_chosen in ((2.0, True), (-2.0, False)):
        prediction = fit(_with_newcomer(data, 0), levels=_levels(value)).predict(data.features)
        chosen = (prediction.quality - prediction.doubt).argmax(1) == 3
        assert chosen.mean() == float(is_chosen)


def test_a_newcomer_is_known_less_surely() -> None:
    """Its wide standard error stands in the prediction and must be overcome before it is chosen."""
    data = plant(400, signal=0.0)
    prediction = fit(_with_newcomer(data, 0), levels=_levels(0.3)).predict(data.features)
    assert (prediction.quality_se[:, 3] > 2 * prediction.quality_se[:, 0]).all()
    assert prediction.gain_se[0, 3] > 0.08
    assert prediction.doubt[3] > 0.04
    assert prediction.reference != 3


def test_a_newcomers_own_scores_take_over() -> None:
    """The more of them there are, the nearer its mean comes to theirs, whatever was expected."""
    data = plant(2000, signal=0.0)
    off = [
        abs(fit(_with_newcomer(data, n), levels=_levels(-2.0, sd=1.0)).mean[3] - data.scores[:, 3].mean())
        for n in (0, 20, 100, 600)
    ]
    assert off == sorted(off, reverse=True)
    assert off[-1] < 0.04


def test_three_lucky_answers_do_not_make_a_weak_newcomer_the_best() -> None:
    """Not even to prompts that all others failed."""
    data = plant(400, signal=0.0)
    scores = _with_newcomer(data, 0).scores
    scores[:3] = [0.0, 0.0, 0.0, 1.0]
    prediction = fit(data._replace(scores=scores), levels=_levels(-1.0)).predict(data.features)
    assert ((prediction.quality - prediction.doubt).argmax(1) != 3).all()


def test_a_newcomer_finds_easy_what_the_others_find_easy() -> None:
    """Its deviations are those of the others, so that easy prompts do not go astray."""
    data = plant(400)
    easy = (np.random.default_rng(0).random(data.scores.shape) < np.where(data.topic, 0.9, 0.3)[:, None]).astype(float)
    pool = fit(_with_newcomer(data._replace(scores=easy), 0), levels=_levels(0.0))
    quality = pool.predict(data.features).quality[:, 3]
    assert quality[data.topic == 1].mean() > quality[data.topic == 0].mean() + 0.2


def test_levels_change_nothing_where_all_are_scored() -> None:
    """What is known from elsewhere is for newcomers only."""
    data = plant(200)
    plain, told = (fit(data, levels=levels).predict(data.features) for levels in (None, _levels(3.0)))
    assert plain.quality.tobytes() == told.quality.tobytes()
    assert (told.doubt == 0).all()


def test_expected_latency_follows_the_prompt() -> None:
    """Seconds that double with a feature are predicted so; a model nobody timed has none."""
    data = plant()
    seconds = 3.0 * np.exp(data.features[:, [1]]) * (1.0 + np.arange(data.scores.shape[1]))
    seconds[:, 2] = np.nan
    predicted = fit(data, latencies_s=seconds).predict(data.features).latency_s
    assert predicted is not None
    assert np.isnan(predicted[:, 2]).all()
    others = [0, 1, 3]
    assert np.corrcoef(np.log(predicted[:, 0]), data.features[:, 1])[0, 1] > 0.9
    assert predicted[:, others].mean(0) == pytest.approx(seconds[:, others].mean(0), rel=0.05)


def test_without_latencies_none_is_expected() -> None:
    """Unknown stays None."""
    data = plant()
    assert fit(data).predict(data.features).latency_s is None
