"""Speeds that no source publishes, and the time that they make."""

import datetime

import numpy as np
import pytest

from omni.catalog.speeds import ENOUGH_SPEEDS, speed_columns
from omni.conditions import ModelHealth
from omni.quality.latency import CROWD, Speeds
from omni.types import LATENCY_BASES
from tests.omni.cards import model_card


def published(i: int, **changes) -> object:
    """A model whose speed falls with the root of its active size and rises by half a year of age."""
    size = float(1 + 3 * i % 60)
    day = datetime.date(2024, 1, 1) + datetime.timedelta(days=15 * i)
    facts = {
        "params_total_b": size,
        "params_active_b": size,
        "release_date": day,
        "output_tokens_per_s": 300.0 * size**-0.5 * 1.5 ** (15 * i / 365.25),
        "time_to_first_token_s": 0.2 * size**0.3,
        **changes,
    }
    return model_card(f"a/m{i:02}", **facts)


def test_a_speed_nobody_published_follows_size_and_date():
    """Planted laws come back within a tenth, and are not marked as published."""
    cards = [published(i) for i in range(40)]
    hidden = published(20, output_tokens_per_s=None, time_to_first_token_s=None)
    speed, first, known = speed_columns([*cards[:20], hidden, *cards[21:]])
    assert not known[20]
    assert abs(speed[20] / cards[20].output_tokens_per_s - 1) < 0.1
    assert abs(first[20] / cards[20].time_to_first_token_s - 1) < 0.1
    assert known.sum() >= ENOUGH_SPEEDS


def test_a_model_of_unknown_size_counts_as_the_usual_one():
    """Its speed is a number between the slowest and the fastest."""
    cards = [published(i) for i in range(40)]
    stranger = published(
        0, params_total_b=None, params_active_b=None, output_tokens_per_s=None, time_to_first_token_s=None
    )
    speed, first, _ = speed_columns([*cards, stranger])
    assert speed[:-1].min() < speed[-1] < speed[:-1].max()
    assert first[:-1].min() < first[-1] < first[:-1].max()


def test_few_published_speeds_leave_unknown_sizes_unknown():
    """Without enough models the line runs through sizes alone."""
    cards = [published(i) for i in range(5)]
    stranger = published(
        0, params_total_b=None, params_active_b=None, output_tokens_per_s=None, time_to_first_token_s=None
    )
    speed, first, _ = speed_columns([*cards, stranger])
    assert np.isnan(speed[-1])
    assert first[-1] == np.median(first[:-1])


def test_a_busy_provider_is_expected_to_answer_later():
    """Thirty-two answers under way double the time to the first token; the pace stays."""
    speeds, tokens = Speeds([model_card("a/A"), model_card("a/B")]), np.full((1, 2), 160.0)
    busy = {"a/B": ModelHealth(availability=None, first_token_s=None, tokens_per_s=None, weight=0.0, in_flight=CROWD)}
    assert speeds.expect(tokens, None, {}).seconds.tolist() == [[2.5, 2.5]]
    assert speeds.expect(tokens, None, busy).seconds.tolist() == [[2.5, 3.0]]


def test_what_was_seen_of_a_server_counts_by_its_weight():
    """Four answers weigh as much as what was published: first token by its mean, pace by seconds a token."""
    seen = ModelHealth(availability=1.0, first_token_s=1.5, tokens_per_s=40.0, weight=4.0)
    latency = Speeds([model_card("a/A")]).expect(np.array([[160.0]]), None, {"a/A": seen})
    assert latency.seconds[0] == pytest.approx([1.0 + 160 * (1 / 80 + 1 / 40) / 2])
    assert latency.basis.tolist() == [LATENCY_BASES.index("published")]


def test_the_time_that_failures_cost_is_part_of_the_expected_time():
    """Half of the requests fail after eight seconds: weighed with trust, a part of them is waited for."""
    seen = ModelHealth(availability=0.5, first_token_s=0.5, tokens_per_s=80.0, weight=18.0, failed_after_s=8.0)
    latency = Speeds([model_card("a/A")]).expect(np.array([[0.0]]), None, {"a/A": seen})
    assert latency.seconds[0] == pytest.approx([0.5 + (1 - 11 / 20) * 8.0])
    assert latency.basis.tolist() == [LATENCY_BASES.index("recorded")]


def test_learned_seconds_give_way_to_what_is_seen():
    """Four recent answers count half beside seconds that were learned from recorded ones."""
    speeds, tokens = Speeds([model_card("a/A"), model_card("a/B")]), np.full((1, 2), 160.0)
    learned = np.array([[10.0, np.nan]])
    seen = ModelHealth(availability=1.0, first_token_s=0.5, tokens_per_s=80.0, weight=4.0)
    assert speeds.expect(tokens, learned, {}).seconds.tolist() == [[10.0, 2.5]]
    assert speeds.expect(tokens, learned, {"a/A": seen}).seconds[0] == pytest.approx([6.25, 2.5])
