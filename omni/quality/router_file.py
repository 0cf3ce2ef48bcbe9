"""A fitted router as one file: its models, parameters, where they come from, and the verdict they had."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from datetime import date
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from omni.catalog.pool import PoolModel
from omni.errors import InputError, StoreError
from omni.quality.fitted import FittedQuality

HOW_TO_FIT = "python -m evals fit RECORDING --out FILE"
FORMAT = 1
"""Raised when the parameters change their meaning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterSource:
    """One recording that a router was fitted on."""

    name: str
    source: str
    """Public address and revision, as the recording states them."""
    n_prompts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterCard:
    """What a router file says of itself."""

    fitted_at: date
    side: str
    """fit = the test side was kept for the verdict, all = every prompt was used."""
    feature_fingerprint: str
    """Which reader made the features."""
    recordings: tuple[RouterSource, ...]
    also: tuple[str, ...]
    """Models without outcomes, which must promise more before they are chosen."""
    verdict: Mapping[str, Any]
    """Figures of the replay's test side, under the names of `python -m evals replay --json`; empty = not judged."""
    cautions: tuple[str, ...]

    @property
    def title(self) -> str:
        """For example "Fitted on korbench, 840 prompts"."""
        names = " and ".join(source.name for source in self.recordings)
        return f"Fitted on {names}, {sum(source.n_prompts for source in self.recordings):,} prompts"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedRouter:
    """Everything that a fitted router decides by."""

    quality: FittedQuality
    models: tuple[PoolModel, ...]
    """As the recording names them, in its order."""
    card: RouterCard


def save_router(fitted: FittedRouter, path: Path) -> None:
    """Writes the file; a file of that name is replaced.

    Raises:
        StoreError: the file cannot be written.
    """
    tensors: dict[str, np.ndarray] = {}
    about = {
        "format": FORMAT,
        "quality": _flatten(fitted.quality, "", tensors),
        "models": [asdict(model) for model in fitted.models],
        "card": asdict(fitted.card) | {"fitted_at": fitted.card.fitted_at.isoformat()},
    }
    text = json.dumps(about, sort_keys=True)
    content = save(tensors, metadata={"about": text, "sha256": _digest(text, tensors)})
    beside = path.with_name(f"{path.name}.part")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    except OSError as error:
        raise StoreError(f"cannot write {str(path)!r}: {error}. Name another file.") from error


def load_fitted(path: Path) -> FittedRouter:
    """The router in a file.

    Raises:
        InputError: there is no such file, it is none of ours, damaged, or of another version.
    """
    if not path.is_file():
        raise InputError(f"There is no router file {str(path)!r}; make one with: {HOW_TO_FIT}.")
    try:
        with safe_open(path, "np") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        about = json.loads(metadata["about"])
        if about["format"] != FORMAT:
            raise InputError(
                f"The router file {str(path)!r} is of version {about['format']!r}, and this program reads {FORMAT}; "
                f"fit it again with: {HOW_TO_FIT}."
            )
        if metadata["sha256"] != _digest(metadata["about"], tensors):
            raise ValueError("its content does not match its checksum")
        card = about["card"]
        return FittedRouter(
            quality=_build(FittedQuality, about["quality"], "", tensors),
            models=tuple(PoolModel(**model) for model in about["models"]),
            card=RouterCard(
                **card
                | {
                    "fitted_at": date.fromisoformat(card["fitted_at"]),
                    "recordings": tuple(RouterSource(**source) for source in card["recordings"]),
                    "also": tuple(card["also"]),
                    "cautions": tuple(card["cautions"]),
                }
            ),
        )
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"The router file {str(path)!r} is damaged or not a router file ({error}); "
            f"make it again with: {HOW_TO_FIT}."
        ) from error


def _digest(text: str, tensors: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].shape} {tensors[name].dtype}".encode())
        digest.update(np.ascontiguousarray(tensors[name]).tobytes())
    return digest.hexdigest()


def _flatten(value: Any, place: str, tensors: dict[str, np.ndarray]) -> Any:
    """Plain values as JSON; arrays go to `tensors` by their place."""
    if isinstance(value, np.ndarray):
        tensors[place] = np.ascontiguousarray(value)
        return None
    names = _field_names(type(value))
    if names:
        return {name: _flatten(getattr(value, name), f"{place}.{name}".lstrip("."), tensors) for name in names}
    return dict(value) if isinstance(value, Mapping) else value


def _build(kind: Any, plain: Any, place: str, tensors: Mapping[str, np.ndarray]) -> Any:
    """The inverse of `_flatten`, by the types of the fields."""
    if get_origin(kind) in (Union, UnionType):
        if plain is None and place not in tensors:
            return None
        kind = next(option for option in get_args(kind) if option is not type(None))
    if kind is np.ndarray:
        return tensors[place]
    names = _field_names(kind)
    if names:
        hints = get_type_hints(kind)
        parts = {name: _build(hints[name], plain[name], f"{place}.{name}".lstrip("."), tensors) for name in names}
        return kind(**parts)
    return tuple(plain) if get_origin(kind) is tuple else plain


def _field_names(kind: Any) -> tuple[str, ...]:
    if is_dataclass(kind):
        return tuple(field.name for field in fields(kind))
    return tuple(getattr(kind, "_fields", ()))
