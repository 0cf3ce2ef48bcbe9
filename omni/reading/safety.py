"""Safety class of a prompt by rules: few patterns that name an intent, so that killing a process stays general."""

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import yaml

from omni.errors import OmniError
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
        self._gates = [(gate, position) for position, rule in enumerate(rules) for gate in rule.gates]
        self._ascii_gates = [(gate, position) for gate, position in self._gates if gate.isascii()]

    def classify(self, flat: str) -> Safety:
        """The class of a canonical one-line text, in lower case."""
        gates = self._ascii_gates if flat.isascii() else self._gates
        return self._try({position for gate, position in gates if gate in flat}, flat)

    def classify_many(self, flats: Sequence[str]) -> list[Safety]:
        """What `classify` says of each text; one search for a gate serves all of them."""
        joined = "\n".join(flats)
        ends = list(accumulate(len(flat) + 1 for flat in flats))
        to_try: list[set[int]] = [set() for _ in flats]
        for gate, position in self._ascii_gates if joined.isascii() else self._gates:
            start = joined.find(gate)
            while start >= 0:
                row = bisect_right(ends, start)
                to_try[row].add(position)
                start = joined.find(gate, ends[row])
        return list(map(self._try, to_try, flats))

    def _try(self, positions: set[int], flat: str) -> Safety:
        for position in sorted(positions):
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
