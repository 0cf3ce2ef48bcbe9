"""The catalog: open models and what is publicly known of them, each figure with source and date."""

from omni.catalog.load import Catalog, load_catalog
from omni.catalog.pricing import estimate_price

__all__ = ["Catalog", "estimate_price", "load_catalog"]
