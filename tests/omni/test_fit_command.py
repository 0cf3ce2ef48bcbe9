"""python -m omni fit: the shipped parameters are what the repository's own data gives."""

import numpy as np
from safetensors.numpy import save_file

from omni.__main__ import main
from omni.commands.fit import largest_difference


def test_fitting_again_gives_the_shipped_parameters(capsys):
    """Labels, recordings and catalog of the repository reproduce the three parameter files, and nothing is written."""
    assert main(["fit", "--check"]) == 0
    out = capsys.readouterr().out
    assert "router/heads.safetensors: fitted" in out
    assert "router/transfer.safetensors: fitted" in out
    assert "router/abilities.safetensors: fitted" in out


def test_the_difference_of_two_files_is_their_worst_figure(tmp_path):
    """Small figures differ absolutely, large ones relatively; another set of tensors differs without bound."""
    a, b, c = tmp_path / "a", tmp_path / "b", tmp_path / "c"
    save_file({"x": np.array([0.5, 100.0])}, a)
    save_file({"x": np.array([0.75, 110.0])}, b)
    save_file({"y": np.array([0.5, 100.0])}, c)
    assert largest_difference(a, b) == 0.25
    assert largest_difference(a, c) == float("inf")
