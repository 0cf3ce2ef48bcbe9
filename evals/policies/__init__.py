"""The policies of a replay. A new one: a new file, one import line here, and the contract test covers it."""

from evals.policies import fixed, linear, neighbours, routers, tables
from evals.policies.base import POLICIES, Choices, FitData, LearnedPolicy, Policy, Prediction, TestData

__all__ = [
    "POLICIES",
    "Choices",
    "FitData",
    "LearnedPolicy",
    "Policy",
    "Prediction",
    "TestData",
    "fixed",
    "linear",
    "neighbours",
    "routers",
    "tables",
]
