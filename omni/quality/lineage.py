"""What a model's name and size say of it: family, date, whether it reasons, active size."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import yaml

from omni.config import DATA_DIR
from omni.errors import OmniError
from omni.types import ModelCard

FAMILY_FILE = "router/families.yml"
USUAL_YEAR = 2024.4
USUAL_SIZE_B = 30.0
SPARSE_SHARE = 0.2
"""Assumed share of active parameters of a mixture of experts that publishes none."""
_SHORT_DATE = re.compile(r"-(2[3-9])(0[1-9]|1[0-2])(?!\d)")
_LONG_DATE = re.compile(r"(0[1-9]|1[0-2])-(202\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What is known of a model without any outcome or benchmark."""

    key: str
    """Hub id, else name, with the mode (think, nothink) where the name states one."""
    family: str
    """Models of one family resemble each other; a model of no known family is its own."""
    year: float | None
    """Of the release, as a decimal."""
    reasons: bool
    params_total_b: float | None
    params_active_b: float | None

    def covariates(self) -> np.ndarray:
        """(5,): size, active size (both log, 0 = 30 billion), years since mid 2024, reasons, year unknown."""
        total = self.params_total_b or USUAL_SIZE_B
        active = self.params_active_b or total
        year = USUAL_YEAR if self.year is None else self.year
        sizes = np.log(total / USUAL_SIZE_B), np.log(active / USUAL_SIZE_B)
        return np.array([*sizes, year - 2024.5, float(self.reasons), float(self.year is None)])


@dataclass(frozen=True, slots=True)
class FamilyRules:
    """The shipped rules, compiled."""

    rules: tuple[tuple[re.Pattern[str], str, float], ...]
    reasons: re.Pattern[str]
    sparse: re.Pattern[str]

    def facts(self, name: str, model_id: str | None, total_b: float | None, card: ModelCard | None) -> ModelFacts:
        """Facts of one model; what the catalog states beats what the name suggests."""
        told = (model_id or name).lower()
        family, year = next(((f, y) for rule, f, y in self.rules if rule.search(told)), (None, None))
        year = _year_in(told) or year
        if card is not None and card.release_date is not None:
            year = 1 + card.release_date.toordinal() / 365.2425
        mode = "nothink" if "nothink" in name.lower() else "think" if "(think" in name.lower() else ""
        reasons = mode != "nothink" and bool(
            mode or self.reasons.search(told) or (card is not None and card.supports_reasoning)
        )
        total_b = total_b if total_b is not None else None if card is None else card.params_total_b
        active_b = None if card is None else card.params_active_b
        if active_b is None and total_b is not None and self.sparse.search(told):
            active_b = max(SPARSE_SHARE * total_b, min(2.0, total_b))
        key = (model_id or name) + ("|nothink" if mode == "nothink" else "")
        return ModelFacts(
            key=key,
            family=family or f"?{key}",
            year=year,
            reasons=reasons,
            params_total_b=total_b,
            params_active_b=active_b,
        )


def describe_models(
    names: Sequence[str],
    model_ids: Sequence[str | None],
    params_total_b: Sequence[float | None],
    cards: Mapping[str, ModelCard],
) -> list[ModelFacts]:
    """Facts of a pool's models; `cards` by Hub id."""
    rules = load_family_rules()
    return [
        rules.facts(name, model_id, size, cards.get(model_id or name))
        for name, model_id, size in zip(names, model_ids, params_total_b, strict=True)
    ]


@cache
def load_family_rules(path: Path | None = None) -> FamilyRules:
    """The shipped rules.

    Raises:
        OmniError: the file is missing or broken.
    """
    path = path or DATA_DIR / FAMILY_FILE
    try:
        told = yaml.safe_load(path.read_text(encoding="utf-8"))
        rules = tuple((re.compile(pattern), str(family), float(year)) for pattern, family, year in told["rules"])
        return FamilyRules(rules, re.compile(told["reasons"]), re.compile(told["sparse"]))
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, re.error) as error:
        raise OmniError(
            f"{str(path)!r} cannot be read ({error}); expected rules, reasons and sparse. Restore the shipped file."
        ) from error


def _year_in(name: str) -> float | None:
    long, short = _LONG_DATE.search(name), _SHORT_DATE.search(name)
    if long:
        return int(long[2]) + (int(long[1]) - 0.5) / 12
    return 2000 + int(short[1]) + (int(short[2]) - 0.5) / 12 if short else None
