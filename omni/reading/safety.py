"""Safety class of a prompt by rules: few patterns that name an intent, so that killing a process stays general."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

from omni.errors import OmniError
from omni.reading.stems import StemFinder
from omni.types import Safety

CLASSES = (Safety.FORBIDDEN, Safety.HARMFUL, Safety.SENSITIVE)
"""Gravest first."""


class Rule(NamedTuple):
    """One pattern and the words without which it is not tried."""

    safety: Safety
    gates: tuple[str, ...]
    """The pattern is tried only when one of these stands in the text: most prompts cost a few substring tests."""
    pattern: re.Pattern[str]


class SafetyRules:
    """Rules in the order given; the first that fits names the class."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)
        self._positions: dict[str, list[int]] = {}
        for position, rule in enumerate(rules):
            for gate in rule.gates:
                self._positions.setdefault(gate, []).append(position)
        self._gates = StemFinder(self._positions)

    def classify(self, flat: str, tokens: Iterable[str] | None = None) -> Safety:
        """The class of a canonical one-line text, in lower case.

        Args:
            tokens: What stands between the spaces of the text, where that is known already.
        """
        gates = self._gates.find(flat, frozenset(flat.split() if tokens is None else tokens))
        for position in sorted({position for gate in gates for position in self._positions[gate]}):
            if self._rules[position].pattern.search(flat) is not None:
                return self._rules[position].safety
        return Safety.GENERAL


def load_safety(path: Path) -> SafetyRules:
    """The rules in a YAML file with the lists forbidden, harmful and sensitive.

    Raises:
        OmniError: The file is missing, lacks a list, or holds a pattern that does not compile.
    """
    try:
        lists = yaml.safe_load(path.read_text(encoding="utf-8"))
        return SafetyRules([rule for safety in CLASSES for rule in _rules(safety, lists[safety.value])])
    except (OSError, KeyError, TypeError, yaml.YAMLError, re.error) as error:
        raise OmniError(
            f"The safety rules {str(path)!r} cannot be read ({error}); expected lists of any and pattern. "
            f"Restore the file from the repository."
        ) from error


def _rules(safety: Safety, entries: Sequence[Mapping[str, str]]) -> list[Rule]:
    rules = []
    for entry in entries:
        gates = tuple(gate.strip() for gate in entry["any"].split(","))
        rules.append(Rule(safety, gates, re.compile(entry["pattern"])))
    return rules
