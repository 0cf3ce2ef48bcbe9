"""Judge the public router on recordings whose outcomes it has not seen.

Prints per recording the equal-cost gain over the mixture of single models that knows the outcomes, with its 95 %
interval; the same for the mixture that the same public knowledge would choose without reading a prompt; the calibration
error of expected quality; and the standard deviation of errors of model levels divided by their stated standard errors.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from evals.arena import Arena, build_arena
from evals.arms import Resampler, build_arms
from evals.judge import Judge, References
from evals.metrics import calibration_error, concave_envelope
from evals.policies.base import best_column, build_dial, cheapest_column, column_means
from evals.policies.omni import columns_of, unseen_router
from evals.results import EqualCostGain
from evals.studies.build import build
from evals.studies.shipped import SHIPPED_RECORDINGS
from evals.studies.sources import Source
from omni.catalog import load_catalog
from omni.policy import dial_weights
from omni.quality.estimate import Expected
from omni.recording import Recording, load_recording, recordings_folder
from omni.types import Task

Z = 0.0
"""Standard errors of evidence asked before leaving the reference model, by default."""


def _turns(prompts: pd.DataFrame) -> pd.Series:
    return prompts["prompt_id"].str.rsplit("-", n=1).str[0]


def _source(name: str, language: str, task: Task, category: str, **how: Any) -> Source:
    meaning = "as its authors score it"
    told: dict[str, Any] = {"title": name, "address": "", "licence": "", "score_meaning": meaning, **how}
    return Source(name=name, task=task, category=category, languages=(language,), **told)


EXTRA = (
    _source("logickor", "ko", Task.CHAT, "category", group=_turns, where=(("variant", "default"),)),
    _source("sysbench", "zh", Task.INSTRUCTION_FOLLOWING, "subcategory", group=_turns),
    _source("bfcl", "en", Task.AGENTIC, "subcategory"),
    _source("alpaca_eval", "en", Task.CHAT, "source", where=(("judge", "weighted_alpaca_eval_gpt4_turbo"),)),
)
"""Result sets for development, of which nothing is shipped or learned."""


class Verdict(NamedTuple):
    """One recording."""

    name: str
    n_prompts: int
    n_models: int
    gain: EqualCostGain
    chat_gain: float | None
    """With the evidence rule of the preset "balanced"."""
    control: float | None
    calibration_error: float | None
    error_sd: float
    """Root mean square of the errors of levels over their standard errors, each against the other models'."""
    cost_error: float
    """Standard deviation between models of the logarithm of expected over recorded mean cost."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("recordings", nargs="*", metavar="RECORDING", help="names or folders; default: all shipped")
    parser.add_argument("--side", choices=("fit", "test"), default="fit", help="test is read once, at the end")
    parser.add_argument("--result-sets", type=Path, metavar="FOLDER", help="also four result sets of this folder")
    parser.add_argument("--folder", type=Path, help="where the recordings are; default: the shipped ones")
    parser.add_argument("--z", type=float, default=Z, help=f"standard errors of evidence; default: {Z}")


def run(args: argparse.Namespace) -> int:
    """Prints the table."""
    print(_HEAD)
    shipped = [_judge_named(args, name) for name in args.recordings or SHIPPED_RECORDINGS]
    if len(shipped) > 1:
        print(_mean_line(f"mean of {len(shipped)}", shipped))
    if args.result_sets is not None:
        extra = [_show(judge(recording, args.side, args.z)) for recording in _build_extra(args.result_sets)]
        print(_mean_line(f"mean of {len(extra)}", extra))
    return 0


def judge(recording: Recording, side: str, z: float) -> Verdict:
    """The verdict on one recording, with nothing learned from it."""
    arena = build_arena(recording if side == "test" else _on_fit_side(recording), seed=0, catalog=load_catalog())
    profiles, dial = arena.test.prompts.profiles, build_dial(arena.fit)
    router = unseen_router(arena.fit)
    columns = columns_of(arena.fit, router)
    told = _in_order(router.quality.expect(profiles), np.argsort(columns))
    chat = [dial_weights(quality_per_usd=value) for value in dial]
    own = [replace(weights, z=z, z_dearer=z) for weights in chat]
    picks = [columns[router.choose(profiles, own)], columns[router.choose(profiles, chat)], _mixture(told)]
    gain, chat_gain, control = _gains(arena, picks)
    seen = np.isfinite(arena.test.scores)
    return Verdict(
        name=recording.name,
        n_prompts=len(profiles),
        n_models=len(arena.fit.models),
        gain=gain,
        chat_gain=chat_gain.mean,
        control=control.mean,
        calibration_error=calibration_error(told.quality[seen], arena.test.scores[seen]),
        error_sd=_error_sd(told, arena.test.scores),
        cost_error=_cost_error(told.cost_usd, arena.test.costs_usd),
    )


def _in_order(told: Expected, order: np.ndarray) -> Expected:
    """The columns as in the arena."""
    return told._replace(
        quality=told.quality[:, order], quality_se=told.quality_se[:, order], cost_usd=told.cost_usd[:, order]
    )


def _mixture(told: Expected) -> np.ndarray:
    """(n_corners, n) the single models between which the same knowledge would flip a coin."""
    cost = np.where(np.isnan(told.cost_usd), np.nanmax(told.cost_usd), told.cost_usd).mean(axis=0)
    corners = concave_envelope(cost, told.quality.mean(axis=0)).corners
    return np.repeat(np.array(corners)[:, None], len(told.quality), axis=1)


def _gains(arena: Arena, picks: Sequence[np.ndarray]) -> list[EqualCostGain]:
    n_models, n_test = len(arena.models), len(arena.prompt_ids)
    singles = np.repeat(np.arange(n_models)[:, None], n_test, axis=1)
    arms = build_arms(arena, [singles, *(arena.pool[own] for own in picks)], Resampler.of(arena, arena.fit.seed))
    cheapest = cheapest_column(arena.fit)
    references = References(
        singles=arena.pool,
        best=int(arena.pool[best_column(arena.fit)]),
        cheapest=None if cheapest is None else int(arena.pool[cheapest]),
        oracle=0,
    )
    ends = np.cumsum([n_models, *(len(own) for own in picks)])
    rows = [np.arange(start, end) for start, end in pairwise(ends)]
    return [Judge(arms=arms, references=references).equal_cost_gain(own) for own in rows]


def _error_sd(told: Expected, scores: np.ndarray) -> float:
    seen = np.isfinite(scores)
    said, got = column_means(np.where(seen, told.quality, np.nan)), column_means(scores)
    error = (said - said.mean()) - (got - got.mean())
    apart = scores - np.nanmean(scores, axis=1, keepdims=True)
    sampling = np.nanvar(apart, axis=0) / seen.sum(axis=0)
    stated = np.square(told.quality_se.mean(axis=0)) + sampling
    return float(np.sqrt(np.mean(np.square(error) / stated)))


def _cost_error(told: np.ndarray, costs_usd: np.ndarray | None) -> float:
    if costs_usd is None:
        return float("nan")
    ratio = column_means(np.where(np.isfinite(costs_usd), told, np.nan)) / column_means(costs_usd)
    return float(np.nanstd(np.log(ratio)))


def _on_fit_side(recording: Recording) -> Recording:
    """The recording's fit side as both sides: the router learns nothing from it, so it may be judged there."""
    rows = np.flatnonzero(recording.is_fit)
    twice = recording.subset(rows=np.concatenate([rows, rows]))
    sides = np.repeat(["fit", "test"], len(rows))
    return replace(twice, prompts=twice.prompts.assign(split=sides))


def _judge_named(args: argparse.Namespace, name: str) -> Verdict:
    folder = args.folder or recordings_folder()
    path = folder / name if (folder / name).is_dir() else name
    return _show(judge(load_recording(path), args.side, args.z))


def _build_extra(folder: Path) -> Iterator[Recording]:
    for source in EXTRA:
        with TemporaryDirectory() as out:
            build(folder, Path(out), sources=(source,), mixed=(), with_text=True)
            yield load_recording(Path(out) / source.name)


_HEAD = (
    "points of equal-cost gain over the mixture in hindsight; 'chat' with the evidence rule of the balanced preset;\n"
    "'control' is the mixture that the same knowledge chooses; ECE: calibration error; z: errors over stated errors\n"
    f"{'recording':16} {'n':>6} {'models':>6} {'gain [95 %]':>24} {'chat':>7} {'control':>8} {'ECE':>6} {'z':>5} "
    f"{'cost':>5}"
)


def _show(verdict: Verdict) -> Verdict:
    gain = verdict.gain
    interval = "" if gain.lo is None or gain.hi is None else f" [{100 * gain.lo:+.1f}, {100 * gain.hi:+.1f}]"
    print(
        f"{verdict.name:16} {verdict.n_prompts:6,} {verdict.n_models:6} {_points(gain.mean) + interval:>24} "
        f"{_points(verdict.chat_gain):>7} {_points(verdict.control):>8} {verdict.calibration_error or 0:6.3f} "
        f"{verdict.error_sd:5.2f} {verdict.cost_error:5.2f}",
        flush=True,
    )
    return verdict


def _mean_line(title: str, verdicts: Sequence[Verdict]) -> str:
    gains = [verdict.gain.mean for verdict in verdicts if verdict.gain.mean is not None]
    halves = [(v.gain.hi - v.gain.lo) / 2 for v in verdicts if v.gain.lo is not None and v.gain.hi is not None]
    half = float(np.sqrt(np.sum(np.square(halves)))) / max(len(halves), 1)
    mean = float(np.mean(gains))
    text = f"{_points(mean)} [{100 * (mean - half):+.1f}, {100 * (mean + half):+.1f}]"
    chat = float(np.mean([verdict.chat_gain or 0.0 for verdict in verdicts]))
    control = float(np.mean([verdict.control or 0.0 for verdict in verdicts]))
    error = float(np.mean([verdict.calibration_error or 0.0 for verdict in verdicts]))
    spread = float(np.sqrt(np.mean([verdict.error_sd**2 for verdict in verdicts])))
    cost = float(np.mean([verdict.cost_error for verdict in verdicts]))
    return f"{title:30} {text:>24} {_points(chat):>7} {_points(control):>8} {error:6.3f} {spread:5.2f} {cost:5.2f}"


def _points(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:+.2f}"
