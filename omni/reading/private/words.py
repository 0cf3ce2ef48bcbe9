"""The lists of names that come with the program, read at the first use."""

from functools import lru_cache

from omni.config import DATA_DIR


@lru_cache(maxsize=1)
def first_names() -> frozenset[str]:
    """First names in small letters."""
    return _load("first_names.txt")


@lru_cache(maxsize=1)
def public_names() -> frozenset[str]:
    """Last parts of names that everybody knows, in small letters."""
    return _load("public_names.txt")


def _load(name: str) -> frozenset[str]:
    lines = (DATA_DIR / "privacy" / name).read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())
