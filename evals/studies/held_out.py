"""How the router does on categories and sources that it was not fitted on.

A line has a recording's figures, its worst category, and the worst category when each is left out of fitting. For a
mixed recording, each source is left out too. A category fails when its 95 % interval against the best single model lies
wholly below -1 point. Test prompts only; the best single model is chosen on what was fitted.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from evals.arena import Arena, build_arena
from evals.metrics import calibration_by_chance, mean_known
from evals.policies.base import POLICIES, build_dial
from evals.replay import replay
from evals.results import PolicySummary, ReplayResult
from evals.studies.judging import judge_picks
from evals.studies.shipped import SHIPPED_RECORDINGS
from evals.tables import MIN_SLICE
from omni.errors import InputError
from omni.recording import Recording, load_recording

SIMPLE = ("knn", "kmeans", "ridge", "matrix_factorisation")
TOLERANCE = -0.01
"""A slice fails when its interval lies wholly below."""
MIN_FITTED = 30
"""Scored prompts that must remain to fit on when a part is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """The policy at full quality against the best single model on some of the test prompts; shares of 1."""

    name: str
    n: int
    difference: float
    lo: float | None
    """Paired bootstrap interval over groups; None with too few of them."""
    hi: float | None
    gain: float | None = None
    """Equal-cost gain over the mixture of the slice, for sources left out."""
    gain_lo: float | None = None
    gain_hi: float | None = None

    @property
    def fails(self) -> bool:
        """True when the interval lies wholly below -1 point."""
        return self.hi is not None and self.hi < TOLERANCE


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """One recording."""

    recording: str
    n_fit: int
    n_test: int
    gain: float | None
    gain_lo: float | None
    gain_hi: float | None
    aiq: float | None
    best_simple: str | None
    """The best of kNN, k-means, ridge and matrix factorisation by AIQ."""
    best_simple_aiq: float | None
    cost_to_match: float | None
    calibration_error: float | None
    calibration_by_chance: float | None
    """The error to expect of right predictions on as many picks."""
    categories: tuple[Slice, ...]
    """With at least 20 test prompts; fitted with the whole fit side."""
    left_out: tuple[Slice, ...]
    """The same, each fitted without its category."""
    sources: tuple[Slice, ...]
    """Of a mixed recording, each fitted on the other sources."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("recordings", nargs="*", metavar="RECORDING", help="names or folders; default: all shipped")
    parser.add_argument("--policy", default="omni", metavar="NAME", help="default: omni")
    parser.add_argument("--json", action="store_true")


def run(args: argparse.Namespace) -> int:
    """Prints one line per recording and one per source left out; progress goes to standard error.

    Raises:
        InputError: an unknown policy.
    """
    if args.policy not in POLICIES.names():
        raise InputError(f"--policy is {args.policy!r}; expected one of: {', '.join(POLICIES.names())}.")
    names, found = args.recordings or SHIPPED_RECORDINGS, []
    if not args.json:
        print(HEAD)
    for number, name in enumerate(names, start=1):
        print(f"{number}/{len(names)}  {name}", file=sys.stderr, flush=True)
        found.append(measure(load_recording(name), args.policy))
        if not args.json:
            print("\n".join(to_lines(found[-1])), flush=True)
    print(json.dumps([asdict(one) for one in found]) if args.json else summary_line(found))
    return 0


def measure(recording: Recording, policy: str = "omni") -> HeldOut:
    """All figures of one recording."""
    result = replay(recording, [policy, *(name for name in SIMPLE if name != policy)])
    if policy not in result.summaries:
        raise InputError(f"the policy {policy!r} failed on {recording.name}: {result.failures[0].reason}.")
    summary = result.summaries[policy]
    sources = source_labels(recording)
    simple = _best_simple(result, policy)
    picks = result.picks()
    picks = picks[picks["policy"] == policy]
    return HeldOut(
        recording=recording.name,
        n_fit=result.n_fit,
        n_test=result.n_test,
        gain=summary.equal_cost_gain.mean,
        gain_lo=summary.equal_cost_gain.lo,
        gain_hi=summary.equal_cost_gain.hi,
        aiq=summary.aiq,
        best_simple=None if simple is None else simple.policy,
        best_simple_aiq=None if simple is None else simple.aiq,
        cost_to_match=summary.cost_to_match,
        calibration_error=summary.calibration_error,
        calibration_by_chance=calibration_by_chance(
            picks["predicted_quality"].to_numpy(float), picks["score"].to_numpy(float)
        ),
        categories=_within(result, policy),
        left_out=leave_out(recording, recording.prompts["category"].to_numpy(object), policy),
        sources=() if sources is None else leave_out(recording, sources, policy, with_gain=True),
    )


def leave_out(recording: Recording, labels: np.ndarray, policy: str, *, with_gain: bool = False) -> tuple[Slice, ...]:
    """One slice a label: fitted on the fit prompts of all other labels, judged on the test prompts of this one.

    Args:
        labels: (n_prompts,) text, or None for a prompt without one.
    """
    slices = []
    for label in sorted({str(name) for name in labels[recording.is_test] if name is not None}):
        is_own = labels == label
        part = recording.subset(rows=np.where(recording.is_fit, ~is_own, is_own))
        is_scored = np.isfinite(part.scores).any(axis=1)
        is_enough = part.is_test.sum() >= MIN_SLICE and (is_scored & part.is_fit).sum() >= MIN_FITTED
        if is_enough and (is_scored & part.is_test).any():
            slices.append(_judge(build_arena(part, seed=0), label, policy, with_gain=with_gain))
    return tuple(part for part in slices if part.n)  # where the two share no prompt there is nothing to say


def source_labels(recording: Recording) -> np.ndarray | None:
    """(n_prompts,) sources of a mixed recording, as mixing names categories; None for a recording of one source."""
    labels = np.array([str(name).partition("/")[0] for name in recording.prompts["category"]], dtype=object)
    is_named = recording.prompts["category"].astype(str).str.contains("/").all()
    return labels if is_named and len(set(labels)) > 1 else None


def _judge(arena: Arena, label: str, policy: str, *, with_gain: bool) -> Slice:
    with threadpool_limits(limits=1):
        choices = POLICIES.create(policy).choose(arena.fit, arena.test, build_dial(arena.fit))
    judge, rows = judge_picks(arena, choices.picks)
    headline = int(rows[0])
    difference = judge.difference(headline)
    gain = judge.equal_cost_gain(rows) if with_gain else None
    return Slice(
        name=label,
        n=int(np.isfinite(judge.arms.scores[[headline, judge.references.best]]).all(axis=0).sum()),
        difference=float("nan") if difference.value is None else difference.value,
        lo=difference.interval and difference.interval.lo,
        hi=difference.interval and difference.interval.hi,
        gain=None if gain is None else gain.mean,
        gain_lo=None if gain is None else gain.lo,
        gain_hi=None if gain is None else gain.hi,
    )


def _within(result: ReplayResult, policy: str) -> tuple[Slice, ...]:
    table = result.per_category
    mine = table[(table["policy"] == policy) & (table["n_scored"] >= MIN_SLICE) & table["difference"].notna()]
    return tuple(
        Slice(
            name=str(row["category"]),
            n=int(row["n_scored"]),
            difference=float(row["difference"]),
            lo=None if np.isnan(row["lo"]) else float(row["lo"]),
            hi=None if np.isnan(row["hi"]) else float(row["hi"]),
        )
        for _, row in mine.iterrows()
    )


def _best_simple(result: ReplayResult, policy: str) -> PolicySummary | None:
    known = [result.summaries[name] for name in SIMPLE if name in result.summaries and name != policy]
    return max((one for one in known if one.aiq is not None), key=lambda one: one.aiq or 0.0, default=None)


HEAD = (
    "gain: points over the mixture of single models at equal cost [95 % interval]; match: share of the best single\n"
    "model's cost that reaches its quality; worst: lowest category against the best single model, points [95 %\n"
    "interval] n; fails: categories whose interval lies wholly below -1 point; ECE: calibration error of the picks,\n"
    "and the one that right predictions would show on as many.\n"
    f"{'recording':16} {'test':>5} {'gain':>18} {'AIQ':>6} {'simple':>6} {'match':>6} {'ECE / chance':>13} "
    f"{'worst category':>46} {'fails':>6} {'worst left out':>46} {'fails':>6}"
)


def to_lines(one: HeldOut) -> list[str]:
    """One line for the recording and one for each source left out; a dash where a figure is undefined."""
    figures = f"{_percent(one.aiq)} {_percent(one.best_simple_aiq)} {_percent(one.cost_to_match, '{:.0f} %')}"
    error = f"{_thousandths(one.calibration_error)} / {_thousandths(one.calibration_by_chance)}"
    slices = f"{_worst(one.categories)} {_worst(one.left_out)}"
    gain = _pair(one.gain, one.gain_lo, one.gain_hi)
    lines = [f"{one.recording:16} {one.n_test:>5} {gain:>18} {figures} {error:>13} {slices}"]
    for part in one.sources:
        best = _pair(part.difference, part.lo, part.hi)
        gain = _pair(part.gain, part.gain_lo, part.gain_hi)
        lines.append(f"  without {part.name}: {best} to the best single, {gain} to the mixture, n {part.n:,}")
    return lines


def summary_line(found: Sequence[HeldOut]) -> str:
    """Over all recordings: mean gain, AIQ against the best simple router, median cost to match, slices that fail."""
    gains = [one.gain for one in found if one.gain is not None]
    above = sum(one.gain_lo is not None and one.gain_lo > 0 for one in found)
    ahead = [one.aiq - one.best_simple_aiq for one in found if one.aiq is not None and one.best_simple_aiq is not None]
    match = [1.0 if one.cost_to_match is None else one.cost_to_match for one in found]
    within, left_out, sources = (
        [part for one in found for part in getattr(one, field)] for field in ("categories", "left_out", "sources")
    )
    fails = ", ".join(
        f"{sum(part.fails for part in parts)} of {len(parts)} {what}"
        for parts, what in ((within, "categories"), (left_out, "left out"), (sources, "sources left out"))
    )
    mean = f"{100 * float(np.mean(gains)):+.2f}" if gains else "-"
    lead = f"{float(np.mean(ahead)):+.4f}, lowest {min(ahead):+.4f}" if ahead else "-"
    middle = f"{100 * float(np.median(match)):.0f} %" if match else "-"
    error = _thousandths(mean_known([one.calibration_error for one in found]))
    by_chance = _thousandths(mean_known([one.calibration_by_chance for one in found]))
    return (
        f"{len(found)} recordings: mean gain {mean}, lower bound above 0 on {above}; AIQ less the best simple {lead}; "
        f"median cost to match {middle}; calibration error {error}, {by_chance} by chance alone; "
        f"wholly below -1: {fails}"
    )


def _worst(slices: Sequence[Slice]) -> str:
    if not slices:
        return f"{'-':>46} {'-':>6}"
    worst = min(slices, key=lambda part: part.difference)
    name = f"{worst.name[-20:]} {_pair(worst.difference, worst.lo, worst.hi)} {worst.n}"
    return f"{name:>46} {f'{sum(part.fails for part in slices)}/{len(slices)}':>6}"


def _thousandths(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _pair(value: float | None, lo: float | None, hi: float | None) -> str:
    if value is None or np.isnan(value):
        return "-"
    return f"{100 * value:+.1f}" + ("" if lo is None or hi is None else f" [{100 * lo:+.1f}, {100 * hi:+.1f}]")


def _percent(value: float | None, form: str = "{:.1f}") -> str:
    return f"{'-' if value is None else form.format(100 * value):>6}"
