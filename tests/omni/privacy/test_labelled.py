"""The labelled sentences are whole, and the findings agree with them."""

import pytest

from tests.omni.privacy.labelled import compare, load_sentences, read_sentence


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
