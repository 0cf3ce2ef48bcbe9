"""The benchmark tab: replay policies on recorded outcomes, read the verdict, take the figures home."""

from evals.ui.page import build_benchmark_tab

__all__ = ["build_benchmark_tab"]
