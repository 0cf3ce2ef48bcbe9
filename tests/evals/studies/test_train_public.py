"""What training the public router writes."""

from dataclasses import replace

import numpy as np
import pytest

from evals.studies.shipped import SOURCE_RECORDINGS
from evals.studies.train_public import largest_difference, save_knowledge, summarise
from omni.config import DATA_DIR
from omni.quality.knowledge import KNOWLEDGE_FILE, load_knowledge, shipped_knowledge
from omni.recording import load_recording
from tests.recording_builders import FakeReader, write_folder


def test_what_was_saved_is_what_is_loaded(tmp_path):
    """Figures in single precision, names and facts unchanged."""
    knowledge = shipped_knowledge()
    save_knowledge(knowledge, tmp_path / "k.safetensors")
    again = load_knowledge(tmp_path / "k.safetensors")
    assert again.version == knowledge.version
    assert again.facts == knowledge.facts
    assert again.scales == knowledge.scales
    assert np.array_equal(again.posterior.mean, knowledge.posterior.mean)


def test_the_shipped_file_names_the_recordings_of_the_list_and_no_others():
    """What a user drops into the folder of recordings is not learned from."""
    assert tuple(source.name for source in shipped_knowledge().sources) == SOURCE_RECORDINGS


def test_a_recording_becomes_means_lengths_and_sums_of_its_fit_side(tmp_path):
    """Two models; the logit of a mean is of its right answers plus a half, of all plus one."""
    recording = load_recording(write_folder(tmp_path / "tiny"), FakeReader())
    fit = recording.is_fit
    source = summarise(recording, {})
    right, n = np.nansum(recording.scores[fit], axis=0), int(fit.sum())
    mean = (right + 0.5) / (n + 1)
    assert source.abilities.value == pytest.approx(np.log(mean / (1 - mean)))
    assert source.abilities.language == "en"
    assert source.lengths is not None
    assert source.lengths.value == pytest.approx(np.log([100.0, 110.0]))
    assert source.centre[0] == 1.0
    assert source.length_moments[0] == pytest.approx(0.0)


def test_another_figure_is_found_by_the_check():
    """The shipped file agrees with itself; one level moved by a tenth does not."""
    knowledge, path = shipped_knowledge(), DATA_DIR / KNOWLEDGE_FILE
    assert largest_difference(knowledge, path) < 1e-6
    first = knowledge.sources[0]
    moved = replace(first, abilities=replace(first.abilities, value=first.abilities.value + 0.1))
    other = replace(knowledge, sources=(moved, *knowledge.sources[1:]))
    assert largest_difference(other, path) > 0.02
