"""What a name and a size say of a model."""

from datetime import date

import pytest

from omni.catalog.lineage import load_family_rules
from tests.omni.cards import model_card


def _facts(name, model_id=None, size=None):
    return load_family_rules().facts(name, model_id, size, None)


@pytest.mark.parametrize(
    ("name", "family", "year"),
    [
        ("Qwen2.5-72B-Instruct", "qwen", 2024.72),
        ("Qwen2-72B-Instruct", "qwen", 2024.43),
        ("Llama-3.1-8B-Instruct", "llama", 2024.56),
        ("Meta-Llama-3-8B-Instruct", "llama", 2024.30),
        ("DeepSeek-R1-Distill-Qwen-7B", "qwen", 2024.72),
    ],
)
def test_a_name_tells_family_and_generation(name, family, year):
    """The first rule that fits wins, so that a generation is told from the one before."""
    facts = _facts(name)
    if name.startswith("DeepSeek"):
        assert facts.family in {"qwen", "deepseek"}
        assert facts.reasons
        return
    assert (facts.family, facts.year) == (family, year)


def test_a_date_in_the_name_beats_the_family():
    """-2411 is November 2024, 08-2024 is August 2024."""
    assert _facts("Mistral-Large-Instruct-2411").year == pytest.approx(2024 + 10.5 / 12)
    assert _facts("c4ai-command-r-08-2024").year == pytest.approx(2024 + 7.5 / 12)


def test_an_unknown_name_is_its_own_family_without_a_date():
    """Nothing is guessed from a name that no rule knows."""
    facts = _facts("zzz-9000")
    assert facts.family == "?zzz-9000"
    assert facts.year is None
    assert facts.covariates()[4] == 1.0


def test_the_mode_in_the_name_decides_whether_a_model_reasons():
    """A model with thinking switched off is another model than the same with it on."""
    on, off = _facts("Qwen3-8B (think)", "Qwen/Qwen3-8B", 8.2), _facts("Qwen3-8B (nothink)", "Qwen/Qwen3-8B", 8.2)
    assert on.reasons
    assert not off.reasons
    assert on.key != off.key


def test_a_mixture_of_experts_uses_a_part_of_its_size():
    """Where nobody published the active size, a fifth is assumed; a dense model uses all of it."""
    assert _facts("Mixtral-8x7B-Instruct-v0.1", None, 46.7).params_active_b == pytest.approx(9.34)
    assert _facts("gemma-2-9b-it", None, 9.2).params_active_b is None


def test_a_listed_reasoning_mode_counts_from_when_such_models_exist():
    """A price list that calls a model of 2023 a reasoning one is not believed; one of 2025 is."""
    old = model_card("mistralai/Mixtral-8x7B-Instruct-v0.1", supports_reasoning=True, release_date=date(2023, 12, 11))
    new = model_card("zai-org/GLM-4.6", supports_reasoning=True, release_date=date(2025, 9, 30))
    told = [load_family_rules().facts(card.model_id, card.model_id, None, card) for card in (old, new)]
    assert [facts.reasons for facts in told] == [False, True]


@pytest.mark.parametrize(
    ("name", "language", "foreign", "tuned"),
    [
        ("Meta-Llama-3-70B-Instruct", "ko", 1.0, 0.0),
        ("Meta-Llama-3-70B-Instruct", "en", 0.0, 0.0),
        ("llama-3-Korean-Bllossom-70B", "ko", 0.0, 1.0),
        ("llama-3-Korean-Bllossom-70B", "ja", 1.0, 0.0),
        ("Qwen2-7B-Instruct", "ja", 0.0, 0.0),
        ("zzz-9000", "ja", 0.5, 0.0),
        ("Llama-3.1-Swallow-8B-Instruct-v0.5", "ja", 0.0, 1.0),
    ],
)
def test_a_name_tells_which_languages_a_model_is_made_for(name, language, foreign, tuned):
    """English is foreign to none; a model that no rule knows and that has no date is half foreign elsewhere."""
    assert _facts(name).covariates(language)[5:].tolist() == [foreign, tuned]


def test_the_shipped_rules_load_once():
    """They are the same object every time."""
    assert load_family_rules() is load_family_rules()
