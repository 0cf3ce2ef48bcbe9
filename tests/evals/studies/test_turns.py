"""Simulated conversations: how they are drawn, that tool loops hold, and that the figures belong together."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from evals.studies.__main__ import main
from evals.studies.turns import MEAN_TURNS, draw_conversations, simulate, to_lines
from tests.builders import build_recording
from tests.recording_builders import write_features, write_folder

TOPICS = np.array(["a", "b", "c"] * 40, dtype=object)


@pytest.fixture(scope="module")
def simulation():
    """Three hundred turns on a recording whose models differ in what they are good at."""
    return simulate(build_recording(n_prompts=240, n_models=4, graded=True), n_turns=300, preset="quality")


def test_conversations_have_as_many_turns_as_asked_for():
    """Their mean length is near the stated one, and the first turn never brings a tool's answer."""
    conversations = draw_conversations(TOPICS, 6000, np.random.default_rng(0))
    assert sum(map(len, conversations)) == 6000
    assert np.mean([len(turns) for turns in conversations]) == pytest.approx(MEAN_TURNS, rel=0.1)
    assert not any(turns[0].is_in_loop for turns in conversations)


def test_the_topic_mostly_stays_and_a_loop_answers_one_question():
    """Four turns of five go on with the category, some drift elsewhere; a loop keeps to its prompt."""
    conversations = draw_conversations(TOPICS, 6000, np.random.default_rng(0))
    pairs = [pair for turns in conversations for pair in pairwise(turns)]
    stays = [TOPICS[first.row] == TOPICS[second.row] for first, second in pairs if not second.is_in_loop]
    assert 0.8 < np.mean(stays) < 0.95
    assert all(first.row == second.row for first, second in pairs if second.is_in_loop)


def test_no_prompt_is_said_twice_in_a_conversation():
    """A repeated question would be a complaint."""
    drawn = draw_conversations(TOPICS, 2000, np.random.default_rng(1))
    asked = [[turn.row for turn in turns if not turn.is_in_loop] for turns in drawn]
    short = [rows for rows in asked if 1 < len(rows) <= 40]
    assert len(short) > 100
    assert all(len(set(rows)) == len(rows) for rows in short)


def test_no_switch_inside_a_tool_loop(simulation):
    """Keeping to the model never does, though the conversation so far becomes dearer there, too."""
    _, sticky, first = simulation.outcomes
    assert simulation.n_in_loop > 20
    assert sticky.n_switches_in_loop == first.n_switches_in_loop == 0


def test_keeping_to_a_model_switches_less(simulation):
    """The first way switches most, the last never."""
    per_turn, sticky, first = simulation.outcomes
    assert per_turn.n_switches > sticky.n_switches >= first.n_switches == 0
    assert simulation.share_of_switches == sticky.n_switches / per_turn.n_switches


def test_differences_are_paired_and_lie_in_their_interval(simulation):
    """Quality less that of routing per turn, on the same turns."""
    per_turn, sticky, _ = simulation.outcomes
    assert per_turn.difference is None
    assert sticky.difference == pytest.approx(sticky.quality - per_turn.quality)
    assert sticky.interval.lo <= sticky.difference <= sticky.interval.hi


def test_the_same_seed_gives_the_same_figures(simulation):
    """Nothing is left to chance that is not seeded."""
    again = simulate(build_recording(n_prompts=240, n_models=4, graded=True), n_turns=300, preset="quality")
    assert again == simulation


def test_turns_without_an_outcome_are_counted_and_left_out():
    """A mean is over the turns that all three ways have a score for."""
    found = simulate(build_recording(n_prompts=80, missing=0.2, seed=3), n_turns=300)
    for outcome in found.outcomes:
        assert outcome.n_scored + outcome.n_failed == 300
    assert found.outcomes[0].n_failed > 0
    assert 0 <= found.outcomes[0].quality <= 1


def test_unknown_costs_stay_unknown():
    """Without recorded costs quality alone decides, and no cost is shown."""
    found = simulate(build_recording(n_prompts=80, with_costs=False), n_turns=100)
    assert [outcome.cost_usd for outcome in found.outcomes] == [None] * 3
    assert to_lines(found)[2].split()[-1] == "-"


def test_a_pool_that_never_switches_has_no_share(simulation):
    """One model that is best and cheapest everywhere: nothing to divide by."""
    found = simulate(build_recording(n_prompts=80, dominant=2), n_turns=100)
    assert found.outcomes[0].n_switches == 0
    assert found.share_of_switches is None
    assert len(to_lines(found)) == len(to_lines(simulation)) - 1


def test_few_groups_give_no_interval():
    """Resampling three groups says nothing."""
    found = simulate(build_recording(n_prompts=80, n_groups=8), n_turns=100)
    assert found.outcomes[1].interval is None
    shown = to_lines(replace(found, outcomes=tuple(replace(o, quality=None, difference=None) for o in found.outcomes)))
    assert " - " in shown[2]


def test_the_command_prints_a_folders_figures(tmp_path, capsys):
    """A recording in the README's format, as JSON and as text."""
    folder = write_folder(tmp_path / "tiny")
    write_features(folder, [f"p{at}" for at in range(40)])
    assert main(["turns", str(folder), "--turns", "50", "--json"]) == 0
    [figures] = json.loads(capsys.readouterr().out)
    assert figures["n_turns"] == 50
    assert [outcome["way"] for outcome in figures["outcomes"]] == ["per turn", "sticky", "first model kept"]
    assert main(["turns", str(folder), "--turns", "50", "--prefer", "cheap"]) == 0
    assert "tiny, cheap: 50 turns" in capsys.readouterr().out


@pytest.mark.parametrize("wrong", [["--prefer", "best"], ["--turns", "0"], ["--seed", "-1"]])
def test_wrong_options_are_said_in_one_line(capsys, wrong):
    """With what was expected."""
    assert main(["turns", *wrong]) == 2
    assert "expected" in capsys.readouterr().err
