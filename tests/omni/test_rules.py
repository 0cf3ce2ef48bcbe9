"""The operator's policy: what each shipped row does, and what a wrong file says."""

import pytest

from omni.conditions import Conditions
from omni.config import DATA_DIR
from omni.errors import InputError
from omni.router import Router
from omni.rules import load_rules
from omni.types import Conversation, Safety, Task
from tests.omni.cards import prompt_profile

SHIPPED = DATA_DIR / "policy.yml"


def ruling(**found):
    """What the shipped rules ask for on such a prompt."""
    return load_rules(SHIPPED).ruling(prompt_profile(**found))


def names(**found):
    """The shipped rules that fit such a prompt."""
    return {rule.name for rule in ruling(**found).applied}


def test_a_general_prompt_meets_no_rule():
    """Nothing is said where nothing applies."""
    assert names(safety=Safety.GENERAL) == set()


@pytest.mark.parametrize(
    ("row", "safety", "does"),
    [
        ("forbidden", Safety.FORBIDDEN, lambda r: "emergency number" in r.refusal),
        ("harmful-uncensored", Safety.HARMFUL, lambda r: r.excludes_uncensored),
        ("harmful-safety-scores", Safety.HARMFUL, lambda r: r.prefer_safe == 0.05),
        ("harmful-guard", Safety.HARMFUL, lambda r: "guard model" in r.objection),
        ("sensitive-safety-scores", Safety.SENSITIVE, lambda r: r.prefer_safe == 0.03),
        ("sensitive-uncensored", Safety.SENSITIVE, lambda r: r.excludes_uncensored),
    ],
)
def test_each_shipped_row_fits_its_class_and_does_its_part(row, safety, does):
    """Every row of the shipped file has its line here."""
    assert row in names(safety=safety)
    assert does(ruling(safety=safety))


def test_every_shipped_row_is_tested():
    """A new row fails here until it has its line above."""
    found = set().union(*(names(safety=safety) for safety in Safety))
    assert found == {
        "forbidden",
        "harmful-uncensored",
        "harmful-safety-scores",
        "harmful-guard",
        "sensitive-safety-scores",
        "sensitive-uncensored",
    }


def test_an_operators_rows_come_after_the_shipped_ones(tmp_path):
    """A licence, globs, a task and a kind of personal data can be named."""
    own = tmp_path / "own.yml"
    own.write_text(
        "rules:\n"
        "  - name: no-nc\n    do: {exclude_licences: [cc-by-nc-4.0], exclude_models: ['x/*']}\n    say: No NC.\n"
        "  - name: keys\n    when: {privacy: [api_key], task: [code]}\n    do: {local_only: true}\n    say: Stays.\n"
    )
    book = load_rules(SHIPPED, own)
    general = book.ruling(prompt_profile())
    assert (general.licences_denied, general.models_denied) == (("cc-by-nc-4.0",), ("x/*",))
    assert not general.is_local_only
    assert book.version != load_rules(SHIPPED).version


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rules: [{name: a, do: {explode: true}, say: b}]", "explode"),
        ("rules: [{name: a, do: {}, say: b}, {name: a, do: {}, say: b}]", "'a'"),
        ("rules: [", "cannot be read"),
    ],
)
def test_a_wrong_file_says_where(tmp_path, text, says):
    """A typing error in a policy is not passed over."""
    path = tmp_path / "wrong.yml"
    path.write_text(text)
    with pytest.raises(InputError, match=says):
        load_rules(path)


def test_a_file_in_another_encoding_is_an_error(tmp_path):
    """As editors of other systems write it."""
    path = tmp_path / "wrong.yml"
    path.write_bytes("rules: [] # für".encode("utf-16"))
    with pytest.raises(InputError, match="cannot be read"):
        load_rules(path)


def test_a_missing_file_is_an_error(tmp_path):
    """A policy that was named is never left out silently."""
    with pytest.raises(InputError, match="cannot be read"):
        load_rules(tmp_path / "none.yml")


def test_a_sensitive_prompt_prefers_measured_models_and_says_so(router: Router):
    """The rule is a part of the score and a sentence of the decision."""
    prompt = Conversation.from_prompt("I have chest pain and take 20 mg medication, should I worry?")
    decision = router.route(prompt, conditions=Conditions())
    assert decision.profile.safety is Safety.SENSITIVE
    assert "policy" in decision.scores.parts
    assert {rule.name for rule in decision.rules} == {"sensitive-safety-scores", "sensitive-uncensored"}
    assert decision.action == "answer"
    assert Task.KNOWLEDGE in decision.profile.tasks


def test_a_safe_model_gets_the_points_that_the_rule_names(router: Router):
    """0.03 for the safest on a sensitive prompt, nothing for a model that was never measured."""
    prompt = Conversation.from_prompt("I have chest pain and take 20 mg medication, should I worry?")
    decision = router.route(prompt)
    safety = dict(zip(router.facts.model_ids, router.facts.safety, strict=True))
    points = dict(zip(decision.scores.model_ids, decision.scores.parts["policy"], strict=True))
    assert max(points.values()) == pytest.approx(0.03, abs=0.003)
    assert points == pytest.approx({model_id: 0.03 * safety[model_id] for model_id in points})
    assert set(safety.values()) > {0.0}
