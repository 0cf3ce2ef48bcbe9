"""data/catalog → the models that may answer, each figure with its source and date."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from omni.catalog.cards import SOURCE_COLUMNS, Tables, build_cards
from omni.catalog.pricing import PriceFit, estimate_price
from omni.catalog.rows import (
    BenchmarkRow,
    ModelRow,
    PriceRow,
    ScoreRow,
    SourceRow,
    SpeedRow,
    Table,
    near_names,
    read_table,
)
from omni.config import DATA_DIR
from omni.errors import CatalogError
from omni.types import ModelCard

__all__ = ["Catalog", "PriceFit", "estimate_price", "load_catalog"]

_FILES = (
    "catalog.yml",
    "models.csv",
    "prices.csv",
    "benchmark_index.csv",
    "benchmarks.csv",
    "sources.csv",
    "speed.csv",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """The models of one compiled state of data/catalog."""

    models: tuple[ModelCard, ...]
    """Sorted by model_id."""
    version: str
    """Day of compilation and 8 hexadecimal digits of the files' content."""
    price_fit: PriceFit | None = None
    """Fitted on the listed prices; None when too few are listed."""
    attributions: tuple[str, ...] = ()
    """Lines that must be shown wherever the figures are."""
    _by_id: Mapping[str, ModelCard] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_id", {card.model_id: card for card in self.models})

    def find(self, model_id: str) -> ModelCard | None:
        """The card of this model; None when there is none."""
        return self._by_id.get(model_id)

    def get(self, model_id: str) -> ModelCard:
        """The card of this model.

        Raises:
            CatalogError: there is none; the text lists near names.
        """
        card = self._by_id.get(model_id)
        if card is None:
            raise CatalogError(
                f"model {model_id!r} is not in the catalog of {len(self.models)} models; expected a Hugging Face "
                f"repository id{near_names(model_id, self._by_id)}. List them with: python -m omni models"
            )
        return card


class _About(BaseModel):
    model_config = ConfigDict(extra="forbid")

    compiled: date
    attributions: tuple[str, ...] = ()


def load_catalog(folder: Path | None = None) -> Catalog:
    """The catalog in `folder`, by default the shipped one.

    Raises:
        CatalogError: a file is missing or a cell is wrong; the text names file, row, column and value.
    """
    folder = folder or DATA_DIR / "catalog"
    about = _read_about(folder / "catalog.yml")
    tables = Tables(
        models=read_table(folder, "models.csv", ModelRow),
        prices=read_table(folder, "prices.csv", PriceRow),
        benchmarks=read_table(folder, "benchmark_index.csv", BenchmarkRow),
        scores=read_table(folder, "benchmarks.csv", ScoreRow),
        sources=read_table(folder, "sources.csv", SourceRow),
        speeds=read_table(folder, "speed.csv", SpeedRow),
    )
    _check_tables(tables)
    built = build_cards(tables)
    return Catalog(
        models=built.cards,
        version=f"{about.compiled.isoformat()}-{_content_hash(folder)}",
        price_fit=built.price_fit,
        attributions=about.attributions,
    )


def _read_about(path: Path) -> _About:
    try:
        return _About.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        cause = str(error).replace("\n", " ")
        raise CatalogError(f"{path} cannot be used: {cause}. Expected lines such as: compiled: 2026-01-31") from error


def _content_hash(folder: Path) -> str:
    digest = hashlib.sha256()
    for name in _FILES:
        content = (folder / name).read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:8]


def _check_tables(tables: Tables) -> None:
    """What a row alone cannot show: keys that repeat and names that point nowhere."""
    tables.models.check_unique(("model_id",))
    tables.prices.check_unique(("model_id", "provider", "provider_model_id"))
    tables.benchmarks.check_unique(("benchmark",))
    tables.sources.check_unique(("source_id",))
    tables.scores.check_unique(("model_id", "benchmark", "variant"))
    tables.speeds.check_unique(("model_id", "provider", "variant", "as_of"))
    model_ids = {row.model_id for row in tables.models.rows}
    for table in (tables.prices, tables.scores, tables.speeds):
        table.check_known("model_id", model_ids, "models.csv")
    tables.scores.check_known("benchmark", {row.benchmark for row in tables.benchmarks.rows}, "benchmark_index.csv")
    tables.scores.check_known("source_id", {row.source_id for row in tables.sources.rows}, "sources.csv")
    _check_models(tables.models)
    for index, row in enumerate(tables.scores.rows):
        low, high = row.score_low, row.score_high
        if (low is not None and row.score < low) or (high is not None and row.score > high):
            tables.scores.refuse(
                index, "score", row.score, f"a score between score_low and score_high, {low!r} and {high!r}"
            )


def _check_models(models: Table[ModelRow]) -> None:
    if not models.rows:
        raise CatalogError(f"{models.file_name} has a header and no rows; expected at least one model.")
    bases = {row.model_id for row in models.rows if row.variant_of is None}
    for index, row in enumerate(models.rows):
        if row.variant_of is not None and row.variant_of not in bases:
            expected = f"a model_id of models.csv that is no variant itself{near_names(row.variant_of, bases)}"
            models.refuse(index, "variant_of", row.variant_of, expected)
        total, active = row.params_total_b, row.params_active_b
        if active is not None and (total is None or active > total):
            models.refuse(index, "params_active_b", active, f"at most params_total_b, which is {total!r}")
        if (row.price_in_usd_per_mtok is None) != (row.price_out_usd_per_mtok is None):
            models.refuse(index, "price_out_usd_per_mtok", row.price_out_usd_per_mtok, "both prices or neither")
        if row.price_in_usd_per_mtok is not None and row.price_as_of is None:
            models.refuse(index, "price_as_of", None, "the day of the price")
        for name, source in SOURCE_COLUMNS.items():
            if getattr(row, name) not in (None, frozenset()) and getattr(row, source) is None:
                models.refuse(index, source, None, f"the source of {name}")
