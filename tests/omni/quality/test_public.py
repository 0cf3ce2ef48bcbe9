"""The public source of quality."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from omni.catalog import load_catalog
from omni.errors import OmniError
from omni.quality.benchmarks import LONG_CONTEXT
from omni.quality.knowledge import card_digest, load_knowledge, shipped_knowledge
from omni.quality.public import PublicQuality, load_public
from omni.types import PromptProfile, Task
from tests.omni.cards import benchmark_score, model_card


def _profile(task=Task.CODE, *, difficulty=0.5, language="en", tokens=200):
    typical = PromptProfile.typical(input_tokens=tokens)
    return replace(typical, tasks={task: 1.0}, difficulty=difficulty, language=language)


def _pool(*ids, **changes):
    return [model_card(model_id, params_total_b=8.0, release_date=None, **changes) for model_id in ids]


POOL = _pool("Qwen/Qwen2.5-7B-Instruct", "meta-llama/Meta-Llama-3-8B-Instruct", "zzz-9000")


@pytest.fixture(scope="module")
def catalog_quality():
    """The shipped catalog."""
    return load_public(load_catalog().models)


def test_parts_sum_to_the_quality(catalog_quality):
    """For any task, language and length, to 1e-9; the average model is the same for all."""
    profiles = [
        _profile(Task.MATH, difficulty=0.9),
        _profile(Task.CHAT, language="ko", tokens=40_000),
        _profile(Task.VISION, difficulty=0.0, language="und"),
    ]
    expected = catalog_quality.expect(profiles)
    assert sum(expected.quality_parts.values()) == pytest.approx(expected.quality, abs=1e-9)
    assert tuple(expected.quality_parts) == ("average_model", "general", "task_fit", "language", "long_context")
    assert np.ptp(expected.quality_parts["average_model"], axis=1) == pytest.approx(np.zeros(3))
    assert ((expected.quality > 0) & (expected.quality < 1)).all()


def test_one_prompt_is_a_batch_of_one(catalog_quality):
    """Bit for bit, so that a replay judges what the chat decides."""
    profiles = [_profile(Task.CODE), _profile(Task.CHAT, language="ja"), _profile(Task.KNOWLEDGE, tokens=20_000)]
    batch = catalog_quality.expect(profiles)
    for row, profile in enumerate(profiles):
        alone = catalog_quality.expect([profile])
        for name in ("quality", "quality_se", "output_tokens", "cost_usd"):
            assert np.array_equal(getattr(alone, name)[0], getattr(batch, name)[row], equal_nan=True)


def test_columns_are_sorted_by_model_id_whatever_the_order_of_the_cards():
    """The same cards in another order give the same figures."""
    one, other = load_public(POOL), load_public(POOL[::-1])
    assert one.model_ids == tuple(sorted(card.model_id for card in POOL)) == other.model_ids
    assert np.array_equal(one.expect_typical().quality, other.expect_typical().quality)


def test_a_harder_prompt_is_answered_less_well_and_at_more_length():
    """By every model."""
    easy, hard = load_public(POOL).expect([_profile(difficulty=0.1), _profile(difficulty=0.9)]).quality
    assert (hard < easy).all()


def test_an_unknown_price_is_an_unknown_cost():
    """NaN and not 0; a price of one side alone is not enough."""
    cards = [
        model_card("a/none", price_in_usd_per_mtok=None, price_out_usd_per_mtok=None),
        model_card("a/one", price_in_usd_per_mtok=1.0, price_out_usd_per_mtok=None),
        model_card("a/two", price_in_usd_per_mtok=1.0, price_out_usd_per_mtok=2.0),
    ]
    expected = load_public(cards).expect([_profile(tokens=1000)])
    assert np.isnan(expected.cost_usd[0, :2]).all()
    assert expected.cost_usd[0, 2] == pytest.approx((1000 * 1.0 + expected.output_tokens[0, 2] * 2.0) / 1e6)


def test_a_model_that_thinks_first_is_expected_to_write_several_times_as_much():
    """The same model with thinking on and off."""
    think, no_think = model_card("a/t", display_name="x (think)"), model_card("a/u", display_name="x (nothink)")
    tokens = load_public([think, no_think]).expect([_profile(Task.MATH)]).output_tokens[0]
    assert tokens[0] > 2.5 * tokens[1]


def test_a_foreign_language_costs_a_model_made_for_english():
    """In Korean chat the part is negative for Llama 3, nothing for Qwen 2.5, half for an unknown model."""
    language = load_public(POOL).expect([_profile(Task.CHAT, language="ko")]).quality_parts["language"][0]
    assert language[0] == 0.0
    assert language[1] < language[2] < 0.0


def test_a_recording_is_left_out_by_its_prompts():
    """Its source is gone, and only its; prompts of no source leave all there."""
    knowledge = shipped_knowledge()
    source = knowledge.sources[3]
    left = knowledge.without(source.sketch.astype(np.float32) / 127)
    assert [kept.name for kept in left.sources] == [own.name for own in knowledge.sources if own is not source]
    assert not left.posterior_row
    assert knowledge.without(np.eye(8, 327, dtype=np.float32)) is knowledge
    assert knowledge.without(np.zeros((4, 2), dtype=np.float32)) is knowledge


def test_a_mixed_recording_leaves_out_all_its_parts():
    """Prompts of two sources name both."""
    knowledge = shipped_knowledge()
    rows = np.concatenate([source.sketch for source in knowledge.sources[:2]]).astype(np.float32)
    assert [kept.name for kept in knowledge.without(rows).sources] == [own.name for own in knowledge.sources[2:]]


def test_what_is_left_out_changes_what_is_expected():
    """Without shaberi's outcomes other figures are expected of its models."""
    shaberi = next(source for source in shipped_knowledge().sources if source.name == "shaberi")
    cards = _pool(*(model.key for model in shaberi.abilities.models[:5]))
    rows = shaberi.sketch.astype(np.float32)
    with_it, without = load_public(cards), load_public(cards, without=rows)
    assert not np.allclose(with_it.expect_typical().quality, without.expect_typical().quality, atol=0.01)


def test_nothing_is_computed_again_for_the_shipped_catalog():
    """Every card's digest is known, so that a start is fast."""
    knowledge = shipped_knowledge()
    quality = PublicQuality(load_catalog().models, knowledge)
    digests = {card_digest(*pair) for pair in zip(quality._facts, (e.value for e in quality._evidence), strict=True)}
    assert digests <= set(knowledge.posterior_row)


def test_a_new_card_of_the_catalog_stands_where_its_scores_say(catalog_quality):
    """A copy of the best model's scores under another name is expected close to it; without scores it is not."""
    best = catalog_quality.model_ids[int(catalog_quality.expect_typical().quality.argmax())]
    catalog = load_catalog()
    card = catalog.get(best)
    bare = model_card("zz/bare", params_total_b=8.0, release_date=date(2024, 6, 1))
    twin = replace(card, model_id="zz/twin", display_name="twin", release_date=date(2026, 6, 1), family=None)
    quality = load_public([*catalog.models, twin, bare])
    at = dict(zip(quality.model_ids, quality.expect_typical().quality[0], strict=True))
    assert at[best] == pytest.approx(catalog_quality.expect_typical().quality.max(), abs=0.005)
    assert at["zz/twin"] > at["zz/bare"] + 0.2
    assert at["zz/twin"] > at[best] - 0.15


def test_few_scores_are_not_believed():
    """Two benchmarks are fewer than a card must have: it counts as unscored."""
    names = [name for name, scale in shipped_knowledge().scales.items() if scale.unit == "percent"][:2]
    scores = tuple(benchmark_score(name, "code", 99.0) for name in names)
    plain, scored = model_card("a/plain"), model_card("a/plain", scores=scores)
    plain, scored = (load_public([card, *POOL]).expect_typical().quality for card in (plain, scored))
    assert plain == pytest.approx(scored)


def test_the_belief_of_levels_ranks_models_as_the_quality_does():
    """Mean and covariance are of the pool's columns; the covariance is one."""
    quality = load_public(POOL)
    profiles = [_profile(Task.CHAT), _profile(Task.MATH)]
    belief = quality.level_belief(profiles)
    assert belief.value.shape == (3,)
    assert np.array_equal(np.argsort(belief.value), np.argsort(quality.expect(profiles).quality.mean(axis=0)))
    assert np.linalg.eigvalsh(belief.covariance).min() > 0
    assert belief.covariance == pytest.approx(belief.covariance.T)


def test_a_broken_file_says_what_to_run(tmp_path):
    """The message names the file and the command."""
    path = tmp_path / "public.safetensors"
    path.write_bytes(b"nothing")
    with pytest.raises(OmniError, match=r"public\.safetensors.*train_public"):
        load_knowledge(path)


def test_long_inputs_go_to_models_that_hold_them():
    """A good score for long inputs adds quality from 16,000 tokens on, a bad one takes some; before that, nothing."""
    catalog = load_catalog()
    names = [name for name, scale in shipped_knowledge().scales.items() if scale.extra == LONG_CONTEXT]
    card = next(card for card in catalog.models if not any(score.benchmark in names for score in card.scores))
    told = {
        score: replace(card, model_id=f"zz/{score}", scores=(*card.scores, benchmark_score(names[0], "x", score)))
        for score in (1.0, 99.0)
    }
    quality = load_public([*catalog.models, *told.values()])
    parts = [quality.expect([_profile(tokens=n)]).quality_parts["long_context"][0, -2:] for n in (15_999, 16_000)]
    assert parts[0].tolist() == [0.0, 0.0]
    bad, good = parts[1]
    assert bad < -0.005
    assert good > 0.005
