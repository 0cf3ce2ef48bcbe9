"""The policies of a replay. A new one: a new file, one import line here, and the contract test covers it."""

from evals.policies import fixed, linear, neighbours, omni, tables
from evals.policies.base import POLICIES, Choices, FitData, LearnedPolicy, Policy, Prediction, Prompts, TestData

__all__ = [
    "POLICIES",
    "Choices",
    "FitData",
    "LearnedPolicy",
    "Policy",
    "Prediction",
    "Prompts",
    "TestData",
    "fixed",
    "linear",
    "neighbours",
    "omni",
    "tables",
]
