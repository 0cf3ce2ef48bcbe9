"""Whole sentences of an explanation: each figure stands in its own place, so that two swapped fields are seen."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from omni.catalog import Catalog
from omni.evidence import Evidence
from omni.explain import HARD_PROMPT, explain, quality_parts_words, rounded_parts
from omni.policy import PRESETS
from omni.types import Decision, Explanation, Preferences, RouterName, ScoreTable, Task
from omni.vocabulary import part_word, quality_word
from tests.omni.cards import benchmark_score, model_card, prompt_profile

FIRST, SECOND = "org/Alpha-70B", "org/Beta-8B"
PUBLIC = RouterName(source="public", title="Public benchmarks", file_name=None, fingerprint="0f1e", as_of=None)
FITTED = RouterName(
    source="fitted",
    title="Fitted on toys, 60 prompts",
    file_name="my.router",
    fingerprint="2d3c",
    as_of=date(2026, 11, 28),
)
SCORES = (
    benchmark_score("livebench", "code", 61.0, as_of=date(2026, 7, 2)),
    benchmark_score("scicode", "code", 62.0, as_of=date(2026, 8, 3)),
    benchmark_score("gpqa", "knowledge", 63.0, as_of=date(2026, 9, 4)),
)
CATALOG = Catalog(
    models=(
        model_card(
            FIRST,
            display_name="Alpha 70B",
            scores=SCORES,
            price_in_usd_per_mtok=0.31,
            price_out_usd_per_mtok=0.92,
            output_tokens_per_s=77.0,
        ),
        model_card(SECOND, display_name="Beta 8B"),
    ),
    version="v1",
    attributions=(),
)
EVIDENCE = Evidence(n_similar=64, n_compared=64, means={FIRST: 0.813, SECOND: 0.792}, nearest=(), familiarity=1.0)


def a_decision(
    parts: dict[str, tuple[float, float]] | None = None,
    quality_parts: dict[str, tuple[float, float]] | None = None,
    **changes: object,
) -> Decision:
    """Two candidates with figures that differ from each other everywhere; parts by name, first then second."""
    parts = {
        "quality": (0.812, 0.745),
        "cost": (-0.041, -0.012),
        "latency": (-0.013, -0.004),
        "evidence": (0.0, -0.021),
        **(parts or {}),
    }
    quality_parts = quality_parts or {"general": (0.5, 0.5), "task_fit": (0.312, 0.245)}
    scores = ScoreTable(
        model_ids=(FIRST, SECOND),
        part_names=tuple(parts),
        quality_names=tuple(quality_parts),
        figures=np.array(
            [*parts.values(), *quality_parts.values(), (0.034, 0.056), (0.0021, 0.0006), (6.5, 2.2), (321.0, 204.0)]
        ),
        cost_listed=np.array([True, True]),
        latency_basis=np.array([1, 1]),
        input_tokens=42,
    )
    decision = Decision(
        decision_id="0123",
        catalog_version="v1",
        parameters_version="p1",
        router=PUBLIC,
        profile=prompt_profile(
            tasks={Task.CODE: 0.72, Task.MATH: 0.28}, difficulty=0.41, input_tokens=42, language="de"
        ),
        preferences=Preferences(),
        weights=PRESETS["balanced"],
        reference_model_id=FIRST,
        scores=scores,
        excluded=(),
    )
    return replace(decision, **changes)  # type: ignore[arg-type]


def said(decision: Decision, evidence: Evidence | None = None) -> Explanation:
    return explain(decision, CATALOG, evidence)


def test_a_public_choice_in_whole_sentences() -> None:
    """Every sentence, with every figure where it belongs."""
    explanation = said(a_decision())
    assert explanation.headline == "Alpha 70B is best overall for coding among 2 available models."
    assert explanation.reasons == (
        "The prompt reads as 72 % coding and 28 % mathematics in German, 42 tokens long and of medium difficulty: "
        "an average model fails this about 41 % of the time.",
        "Expected quality: 81 % ± 3, from 3 public benchmark scores, 2 of them on coding (scicode 2026-08-03, "
        "livebench 2026-07-02).",
        "Cost: $0.0021 for 42 tokens in and about 321 out, at $0.31 and $0.92 per million.",
        "Time: 6.5 s to the full answer, by its published speed of 77 tokens a second.",
        "It is also the default for an average prompt: nothing here calls for a different model.",
        "Router: Public benchmarks (fingerprint 0f1e).",
    )
    assert explanation.runner_up == (
        "The runner-up is org/Beta-8B, 5.0 points behind: the winner is better on quality (6.7) and certainty (2.1) "
        "but worse on cost (2.9) and time (0.9)."
    )


def test_a_fitted_choice_in_whole_sentences() -> None:
    """The parts that add up, what was recorded on similar prompts, learned costs, and the router's file."""
    parts = {
        "mean": (0.74, 0.76),
        "similarity": (0.051, -0.03),
        "category": (0.031, 0.01),
        "difficulty": (-0.01, 0.005),
    }
    decision = a_decision(quality_parts=parts, router=FITTED)
    assert said(decision, EVIDENCE).reasons[1:4] == (
        "Expected quality: 81 % ± 3, from recorded outcomes: 81.2 = mean over all recorded prompts 74.0 "
        "+ similar prompts 5.1 + category 3.1 − predicted difficulty 1.0.",
        "On the 64 most similar prompts Alpha-70B scored 0.81 and Beta-8B 0.79.",
        "Cost: $0.0021 for 42 tokens in and about 321 out, learned from the recorded answers.",
    )
    assert said(decision, EVIDENCE).reasons[-1] == (
        "Router: Fitted on toys, 60 prompts (file my.router, fingerprint 2d3c, 2026-11-28)."
    )


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"n_compared": 37},
            "On the 64 most similar prompts (37 of them with a score of both) Alpha-70B scored 0.81 and Beta-8B 0.79.",
        ),
        (
            {"familiarity": 0.3},
            "This prompt is unlike the recorded ones, so their scores count only 30 % beside each model's mean.",
        ),
        (
            {"familiarity": 0.0},
            "This prompt is unlike the recorded ones, so each model's mean over all of them decides.",
        ),
        (
            {"n_compared": 0, "means": {}},
            "On the 64 most similar prompts no score of Alpha-70B or Beta-8B was recorded to compare.",
        ),
        (
            {"n_similar": 0, "n_compared": 0, "means": {}},
            "Too few prompts were recorded to compare similar ones, so each model's mean counts.",
        ),
    ],
)
def test_thin_evidence_is_said(changes: dict[str, object], sentence: str) -> None:
    """How many prompts both were scored on, whether the prompt is familiar, and that there is nothing to compare."""
    assert sentence in said(a_decision(router=FITTED), replace(EVIDENCE, **changes)).reasons  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("preset", "headline"),
    [
        ("quality", "Alpha 70B ranks first for coding among 2 available models, with quality weighted most."),
        ("fast", "Alpha 70B ranks first for coding among 2 available models, with speed weighted most."),
        ("cheap", "Alpha 70B ranks first for coding among 2 available models, with low cost weighted most."),
    ],
)
def test_the_headline_says_what_the_preset_weighs(preset, headline: str) -> None:
    """One form a preset."""
    assert said(a_decision(preferences=Preferences(preset=preset))).headline == headline


def test_own_weights_are_named() -> None:
    """Sliders that were moved count before the preset."""
    own = Preferences(weights=PRESETS["cheap"])
    assert said(a_decision(preferences=own)).headline == (
        "Alpha 70B ranks first for coding among 2 available models, by your own weights."
    )


@pytest.mark.parametrize(
    ("parts", "changes", "sentence"),
    [
        ({"hard_prompt": (0.0, -0.02)}, {}, HARD_PROMPT),
        ({"availability": (-0.034, 0.0)}, {}, "Recent failures or slow answers cost it 3.4 points."),
        (
            {"switch": (-0.017, 0.0)},
            {"sticky_model_id": SECOND},
            "The conversation moves on from org/Beta-8B: the gain outweighs the cost of switching, 1.7 points.",
        ),
        (
            {"switch": (0.0, -0.017)},
            {"sticky_model_id": FIRST},
            "The conversation stays with it: no other model is better by enough to justify a switch.",
        ),
        (
            {},
            {"reference_model_id": SECOND},
            "The default for an average prompt is org/Beta-8B; here the lead of Alpha-70B is larger than the margin "
            "of error.",
        ),
    ],
)
def test_what_only_some_decisions_have(parts, changes, sentence: str) -> None:
    """A hard prompt, failures, a switch, staying, and another default."""
    assert sentence in said(a_decision(parts, **changes)).reasons


@pytest.mark.parametrize(
    ("added", "held", "sentences"),
    [
        (0.026, -0.011, ("raise its expected quality by 2.6", "one rank at most, which takes away 1.1")),
        (-0.026, 0.011, ("lower its expected quality by 2.6", "one rank at most, which gives it back 1.1")),
    ],
)
def test_votes_are_points_of_quality(added: float, held: float, sentences: tuple[str, str]) -> None:
    """What they add stands as its part has it; so does what the limit takes or gives."""
    quality = {"general": (0.812 - added, 0.745), "feedback": (added, 0.0)}
    text = said(a_decision({"place": (held, 0.0)}, quality)).to_text()
    for sentence in sentences:
        assert f"{sentence} points." in text


def test_a_lead_of_nothing_is_practically_level() -> None:
    """No figure below a twentieth of a point is shown."""
    even = {
        name: (value, value) for name, value in (("quality", 0.8), ("cost", -0.1), ("latency", -0.1), ("evidence", 0))
    }
    assert said(a_decision(even)).runner_up == "The runner-up is org/Beta-8B, practically level."


def test_rounded_parts_add_up() -> None:
    """What rounding loses goes to the part that it changed most; parts that are nothing are left out."""
    assert rounded_parts({"mean": 50.01, "similarity": 1.04, "category": 1.03, "difficulty": 0.02}) == {
        "mean": 50.0,
        "similarity": 1.1,
        "category": 1.0,
    }
    assert rounded_parts({"mean": 50.06, "similarity": -1.02, "category": -1.02}) == {
        "mean": 50.0,
        "similarity": -1.0,
        "category": -1.0,
    }
    assert quality_parts_words({"mean": 0.5, "similarity": -0.25}) == (
        "25.0 = mean over all recorded prompts 50.0 − similar prompts 25.0"
    )


def test_a_part_without_words_goes_by_its_name() -> None:
    """A quality model may bring parts of its own."""
    assert quality_word("new_ability") == "new ability"
    assert part_word("new_part") == "new part"
