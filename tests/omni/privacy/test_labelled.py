"""The labelled sentences are whole, and the findings agree with them."""

import pytest

from omni.reading.privacy import find_private
from tests.omni.privacy.labelled import compare, load_sentences, read_sentence

FLOORS = {
    "address": (0.95, 0.88), "birth_date": (0.93, 0.84), "card": (1.0, 1.0), "email": (1.0, 1.0), "iban": (1.0, 1.0),
    "ip_address": (1.0, 1.0), "national_id": (1.0, 1.0), "passport": (1.0, 1.0), "person": (0.97, 0.91),
    "phone": (0.95, 0.91), "secret": (1.0, 1.0),
}  # fmt: skip
"""Recall by kind, on the half that rules were written on and on the other; forms with a check are all found."""


def test_marks_are_taken_out():
    """A sentence is read without its marks, and made-up keys are put together."""
    sentence = read_sentence({"split": "dev", "language": "en", "text": "key [[secret:hf_⟨ab×2⟩]]!"})
    assert sentence.text == "key hf_abab!"
    assert [(span.kind, span.start, span.end) for span in sentence.spans] == [("secret", 4, 11)]


def test_the_set_is_large_enough():
    """Four hundred values, two hundred prompts without any, eight languages and more."""
    sentences = [*load_sentences("dev"), *load_sentences("heldout")]
    assert sum(len(sentence.spans) for sentence in sentences) >= 400
    assert sum(not sentence.spans for sentence in sentences) >= 200
    assert len({sentence.language for sentence in sentences}) >= 12


@pytest.mark.parametrize("split", ["dev", "heldout"])
def test_recall_and_precision_keep_their_level(split):
    """Below this something broke; `python -m tests.omni.privacy.check` has the figures."""
    counts = compare(load_sentences(split))["all"]
    assert counts.n_found / counts.n_labels >= 0.94
    assert counts.n_right / counts.n_findings >= 0.94


@pytest.mark.parametrize(("at", "split"), [(0, "dev"), (1, "heldout")])
def test_recall_keeps_its_level_for_each_kind(at, split):
    """A kind that is no longer found does not hide behind the others."""
    counts = compare(load_sentences(split))
    assert set(counts) == {*FLOORS, "all"}
    recall = {kind: counts[kind].n_found / counts[kind].n_labels for kind in FLOORS}
    assert {kind: share for kind, share in recall.items() if share < FLOORS[kind][at]} == {}


@pytest.mark.parametrize("split", ["dev", "heldout"])
def test_precision_keeps_its_level_for_each_kind(split):
    """At most one finding in five of a kind is something else, in kinds with enough of them."""
    counts = compare(load_sentences(split))
    precision = {kind: one.n_right / one.n_findings for kind, one in counts.items()}
    assert {kind: share for kind, share in precision.items() if share < 0.8} == {}


@pytest.mark.parametrize(
    ("number", "language"),
    [
        ("(415) 555-2671", "en"),
        ("415-555-2671", "en"),
        ("415.555.2671", "en"),
        ("+1 415 555 2671", "en"),
        ("(020) 7946 0958", "en"),
        ("030 901820", "de"),
    ],
)
def test_a_phone_number_is_found_whole(number, language):
    """With its brackets and marks, in a sentence that does not say that it is one; so nothing of it is sent."""
    text = f"Write to Ann or use {number} before noon"
    [span] = [span for span in find_private(text, 0, language) if span.kind == "phone"]
    assert text[span.start : span.end] == number
