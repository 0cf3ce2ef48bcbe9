"""Recorded replay: each policy picks a model per test prompt and receives that model's recorded outcome."""

from evals.results import EqualCostGain, Failure, Interval, PolicySummary, ReplayResult, WorstSlice

__all__ = ["EqualCostGain", "Failure", "Interval", "PolicySummary", "ReplayResult", "WorstSlice"]
