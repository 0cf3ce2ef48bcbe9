"""Facts of models from their names, for tests."""

from collections.abc import Sequence

from omni.catalog.lineage import ModelFacts, load_family_rules


def describe_models(names: Sequence[str], sizes: Sequence[float | None]) -> list[ModelFacts]:
    """What names and sizes say of models that no catalog lists."""
    rules = load_family_rules()
    return [rules.facts(name, None, size, None) for name, size in zip(names, sizes, strict=True)]
