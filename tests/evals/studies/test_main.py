"""The list of studies and how one is run."""

from importlib import import_module

import pytest

from evals.studies.__main__ import STUDIES, help_of, main
from evals.studies.shipped import MIXED_RECORDINGS, SHIPPED_RECORDINGS, SOURCE_RECORDINGS
from evals.studies.sources import MIXED, SHIPPED


@pytest.mark.parametrize("module", STUDIES.values())
def test_every_study_has_its_help_and_runs(module):
    """One line of help, options and a function that runs it."""
    study = import_module(f"evals.studies.{module}")
    assert callable(study.add_arguments)
    assert callable(study.run)
    assert 20 < len(help_of(module)) < 120


def test_without_a_name_the_studies_are_listed(capsys):
    """One line each."""
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [name for name in STUDIES if not any(line.startswith(name) for line in lines)] == []


def test_an_unknown_study_is_refused(capsys):
    """With the known ones."""
    with pytest.raises(SystemExit) as stopped:
        main(["alchemy"])
    assert stopped.value.code == 2
    assert "held-out" in capsys.readouterr().err


def test_the_recordings_of_training_are_those_that_are_built():
    """Named once for training and once with their sources."""
    assert sorted(source.name for source in SHIPPED) == list(SOURCE_RECORDINGS)
    assert {plan.name: set(plan.parts) <= set(SOURCE_RECORDINGS) for plan in MIXED} == dict.fromkeys(
        MIXED_RECORDINGS, True
    )
    assert len(set(SHIPPED_RECORDINGS)) == 13
