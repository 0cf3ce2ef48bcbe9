"""Older public leaderboards, of models that the catalog no longer lists, as observations of abilities.

Recordings are of models of their day, the catalog of today's. `data/router/boards.csv` holds what older boards say of
them: category means of LiveBench, LMArena's rating of text, Arena-Hard.
"""

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from omni.catalog.lineage import ModelFacts, load_family_rules
from omni.config import DATA_DIR
from omni.errors import OmniError
from omni.quality.kriging import N_SKILLS, Observed
from omni.types import ModelCard

BOARD_FILE = "router/boards.csv"
RATING_TO_LOGIT = np.log(10) / 400


class Board(NamedTuple):
    """What a kind of score says."""

    skills: tuple[float, float, float, float]
    """Shares of deduction, code, knowledge and chat that it asks for."""
    variance: float
    """Of one score around the model's ability there, logits²; wide, since boards of one series repeat each other."""
    logits: float = 1.0
    """Logits of ability for one logit of the score."""
    is_rating: bool = False
    """An arena rating; else a percentage."""


BOARDS: Mapping[str, Board] = {
    "deduction": Board((1.0, 0.0, 0.0, 0.0), 0.5),
    "code": Board((0.0, 1.0, 0.0, 0.0), 0.5),
    "instructions": Board((0.0, 0.0, 0.0, 1.0), 0.5),
    "language": Board((0.0, 0.0, 0.5, 0.5), 0.5),
    "data": Board((0.5, 0.2, 0.0, 0.3), 0.5),
    "text": Board((0.2, 0.2, 0.2, 0.4), 0.3, is_rating=True),
    "all": Board((0.25, 0.35, 0.0, 0.4), 0.3, logits=0.7),
}
"""By the last part of a benchmark's name. Variances were chosen on fit sides of recordings left out, where the gain is
flat around them; each board's level is unknown and drops out."""


class Scored(NamedTuple):
    """One row of the file."""

    model_id: str
    params_total_b: float
    score: float


@cache
def load_boards(path: Path | None = None) -> Mapping[str, Sequence[Scored]]:
    """Scores by benchmark, as published.

    Raises:
        OmniError: the file is missing, broken, or names a kind of board that nobody described.
    """
    path = path or DATA_DIR / BOARD_FILE
    boards: dict[str, list[Scored]] = defaultdict(list)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                scored = Scored(row["model_id"], float(row["params_total_b"]), float(row["score"]))
                boards[row["benchmark"]].append(scored)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise OmniError(
            f"{str(path)!r} cannot be read ({error}); expected benchmark, model_id, params_total_b, score. "
            "Restore the shipped file."
        ) from error
    unknown = sorted(name for name in boards if _kind(name) not in BOARDS)
    if unknown:
        raise OmniError(f"{str(path)!r} has benchmarks {unknown!r}; expected a name that ends in /{'|'.join(BOARDS)}.")
    return boards


def board_observations(cards: Mapping[str, ModelCard]) -> list[Observed]:
    """One block a benchmark; `cards` by Hub id."""
    blocks = []
    for name, rows in load_boards().items():
        board = BOARDS[_kind(name)]
        models, sizes, scores = zip(*rows, strict=True)
        value = np.array(scores)
        if board.is_rating:
            logits = value * RATING_TO_LOGIT
        else:
            share = np.clip(value / 100, 0.02, 0.98)
            logits = np.log(share / (1 - share))
        facts = describe_models(models, models, sizes, cards)
        variance = np.full(len(models), board.variance)
        skills = np.array([*board.skills, *[0.0] * (N_SKILLS - len(board.skills))])
        blocks.append(
            Observed(
                source=name,
                models=facts,
                skills=skills,
                value=board.logits * logits,
                variance=variance,
                is_benchmark=True,
            )
        )
    return blocks


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


def _kind(benchmark: str) -> str:
    return benchmark.rsplit("/", 1)[-1]
