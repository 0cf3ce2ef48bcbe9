"""Stems are found by the words of a text, the same as by a search in the whole text."""

import pytest

from omni.reading.stems import StemFinder

STEMS = ("born", "né le", " pass ", "weg ", " cad", "生日", "code d'accès")
TEXTS = (
    "",
    "she was reborn",
    "né le 3 mai, né là",
    "né\nle",
    "a pass is a passage",
    "norweg, kiesweg 3",
    "kiesweg",
    "a cad, a facade",
    "我的生日是什么时候" * 20,
    "le code d'accès",
    "code d' accès",
)


@pytest.mark.parametrize("text", TEXTS)
def test_stems_are_found_as_in_a_search(text):
    """At the edge of a word, inside it, over spaces, and in words too long to remember."""
    finder = StemFinder(STEMS)
    expected = {stem for stem in STEMS if stem in text}
    assert finder.find(text, frozenset(text.split())) == expected


def test_words_met_before_give_the_same():
    """What is remembered of a word holds in the next text."""
    finder = StemFinder(STEMS)
    first = [finder.find(text, frozenset(text.split())) for text in TEXTS]
    assert [finder.find(text, frozenset(text.split())) for text in TEXTS] == first
