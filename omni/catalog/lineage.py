"""What a model's name and card say of it: family, date, size, languages, whether it thinks before it answers."""

import re
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
FIRST_REASONING_YEAR = 2024.85
"""No open model that thinks before it answers was released earlier, whatever a price list says."""
MULTILINGUAL_YEAR = 2025.0
"""Models without a rule speak the larger languages from here on."""
_ANY = "*"
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
    languages: tuple[str, ...] | None = None
    """Codes of the languages it is made for beside English, "*" = all; None = not known."""
    tuned_for: tuple[str, ...] = ()
    """Languages that it was trained further in."""
    specialities: tuple[str, ...] = ()
    """Tasks that it was made for."""

    def covariates(self, language: str = "en") -> np.ndarray:
        """(7,): size, active size (both log, 0 = 30 billion), years since mid 2024, reasons, year unknown, and for a
        prompt in another language than English 0..1 how foreign that is to the model, and whether it was tuned for it.
        """
        total = self.params_total_b or USUAL_SIZE_B
        active = self.params_active_b or total
        year = USUAL_YEAR if self.year is None else self.year
        sizes = np.log(total / USUAL_SIZE_B), np.log(active / USUAL_SIZE_B)
        tuned = float(language in self.tuned_for)
        return np.array(
            [*sizes, year - 2024.5, self.reasons, self.year is None, self.foreignness(language), tuned], dtype=float
        )

    def foreignness(self, language: str) -> float:
        """0 = the model is made for this language, 1 = it is not, 0.5 = unknown."""
        if language in ("en", "und") or language in self.tuned_for:
            return 0.0
        if self.languages is None:
            return 0.5
        return float(_ANY not in self.languages and language not in self.languages)


@dataclass(frozen=True, slots=True)
class FamilyRules:
    """The shipped rules, compiled."""

    rules: tuple[tuple[re.Pattern[str], str, float], ...]
    reasons: re.Pattern[str]
    sparse: re.Pattern[str]
    languages: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...]
    tuned: tuple[tuple[re.Pattern[str], str], ...]
    specialities: tuple[tuple[re.Pattern[str], str], ...]

    def facts(self, name: str, model_id: str | None, total_b: float | None, card: ModelCard | None) -> ModelFacts:
        """Facts of one model; what the catalog states beats what the name suggests."""
        told = (model_id or name).lower()
        family, year = next(((f, y) for rule, f, y in self.rules if rule.search(told)), (None, None))
        year = _year_in(told) or year
        if card is not None and card.release_date is not None:
            year = 1 + card.release_date.toordinal() / 365.2425
        mode = "nothink" if "nothink" in name.lower() else "think" if "(think" in name.lower() else ""
        listed = card is not None and bool(card.supports_reasoning) and (year or USUAL_YEAR) >= FIRST_REASONING_YEAR
        total_b = total_b if total_b is not None else None if card is None else card.params_total_b
        active_b = None if card is None else card.params_active_b
        if active_b is None and total_b is not None and self.sparse.search(told):
            active_b = max(SPARSE_SHARE * total_b, min(2.0, total_b))
        key = (model_id or name) + ("|nothink" if mode == "nothink" else "")
        spoken = next((codes for rule, codes in self.languages if rule.search(told)), None)
        if spoken is None and year is not None and year >= MULTILINGUAL_YEAR:
            spoken = (_ANY,)
        return ModelFacts(
            key=key,
            family=family or f"?{key}",
            year=year,
            reasons=mode != "nothink" and bool(mode or self.reasons.search(told) or listed),
            params_total_b=total_b,
            params_active_b=active_b,
            languages=spoken,
            tuned_for=tuple(code for rule, code in self.tuned if rule.search(told)),
            specialities=tuple(task for rule, task in self.specialities if rule.search(told)),
        )


@cache
def load_family_rules(path: Path | None = None) -> FamilyRules:
    """The shipped rules.

    Raises:
        OmniError: the file is missing or broken.
    """
    path = path or DATA_DIR / FAMILY_FILE
    try:
        told = yaml.safe_load(path.read_text(encoding="utf-8"))
        return FamilyRules(
            tuple((re.compile(pattern), str(family), float(year)) for pattern, family, year in told["rules"]),
            re.compile(told["reasons"]),
            re.compile(told["sparse"]),
            tuple((re.compile(pattern), tuple(codes.split())) for pattern, codes in told["languages"]),
            tuple((re.compile(pattern), str(code)) for pattern, code in told["tuned"]),
            tuple((re.compile(pattern), str(task)) for pattern, task in told["specialities"]),
        )
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError, re.error) as error:
        raise OmniError(
            f"{str(path)!r} cannot be read ({error}); expected rules, reasons, sparse, languages, tuned, "
            "specialities. Restore the shipped file."
        ) from error


def _year_in(name: str) -> float | None:
    long, short = _LONG_DATE.search(name), _SHORT_DATE.search(name)
    if long:
        return int(long[2]) + (int(long[1]) - 0.5) / 12
    return 2000 + int(short[1]) + (int(short[2]) - 0.5) / 12 if short else None
