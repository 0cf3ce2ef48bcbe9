"""The fitted router of one pool."""

from dataclasses import replace

import numpy as np
import pytest

from omni.errors import InputError
from omni.policy import PRESETS, gain_se, utilities
from omni.quality.estimate import Expected
from omni.quality.fitted import QUALITY_PARTS, FittedQuality, PoolOutcomes, fit_quality
from omni.quality.newcomers import Levels
from omni.types import PromptProfile
from tests.omni.cards import model_card
from tests.omni.quality.planted import Planted, plant


def outcomes(data: Planted, **changes: object) -> PoolOutcomes:
    n_prompts, n_models = data.scores.shape
    unknown = np.full((n_prompts, n_models), np.nan)
    base = PoolOutcomes(
        model_ids=tuple(f"org/model-{at}" for at in range(n_models)),
        features=data.features,
        scores=data.scores,
        costs_usd=data.costs_usd,
        output_tokens=np.where(np.isnan(data.costs_usd), np.nan, 200.0),
        latencies_s=unknown,
        groups=data.groups,
        categories=np.full(n_prompts, None, dtype=object),
        prompt_ids=np.array([f"p{at}" for at in range(n_prompts)], dtype=object),
        prices=np.ones((n_models, 2)),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def fit(data: Planted, *, levels: Levels | None = None, **changes: object) -> FittedQuality:
    return fit_quality(outcomes(data, **changes), levels=levels)


def expect(pool: FittedQuality, features: np.ndarray) -> Expected:
    return pool.expect([PromptProfile.typical(features=row) for row in features])


def choose(pool: FittedQuality, expected: Expected) -> np.ndarray:
    """What the quality preset picks of them, cost and time left out."""
    nothing = np.zeros_like(expected.quality)
    typical = pool.expect_typical()
    reference = np.full(len(nothing), int(np.argmax((typical.quality - PRESETS["quality"].z * typical.quality_se)[0])))
    doubt = gain_se(expected.quality_se, reference)
    parts = utilities(expected.quality, doubt, nothing, nothing, PRESETS["quality"], reference)
    return np.asarray(sum(parts.values()).argmax(1))


def picked_score(pool: FittedQuality, data: Planted) -> float:
    pick = expect(pool, data.features).quality.argmax(1)
    return float(data.scores[np.arange(len(pick)), pick].mean())


def test_planted_topics_are_routed_better_than_the_best_model() -> None:
    """On unseen prompts the router beats every single model clearly."""
    test = plant(seed=1)
    assert picked_score(fit(plant(seed=0)), test) > test.scores.mean(0).max() + 0.2


def test_without_signal_the_best_model_is_always_chosen() -> None:
    """Held-out predictions that gain nothing switch the deviations off."""
    data = plant(600, signal=0.0)
    pool = fit(data._replace(scores=data.scores * 0.5 + np.array([0.0, 0.1, 0.2, 0.4]) * 0.9))
    assert set(expect(pool, data.features).quality.argmax(1)) == {3}


def test_half_of_the_scores_may_be_missing() -> None:
    """The planted gain survives random gaps, and no prediction is unknown."""
    data, test = plant(seed=0), plant(seed=1)
    holes = np.random.default_rng(2).random(data.scores.shape) < 0.5
    pool = fit(
        data._replace(scores=np.where(holes, np.nan, data.scores), costs_usd=np.where(holes, np.nan, data.costs_usd))
    )
    assert np.isfinite(expect(pool, test.features).quality).all()
    assert picked_score(pool, test) > test.scores.mean(0).max() + 0.15


def test_three_lucky_scores_do_not_make_a_model_the_best() -> None:
    """The worst model, scored only where it was right, is not sent what the best one answers."""
    data = plant(600, signal=0.0)
    scores = (np.random.default_rng(0).random(data.scores.shape) < np.array([0.2, 0.5, 0.6, 0.8])).astype(float)
    scores[:, 0] = np.nan
    scores[:3, 0] = 1.0
    pool = fit(data._replace(scores=scores))
    assert (choose(pool, expect(pool, data.features)) != 0).all()


def test_a_single_score_does_not_move_what_is_expected_of_the_others() -> None:
    """Means pulled together stay so: the learners predict deviations around them, not the raw means again."""
    data = plant(400, 12)
    scores = data.scores.copy()
    scores[:, :4] = np.nan
    scores[0, :4] = 1.0
    pool = fit(data._replace(scores=scores))
    assert np.allclose(expect(pool, data.features).quality.mean(0), pool.mean, atol=0.08)


def test_embeddings_of_another_size_are_routed_on_too() -> None:
    """Another encoder's vectors may be thousands of times longer than unit ones."""
    data = plant(200)
    wide = np.random.default_rng(0).normal(size=(200, 400))
    wide[:, : data.features.shape[1]] = data.features
    plain, long = (fit(data._replace(features=(size * wide).astype(np.float32))) for size in (1.0, 1e4))
    expected = expect(plain, wide).quality
    assert np.allclose(expect(long, 1e4 * wide).quality, expected, atol=1e-3)


def test_parts_sum_to_the_quality() -> None:
    """Also where it is kept within 0 and 1, and each part stands under its own name."""
    data = plant(300)
    pool = fit(data, categories=np.array(["a", "b"], dtype=object)[data.topic])
    expected = expect(pool, np.vstack([data.features, 50.0 * data.features]))
    assert tuple(expected.quality_parts) == QUALITY_PARTS
    assert np.allclose(sum(expected.quality_parts.values()), expected.quality, atol=1e-12)
    assert np.array_equal(expected.quality_parts["mean"][0], pool.mean)
    assert all(np.abs(expected.quality_parts[name]).max() > 0.001 for name in ("similarity", "category", "difficulty"))


def test_one_prompt_is_a_batch_of_one() -> None:
    """What is expected of a prompt does not hang on the prompts beside it."""
    data = plant(300)
    pool = fit(data)
    together = expect(pool, data.features)
    alone = [expect(pool, data.features[[row]]) for row in range(40)]
    assert np.allclose([one.quality[0] for one in alone], together.quality[:40], rtol=0, atol=1e-12)
    assert np.allclose([one.cost_usd[0] for one in alone], together.cost_usd[:40], rtol=1e-12, atol=0)


def test_the_nearest_prompts_are_shown_with_their_outcomes() -> None:
    """A fit prompt's nearest one is itself, at similarity 1, with its own scores and label."""
    data = plant(100)
    labels = np.array(["even", "odd"], dtype=object)[data.topic]
    pool = fit(data, categories=labels)
    found = pool.nearest(PromptProfile.typical(features=data.features[7]), 5)
    assert found.prompt_ids[0] == "p7"
    assert found.categories[0] == labels[7]
    assert found.similarity[0] == pytest.approx(1.0)
    assert found.scores[0].tolist() == data.scores[7].tolist()
    assert (np.diff(found.similarity) <= 0).all()


def test_costs_follow_the_price_that_servers_state_now() -> None:
    """Twice the price is twice the cost; a model of which no price is stated keeps its own."""
    data = plant(100)
    pool = fit(data, prices=np.array([[1.0, 3.0], [1.0, 1.0], [np.nan, np.nan], [2.0, 2.0]]))
    cards = [model_card(f"org/model-{at}", price_in_usd_per_mtok=2.0, price_out_usd_per_mtok=6.0) for at in (0, 2)]
    now, before = pool.with_cards(cards).expect_typical().cost_usd[0], pool.expect_typical().cost_usd[0]
    assert (now / before).tolist() == pytest.approx([2.0, 1.0, 1.0, 1.0])


def test_features_of_another_form_are_refused() -> None:
    """The message says how many were expected, and how to fit again."""
    with pytest.raises(InputError, match=r"12 features a prompt and got 5.*evals fit"):
        expect(fit(plant(60)), np.zeros((1, 5)))


def test_two_models_are_enough() -> None:
    """The smallest pool gives finite figures."""
    prediction = expect(fit(plant(200, 2)), plant(50, 2, seed=3).features)
    assert prediction.quality.shape == (50, 2)
    assert np.isfinite(prediction.quality_se).all()


def test_one_model_is_a_pool_too() -> None:
    """With a single model there is nothing to choose and nothing to fail."""
    assert expect(fit(plant(100, 1)), plant(5, 1).features).quality.shape == (5, 1)


def test_same_input_and_seed_give_the_same_bits() -> None:
    """Fit and prediction are deterministic."""
    first, second = (expect(fit(plant()), plant(seed=5).features) for _ in range(2))
    assert first.quality.tobytes() == second.quality.tobytes()
    assert first.cost_usd.tobytes() == second.cost_usd.tobytes()


def test_a_dominant_model_is_never_left() -> None:
    """A model that is right everywhere stays the choice on every prompt."""
    data = plant(200)
    scores = data.scores.copy()
    scores[:, 2] = 1.0
    assert set(expect(fit(data._replace(scores=scores)), data.features).quality.argmax(1)) == {2}


def test_repeated_prompts_stay_in_one_fold() -> None:
    """Copies of a prompt with the same group do not make noise look predictable."""
    data = plant(60, signal=0.0)
    copies = Planted(*(np.repeat(part, 5, axis=0) for part in data))
    pool = fit(copies)
    assert picked_score(pool, plant(400, signal=0.0, seed=9)) > 0.5


def test_identical_prompts_do_not_break_the_fit() -> None:
    """Features without any difference leave the means."""
    data = plant(80)
    pool = fit(data._replace(features=np.ones_like(data.features)))
    assert np.ptp(expect(pool, data.features).quality, axis=0).max() < 1e-6


def test_expected_cost_follows_the_prompt() -> None:
    """A cost that doubles with a feature is predicted so."""
    data = plant(300)
    dear = data.costs_usd * np.exp(data.features[:, [1]])
    predicted = expect(fit(data._replace(costs_usd=dear)), data.features).cost_usd
    assert np.corrcoef(np.log(predicted[:, 0]), data.features[:, 1])[0, 1] > 0.9


def test_unknown_cost_stays_unknown() -> None:
    """A model without any price has no expected cost, and the others keep theirs."""
    data = plant(200)
    costs = data.costs_usd.copy()
    costs[:, 1] = np.nan
    cost = expect(fit(data._replace(costs_usd=costs)), data.features).cost_usd
    assert np.isnan(cost[:, 1]).all()
    assert np.isfinite(np.delete(cost, 1, axis=1)).all()


def test_few_labels_keep_to_the_means() -> None:
    """Ten prompts teach means only."""
    pool = fit(plant(10))
    assert pool.learners is None
    assert pool.describe()["weights"] == {}


def test_categories_help_only_the_fit() -> None:
    """Categories are accepted at the fit and not asked for at prediction."""
    data, test = plant(seed=0), plant(seed=1)
    pool = fit(data, categories=np.array(["a", "b"], dtype=object)[data.topic])
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
    assert (expect(fit(data._replace(costs_usd=0.0 * data.costs_usd)), data.features).cost_usd == 0).all()


def test_a_strange_prompt_costs_no_more_than_any_seen() -> None:
    """Far outside the fit prompts, cost stays within what was seen and quality within 0..1."""
    data = plant(200)
    far = expect(fit(data), np.full((1, 12), 1e6, np.float32))
    assert (far.cost_usd <= data.costs_usd.max(0) * 1.5).all()
    assert ((far.quality >= 0) & (far.quality <= 1)).all()


def test_unknown_features_count_as_average() -> None:
    """NaN and infinite features neither fail nor decide."""
    data = plant(100)
    odd = data.features.copy()
    odd[0, :] = np.nan
    odd[1, 3] = np.inf
    assert np.isfinite(expect(fit(data._replace(features=odd)), odd).quality).all()


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
        pool = fit(_with_newcomer(data, 0), levels=_levels(value))
        chosen = choose(pool, expect(pool, data.features)) == 3
        assert chosen.mean() == float(is_chosen)


def test_a_newcomer_is_known_less_surely() -> None:
    """Its wide standard error stands in the prediction and must be overcome before it is chosen."""
    data = plant(400, signal=0.0)
    prediction = expect(fit(_with_newcomer(data, 0), levels=_levels(0.3)), data.features)
    assert (prediction.quality_se[:, 3] > 2 * prediction.quality_se[:, 0]).all()
    assert prediction.quality_se[0, 3] > 0.08


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
    pool = fit(data._replace(scores=scores), levels=_levels(-1.0))
    assert (choose(pool, expect(pool, data.features)) != 3).all()


def test_a_newcomer_finds_easy_what_the_others_find_easy() -> None:
    """Its deviations are those of the others, so that easy prompts do not go astray."""
    data = plant(400)
    easy = (np.random.default_rng(0).random(data.scores.shape) < np.where(data.topic, 0.9, 0.3)[:, None]).astype(float)
    pool = fit(_with_newcomer(data._replace(scores=easy), 0), levels=_levels(0.0))
    quality = expect(pool, data.features).quality[:, 3]
    assert quality[data.topic == 1].mean() > quality[data.topic == 0].mean() + 0.2


def test_levels_change_nothing_where_all_are_scored() -> None:
    """What is known from elsewhere is for newcomers only."""
    data = plant(200)
    plain, told = (expect(fit(data, levels=levels), data.features) for levels in (None, _levels(3.0)))
    assert plain.quality.tobytes() == told.quality.tobytes()
    assert plain.quality_se.tobytes() == told.quality_se.tobytes()


def test_expected_latency_follows_the_prompt() -> None:
    """Seconds that double with a feature are predicted so; a model nobody timed has none."""
    data = plant()
    seconds = 3.0 * np.exp(data.features[:, [1]]) * (1.0 + np.arange(data.scores.shape[1]))
    seconds[:, 2] = np.nan
    predicted = expect(fit(data, latencies_s=seconds), data.features).latency_s
    assert predicted is not None
    assert np.isnan(predicted[:, 2]).all()
    others = [0, 1, 3]
    assert np.corrcoef(np.log(predicted[:, 0]), data.features[:, 1])[0, 1] > 0.9
    assert predicted[:, others].mean(0) == pytest.approx(seconds[:, others].mean(0), rel=0.05)


def test_without_latencies_none_is_expected() -> None:
    """Unknown stays None."""
    data = plant()
    assert expect(fit(data), data.features).latency_s is None
