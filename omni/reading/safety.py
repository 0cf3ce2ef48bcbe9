"""Safety class of a prompt by rules: few patterns that name an intent, so that killing a process stays general."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import yaml

from omni.errors import OmniError
from omni.reading.cache import LONGEST_KEY, WordCache
from omni.types import Safety

CLASSES = (Safety.FORBIDDEN, Safety.HARMFUL, Safety.SENSITIVE)
"""Gravest first."""

_CACHED_TOKENS = 65_536


class Rule(NamedTuple):
    """One pattern and the words without which it is not tried."""

    safety: Safety
    gates: tuple[str, ...]
    """The pattern is tried only when one of these stands in the text: most prompts cost a few substring tests."""
    pattern: re.Pattern[str]


class _Gate(NamedTuple):
    words: str
    """What has to stand in the text."""
    key: str
    """Its longest word: where no token holds this, the gate is shut."""
    position: int
    """Of the rule."""


class SafetyRules:
    """Rules in the order given; the first that fits names the class. What a token opens is remembered by token."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)
        self._gates = [
            _Gate(gate, max(gate.split(), key=len), position)
            for position, rule in enumerate(rules)
            for gate in rule.gates
        ]
        self._any_key = re.compile("|".join(sorted({re.escape(gate.key) for gate in self._gates})) or r"(?!)")
        self._gates_of = WordCache(self._find_gates, limit=_CACHED_TOKENS)
        # most tokens open nothing: sets are taken from each other faster than tokens are looked up one by one
        self._idle: set[str] = set()

    def classify(self, flat: str, tokens: Iterable[str] | None = None) -> Safety:
        """The class of a canonical one-line text, in lower case.

        Args:
            tokens: What stands between the spaces of the text, where that is known already.
        """
        opening = set(flat.split() if tokens is None else tokens) - self._idle
        if not opening:
            return Safety.GENERAL
        found = set(chain.from_iterable(map(self._gates_of.__getitem__, opening)))
        positions = {gate.position for gate in found if gate.words == gate.key or gate.words in flat}
        for position in sorted(positions):
            if self._rules[position].pattern.search(flat) is not None:
                return self._rules[position].safety
        return Safety.GENERAL

    def _find_gates(self, token: str) -> tuple[_Gate, ...]:
        if self._any_key.search(token) is None:
            if len(self._idle) >= _CACHED_TOKENS:
                self._idle.clear()
            if len(token) <= LONGEST_KEY:
                self._idle.add(token)
            return ()
        return tuple(gate for gate in self._gates if gate.key in token)


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
