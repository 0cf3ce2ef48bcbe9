"""Abilities of the catalog's models that few benchmarks know, from models like them.

The factor model of `abilities` places a model without scores by size, date and kind alone. Here its family and
generation count too, and what recordings and older boards say of it, by the regression of `kriging`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from omni.quality.abilities import TASKS, AbilityTable
from omni.quality.boards import board_observations
from omni.quality.kriging import ABILITY, Observed, krige
from omni.quality.lineage import describe_models
from omni.quality.transfer import Transfer, shipped_transfer
from omni.quality.unlabelled import MIN_SCORES, benchmark_observations, recording_observations
from omni.types import ModelCard, Task

ENOUGH_MODELS = 60
"""Models with benchmarks from which the two scales can be tied; with fewer, the table stays as it is."""
TRUST = 0.7
"""Share of the difference to the factor model that is believed; this and the next two come from models left out."""
SLOPE = 0.9
"""Logits of benchmark ability for one of kinship."""
SHARPER = 0.92
"""Error with kinship over error without."""
SKILLS_OF: Mapping[Task, tuple[int, ...]] = {
    Task.MATH: (0,),
    Task.CODE: (1,),
    Task.KNOWLEDGE: (2,),
    Task.CREATIVE_WRITING: (3,),
    Task.TRANSLATION: (3,),
    Task.CHAT: (0, 1, 2, 3),
}
"""Skills that speak for a task. The tasks left out were foretold no better than by the factor model, or worse."""


def complete_abilities(
    cards: Sequence[ModelCard], table: AbilityTable, transfer: Transfer | None = None
) -> AbilityTable:
    """The table with dated models of few scores moved towards their kin; `cards` follow its rows.

    `transfer` holds what recordings say of models; None = the shipped one.
    """
    # Without a date a model would count as one of 2024.
    dated = np.array([card.release_date is not None for card in cards], dtype=bool)
    few = np.flatnonzero((table.n_scores < MIN_SCORES) & dated)
    many = np.flatnonzero(table.n_scores >= MIN_SCORES)
    if len(many) < ENOUGH_MODELS or not len(few):
        return table
    # Every so many of the others will do to tie the scales.
    tied = many[:: len(many) // ENOUGH_MODELS]
    kin = SLOPE * _by_kinship(
        [cards[row] for row in (*few, *tied)], _observed(cards, table, transfer or shipped_transfer())
    )
    task, error = table.task.copy(), table.task_se.copy()
    for column, name in enumerate(TASKS):
        if name in SKILLS_OF:
            expected = kin[:, list(SKILLS_OF[name])].mean(axis=1)
            expected += (table.task[tied, column] - expected[len(few) :]).mean()
            task[few, column] += TRUST * (expected[: len(few)] - table.task[few, column])
            error[few, column] *= SHARPER
    is_text = np.array([name is not Task.VISION for name in TASKS])
    general = table.general + (task - table.task)[:, is_text].mean(axis=1)
    return replace(table, general=general, task=task, task_se=error)


def _observed(cards: Sequence[ModelCard], table: AbilityTable, transfer: Transfer) -> list[Observed]:
    """Benchmarks of the catalog, and its models' rows in recordings and on older boards."""
    known = {card.model_id: card for card in cards}
    recordings, _ = recording_observations(transfer, known)
    older = [_among(block, known) for block in (*recordings, *board_observations(known))]
    return [*benchmark_observations(cards, table), *(block for block in older if len(block.models) > 1)]


def _among(block: Observed, known: Mapping[str, ModelCard]) -> Observed:
    rows = [row for row, model in enumerate(block.models) if model.key in known]
    models = [block.models[row] for row in rows]
    return block._replace(models=models, value=block.value[rows], variance=block.variance[rows])


def _by_kinship(cards: Sequence[ModelCard], observed: Sequence[Observed]) -> np.ndarray:
    """(n_cards, N_SKILLS) logits."""
    ids = [card.model_id for card in cards]
    models = describe_models(ids, ids, [None] * len(ids), {card.model_id: card for card in cards})
    return krige(ABILITY, observed, models).mean
