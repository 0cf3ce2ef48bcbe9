"""Safety class of a prompt by rules: few patterns that name an intent, so that killing a process stays general."""

import re
from collections.abc import Sequence
from pathlib import Path

import yaml

from omni.errors import OmniError
from omni.types import Safety


class SafetyRules:
    """Patterns per class; the harmful ones are looked at first."""

    def __init__(self, harmful: Sequence[str], sensitive: Sequence[str]) -> None:
        self._harmful = [re.compile(pattern) for pattern in harmful]
        self._sensitive = [re.compile(pattern) for pattern in sensitive]

    def classify(self, flat: str) -> Safety:
        """The class of a canonical one-line text, in lower case."""
        if any(pattern.search(flat) for pattern in self._harmful):
            return Safety.HARMFUL
        if any(pattern.search(flat) for pattern in self._sensitive):
            return Safety.SENSITIVE
        return Safety.GENERAL


def load_safety(path: Path) -> SafetyRules:
    """The rules in a YAML file with the lists harmful and sensitive.

    Raises:
        OmniError: The file is missing, lacks a list, or holds a pattern that does not compile.
    """
    try:
        lists = yaml.safe_load(path.read_text(encoding="utf-8"))
        return SafetyRules(lists["harmful"], lists["sensitive"])
    except (OSError, KeyError, TypeError, yaml.YAMLError, re.error) as error:
        raise OmniError(
            f"The safety rules {str(path)!r} cannot be read ({error}); expected the lists 'harmful' and 'sensitive'. "
            f"Restore the file from the repository."
        ) from error
