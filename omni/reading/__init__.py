"""Reading: a conversation to a PromptProfile. Pure; files are read once by the load functions."""

import functools
from pathlib import Path

from omni.reading.features import FeatureMaker, load_feature_maker
from omni.reading.reader import Reader
from omni.reading.tokens import estimate_tokens

__all__ = ["FeatureMaker", "Reader", "estimate_tokens", "load_feature_maker", "load_reader", "shipped_reader"]


@functools.cache
def shipped_reader() -> Reader:
    """The shipped reader, read once a process."""
    return load_reader()


def load_reader(folder: Path | None = None) -> Reader:
    """The shipped reader; `folder` is the data folder, None for the repository's own."""
    from omni.config import DATA_DIR
    from omni.reading.reader import load_reader as load

    return load(folder or DATA_DIR)
