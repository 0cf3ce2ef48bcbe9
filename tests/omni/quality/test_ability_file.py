"""Abilities that were worked out before the start."""

import numpy as np
import pytest

from omni.catalog import load_catalog
from omni.errors import OmniError
from omni.quality.abilities import build_abilities
from omni.quality.ability_file import fingerprint_of, save_abilities, shipped_abilities
from tests.omni.cards import model_card


@pytest.fixture
def table():
    """Of two models."""
    return build_abilities([model_card("a/one", params_total_b=7.0), model_card("a/two", params_total_b=70.0)])


def test_the_shipped_table_is_of_the_shipped_catalog():
    """So that a start reads it; its rows follow the catalog's models."""
    catalog = load_catalog()
    table = shipped_abilities(catalog.version)
    assert table is not None
    assert table.model_ids == tuple(card.model_id for card in catalog.models)
    assert np.isfinite(table.task).all()


def test_a_table_comes_back_as_it_went_in(tmp_path, table):
    """To single precision."""
    save_abilities(table, "v1", tmp_path / "file")
    again = shipped_abilities("v1", tmp_path / "file")
    assert again is not None
    assert again.languages == table.languages
    assert again.task == pytest.approx(table.task, abs=1e-6)
    assert fingerprint_of(again) == fingerprint_of(table)


def test_another_catalog_is_worked_out_anew(tmp_path, table):
    """After a row was added the file says nothing."""
    save_abilities(table, "v1", tmp_path / "file")
    assert shipped_abilities("v2", tmp_path / "file") is None


def test_a_file_that_is_not_ours_is_said(tmp_path):
    """With what to do."""
    (tmp_path / "file").write_bytes(b"no")
    with pytest.raises(OmniError, match="omni fit"):
        shipped_abilities("v1", tmp_path / "file")
