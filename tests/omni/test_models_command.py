"""python -m omni models, run on the shipped catalog."""

import argparse
import json

import pytest

from omni.commands import models
from omni.errors import InputError


def run(*argv: str) -> int:
    parser = argparse.ArgumentParser()
    models.add_parser(parser.add_subparsers())
    args = parser.parse_args(["models", *argv])
    return args.run(args)


def test_table_has_one_line_a_model_and_the_attributions(capsys: pytest.CaptureFixture[str]) -> None:
    """Every model is listed, an estimated price is starred, and the sources that ask for it are named."""
    assert run() == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum("/" in line.split("  ")[0] for line in lines[1:]) >= 200
    (apertus,) = [line for line in lines if line.startswith("swiss-ai/Apertus-v1.5-70B")]
    assert apertus.count("*") == 2
    assert "Artificial Analysis" in lines[-2]
    assert "CC-BY-4.0" in lines[-1]


def test_unknown_figures_show_a_dash(capsys: pytest.CaptureFixture[str]) -> None:
    """A model of unknown size and price has dashes, no zeros."""
    run("tiny-aya-earth")
    cells = capsys.readouterr().out.splitlines()[1].split()
    assert cells[1] == "-"
    assert cells[3:5] == ["-", "-"]


def test_json_has_every_figure_with_source_and_date(capsys: pytest.CaptureFixture[str]) -> None:
    """Scores, prices and speeds of a card carry a source; dates are written as days."""
    run("--json", "zai-org/GLM-4.6-FP8")
    (card,) = json.loads(capsys.readouterr().out)
    assert card["variant_of"] == "zai-org/GLM-4.6"
    assert card["scores"][0]["inherited_from"] == "zai-org/GLM-4.6"
    assert card["scores"][0]["source"]
    assert card["release_date"] == "2025-09-30"
    assert "price_in_usd_per_mtok" in card["inherited"]
    assert card["sources"]["price_in_usd_per_mtok"]


def test_query_words_must_all_match(capsys: pytest.CaptureFixture[str]) -> None:
    """Words are looked for in id, family, name, licence and role, whatever their case."""
    run("--json", "GUARD openai")
    found = json.loads(capsys.readouterr().out)
    assert [card["model_id"] for card in found] == ["openai/gpt-oss-safeguard-120b", "openai/gpt-oss-safeguard-20b"]


def test_query_without_a_match_is_an_input_error() -> None:
    """The message repeats the query and lists near ids."""
    with pytest.raises(InputError, match=r"'zai-org/GLM-46'.*near: zai-org/GLM-4"):
        run("zai-org/GLM-46")
