"""Builds the shipped recordings from public result sets: figures and features go in, sentences stay out.

SOURCE_FOLDER holds, for each source, prompts.parquet and outcomes.parquet, and one models.csv for all.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evals.recordings import write_card, write_features, write_tables
from evals.studies.source_tables import SourceTables, assign_sides, read_model_ids, read_prompts, read_source
from evals.studies.sources import MIXED, SHIPPED, Mixed, Source
from omni.catalog import Catalog, estimate_price, load_catalog
from omni.errors import CatalogError, RecordingError
from omni.reading.tokens import estimate_tokens
from omni.recording import Recording, load_recording, recordings_folder
from omni.recording.load import PromptReader
from omni.types import Conversation

READ_BATCH = 512
CHARS_PER_TOKEN: Mapping[str, float] = {"en": 4.0, "pl": 3.0, "ja": 1.45, "zh": 1.4, "ko": 1.5}
"""Rate at which answers become tokens where only their length in characters was kept."""

HIDDEN_REASONING_TOKENS = 3000.0
"""Assumed for each answer of a model that thinks first, where only the final answer was kept."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("source_folder", type=Path, help="folder with a folder for each source, and models.csv")
    parser.add_argument("--out", type=Path, default=None, help="where to write; default: data/recordings")
    parser.add_argument("--only", default="", help="names to write, separated by commas; default: all")
    parser.add_argument("--with-text", action="store_true", help="keep prompts, for your own machine only")


def run(args: argparse.Namespace) -> int:
    """Builds and prints one line a recording; returns the exit code."""
    only = tuple(name.strip() for name in args.only.split(",") if name.strip())
    for line in build(args.source_folder, args.out, only=only, with_text=args.with_text):
        print(line)
    return 0


def build(
    source_folder: Path,
    out: Path | None = None,
    *,
    only: Sequence[str] = (),
    with_text: bool = False,
    sources: Sequence[Source] = SHIPPED,
    mixed: Sequence[Mixed] = MIXED,
    reader: PromptReader | None = None,
    n_embedding: int | None = None,
) -> list[str]:
    """Writes the recordings and returns one line about each.

    Args:
        out: folder of recordings; None = the shipped ones.
        only: names to write; empty = all. Sides are decided over all sources in any case.
        with_text: keep the prompts instead of what was read in them.
        reader: None = the shipped one.
        n_embedding: of another reader, how many features are kept as int8; None = all.

    Raises:
        RecordingError: a source file is missing, or a name is unknown.
    """
    target = out or recordings_folder()
    known = [source.name for source in sources] + [plan.name for plan in mixed]
    for name in only:
        if name not in known:
            raise RecordingError(f"no source {name!r} to build; expected one of: {', '.join(known)}.")
    ids = read_model_ids(recordings_folder() / "model_ids.csv")
    prompts = assign_sides({source.name: read_prompts(source_folder, source) for source in sources}, sources)
    catalog = load_catalog()
    if reader is None:
        from omni.reading import shipped_reader  # here: a wrong name is refused without it

        shipped = shipped_reader()
        reader, n_embedding = shipped, shipped.features.n_embedding
    lines = []
    for source in sources:
        if not only or source.name in only:
            tables = read_source(source_folder, source, prompts[source.name], ids)
            _write_source(target / source.name, tables, catalog, None if with_text else reader, n_embedding)
            lines.append(_finish(target / source.name, tables.left_out, reader))
    for plan in mixed:
        if not only or plan.name in only:
            write_card(_made(target / plan.name), {"name": plan.name, "title": plan.title, "parts": list(plan.parts)})
            lines.append(_finish(target / plan.name, (), reader))
    return lines


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _write_source(
    folder: Path, tables: SourceTables, catalog: Catalog, reader: PromptReader | None, n_embedding: int | None
) -> None:
    """Writes one source; without a reader, its text instead of what was read in it."""
    pool = price_models(tables.models, catalog).reset_index().drop(columns=["params_active_b", "hides_reasoning"])
    outcomes = _long(tables, _token_figures(tables))
    prompts = tables.prompts if reader is None else tables.prompts.drop(columns="prompt")
    write_tables(folder, card=_card(tables), models=pool, prompts=prompts, outcomes=outcomes)
    if reader is None:
        return
    conversations = [Conversation.from_prompt(text) for text in tables.prompts["prompt"]]
    batches = range(0, len(conversations), READ_BATCH)
    profiles = [profile for at in batches for profile in reader.read_batch(conversations[at : at + READ_BATCH])]
    rows = np.array([profile.features for profile in profiles], dtype=np.float32)
    write_features(
        folder,
        prompts["prompt_id"].tolist(),
        rows,
        n_embedding=n_embedding or rows.shape[1],
        fingerprint=reader.feature_fingerprint,
        profiles=profiles,
        profile_version=reader.fingerprint,
    )


def price_models(models: pd.DataFrame, catalog: Catalog) -> pd.DataFrame:
    """The pool with the catalog's reference price of the same Hub id, else one estimated from the size, else none.

    Args:
        models: index model; model_id, params_total_b, params_active_b.
    """
    rows = []
    for name, model in models.iterrows():
        model_id = model["model_id"] if isinstance(model["model_id"], str) else None
        total, active = _known(model["params_total_b"]), _known(model["params_active_b"])
        price_in, price_out, basis = _price(catalog, model_id, total, active)
        rows.append(
            {
                "model": name,
                "model_id": model_id,
                "open_weight": True,
                "params_total_b": total,
                "price_in_usd_per_mtok": price_in,
                "price_out_usd_per_mtok": price_out,
                "price_basis": basis,
                "params_active_b": active,
                "hides_reasoning": model["hides_reasoning"],
            }
        )
    return pd.DataFrame(rows).set_index("model")


def _known(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)


def _price(
    catalog: Catalog, model_id: str | None, total: float | None, active: float | None
) -> tuple[float | None, float | None, str | None]:
    """Input price, output price (USD per million tokens, 4 digits) and what they rest on."""
    card = None
    if model_id is not None:
        try:
            card = catalog.get(model_id)
        except CatalogError:
            card = None
    if card is not None and card.price_in_usd_per_mtok is not None and card.price_out_usd_per_mtok is not None:
        return _digits(card.price_in_usd_per_mtok), _digits(card.price_out_usd_per_mtok), card.price_basis
    if total is None or catalog.price_fit is None:
        return None, None, None
    pair = estimate_price(total, active, catalog.price_fit)
    return _digits(pair.in_usd_per_mtok), _digits(pair.out_usd_per_mtok), "estimated"


def _digits(value: float) -> float:
    return float(f"{value:.4g}")


def _token_figures(tables: SourceTables) -> dict[str, np.ndarray]:
    """Token matrices: as recorded, else from the text and from the length of the answer."""
    shape = tables.figures["score"].shape
    estimated = np.array([float(estimate_tokens(text)) for text in tables.prompts["prompt"]])
    tokens_in = np.broadcast_to(estimated[:, None], shape).copy()
    recorded_in = tables.figures.get("input_tokens")
    if recorded_in is not None:
        tokens_in = np.where(recorded_in > 0, recorded_in, tokens_in)
    rates = tables.prompts["language"].map(CHARS_PER_TOKEN).fillna(4.0).to_numpy(float)
    chars = tables.figures.get("output_chars", np.full(shape, np.nan))
    tokens_out = np.maximum(np.ceil(chars / rates[:, None]), 1.0)
    tokens_out += HIDDEN_REASONING_TOKENS * tables.models["hides_reasoning"].eq(True).to_numpy()[None, :]
    recorded_out = tables.figures.get("output_tokens")
    if recorded_out is not None:
        tokens_out = np.where(recorded_out > 0, recorded_out, tokens_out)
    return {"input_tokens": tokens_in, "output_tokens": tokens_out}


def _long(tables: SourceTables, tokens: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """One row for each prompt and model that has a score, ordered by model for a compact file."""
    scores = tables.figures["score"]
    columns, rows = np.nonzero(~np.isnan(scores.T))
    figures = {"score": np.clip(scores, 0.0, 1.0), **tokens}
    if "latency_s" in tables.figures:
        figures["latency_s"] = tables.figures["latency_s"]
    table = {
        "prompt_id": tables.prompts["prompt_id"].to_numpy()[rows],
        "model": tables.models.index.to_numpy()[columns],
    }
    return pd.DataFrame(table | {name: matrix[rows, columns] for name, matrix in figures.items()})


def _card(tables: SourceTables) -> dict[str, Any]:
    source = tables.source
    rates = ", ".join(f"{language} {CHARS_PER_TOKEN.get(language, 4.0):g}" for language in source.languages)
    lengths = (
        "Tokens are as recorded, and estimated where they were not."
        if "output_tokens" in tables.figures
        else "Input tokens are estimated from the text, output tokens from the answer's length at "
        f"{rates} characters a token."
    )
    prices = (
        "Prices are the catalog's for the same model id (price_basis listed), or estimated from the number of "
        "parameters (estimated)."
    )
    notes = [source.biases, prices, lengths]
    hidden = list(tables.models.index[tables.models["hides_reasoning"].eq(True)])
    if hidden:
        notes.append(
            f"{', '.join(hidden)}: only the final answer was kept, so {HIDDEN_REASONING_TOKENS:.0f} tokens of "
            "reasoning are assumed for each answer."
        )
    return {
        "name": source.name,
        "title": source.title,
        "source": source.address,
        "licence": source.licence,
        "languages": list(source.languages),
        "score_meaning": source.score_meaning,
        "notes": " ".join(notes),
    }


def _finish(folder: Path, left_out: Sequence[str], reader: PromptReader) -> str:
    """Loads what was written, writes its CARD.md, and returns a line about it."""
    recording = load_recording(folder, reader)
    (folder / "CARD.md").write_text(card_text(recording, left_out), encoding="utf-8")
    size_kb = sum(path.stat().st_size for path in folder.iterdir()) / 1024
    return (
        f"{recording.name}: {recording.n_prompts} prompts ({recording.is_fit.sum()} fit, {recording.is_test.sum()} "
        f"test), {recording.n_models} models, cost {recording.cost_basis}, {size_kb:.0f} KB"
    )


def card_text(recording: Recording, left_out: Sequence[str] = ()) -> str:
    """CARD.md: what is in a recording, in figures, with its known biases."""
    means = np.nanmean(recording.scores, axis=0)
    low, high = int(np.argmin(means)), int(np.argmax(means))
    names = recording.models.index
    categories = recording.prompts["category"].dropna().nunique()
    missing = float(np.isnan(recording.scores).mean())
    oracle = float(np.nanmean(np.nanmax(recording.scores, axis=1)))
    bases = recording.models["price_basis"].fillna("unknown").value_counts()
    lines = [
        f"# {recording.title}",
        "",
        f"- Prompts: {recording.n_prompts} ({recording.is_fit.sum()} fit, {recording.is_test.sum()} test) in "
        f"{recording.prompts['group_id'].nunique()} groups and {categories} categories",
        f"- Models: {recording.n_models}, all open weights, instruction-tuned",
        f"- Languages: {', '.join(recording.languages)}",
        f"- A score of 1 means: {recording.score_meaning}",
        f"- Mean scores: {means[low]:.3f} ({names[low]}) to {means[high]:.3f} ({names[high]}); best model per prompt "
        f"{oracle:.3f}",
        f"- Missing outcomes: {missing:.1%}",
        f"- Prices: {', '.join(f'{count} {basis}' for basis, count in bases.items())}; costs {recording.cost_basis}",
        f"- Latency: {recording.latency_basis or 'not recorded'}",
        f"- Source: {recording.source}",
        f"- Licence: {recording.licence}",
        "",
        "No prompt, reference or answer is stored: features.parquet stands for the text.",
        "",
        recording.notes,
    ]
    if left_out:
        lines += ["", "Left out of the pool:", "", *(f"- {line}" for line in left_out)]
    return "\n".join(lines) + "\n"
