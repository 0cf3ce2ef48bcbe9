"""python -m omni bench: the figures and their form."""

import json

from omni.__main__ import main
from omni.commands import bench
from omni.router import Router


def test_figures_are_complete_and_ordered(router: Router):
    """Percentiles for each length rise, and every figure is there."""
    figures = bench.measure(router, n_repeats=5, n_batch=20)
    assert figures["candidates"] >= 200
    assert list(figures["latency_ms"]) == ["20", "200", "2000"]
    for latency in figures["latency_ms"].values():
        assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"]
    assert figures["decisions_per_s"] > 0


def test_both_forms_print_the_same_figures(capsys, monkeypatch):
    """JSON for tools, lines for people."""
    figures = {
        "candidates": 254,
        "latency_ms": {"20": {"p50": 0.25, "p95": 0.5, "p99": 0.75}},
        "decisions_per_s": 3000.0,
        "batch_words": 20,
        "rss_mb": 300.0,
    }
    monkeypatch.setattr(bench, "measure", lambda _: figures)
    assert main(["bench", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == figures
    assert main(["bench"]) == 0
    out = capsys.readouterr().out
    assert "p50 0.250 ms" in out
    assert "3,000 decisions/s" in out
