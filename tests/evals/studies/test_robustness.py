"""Harmless edits and how often they change the chosen model."""

import numpy as np
import pytest

from evals.studies.__main__ import main
from evals.studies.edits import edits, with_synonyms, with_typos
from evals.studies.robustness import measure, parallel_prompts
from omni.router import load_router

PROMPTS = [("en", "Please explain how a big ship floats."), ("de", "Wie spät ist es in Lima?"), ("zh", "月亮有多远？")]


@pytest.fixture(scope="module")
def rates():
    """Rates on three prompts, by edit."""
    return {rate.edit: rate for rate in measure(load_router(), PROMPTS)}


def test_a_typo_swaps_two_neighbouring_letters():
    """One long word changes, by one swap, and no letter is lost."""
    text = "several sensible words standing together"
    edited = with_typos(text, np.random.default_rng(0))
    assert edited != text
    assert sorted(edited) == sorted(text)


def test_a_text_without_long_words_gets_no_typo():
    """Nothing to swap, nothing changed."""
    assert with_typos("a b 123", np.random.default_rng(0)) == "a b 123"


def test_synonyms_keep_punctuation():
    """Only the word is replaced."""
    assert with_synonyms("Explain it, quick!") == "describe it, fast!"


def test_edits_keep_the_question():
    """Every edit but the synonyms keeps the letters of the prompt, in some case."""
    every = edits(np.random.default_rng(0))
    kept = {name: edit for name, edit in every.items() if not name.startswith(("typos", "synonyms"))}
    assert len(kept) >= 5
    for edit in kept.values():
        assert "ship floats" in edit("a ship floats", "en").lower().replace("  ", " ")


def test_an_edit_that_changes_nothing_does_not_count(rates):
    """Chinese has no letter case: two of the three prompts count."""
    assert rates["case: upper"].n == 2


def test_pooled_rates_add_up(rates):
    """The pool over all edits is their sum."""
    single = [rate for name, rate in rates.items() if "," not in name and not name.startswith(("all", "language"))]
    assert rates["all edits"].n == sum(rate.n for rate in single)
    assert rates["all edits"].n_flipped == sum(rate.n_flipped for rate in single)


def test_parallel_prompts_are_complete():
    """Every prompt stands in every language."""
    pairs = parallel_prompts()
    assert set(pairs) == {"de", "es", "fr", "zh", "ja"}
    assert all(len(p) == 20 and all(a and b and a != b for a, b in p) for p in pairs.values())


@pytest.mark.parametrize(("args", "said"), [(["--prefer", "luck"], "balanced"), (["--prompts", "none.csv"], "read")])
def test_bad_input_exits_2(capsys, args, said):
    """One line says what to do."""
    assert main(["robustness", *args]) == 2
    assert said in capsys.readouterr().err
