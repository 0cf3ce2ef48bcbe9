"""The catalog's abilities as worked out once by `python -m omni fit`: a start reads them instead of fitting them."""

import hashlib
import json
from dataclasses import fields
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from omni.config import DATA_DIR
from omni.errors import OmniError
from omni.quality.abilities import AbilityTable

ABILITY_FILE = "router/abilities.safetensors"
_NAMES = ("model_ids", "languages")
_ARRAYS = tuple(field.name for field in fields(AbilityTable) if field.name not in _NAMES)


def save_abilities(table: AbilityTable, catalog_version: str, path: Path) -> None:
    """Writes the table with the version of the catalog that it belongs to."""
    about = {
        "catalog": catalog_version,
        **{name: getattr(table, name) for name in _NAMES},
    }
    tensors = {name: np.ascontiguousarray(getattr(table, name), dtype=np.float32) for name in _ARRAYS}
    save_file(tensors, path, metadata={"about": json.dumps(about)})


def shipped_abilities(catalog_version: str, path: Path | None = None) -> AbilityTable | None:
    """The shipped table; None when it is of another catalog than this one, as after a row was added.

    Raises:
        OmniError: the file is missing or is not one of ours.
    """
    path = path or DATA_DIR / ABILITY_FILE
    try:
        with safe_open(path, "np") as file:
            about = json.loads(file.metadata()["about"])
            if about["catalog"] != catalog_version:
                return None
            arrays = {name: file.get_tensor(name).astype(float) for name in _ARRAYS}
            model_ids, languages = (tuple(about[name]) for name in _NAMES)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise OmniError(
            f"{str(path)!r} cannot be read ({error}); expected abilities of models. Run `python -m omni fit`."
        ) from error
    arrays["n_scores"] = arrays["n_scores"].astype(int)
    return AbilityTable(model_ids=model_ids, languages=languages, **arrays)


def fingerprint_of(table: AbilityTable) -> str:
    """16 hex digits of the figures, rounded to what another processor gives too."""
    digest = hashlib.sha256("\n".join(table.model_ids).encode())
    for name in _ARRAYS:
        # in single precision, as in the file: else some figures would round to another last digit
        array = np.asarray(getattr(table, name), dtype=np.float32).astype(float)
        digest.update(name.encode() + np.round(array, 4).tobytes())
    return digest.hexdigest()[:16]
