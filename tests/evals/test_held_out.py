"""The command that judges the router on categories and sources it was not fitted on."""

import json
from dataclasses import replace

import numpy as np
import pytest

from evals.__main__ import main
from evals.arena import build_arena
from evals.held_out import HeldOut, Slice, leave_out, measure, part_of, recording_parts, summary_line, to_lines
from evals.recordings import write_recording
from tests.builders import build_recording


@pytest.fixture(scope="module")
def found():
    """A small recording, measured."""
    return measure(build_recording(300))


def _slice(name="c", difference=0.0, lo=None, hi=None):
    return Slice(name=name, n=50, difference=difference, lo=lo, hi=hi)


def _held_out(**changes):
    base = {
        "recording": "r", "n_fit": 10, "n_test": 5, "gain": 0.02, "gain_lo": 0.01, "gain_hi": 0.03, "aiq": 0.6,
        "best_simple": "knn", "best_simple_aiq": 0.58, "cost_to_match": 0.4, "calibration_error": 0.02,
        "calibration_by_chance": 0.015,
        "categories": (), "left_out": (), "sources": (),
    }  # fmt: skip
    return HeldOut(**{**base, **changes})


def test_a_slice_fails_when_its_interval_lies_wholly_below_one_point():
    """A low difference that chance may explain is no failure, and neither is one without an interval."""
    assert _slice(difference=-0.05, lo=-0.08, hi=-0.02).fails
    assert not _slice(difference=-0.05, lo=-0.08, hi=-0.005).fails
    assert not _slice(difference=-0.05).fails


def test_every_category_is_judged_within_and_left_out(found):
    """Both lists name categories of the recording, each with at least twenty prompts."""
    assert found.categories
    assert found.left_out
    assert {part.name for part in found.left_out} <= {part.name for part in found.categories}
    assert all(part.n >= 20 for part in (*found.categories, *found.left_out))
    assert found.best_simple_aiq is not None
    assert 0.02 < found.calibration_by_chance < 0.08  # about 90 picks, not those of every setting of the dial


def test_a_category_left_out_is_not_fitted_on():
    """Outcomes of the category's own fit prompts change nothing."""
    arena = build_arena(build_recording(300), seed=0)
    labels = arena.fit.prompts.categories
    name = str(labels[0])
    first = {part.name: part for part in leave_out(arena, labels, arena.categories, "omni")}
    arena.fit.scores[labels == name] = 1.0 - arena.fit.scores[labels == name]
    second = {part.name: part for part in leave_out(arena, labels, arena.categories, "omni")}
    assert first[name] == second[name]


def test_a_category_nobody_can_be_compared_on_is_no_slice():
    """Without outcomes of the best single model there: unknown would hide the worst one, and is no JSON."""
    recording = build_recording(300)
    lost = recording.prompts["category"][0]
    unknown = ((recording.prompts["category"] == lost) & (recording.prompts["split"] == "test")).to_numpy()
    holey = replace(recording, scores=np.where(unknown[:, None], np.nan, recording.scores))
    arena = build_arena(holey, seed=0)
    names = [part.name for part in leave_out(arena, arena.fit.prompts.categories, arena.categories, "omni")]
    assert names
    assert lost not in names


def test_a_part_keeps_the_pool_and_the_chosen_rows():
    """Rows of both sides shrink together; groups are numbered from 0 again."""
    arena = build_arena(build_recording(300), seed=0)
    part = part_of(arena, np.arange(40), np.arange(5, 25))
    assert part.fit.scores.shape == (40, len(arena.fit.models))
    assert part.outcomes.scores.shape[0] == len(part.prompt_ids) == len(part.test.prompts) == 20
    assert part.groups.max() + 1 == part.n_groups


def test_sources_are_known_in_mixed_recordings_only():
    """A category with its source before a slash tells the source; others tell none."""
    arena = build_arena(build_recording(300), seed=0)
    assert recording_parts(arena) is None
    arena.fit.prompts.categories[:] = ["a/x", "b/y"] * (len(arena.fit.prompts) // 2) + ["a/x"] * (
        len(arena.fit.prompts) % 2
    )
    arena.categories[:] = "a/x"
    parts = recording_parts(arena)
    assert parts is not None
    assert set(parts[0]) == {"a", "b"}


def test_text_shows_dashes_for_what_is_undefined():
    """A recording without costs or categories still gives a line and a summary."""
    bare = _held_out(gain=None, gain_lo=None, gain_hi=None, aiq=None, best_simple_aiq=None, cost_to_match=None)
    assert to_lines(bare)[0].count(" -") >= 4
    assert "mean gain -" in summary_line([bare])


def test_the_summary_counts_slices_that_fail():
    """One failing category of two, and a lower bound above 0."""
    one = _held_out(left_out=(_slice(), _slice(difference=-0.05, lo=-0.08, hi=-0.02)))
    assert "lower bound above 0 on 1" in summary_line([one])
    assert "1 of 2 left out" in summary_line([one])


def test_the_command_gives_json(tmp_path, capsys):
    """Figures by recording on standard output, progress on standard error."""
    folder = write_recording(build_recording(200), tmp_path / "synthetic", with_text=False)
    assert main(["held-out", str(folder), "--json", "--policy", "knn"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)[0]["n_test"] > 0
    assert "1/1" in captured.err


def test_an_unknown_policy_is_refused(capsys):
    """The known ones are listed in one line."""
    assert main(["held-out", "--policy", "nonsense"]) == 2
    assert "omni" in capsys.readouterr().err
