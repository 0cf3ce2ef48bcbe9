"""Rules of the safety class, and the words that open them."""

import re

import pytest

from omni.reading.safety import Rule, SafetyRules
from omni.types import Safety

RULES = SafetyRules(
    [
        Rule(Safety.HARMFUL, ("break into", "bomb"), re.compile("how to")),
        Rule(Safety.SENSITIVE, ("危険", "bomb"), re.compile(".")),
    ]
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("how to break into a vault", Safety.HARMFUL),
        ("how to outbreak into song", Safety.HARMFUL),
        ("how to break out and into", Safety.GENERAL),
        ("how to unbreak intonation", Safety.HARMFUL),
        ("firebombs, how to", Safety.HARMFUL),
        ("bombs", Safety.SENSITIVE),
        ("これは危険です", Safety.SENSITIVE),
        ("how to bake", Safety.GENERAL),
        ("", Safety.GENERAL),
    ],
)
def test_a_rule_is_tried_where_one_of_its_words_stands(text, expected):
    """Inside a word, over a space or in a script without spaces, the same as a search in the whole text."""
    assert RULES.classify(text) is expected
    assert RULES.classify(text) is expected


def test_no_rule_leaves_everything_general():
    """An empty list of rules finds nothing."""
    assert SafetyRules([]).classify("bombs") is Safety.GENERAL
