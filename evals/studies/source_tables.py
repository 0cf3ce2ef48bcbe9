"""Reads the result sets in the form they come in: filters, averages over judges and variants, names models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from evals.studies.sources import Source
from omni.errors import RecordingError
from omni.recording.mix import SHARED_GROUP
from omni.recording.split import join_groups, split_rows, text_key

MIN_COVERAGE = 0.98
"""A model that answered less of a source is left out: its mean would be over other prompts than the others'."""
_FIGURES = ("score", "output_chars", "input_tokens", "output_tokens", "latency_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTables:
    """One source, filtered and averaged."""

    source: Source
    prompts: pd.DataFrame
    """prompt_id, prompt, task, category, language, group_id, split."""
    figures: Mapping[str, np.ndarray]
    """(n_prompts, n_models) by name; NaN = not known."""
    models: pd.DataFrame
    """Index model; model_id, params_total_b, params_active_b, hides_reasoning."""
    left_out: tuple[str, ...]
    """Open models that are not in the pool, each with its reason."""


def read_model_ids(path: Path) -> pd.DataFrame:
    """The hand-made mapping of source model names: model, Hub id, sizes, and why a name is left out.

    Raises:
        RecordingError: the file is missing.
    """
    if not path.is_file():
        raise RecordingError(f"{path}: the file is missing; restore the mapping of source model names to Hub ids.")
    ids = pd.read_csv(path, dtype={"source": str, "source_model": str, "model": str})
    return ids.set_index(["source", "source_model"])


def assign_sides(prompts: Mapping[str, pd.DataFrame], sources: Sequence[Source]) -> dict[str, pd.DataFrame]:
    """Group and side of every prompt, decided over all sources together: one text never stands on both sides.

    Returns:
        By source: the prompts with group_id and split. Sets of rows that only an equal text joins are called
        "text:…", the same in every source.
    """
    frames = []
    for source in sources:
        frame = prompts[source.name]
        groups = frame["prompt_id"] if source.group is None else source.group(frame)
        frames.append(pd.DataFrame({"source": source.name, "own": groups.astype(str), "text": frame["prompt"]}))
    rows = pd.concat(frames, ignore_index=True)
    keys = [text_key(text) for text in rows["text"]]
    joined = join_groups((rows["source"] + "\n" + rows["own"]).tolist(), keys)
    rows["split"] = split_rows(joined, keys)
    rows["joined"], rows["key"] = joined, keys
    named = rows.groupby("joined").agg(n_own=("own", "nunique"), own=("own", "first"), key=("key", "min"))
    labels = named["own"].where(named["n_own"] == 1, SHARED_GROUP + named["key"].str[:16])
    rows["group_id"] = rows["joined"].map(labels)
    return {
        name: prompts[name].assign(group_id=part["group_id"].to_numpy(), split=part["split"].to_numpy())
        for name, part in rows.groupby("source", sort=False)
    }


def read_prompts(folder: Path, source: Source) -> pd.DataFrame:
    """The prompts of a source that have a text.

    Raises:
        RecordingError: the file is missing.
    """
    prompts = _filtered(_read(folder / source.name / "prompts.parquet"), source)
    return prompts[prompts["prompt"].notna()].reset_index(drop=True)


def read_source(folder: Path, source: Source, prompts: pd.DataFrame, ids: pd.DataFrame) -> SourceTables:
    """The open-weight, instruction-tuned models of a source with their averaged outcomes.

    Args:
        folder: the folder of all sources.
        prompts: as returned by `assign_sides`.
        ids: as returned by `read_model_ids`.

    Raises:
        RecordingError: a file is missing, or nothing is left after the filters.
    """
    outcomes = _filtered(_read(folder / source.name / "outcomes.parquet"), source)
    outcomes = outcomes[outcomes["score"].notna() & outcomes["prompt_id"].isin(prompts["prompt_id"])]
    pool, left_out = _choose_models(folder, source, outcomes, ids)
    outcomes = outcomes[outcomes["model"].isin(pool.index)]
    outcomes = outcomes.assign(model=outcomes["model"].map(pool["model"]))
    known = [column for column in _FIGURES if column in outcomes]
    mean = outcomes.groupby(["prompt_id", "model"])[known].mean()
    grids = {column: mean[column].astype(float).unstack("model") for column in known}
    models = pool.drop_duplicates("model").set_index("model").sort_index()
    scores = grids["score"].reindex(columns=models.index)
    if source.complete_prompts:
        scores = scores.dropna()
    coverage = scores.notna().mean()
    thin = coverage.index[coverage < MIN_COVERAGE]
    left_out += [f"{model}: answered {coverage[model]:.1%} of the prompts" for model in thin]
    models = models.drop(index=thin)
    scores = scores[models.index].dropna(how="all")
    kept = prompts[prompts["prompt_id"].isin(scores.index)]
    kept = _sample(kept, source.max_prompts).reset_index(drop=True)
    if kept.empty or models.empty:
        raise RecordingError(
            f"{folder / source.name}: {len(kept)} prompts and {len(models)} models left; check filters."
        )
    shape = {"index": kept["prompt_id"], "columns": models.index}
    return SourceTables(
        source=source,
        prompts=_described(kept, source),
        figures={column: grid.reindex(**shape).to_numpy(float) for column, grid in grids.items()},
        models=models,
        left_out=tuple(left_out),
    )


def _choose_models(
    folder: Path, source: Source, outcomes: pd.DataFrame, ids: pd.DataFrame
) -> tuple[pd.DataFrame, list[str]]:
    """The pool by source name (model, model_id, sizes), and the open models left out with their reasons."""
    facts = pd.read_csv(folder / "models.csv").query("source == @source.name").set_index("model")
    rows, left_out = [], []
    for name in sorted(outcomes["model"].unique()):
        fact = facts.loc[name] if name in facts.index else pd.Series(dtype=object)
        if (source.name, name) in ids.index:
            known = ids.loc[(source.name, name)]
            if isinstance(known["left_out"], str):
                left_out.append(f"{name}: {known['left_out']}")
                continue
            rows.append({"source_model": name, **known.drop("left_out").to_dict()})
        elif fact.get("open_weight") == 1 and fact.get("is_ablation_checkpoint") not in (True, 1.0, "True"):
            rows.append({"source_model": name, "model": name, "params_total_b": fact.get("size_b_from_name")})
    columns = ["source_model", "model", "model_id", "params_total_b", "params_active_b", "hides_reasoning"]
    return pd.DataFrame(rows, columns=columns).set_index("source_model"), left_out


def _described(prompts: pd.DataFrame, source: Source) -> pd.DataFrame:
    tasks = source.task
    names = [tasks[kind].value for kind in prompts["task"]] if isinstance(tasks, Mapping) else tasks.value
    out = prompts[["prompt_id", "prompt"]].assign(task=names, category=prompts[source.category].astype(object))
    return out.assign(language=prompts["language"], group_id=prompts["group_id"], split=prompts["split"])


def _sample(prompts: pd.DataFrame, max_prompts: int | None) -> pd.DataFrame:
    """At most so many prompts, in whole groups, in the order of a hash of their texts."""
    if max_prompts is None or len(prompts) <= max_prompts:
        return prompts
    rank = prompts["prompt"].map(text_key).groupby(prompts["group_id"]).transform("min")
    order = prompts.assign(rank=rank).sort_values(["rank", "prompt_id"])
    return prompts.loc[order.index[:max_prompts]].sort_index()


def _filtered(table: pd.DataFrame, source: Source) -> pd.DataFrame:
    for column, value in source.where:
        if column in table:
            table = table[table[column] == value]
    return table


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise RecordingError(f"{path}: the file is missing; give the folder that holds a folder for each source.")
    return pd.read_parquet(path)
