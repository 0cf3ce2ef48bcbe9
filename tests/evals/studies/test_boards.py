"""Older leaderboards as observations."""

import numpy as np
import pytest

from evals.studies.boards import BOARDS, board_observations, describe_models, load_boards
from omni.errors import OmniError
from omni.quality.kriging import ABILITY, krige


def test_every_shipped_board_is_described_and_holds_several_models():
    """Kinds are known, sizes too, and no model stands twice on one board."""
    boards = load_boards()
    assert len(boards) >= 5
    for name, rows in boards.items():
        assert name.rsplit("/", 1)[-1] in BOARDS
        models = [row.model_id for row in rows]
        assert len(models) == len(set(models)) >= 15
        assert all(row.params_total_b > 0 for row in rows)


def test_boards_tell_models_of_one_size_apart():
    """Of two models that name and size hardly tell apart, the one ahead on the boards is expected to be ahead."""
    ids = ["mistralai/Mistral-Large-Instruct-2407", "databricks/dbrx-instruct"]
    models = describe_models(ids, ids, [123.0, 132.0], {})
    expected = krige(ABILITY, board_observations({}), models).mean.mean(axis=1)
    assert expected[0] > expected[1] + 0.5


def test_a_percentage_counts_as_a_logit_and_a_rating_by_its_own_scale():
    """All observations are finite and lie within a few logits of each other."""
    blocks = board_observations({})
    assert len(blocks) >= 2
    for block in blocks:
        assert np.isfinite(block.value).all()
        assert np.ptp(block.value) < 8


def test_a_board_of_an_unknown_kind_is_refused(tmp_path):
    """The file names the benchmark and what its name should end in."""
    path = tmp_path / "boards.csv"
    path.write_text("benchmark,model_id,params_total_b,score\nmine/taste,a/b,7,50\n", encoding="utf-8")
    with pytest.raises(OmniError, match="mine/taste"):
        load_boards(path)
