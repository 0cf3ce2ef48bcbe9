"""A model released yesterday: one model of a pool has no outcomes here, or few, while the others keep all of theirs.

`python -m evals zero --newcomers` leaves models of each recording out in turn and routes on the test side. Gains are
points over the mixture in hindsight, which knows the newcomer's true mean too. A label is one fit prompt answered by
the newcomer. The controls, without labels: the pool without the newcomer, and the newcomer at the pool's shrunken mean
with the same expected cost. All arms have the whole pool's dial and may mix with the model that is truly cheapest.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np

from evals.arena import Arena, build_arena
from evals.arms import Resampler, build_arms
from evals.judge import Judge, References
from evals.metrics import concave_envelope
from evals.policies.base import FitData, best_column, build_dial, cheapest_column, column_means, pick
from evals.policies.routers import (
    Elsewhere,
    PoolPredictor,
    expect_costs,
    fit_omni,
    look_elsewhere,
    serve_unlabelled,
)
from omni.catalog import load_catalog
from omni.errors import RecordingError
from omni.quality.unlabelled import UnlabelledPool
from omni.recording import load_recording

Kind = Literal["benchmarks", "name", "mean"]
KINDS: tuple[Kind, ...] = ("benchmarks", "name", "mean")
"""Known by public benchmarks or boards too; by name, size and date only; as the pool's shrunken mean (a control). What
other recordings say of the newcomer is never read."""
LABELS = (0, 10, 50)
NEAR = 0.02
"""Distance to the envelope of the fit side's means within which a model is left out in turn, score units."""
MAX_NEAR, N_RANDOM = 10, 4
"""At most so many of those, and so many of the others, drawn at random."""
MIN_FULL_GAIN = 0.002
"""Full-data gain from which a share of it is stated; below, it would divide by noise."""
Z_50, Z_90 = 0.6745, 1.6449
MIXED = "mixed-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One newcomer of one recording; gains, shares and levels are shares of 1."""

    recording: str
    model: str
    kind: Kind | None
    """None = the newcomer is ignored."""
    n_labels: int
    full: float
    """Gain over the mixture with all outcomes of all models."""
    gain: float
    picked: float
    """Share of choices that fall on the newcomer, mean over the settings of the dial."""
    full_picked: float
    """The same with all outcomes."""
    level_error: float | None
    """Expected mean less that of all its scores on the fit side; None = ignored."""
    level_se: float | None
    """Stated, with the sampling error of the mean it is held against."""


def run(recordings: Sequence[str], *, as_json: bool) -> int:
    """Measures each recording and prints the tables, or one JSON list."""
    trials: list[Trial] = []
    for name in recordings:
        found = measure(build_arena(load_recording(name), seed=0, catalog=load_catalog()))
        trials += found
        print(to_progress(name, found), file=sys.stderr, flush=True)
    print(json.dumps([asdict(trial) for trial in trials]) if as_json else "\n".join(to_lines(trials)))
    return 0


def measure(arena: Arena, *, labels: Sequence[int] = LABELS) -> list[Trial]:
    """All trials of one recording.

    Raises:
        RecordingError: fewer than two models, or no costs that differ, and so no mixture to gain over.
    """
    fit, name = arena.fit, arena.recording.name
    if len(fit.models) < 2 or fit.costs_usd is None:
        raise RecordingError(f"recording {name}: newcomers need two models with costs; leave it out.")
    elsewhere = look_elsewhere(fit)
    public = {model.key for block in elsewhere.knowledge.abilities if block.is_benchmark for model in block.models}
    full = _route(arena, fit_omni(fit))
    if np.isnan(full.gain):
        raise RecordingError(f"recording {name}: its costs leave no equal-cost gain to keep; leave it out.")
    trials = []
    for column in choose_newcomers(fit):
        others = np.delete(np.arange(len(fit.models)), column)
        ignored = _route(arena, fit_omni(_with_models(fit, others)), others)
        start = Trial(
            recording=name,
            model=fit.models[column],
            kind=None,
            n_labels=0,
            full=full.gain,
            gain=ignored.gain,
            picked=0.0,
            full_picked=float(full.picked[column]),
            level_error=None,
            level_se=None,
        )
        trials.append(start)
        is_public = elsewhere.models[column].key in public
        by_name = serve_unlabelled(fit, _forget(elsewhere, column, "name"))
        for kind in KINDS if is_public else KINDS[1:]:
            known = by_name if kind != "benchmarks" else serve_unlabelled(fit, _forget(elsewhere, column, kind))
            for n_labels in labels if kind != "mean" else labels[:1]:
                blank = hide_outcomes(fit, column, n_labels)
                predictor = _fit_at_mean(blank, known) if kind == "mean" else fit_omni(blank, known)
                trials.append(replace(start, kind=kind, n_labels=n_labels, **_verdict(arena, predictor, column)))
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


def hide_outcomes(fit: FitData, column: int, n_labels: int) -> FitData:
    """The fit side with the outcomes of one model on a few prompts only, drawn at random."""
    hidden = np.random.default_rng([fit.seed, column]).permutation(len(fit.prompts))[n_labels:]
    return replace(
        fit,
        scores=_blank(fit.scores, hidden, column),
        costs_usd=None if fit.costs_usd is None else _blank(fit.costs_usd, hidden, column),
        latencies_s=None if fit.latencies_s is None else _blank(fit.latencies_s, hidden, column),
    )


def _blank(values: np.ndarray, rows: np.ndarray, column: int) -> np.ndarray:
    values = values.copy()
    values[rows, column] = np.nan
    return values


def _with_models(fit: FitData, columns: np.ndarray) -> FitData:
    return replace(
        fit,
        models=tuple(fit.models[column] for column in columns),
        scores=fit.scores[:, columns],
        costs_usd=None if fit.costs_usd is None else fit.costs_usd[:, columns],
        latencies_s=None if fit.latencies_s is None else fit.latencies_s[:, columns],
        facts=fit.facts.iloc[columns],
    )


def _forget(elsewhere: Elsewhere, column: int, kind: Kind) -> Elsewhere:
    """As if nobody had recorded the model, nor measured it where its name is all there is."""
    key = elsewhere.models[column].key
    return elsewhere._replace(knowledge=elsewhere.knowledge.without({key}, keep_public=kind == "benchmarks"))


def _fit_at_mean(fit: FitData, known: UnlabelledPool) -> PoolPredictor:
    """The pool without what is known of levels elsewhere; costs are expected as the router expects them."""
    from omni.quality.pool import fit_pool  # here: with its learners it takes a second to import

    pool = fit_pool(
        fit.prompts.features,
        fit.scores,
        expect_costs(fit, known),
        groups=fit.groups,
        categories=fit.prompts.categories,
        seed=fit.seed,
    )
    return PoolPredictor(pool, has_cost=True)


class _Routed(NamedTuple):
    gain: float
    picked: np.ndarray
    """(m,) share of choices by model of the pool."""


def _route(arena: Arena, predictor: PoolPredictor, columns: np.ndarray | None = None) -> _Routed:
    """Routes the test side on the models of these columns (None = all)."""
    prediction, pool = predictor.predict(arena.test.prompts), arena.pool
    picks = np.stack([pick(prediction, value) for value in build_dial(arena.fit)])
    picks = pool[picks if columns is None else columns[picks]]
    singles = np.repeat(pool[:, None], picks.shape[1], axis=1)
    no_draws = Resampler(groups=arena.groups, n_groups=arena.n_groups, weights=None)
    arms = build_arms(arena, [singles, picks], no_draws)
    best, cheapest = best_column(arena.fit), cheapest_column(arena.fit)
    references = References(singles=np.arange(len(pool)), best=best, cheapest=cheapest, oracle=best)
    gain = Judge(arms=arms, references=references).equal_cost_gain(np.arange(len(pool), len(arms.quality)))
    return _Routed(float("nan") if gain.mean is None else gain.mean, np.array([(picks == one).mean() for one in pool]))


def _verdict(arena: Arena, predictor: PoolPredictor, column: int) -> dict[str, Any]:
    routed, pool, scores = _route(arena, predictor), predictor.pool, arena.fit.scores[:, column]
    known = scores[np.isfinite(scores)]
    return {
        "gain": routed.gain,
        "picked": float(routed.picked[column]),
        "level_error": float(pool.mean[column] - known.mean()),
        "level_se": float(np.hypot(pool.mean_se[column], known.std() / np.sqrt(len(known)))),
    }


class Kept(NamedTuple):
    """Mean gain over recordings, each counting as one, and the share of the full gain kept, with 95 % intervals."""

    gain: float
    gain_half: float
    full: float
    share: float
    share_half: float
    """NaN with one recording."""
    worst_recording: float
    worst_trial: float


def summarise(trials: Sequence[Trial]) -> Kept:
    """Over the recordings of these trials; intervals by how recordings differ (normal, delta method)."""
    by_name: dict[str, list[Trial]] = {}
    for trial in trials:
        by_name.setdefault(trial.recording, []).append(trial)
    gain = np.array([np.mean([trial.gain for trial in own]) for own in by_name.values()])
    full = np.array([np.mean([trial.full for trial in own]) for own in by_name.values()])
    share = float(gain.mean() / full.mean()) if full.mean() > MIN_FULL_GAIN else float("nan")
    half = [
        1.96 * float(x.std(ddof=1)) / np.sqrt(len(x)) if len(x) > 1 else np.nan for x in (gain, gain - share * full)
    ]
    return Kept(
        gain=float(gain.mean()),
        gain_half=half[0],
        full=float(full.mean()),
        share=share,
        share_half=half[1] / max(float(full.mean()), MIN_FULL_GAIN),
        worst_recording=float(gain.min()),
        worst_trial=min(trial.gain for trial in trials),
    )


def to_progress(name: str, trials: Sequence[Trial]) -> str:
    """One line for a recording: how many newcomers, and the mean gains with all outcomes, without them and ignored."""
    zero, ignored = _of(trials, "name", 0), _of(trials, None, 0)
    full, gain, without = summarise(zero).full, summarise(zero).gain, summarise(ignored).gain
    return f"{name:16} {len(zero):>3} newcomers: {100 * full:+.2f}, {100 * gain:+.2f}, {100 * without:+.2f}"


def to_lines(trials: Sequence[Trial]) -> list[str]:
    """Single and mixed recordings apart, by what is known of the newcomer and its labels, beside the controls."""
    lines = [*_HEAD]
    for label, is_mixed in (("single", False), ("mixed", True)):
        own = [trial for trial in trials if trial.recording.startswith(MIXED) == is_mixed]
        if not own:
            continue
        tested = {(trial.recording, trial.model) for trial in own if trial.kind == "benchmarks"}
        on_boards = [trial for trial in own if (trial.recording, trial.model) in tested]
        lines += ["", f"{label}, newcomers on benchmarks or boards"] if on_boards else []
        lines += _block(on_boards, (None, "mean", "benchmarks"))
        lines += ["", f"{label}, all newcomers", *_block(own, (None, "mean", "name"))]
    return lines


def _block(trials: Sequence[Trial], kinds: Sequence[Kind | None]) -> list[str]:
    """A line for each kind and number of labels."""
    found = ((kind, n, _of(trials, kind, n)) for kind in kinds for n in sorted({trial.n_labels for trial in trials}))
    return [_line(f"{_SAID[kind]}, {n} labels", some) for kind, n, some in found if some]


def _of(trials: Sequence[Trial], kind: Kind | None, n_labels: int) -> list[Trial]:
    return [trial for trial in trials if trial.kind == kind and trial.n_labels == n_labels]


_SAID: dict[Kind | None, str] = {
    None: "ignored",
    "mean": "at the pool's mean",
    "benchmarks": "by benchmarks",
    "name": "by name and size",
}
_HEAD = (
    "gain: points over the mixture in hindsight; full: with all outcomes; kept: their ratio; intervals 95 %, over",
    "recordings, each counting as one. worst: lowest mean of a recording / of one newcomer. picked: share of choices",
    "that fall on the newcomer / with all its outcomes. level: error of its mean / as stated, points, and how often",
    "the 50 % and 90 % intervals hold it.",
    f"{'newcomer':30} {'n':>4} {'gain':>15} {'full':>6} {'kept, %':>12} {'worst':>15} {'picked':>11} {'level':>11} "
    f"{'in 50 %':>8} {'in 90 %':>8}",
)


def _line(label: str, trials: Sequence[Trial]) -> str:
    kept = summarise(trials)
    picked = np.mean([[trial.picked, trial.full_picked] for trial in trials], axis=0)
    level = np.array([(t.level_error, t.level_se) for t in trials if t.level_error is not None and t.level_se])
    gain, share = _with_half(kept.gain, kept.gain_half, "+.2f"), _with_half(kept.share, kept.share_half, ".0f")
    text = (
        f"{label:30} {len(trials):>4} {gain:>15} {100 * kept.full:>+6.2f} {share:>12} "
        f"{100 * kept.worst_recording:>+6.2f} / {100 * kept.worst_trial:<+6.2f} {picked[0]:>4.0%} / {picked[1]:<4.0%}"
    )
    if not len(level):
        return text
    error, stated = 100 * np.sqrt((level**2).mean(axis=0))
    off = np.abs(level[:, 0]) / level[:, 1]
    return f"{text} {error:>4.1f} / {stated:<4.1f} {(off < Z_50).mean():>8.0%} {(off < Z_90).mean():>8.0%}"


def _with_half(middle: float, half: float, form: str) -> str:
    """In hundredths, with half the interval's width where there is one."""
    if np.isnan(middle):
        return "-"
    return f"{100 * middle:{form}}" + ("" if np.isnan(half) else f" ± {100 * half:{form.lstrip('+')}}")
