"""What a model without outcomes gains a fitted pool.

Models are left out in turn and join again by what is known of them without outcomes. Gains are points over the mixture
in hindsight, which knows the newcomer's true mean too. "ignored" is the control: the router fitted on the other models
alone. All have the dial of the whole pool.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, NamedTuple, assert_never

import numpy as np

from evals.arena import Arena, build_arena
from evals.metrics import concave_envelope
from evals.policies import POLICIES
from evals.policies.base import FitData, build_dial, column_means
from evals.studies.judging import judge_picks, map_picks
from evals.studies.shipped import MIXED_RECORDINGS, SHIPPED_RECORDINGS
from omni.catalog import load_catalog
from omni.errors import RecordingError
from omni.recording import load_recording

Way = Literal["full", "ignored", "joined"]
NEAR = 0.02
"""Distance to the envelope of the fit side's means within which a model is left out in turn, score units."""
MAX_NEAR, N_RANDOM = 10, 4
"""At most so many of those, and so many of the others, drawn at random."""
MIN_FULL_GAIN = 0.002
"""Gain with all outcomes from which a share of it is stated; below, it would divide by noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One newcomer of one recording; gains and shares are shares of 1."""

    recording: str
    model: str
    full: float
    """Gain over the mixture with all outcomes of all models."""
    ignored: float
    joined: float
    picked: float
    """Share of choices that fall on the newcomer once it has joined, mean over the settings of the dial."""
    full_picked: float
    """The same with all its outcomes."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("recordings", nargs="*", metavar="RECORDING", help="names or folders; default: all shipped")
    parser.add_argument("--json", action="store_true")


def run(args: argparse.Namespace) -> int:
    """Prints a line for each recording and the means; progress goes to standard error.

    Raises:
        RecordingError: a recording cannot be read, or has no gain to keep.
    """
    trials: list[Trial] = []
    for name in args.recordings or SHIPPED_RECORDINGS:
        found = measure(build_arena(load_recording(name), seed=0, catalog=load_catalog()))
        trials += found
        print(f"{name}: {len(found)} newcomers", file=sys.stderr, flush=True)
    print(json.dumps([asdict(trial) for trial in trials]) if args.json else "\n".join(to_lines(trials)))
    return 0


def choose(arena: Arena, newcomer: int, way: Way) -> np.ndarray:
    """(n_settings, n_test) columns of the arena's pool that the router picks, fitted in one of three ways.

    The only place where this study meets the router.
    """
    router, dial = POLICIES.create("omni"), build_dial(arena.fit)
    match way:
        case "full":
            return router.choose(arena.fit, arena.test, dial).picks
        case "joined":
            return router.choose(hide_outcomes(arena.fit, newcomer), arena.test, dial).picks
        case "ignored":
            names = [name for name in arena.fit.models if name != arena.fit.models[newcomer]]
            rest = build_arena(arena.recording.subset(models=names), seed=arena.fit.seed, catalog=arena.catalog)
            columns = np.array([arena.fit.models.index(name) for name in rest.fit.models])
            return map_picks(router.choose(rest.fit, rest.test, dial).picks, columns)
        case _:
            assert_never(way)


def measure(arena: Arena) -> list[Trial]:
    """All trials of one recording.

    Raises:
        RecordingError: fewer than two models, or no costs that differ, and so no mixture to gain over.
    """
    fit, name = arena.fit, arena.recording.name
    if len(fit.models) < 2 or fit.costs_usd is None:
        raise RecordingError(f"recording {name}: newcomers need two models with costs; leave it out.")
    full = _route(arena, 0, "full")
    if np.isnan(full.gain):
        raise RecordingError(f"recording {name}: its costs leave no equal-cost gain to keep; leave it out.")
    trials = []
    for newcomer in choose_newcomers(fit):
        joined = _route(arena, newcomer, "joined")
        trial = Trial(
            recording=name,
            model=fit.models[newcomer],
            full=full.gain,
            ignored=_route(arena, newcomer, "ignored").gain,
            joined=joined.gain,
            picked=float(joined.picked[newcomer]),
            full_picked=float(full.picked[newcomer]),
        )
        trials.append(trial)
    return trials


def choose_newcomers(fit: FitData) -> list[int]:
    """Columns left out in turn: those near the envelope of the fit side's means, and some others."""
    quality = column_means(fit.scores)
    costs = np.zeros(len(quality)) if fit.costs_usd is None else column_means(fit.costs_usd)
    envelope = concave_envelope(costs, quality)
    below = np.interp(costs, envelope.costs, envelope.qualities) - quality
    order = np.argsort(below, kind="stable")
    near = [int(column) for column in order if below[column] <= NEAR][:MAX_NEAR]
    rest = [column for column in range(len(quality)) if column not in near]
    drawn = np.random.default_rng(fit.seed).permutation(rest)[:N_RANDOM]
    return sorted([*near, *(int(column) for column in drawn)])


def hide_outcomes(fit: FitData, column: int) -> FitData:
    """The fit side without any outcome of one model: scores, costs, seconds and lengths."""
    is_hidden = np.arange(len(fit.models)) == column
    outcomes: dict[str, Any] = {
        field.name: np.where(is_hidden, np.nan, values)
        for field in fields(fit)
        if isinstance(values := getattr(fit, field.name), np.ndarray) and values.shape == fit.scores.shape
    }
    return replace(fit, **outcomes)


class _Routed(NamedTuple):
    gain: float
    picked: np.ndarray
    """(n_models,) share of choices by model of the pool."""


def _route(arena: Arena, newcomer: int, way: Way) -> _Routed:
    picks = choose(arena, newcomer, way)
    judge, rows = judge_picks(arena, picks, with_intervals=False)
    gain = judge.equal_cost_gain(rows).mean
    picked = np.array([(picks == column).mean() for column in range(len(arena.fit.models))])
    return _Routed(float("nan") if gain is None else gain, picked)


def to_lines(trials: Sequence[Trial]) -> list[str]:
    """A line for each recording, then the means over single and over mixed recordings, each counting as one."""
    lines = [
        "points over the mixture at equal cost. kept: share of the gain with all outcomes, 95 % over recordings.",
        "worst: the lowest newcomer. picked: share of choices that fall on the newcomer / with all its outcomes.",
        f"{'':16} {'n':>4} {'full':>6} {'ignored':>8} {'joined':>7} {'kept, %':>12} {'worst':>6} {'picked':>11}",
    ]
    names = list(dict.fromkeys(trial.recording for trial in trials))
    groups = [(name, [name]) for name in names]
    groups.append(("mean of single", [name for name in names if name not in MIXED_RECORDINGS]))
    groups.append(("mean of mixed", [name for name in names if name in MIXED_RECORDINGS]))
    return lines + [_line(label, [t for t in trials if t.recording in own]) for label, own in groups if own]


def _line(label: str, trials: Sequence[Trial]) -> str:
    names = dict.fromkeys(trial.recording for trial in trials)
    means = np.array(
        [
            np.mean([(t.full, t.ignored, t.joined, t.picked, t.full_picked) for t in trials if t.recording == name], 0)
            for name in names
        ]
    )
    full, ignored, joined, picked, full_picked = means.mean(axis=0)
    kept = "-"
    if full > MIN_FULL_GAIN:
        share = joined / full
        kept = f"{100 * share:.0f}"
        if len(means) > 1:  # by the delta method
            error = (means[:, 2] - share * means[:, 0]).std(ddof=1) / np.sqrt(len(means))
            kept += f" ± {100 * 1.96 * error / full:.0f}"
    return (
        f"{label:16} {len(trials):>4} {100 * full:>+6.2f} {100 * ignored:>+8.2f} {100 * joined:>+7.2f} {kept:>12} "
        f"{100 * min(t.joined for t in trials):>+6.2f} {picked:>4.0%} / {full_picked:<4.0%}"
    )
