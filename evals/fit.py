"""A router from recorded outcomes, with the verdict that its replay had: what `python -m evals fit` writes."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from evals.arena import build_fit_data
from evals.policies.base import FitData
from evals.policies.omni import fit_router
from evals.replay import replay
from evals.results import ReplayResult
from omni.catalog import Catalog, load_catalog
from omni.catalog.pool import PoolModel, candidate_ids
from omni.errors import InputError
from omni.quality.router_file import FittedRouter, RouterSource
from omni.reading import shipped_reader
from omni.recording import Recording, load_recording
from omni.recording.mix import mix

JUDGED = ("omni", "best_single", "mixture")


def load_recordings(names: Sequence[str]) -> Recording:
    """One recording, or several joined on the models they share.

    Raises:
        RecordingError: one cannot be read, or they share no model.
    """
    recordings = [load_recording(name) for name in names]
    return recordings[0] if len(recordings) == 1 else mix(recordings)


def fit_judged(
    recording: Recording,
    *,
    side: str = "fit",
    also: Sequence[str] = (),
    seed: int = 0,
    judged: ReplayResult | None = None,
    progress: Callable[[float, str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> FittedRouter:
    """The router of a recording with the verdict that its replay had on the test side.

    Args:
        side: "fit", or "all" to use the test side too once it is judged.
        also: catalog models without outcomes, which must promise more before they are chosen.
        judged: a replay of this recording by the same seed and code; None, or one without the policies of `JUDGED` =
            it is replayed now.

    Raises:
        InputError: the recording's features are of another reader, so that no prompt could be routed.
        CatalogError: a model of `also` is not in the catalog.
    """
    reader = shipped_reader()
    if recording.feature_fingerprint != reader.feature_fingerprint:
        raise InputError(
            f"The features of {recording.name!r} were made by {recording.feature_fingerprint or 'another program'!r}, "
            f"and this program makes {reader.feature_fingerprint!r}: its router could be judged but not served. "
            "Add the text of the prompts."
        )
    catalog = load_catalog()
    fit = with_newcomers(build_fit_data(recording, use_all=side == "all", seed=seed), also, catalog)
    if judged is None or not set(JUDGED) <= set(judged.summaries):
        judged = replay(recording, JUDGED, seed=seed, progress=progress, cancelled=cancelled)
    fitted = fit_router(fit, side=side, source=recording.name, catalog=catalog)
    card = replace(
        fitted.card,
        recordings=(RouterSource(name=recording.name, source=recording.source, n_prompts=len(fit.prompts)),),
        also=tuple(also),
        verdict=verdict_of(judged),
        cautions=recording.cautions,
    )
    return replace(fitted, card=card)


def with_newcomers(fit: FitData, also: Sequence[str], catalog: Catalog) -> FitData:
    """The same with catalog models that have no outcome.

    Raises:
        CatalogError: a model is not in the catalog.
        InputError: a model is in the recording.
    """
    if not also:
        return fit
    pool = []
    for model_id in dict.fromkeys(also):
        card = catalog.get(model_id)
        if model_id in candidate_ids(fit.pool):
            raise InputError(f"--also names {model_id!r}, which has outcomes in the recording; leave it out.")
        pool.append(
            PoolModel(
                name=model_id,
                model_id=model_id,
                params_total_b=card.params_total_b,
                price_in_usd_per_mtok=card.price_in_usd_per_mtok,
                price_out_usd_per_mtok=card.price_out_usd_per_mtok,
                price_basis=card.price_basis,
                longest_input_tokens=None,
            )
        )
    gap = np.full((len(fit.scores), len(pool)), np.nan)

    def widened(values: np.ndarray) -> np.ndarray:
        return np.hstack([values, gap])

    return replace(
        fit,
        models=(*fit.models, *(model.name for model in pool)),
        pool=(*fit.pool, *pool),
        scores=widened(fit.scores),
        costs_usd=None if fit.costs_usd is None else widened(fit.costs_usd),
        latencies_s=None if fit.latencies_s is None else widened(fit.latencies_s),
        output_tokens=widened(fit.output_tokens),
    )


def verdict_of(result: ReplayResult) -> dict[str, Any]:
    """What a router file keeps of the replay that judged it, under the names of `replay --json`."""
    figures = result.to_json()
    kept = ("recording", "n_fit", "n_test", "policies", "intervals", "best_single", "cost_basis", "seed", "versions")
    return json.loads(json.dumps({name: figures[name] for name in kept}))


def to_text(fitted: FittedRouter, path: Path) -> str:
    """What was written and what it is worth, in a few lines."""
    card, omni = fitted.card, fitted.card.verdict["policies"]["omni"]
    gain = omni["equal_cost_gain"]
    if gain["mean"] is None:
        worth = "Not compared at equal cost: costs are unknown, or there is nothing to trade."
    else:
        interval = "" if gain["lo"] is None else f" [{100 * gain['lo']:+.1f}, {100 * gain['hi']:+.1f}]"
        worth = (
            f"On {card.verdict['n_test']:,} test prompts it scores {100 * gain['mean']:+.1f} points{interval} against "
            "alternating fixed models at the same cost."
        )
    lines = [
        f"{path}: {card.title}, {len(fitted.models)} models, {path.stat().st_size / 1e6:.1f} MB, "
        f"fingerprint {fitted.quality.version}",
        worth,
        *(f"Caution: {caution}" for caution in card.cautions),
        f"Serve it with: python -m omni serve --router {path}",
    ]
    return "\n".join(lines)
