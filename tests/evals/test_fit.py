"""A fitted router is served exactly as it was judged."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evals.__main__ import main
from evals.fit import fit_judged, load_recordings
from evals.replay import replay
from omni.__main__ import main as omni_main
from omni.errors import InputError
from omni.quality.router_file import load_fitted, save_router
from omni.recording import load_recording
from omni.router import Router, load_router
from omni.types import Conversation, Preferences
from tests.recording_builders import tiny_models, tiny_outcomes, write_folder

TOPICS = (
    ("Write a Python function that {}.", ("sorts a list", "reads a file", "adds two numbers", "counts the words")),
    ("What is the history of {}?", ("Norway", "the bicycle", "tea", "the printing press")),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording with text: one model is good at code, the dearer one at history."""
    names = ("small", "large")
    prompts = [
        (topic, f"{form.format(what)} Please think of case {case}.")
        for case in range(20)
        for topic, (form, whats) in enumerate(TOPICS)
        for what in whats
    ]
    rows = [
        {
            "prompt_id": f"p{at}",
            "model": name,
            "score": float((at * 7 + 3 * model) % 10 < (8 if topic == model else 3)),
            "input_tokens": 20,
            "output_tokens": 100 + 20 * topic,
        }
        for at, (topic, _) in enumerate(prompts)
        for model, name in enumerate(names)
    ]
    table = pd.DataFrame(
        {"prompt_id": [f"p{at}" for at in range(len(prompts))], "prompt": [text for _, text in prompts]}
    )
    return write_folder(
        tmp_path_factory.mktemp("fit") / "topics",
        card="name: topics\ntitle: Topics\nsource: https://example.org/topics\nrevision: abc\n",
        models=tiny_models(names),
        prompts=table,
        outcomes=pd.DataFrame(rows),
    )


@pytest.fixture(scope="module")
def router_file(folder: Path) -> Path:
    """Fitted on its fit side by the command."""
    path = folder.parent / "topics.router"
    assert main(["fit", str(folder), "--out", str(path)]) == 0
    return path


def test_every_served_decision_is_the_judged_one(folder: Path, router_file: Path, tmp_path: Path, capsys):
    """At presets and at weights of the dial, the batch command gives the models of the replay's decisions."""
    decisions = tmp_path / "decisions.parquet"
    assert main(["replay", str(folder), "--policies", "omni", "--decisions", str(decisions)]) == 0
    judged = pd.read_parquet(decisions)
    texts = pd.read_parquet(folder / "prompts.parquet").set_index("prompt_id")["prompt"]
    settings = [name for name in judged["setting"].unique() if name.startswith("preset=")]
    settings += [name for name in judged["setting"].unique() if name.startswith("quality_per_usd=")][::12]
    assert len(settings) == 4 + 5
    chosen = set()
    for setting in settings:
        expected = judged[judged["setting"] == setting].set_index("prompt_id")["model"]
        lines = tmp_path / "prompts.jsonl"
        lines.write_text("\n".join(json.dumps({"id": name, "prompt": texts[name]}) for name in expected.index))
        dial, value = setting.split("=")
        option = ["--prefer", value] if dial == "preset" else ["--quality-per-usd", value]
        capsys.readouterr()
        assert omni_main(["route", "--batch", str(lines), "--router", str(router_file), *option]) == 0
        answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert {answer["id"]: answer["chosen"] for answer in answers} == {
            name: f"org/{model}" for name, model in expected.items()
        }
        chosen |= {answer["chosen"] for answer in answers}
    assert chosen == {"org/small", "org/large"}


def test_the_file_says_what_it_is(folder: Path, router_file: Path):
    """Recording, revision, numbers of prompts, models, and the verdict of its replay."""
    fitted, recording = load_fitted(router_file), load_recording(folder)
    card = fitted.card
    assert card.title == f"Fitted on topics, {recording.is_fit.sum()} prompts"
    assert (card.recordings[0].source, card.recordings[0].n_prompts) == (
        "https://example.org/topics@abc",
        recording.is_fit.sum(),
    )
    assert (card.side, card.feature_fingerprint) == ("fit", recording.feature_fingerprint)
    assert [model.model_id for model in fitted.models] == ["org/large", "org/small"]
    judged = replay(recording, ["omni", "best_single", "mixture"]).to_json()
    assert card.verdict["policies"]["omni"] == judged["policies"]["omni"]
    assert card.verdict["n_test"] == recording.is_test.sum()


def test_the_router_is_named_in_every_decision(router_file: Path):
    """By file, fingerprint and date; the public one by what it rests on."""
    fitted = load_fitted(router_file)
    name = load_router(router=router_file).route(Conversation.from_prompt("Hello there")).router
    assert name.label == f"topics.router {fitted.quality.version} {fitted.card.fitted_at.isoformat()}"
    assert (name.source, name.title) == ("fitted", fitted.card.title)


def test_all_prompts_may_be_fitted_once_they_are_judged(folder: Path):
    """The verdict is still that of the fit side, and the card says which prompts were used."""
    recording = load_recording(folder)
    whole, part = fit_judged(recording, side="all"), fit_judged(recording)
    assert (whole.card.side, whole.card.recordings[0].n_prompts) == ("all", recording.n_prompts)
    assert whole.quality.n_fit == recording.n_prompts
    assert whole.card.verdict["policies"]["omni"]["quality"] == part.card.verdict["policies"]["omni"]["quality"]


def test_features_of_another_program_can_be_judged_but_not_served(folder: Path):
    """One sentence says what to do."""
    with pytest.raises(InputError, match=r"made by 'other'.*Add the text of the prompts"):
        fit_judged(replace(load_recording(folder), feature_fingerprint="other"))


def test_a_router_of_other_features_is_refused(folder: Path, tmp_path: Path):
    """A file of another version of the reader says so, and how to fit it again."""
    fitted = fit_judged(load_recording(folder))
    path = tmp_path / "old.router"
    save_router(replace(fitted, card=replace(fitted.card, feature_fingerprint="older")), path)
    with pytest.raises(InputError, match=r"old\.router.*features 'older'.*evals fit"):
        load_router(router=path)


def test_a_file_decides_as_the_pool_it_was_made_from(folder: Path, tmp_path: Path):
    """Nothing is lost on the way to the disk and back, to the last bit."""
    fitted = fit_judged(load_recording(folder))
    path = tmp_path / "a.router"
    save_router(fitted, path)
    profiles = load_recording(folder).profiles
    before, after = fitted.quality.expect(profiles), load_fitted(path).quality.expect(profiles)
    assert before.quality.tobytes() == after.quality.tobytes()
    assert before.cost_usd.tobytes() == after.cost_usd.tobytes()
    assert load_fitted(path).card == fitted.card


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda content: content[: len(content) // 2], "damaged or not a router file"),
        (lambda content: content[:-8] + bytes(8), "does not match its checksum"),
        (lambda _: b"not a router", "damaged or not a router file"),
        (
            lambda content: content.replace(b'\\"format\\": 1', b'\\"format\\": 9'),
            "of version 9, and this program reads 1",
        ),
    ],
)
def test_a_file_that_cannot_be_used_says_so_in_one_line(router_file: Path, tmp_path: Path, capsys, spoil, words):
    """Cut, changed, foreign or of another version: exit code 2 and one sentence."""
    path = tmp_path / "bad.router"
    path.write_bytes(spoil(router_file.read_bytes()))
    assert omni_main(["route", "--router", str(path), "Hello"]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert "python -m evals fit" in said
    assert said.count("\n") == 1


def test_a_missing_file_says_how_to_make_one(tmp_path: Path, capsys):
    """Also through the variable."""
    assert omni_main(["bench", "--router", str(tmp_path / "none.router")]) == 2
    assert "There is no router file" in capsys.readouterr().err


def test_models_without_outcomes_join_with_a_wide_error_and_a_risk(folder: Path, tmp_path: Path):
    """Named by `--also`: a candidate of the served router, expected by public knowledge; the verdict is without it."""
    path, newcomer = tmp_path / "also.router", "Qwen/Qwen2.5-7B-Instruct"
    assert main(["fit", str(folder), "--out", str(path), "--also", newcomer]) == 0
    fitted = load_fitted(path)
    quality = fitted.quality
    assert fitted.card.also == (newcomer,)
    assert quality.model_ids == (newcomer, "org/large", "org/small")
    assert quality.is_new.tolist() == [True, False, False]
    assert quality.mean_se[0] > 2 * quality.mean_se[1:].max()
    assert quality.risk is not None
    assert quality.risk.tolist() == [pytest.approx(0.5 * quality.mean_se[0]), 0.0, 0.0]
    decision = load_router(router=path).route(Conversation.from_prompt("Write a Python function that sorts a list."))
    figures = {candidate.model_id: candidate for candidate in decision.candidates}
    assert figures[newcomer].cost_usd is not None
    assert np.isfinite(figures[newcomer].output_tokens)


def test_a_model_to_join_must_be_known_and_new(folder: Path, tmp_path: Path, capsys):
    """An unknown one, and one that has outcomes, are refused by name."""
    out = str(tmp_path / "a.router")
    assert main(["fit", str(folder), "--out", out, "--also", "nobody/nothing"]) == 2
    assert "'nobody/nothing' is not in the catalog" in capsys.readouterr().err


def test_several_recordings_are_joined_on_the_models_they_share(folder: Path, tmp_path: Path):
    """The pool is what both have; prompts of both are fitted on."""
    other = write_folder(tmp_path / "other", card="name: other\n", models=tiny_models(("small", "large", "third")),
                         outcomes=tiny_outcomes(40, ("small", "large", "third")))  # fmt: skip
    joined = load_recordings([str(folder), str(other)])
    fitted = fit_judged(joined)
    assert sorted(model.name for model in fitted.models) == ["org/large", "org/small"]
    assert fitted.quality.n_fit == int(joined.is_fit.sum())


def test_fit_needs_a_place_to_write(folder: Path, tmp_path: Path, capsys):
    """Said before the work, not after it."""
    assert main(["fit", str(folder), "--out", str(tmp_path)]) == 2
    assert main(["fit", str(folder), "--out", str(tmp_path / "no" / "a.router")]) == 2
    assert capsys.readouterr().err.count("expected a file in a folder that exists") == 2


def test_quality_and_cost_of_a_line_are_those_of_the_decision(router_file: Path):
    """Each figure stands under its own name."""
    router: Router = load_router(router=router_file)
    decision = router.route(Conversation.from_prompt("Write a Python function that sorts a list."), Preferences())
    assert decision.chosen.quality == pytest.approx(sum(decision.chosen.quality_parts.values()))
    expected = router.quality.expect([decision.profile])
    column = router.facts.row[decision.chosen.model_id]
    assert decision.chosen.cost_usd == pytest.approx(expected.cost_usd[0, column])
    assert decision.chosen.output_tokens == pytest.approx(expected.output_tokens[0, column])
    assert np.isfinite(decision.chosen.latency_s)
