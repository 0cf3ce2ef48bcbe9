"""Joins recordings on the models they share, so that a router can be judged where tasks are mixed."""

from collections.abc import Sequence
from typing import cast

import numpy as np
import pandas as pd

from omni.errors import RecordingError
from omni.recording.costs import CostBasis
from omni.recording.values import Recording

SHARED_GROUP = "text:"
"""Start of the group ids that mean the same text in every recording, and so keep their name in a mixed one."""

_MATRICES = ("scores", "costs_usd", "latencies_s", "input_tokens", "output_tokens")


def mix(parts: Sequence[Recording], *, models: Sequence[str] | None = None, name: str | None = None) -> Recording:
    """One recording from several, on the models that all of them have.

    Models are matched by Hub id, else by name; the mixed pool is named by these keys and takes prices from the first
    part. Prompt ids are prefixed with their source; the category becomes source/category (or source/task). Sides stay
    as they are in the parts.

    Args:
        parts: at least two, with features by the same maker.
        models: the shared keys to keep, in this order; None = all, sorted.

    Raises:
        RecordingError: fewer than two parts, two of one name, features by different makers, a wanted model missing,
            none shared.
    """
    joined_name = name or "+".join(part.name for part in parts)
    if len(parts) < 2:
        raise RecordingError(f"recording {joined_name!r}: {len(parts)} parts; a mixed recording needs at least two.")
    prints = {part.feature_fingerprint: part.name for part in parts}
    widths = {part.features.shape[1] for part in parts}
    if len(prints) > 1 or len(widths) > 1:
        raise RecordingError(
            f"recording {joined_name!r}: the features of {' and '.join(sorted(prints.values()))} were made by "
            "different makers; build the parts again with the same one."
        )
    keyed = [keys_of(part.models) for part in parts]
    shared = set(keyed[0]).intersection(*keyed[1:])
    keys = list(models) if models is not None else sorted(shared)
    for key in keys:
        if key not in shared:
            raise RecordingError(
                f"recording {joined_name!r}: model {key!r} is not in every part; they share "
                f"{', '.join(sorted(shared)) or 'none'}."
            )
    if not keys:
        raise RecordingError(
            f"recording {joined_name!r}: the parts share no model; match them by model_id in models.csv."
        )
    if len({part.name for part in parts}) < len(parts):
        raise RecordingError(f"recording {joined_name!r}: a part stands there twice; name each once.")
    slices = [part.subset(models=[at[key] for key in keys]) for part, at in zip(parts, keyed, strict=True)]
    pool = slices[0].models.copy()
    pool.index = pd.Index(keys, name="model", dtype=object)
    stacked = {matrix: np.concatenate([getattr(part, matrix) for part in slices]) for matrix in _MATRICES}
    return Recording(
        name=joined_name,
        title=" + ".join(part.title for part in parts),
        source="; ".join(dict.fromkeys(part.source for part in parts)),
        licence="; ".join(dict.fromkeys(part.licence for part in parts)),
        languages=tuple(sorted({language for part in parts for language in part.languages})),
        score_meaning="; ".join(f"{part.name}: {part.score_meaning}" for part in parts),
        notes="\n".join(f"{part.name}: {part.notes}" for part in parts if part.notes),
        models=pool,
        prompts=pd.concat([_prefixed(part) for part in slices], ignore_index=True),
        features=np.concatenate([part.features for part in parts]),
        feature_fingerprint=parts[0].feature_fingerprint,
        profiles=tuple(profile for part in parts for profile in part.profiles),
        profile_version=_joined_version(parts),
        cost_basis=_joined_basis(parts),
        latency_basis="recorded" if not np.isnan(stacked["latencies_s"]).all() else None,
        cautions=tuple(f"{part.name}: {caution}" for part in parts for caution in part.cautions),
        **stacked,
    )


def keys_of(models: pd.DataFrame) -> dict[str, str]:
    """Shared key (Hub id, else name) to the model's name in a pool; an id of two rows tells nothing."""
    ids = models["model_id"]
    clear = ids.notna() & ~ids.duplicated(keep=False)
    return {str(ids[model]) if clear[model] else str(model): str(model) for model in models.index}


def _prefixed(part: Recording) -> pd.DataFrame:
    rows = part.prompts.copy()
    kinds = [category or task for category, task in zip(rows["category"], rows["task"], strict=True)]
    rows["category"] = [f"{part.name}/{kind}" if kind else part.name for kind in kinds]
    rows["prompt_id"] = part.name + "/" + rows["prompt_id"].astype(object)
    rows["group_id"] = [
        group if group.startswith(SHARED_GROUP) else f"{part.name}/{group}" for group in rows["group_id"]
    ]
    return rows


def _joined_version(parts: Sequence[Recording]) -> str:
    versions = {part.profile_version for part in parts}
    return versions.pop() if len(versions) == 1 else ""


def _joined_basis(parts: Sequence[Recording]) -> CostBasis | None:
    kinds = sorted({part.cost_basis for part in parts if part.cost_basis is not None})
    if not kinds:
        return None
    return cast(CostBasis, kinds[0] if len(kinds) == 1 else "mixed")
