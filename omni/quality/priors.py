"""Abilities of a recording's models from public facts alone: benchmarks where the catalog has them, else size."""

from collections.abc import Sequence

import numpy as np

from omni.quality.abilities import AbilityTable, model_covariates
from omni.quality.pool import AbilityPrior


def pool_priors(
    model_ids: Sequence[str | None],
    params_total_b: Sequence[float | None],
    table: AbilityTable,
) -> AbilityPrior:
    """The prior of a pool; rows follow the arguments.

    A model of the catalog has its benchmark abilities; any other has what its size lets one expect, with the wide
    error of that expectation. None = unknown.
    """
    rows = {model_id: row for row, model_id in enumerate(table.model_ids)}
    ability, error = [], []
    for model_id, params in zip(model_ids, params_total_b, strict=True):
        row = None if model_id is None else rows.get(model_id)
        if row is not None:
            ability.append(table.task[row])
            error.append(table.task_se[row])
        else:
            ability.append(model_covariates(params_total_b=params) @ table.covariate_task)
            error.append(table.prior_se)
    return AbilityPrior(ability=np.array(ability), se=np.array(error))
