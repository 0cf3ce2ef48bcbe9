"""Speeds that nobody published."""

import datetime

import numpy as np

from omni.catalog.speeds import ENOUGH_SPEEDS, speed_columns
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
