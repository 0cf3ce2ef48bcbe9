"""Gates open for the listed words and stems of a text, whatever was read before."""

from omni.reading.private import gates

TEXTS = (
    "hi, this is my wife (anna)",
    "my wife's friend lives in main street",
    "nothing of the kind",
    "a" * 80 + "=name",
    "meine straße, mein name",
)


def _opened(finder: "gates._WordFinder") -> list[set[str]]:
    return [set(finder.find(frozenset(text.split()))) for text in TEXTS]


def test_listed_words_are_found_without_their_marks():
    """Brackets and commas do not hide a word, and a part of a word is none."""
    finder = gates._WordFinder(frozenset(("wife", "anna", "name", "in")), is_ascii=True)
    assert _opened(finder) == [{"wife", "anna"}, {"in"}, set(), {"name"}, {"name"}]


def test_words_met_before_give_the_same():
    """What is remembered of a word holds in the next text."""
    finder = gates._WordFinder(frozenset(("wife", "anna", "name")), is_ascii=False)
    assert _opened(finder) == _opened(finder)


def test_a_full_memory_is_begun_anew(monkeypatch):
    """Forgetting changes nothing that is found."""
    remembering = gates._WordFinder(frozenset(("wife", "anna", "name")), is_ascii=True)
    expected = _opened(remembering)
    monkeypatch.setattr(gates, "_KNOWN_WORDS", 2)
    assert _opened(gates._WordFinder(frozenset(("wife", "anna", "name")), is_ascii=True)) == expected
