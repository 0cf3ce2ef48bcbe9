"""Safety class of a prompt by rules: few patterns that name an intent, so that killing a process stays general."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

from omni.errors import OmniError
from omni.types import Safety


class Rule(NamedTuple):
    gates: tuple[str, ...]
    """The pattern is tried only when one of these stands in the text: most prompts cost a few substring tests."""
    pattern: re.Pattern[str]
    is_ascii: bool
    """Whether one of the gates may stand in a plain ASCII text."""

    def matches(self, flat: str) -> bool:
        return any(gate in flat for gate in self.gates) and self.pattern.search(flat) is not None


class SafetyRules:
    """Rules per class; the harmful ones are looked at first."""

    def __init__(self, harmful: Sequence[Rule], sensitive: Sequence[Rule]) -> None:
        self._harmful = harmful
        self._sensitive = sensitive

    def classify(self, flat: str) -> Safety:
        """The class of a canonical one-line text, in lower case."""
        ascii_only = flat.isascii()
        if any(rule.matches(flat) for rule in self._harmful if rule.is_ascii or not ascii_only):
            return Safety.HARMFUL
        if any(rule.matches(flat) for rule in self._sensitive if rule.is_ascii or not ascii_only):
            return Safety.SENSITIVE
        return Safety.GENERAL


def load_safety(path: Path) -> SafetyRules:
    """The rules in a YAML file with the lists harmful and sensitive.

    Raises:
        OmniError: The file is missing, lacks a list, or holds a pattern that does not compile.
    """
    try:
        lists = yaml.safe_load(path.read_text(encoding="utf-8"))
        return SafetyRules(_rules(lists["harmful"]), _rules(lists["sensitive"]))
    except (OSError, KeyError, TypeError, yaml.YAMLError, re.error) as error:
        raise OmniError(
            f"The safety rules {str(path)!r} cannot be read ({error}); expected lists of any and pattern. "
            f"Restore the file from the repository."
        ) from error


def _rules(entries: Sequence[Mapping[str, str]]) -> list[Rule]:
    rules = []
    for entry in entries:
        gates = tuple(gate.strip() for gate in entry["any"].split(","))
        rules.append(Rule(gates, re.compile(entry["pattern"]), any(map(str.isascii, gates))))
    return rules
