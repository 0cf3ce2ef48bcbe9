"""Judge the task shares on real prompts, each family of sources left out of the fit."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from evals.studies.labels import is_trainable, load_corpus, load_labels, trainable
from evals.studies.reader_heads import TaskTable, fit_calibration, leave_families_out
from evals.studies.train_reader import load_material
from omni.config import DATA_DIR
from omni.errors import OmniError
from omni.reading import Reader, load_reader
from omni.reading.heads import TASKS
from omni.types import Conversation

_HELD_OUT_FILE = "labels/heldout.csv"
_BANDS = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the argument."""
    parser.add_argument("prompts", type=Path, help="real prompts (parquet)")


def run(args: argparse.Namespace) -> int:
    """Prints the share right overall, by task, by family and by share; 1 when the prompts are absent."""
    if not args.prompts.is_file():
        print(f"{args.prompts} is absent: real prompts are not part of the repository, so there is nothing to judge.")
        return 1
    with threadpool_limits(limits=1):
        table = judge(load_corpus(args.prompts))
    for line in report(table):
        print(line)
    return 0


def judge(corpus: pd.DataFrame) -> pd.DataFrame:
    """Columns task, family, language, found, share of each real prompt, its family left out of fit and calibration.

    Prompts that training never sees (another licence, tools offered) are read with the shipped reader; of families
    that it sees in part, only those with tools are.

    Raises:
        OmniError: The prompts are not those of the figures in data/labels.
    """
    reader = load_reader()
    material = load_material(reader.features, reader.cues)
    known = trainable(corpus)
    if [known["task"].tolist(), known["family"].tolist()] != [list(material.real.tasks), list(material.real.families)]:
        raise OmniError(
            "These are not the prompts whose figures data/labels holds. Rebuild the figures with "
            "`python -m evals.studies train-reader --prompts PARQUET`."
        )
    table = TaskTable(material.own, material.real, reader.features.projection)
    left_out = list(leave_families_out(table))
    shares = np.empty((len(known), len(TASKS)))
    for part in left_out:
        others = [other for other in left_out if other.family != part.family]
        shares[part.rows - len(material.own)] = fit_calibration(others, table.tasks).shares(part.logits)
    columns = ["task", "family", "language"]
    judged = known[columns].assign(
        found=[TASKS[place].value for place in shares.argmax(axis=1)], share=shares.max(axis=1)
    )
    rest = corpus[~is_trainable(corpus)]
    profiles = reader.read_batch(rest["conversation"].tolist())
    read = rest[columns].assign(
        found=[profile.main_task.value for profile in profiles],
        share=[max(profile.tasks.values()) for profile in profiles],
    )
    return pd.concat([judged, read], ignore_index=True)


def report(table: pd.DataFrame) -> Iterator[str]:
    """Lines of figures about judged prompts."""
    right = table["found"] == table["task"]
    by_task, by_family = right.groupby(table["task"]), right.groupby(table["family"])
    yield f"{len(table):,} prompts: right {right.mean():.1%}, mean over tasks {by_task.mean().mean():.1%}"
    yield "by task: " + ", ".join(f"{name} {value:.0%} ({n})" for name, value, n in _rows(by_task))
    yield "by family: " + ", ".join(f"{name} {value:.0%} ({n})" for name, value, n in _rows(by_family))
    bands = pd.cut(table["share"], [*_BANDS, 1.001], right=False)
    for band, share, n in _rows(right.groupby(bands, observed=True)):
        yield f"share {band}: right {share:.1%} ({n})"
    held_out = load_labels(DATA_DIR / _HELD_OUT_FILE)
    found = _tasks_of(load_reader(), [Conversation.from_prompt(label.prompt) for label in held_out])
    n_right = sum([task == label.task for task, label in zip(found, held_out, strict=True)])
    yield f"{_HELD_OUT_FILE}, the shipped heads: right {n_right / len(held_out):.1%} ({len(held_out)})"


def _rows(groups: "pd.core.groupby.SeriesGroupBy") -> Iterator[tuple[str, float, int]]:
    for name, group in groups:
        yield str(name), float(group.mean()), len(group)


def _tasks_of(reader: Reader, conversations: Sequence[Conversation]) -> list[str]:
    return [profile.main_task.value for profile in reader.read_batch(conversations)]
