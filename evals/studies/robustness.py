"""How often harmless edits of a prompt change the chosen model, on the project's own held-out prompts."""

import argparse
import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from evals.results import Interval
from evals.studies.edits import edits
from omni.config import DATA_DIR
from omni.errors import InputError
from omni.policy import PRESETS
from omni.router import Router, load_router
from omni.types import Conversation, Preferences, Preset

LABELS = DATA_DIR / "labels"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlipRate:
    """Of `n` edited prompts, the share whose chosen model differs from the original's."""

    edit: str
    n: int
    n_flipped: int
    interval: Interval

    @property
    def rate(self) -> float:
        return self.n_flipped / self.n


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("--prefer", default="balanced", metavar="PRESET", help=", ".join(PRESETS))
    parser.add_argument("--prompts", type=Path, default=LABELS / "heldout.csv", metavar="FILE.csv")
    parser.add_argument("--seed", type=int, default=0, help="of the typing errors")
    parser.add_argument("--json", action="store_true")


def run(args: argparse.Namespace) -> int:
    """Prints the flip rate of each edit.

    Raises:
        InputError: an unknown preset, or a file without prompt and language.
    """
    if args.prefer not in PRESETS:
        raise InputError(f"--prefer is {args.prefer!r}; expected one of {', '.join(PRESETS)}.")
    rates = measure(load_router(), read_prompts(args.prompts), preset=args.prefer, seed=args.seed)
    if args.json:
        print(json.dumps([{**asdict(rate), "rate": rate.rate} for rate in rates]))
        return 0
    for rate in rates:
        print(
            f"{rate.edit:28} {rate.rate:6.1%}  [{rate.interval.lo:.1%}, {rate.interval.hi:.1%}]  "
            f"{rate.n_flipped} of {rate.n}"
        )
    return 0


def read_prompts(path: Path) -> list[tuple[str, str]]:
    """(language, prompt) of a labelled file.

    Raises:
        InputError: the file or one of the two columns is missing.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [(row["language"], row["prompt"]) for row in csv.DictReader(file)]
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({type(error).__name__}); give a CSV file.") from error
    except KeyError as error:
        raise InputError(f"{path}: column {error} is missing; expected language and prompt.") from error


def measure(
    router: Router, prompts: Sequence[tuple[str, str]], *, preset: Preset = "balanced", seed: int = 0
) -> list[FlipRate]:
    """One rate per edit, then the mean over case, space and politeness, then over all edits, then per language pair.

    A prompt that an edit leaves as it was does not count for that edit; an edit that changes none is left out.
    """
    rng = np.random.default_rng(seed)
    rates = []
    for name, edit in edits(rng).items():
        pairs = [(text, edited) for language, text in prompts if (edited := edit(text, language)) != text]
        if pairs:
            rates.append(_flip_rate(router, name, pairs, preset))
    surface = [rate for rate in rates if rate.edit.split(":")[0] in ("case", "space", "politeness")]
    rates += [_pooled("case, space, politeness", surface), _pooled("all edits", rates)]
    rates += [
        _flip_rate(router, f"language: en to {code}", pairs, preset) for code, pairs in parallel_prompts().items()
    ]
    return rates


def parallel_prompts(path: Path = LABELS / "parallel.csv") -> dict[str, list[tuple[str, str]]]:
    """Language to pairs of the same prompt in English and in that language."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {code: [(row["en"], row[code]) for row in rows] for code in rows[0] if code not in ("task", "en")}


def _flip_rate(router: Router, edit: str, pairs: Sequence[tuple[str, str]], preset: Preset) -> FlipRate:
    preferences = Preferences(preset=preset)
    chosen = [
        [
            d.chosen.model_id
            for d in router.route_batch([Conversation.from_prompt(pair[side]) for pair in pairs], preferences)
        ]
        for side in (0, 1)
    ]
    return _rate(edit, len(pairs), sum(a != b for a, b in zip(*chosen, strict=True)))


def _pooled(edit: str, rates: Sequence[FlipRate]) -> FlipRate:
    return _rate(edit, sum(rate.n for rate in rates), sum(rate.n_flipped for rate in rates))


def _rate(edit: str, n: int, n_flipped: int) -> FlipRate:
    from scipy.stats import binomtest  # here: a second of start-up

    interval = binomtest(n_flipped, n).proportion_ci(method="wilson")
    return FlipRate(
        edit=edit, n=n, n_flipped=n_flipped, interval=Interval(lo=float(interval.low), hi=float(interval.high))
    )
