"""Odd variants of recordings, and the verdict on each."""

import json

import numpy as np
import pytest

from evals.recordings import write_recording
from evals.studies.__main__ import main
from evals.studies.stress import Trial, to_lines, try_variant
from evals.studies.variants import VARIANTS
from tests.builders import build_recording


@pytest.fixture(scope="module")
def recording():
    """Small, with groups and categories."""
    return build_recording(160, 5, n_groups=60)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, recording):
    """The same in the format."""
    place = tmp_path_factory.mktemp("recordings") / "synthetic"
    write_recording(recording, place)
    return str(place)


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_runs_without_a_fault(name, recording):
    """Or does not apply; none is refused, and none raises."""
    trial = try_variant(recording, name)
    if trial is None:
        assert name in ("20 models", "60 models", "1000 prompts", "200 prompts")
        return
    assert trial.faults == ()
    assert trial.refused is None


@pytest.mark.parametrize("name", [name for name, variant in VARIANTS.items() if variant.hides])
def test_what_hides_outcomes_changes_none(name, recording):
    """The scores that are left are those recorded."""
    odd = VARIANTS[name].change(recording, np.random.default_rng(0))
    left = ~np.isnan(odd.scores)
    assert (odd.scores[left] == recording.scores[left]).all()
    assert left.sum() < recording.scores.size


def test_the_same_seed_makes_the_same_variant(recording):
    """And another seed another one."""
    first, again, other = (try_variant(recording, "30 % missing", seed=seed) for seed in (0, 0, 3))
    assert first == again
    assert other.seed == 3


def test_a_lucky_model_is_not_followed(recording):
    """The worst model's three right answers do not take prompts from the best."""
    trial = try_variant(recording, "lucky")
    assert not trial.is_below


def test_a_fault_is_named_and_told_in_the_exit_code(folder, capsys, monkeypatch):
    """One line under the table."""

    def broken(*_, **__):
        raise ValueError("out of luck")

    monkeypatch.setattr("evals.studies.stress.replay", broken)
    assert main(["stress", folder, "--only", "equal"]) == 1
    assert "fault: synthetic, equal (160 x 5, seed 0): ValueError: out of luck" in capsys.readouterr().out


def test_the_table_counts_by_kind(folder, capsys):
    """A row for each kind and one for all."""
    assert main(["stress", folder, "--only", "equal,all 0,5 models", "--seeds", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:20].strip() for line in lines[4:7]] == ["scores", "2 to 60 models", "all"]
    assert lines[6].split()[1] == "6"


def test_json_holds_every_trial(folder, capsys):
    """With its interval."""
    assert main(["stress", folder, "--only", "as it is", "--json"]) == 0
    (trial,) = json.loads(capsys.readouterr().out)
    assert trial["variant"] == "as it is"
    assert trial["interval"][0] <= trial["difference"] <= trial["interval"][1]


def test_an_unknown_variant_lists_the_known(folder, capsys):
    """As does everything that takes a name."""
    assert main(["stress", folder, "--only", "upside down"]) == 2
    assert "50 % missing" in capsys.readouterr().err


def test_a_verdict_without_interval_is_not_counted():
    """Too few groups say nothing."""
    trial = Trial(recording="r", variant="v", kind="k", seed=0, n_prompts=9, n_models=2, refused=None, faults=(),
                  difference=-0.5, interval=None, n_compared=4)  # fmt: skip
    assert not trial.is_below
    assert list(to_lines([trial]))[-1].split()[-4:] == ["0", "0", "-", "-"]


def test_no_seed_is_refused(folder, capsys):
    """At least one draw."""
    assert main(["stress", folder, "--seeds", "0"]) == 2
    assert "--seeds" in capsys.readouterr().err
