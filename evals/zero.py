"""How much of the router's gain is left without outcomes, or with a few: leave-one-source-out over recordings.

`python -m evals zero` prints, per recording, the equal-cost gain over the mixture of single models with 0, 10 and 50
labelled prompts and with the whole fit side. A label is one prompt with the outcomes of all models. The mixture is
chosen in hindsight; beside it stands the one that the same prior knowledge would flip its coin between. The column
"bound" is the same form with every fit prompt as a label.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np

from evals import newcomers
from evals.arena import Arena, build_arena
from evals.arms import Resampler, build_arms
from evals.judge import Judge, References
from evals.metrics import calibration_error, concave_envelope
from evals.policies.base import (
    POLICIES,
    Choices,
    FitData,
    Policy,
    TestData,
    best_column,
    build_dial,
    cheapest_column,
)
from evals.policies.routers import few_labels, fit_omni_zero
from evals.results import EqualCostGain
from evals.strangers import measure_coverage, measure_tie, to_lines
from omni.catalog import load_catalog
from omni.errors import InputError
from omni.recording import load_recording, shipped_names

LABELS = (10, 50)
N_BINS = 10
N_DRAWS = 5
"""Draws of the labelled prompts, by default; figures are means over them."""
MIXED = "mixed-"
"""What the names of mixed recordings begin with."""
MIN_FULL_GAIN = 0.002
"""Full-data gain from which a share of it is stated; below, it would divide by noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One policy on one recording; gains are shares of 1, not points."""

    recording: str
    policy: str
    n_labels: int | None
    """None = the whole fit side."""
    n_draws: int
    gain: float | None
    """Equal-cost gain over the hindsight mixture, mean over draws; None = undefined."""
    lo: float | None
    """Paired bootstrap interval over groups; None for a mean over draws."""
    hi: float | None
    gain_sd: float | None
    """Standard deviation over draws."""
    worst: float | None
    """Lowest gain over draws."""
    share_kept: float | None
    """Of the full-data gain."""
    calibration_error: float | None
    """Of the predicted quality of all models on all test prompts."""
    bins: tuple[tuple[float, float, float], ...] | None
    """Share of cells, of summed prediction and of summed score by predicted quality, first draw."""


@dataclass(frozen=True, slots=True)
class PriorMixture:
    """The coin flip between two models that prior knowledge would choose: corners of the predicted envelope."""

    def choose(self, fit: FitData, test: TestData, dial: np.ndarray) -> Choices:  # noqa: ARG002 - no dial here
        """One model per setting."""
        expected = fit_omni_zero(fit).predict(fit.prompts)
        quality = expected.quality.mean(axis=0) - (0.0 if expected.penalty is None else expected.penalty.mean(axis=0))
        if expected.cost_usd is None:
            corners: tuple[int, ...] = (int(np.argmax(quality)),)
        else:
            corners = concave_envelope(expected.cost_usd.mean(axis=0), quality).corners[::-1]
        picks = np.repeat(np.array(corners)[:, None], len(test.prompts), axis=1)
        return Choices(settings=tuple(fit.models[corner] for corner in corners), picks=picks)


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command and its options."""
    parser = subparsers.add_parser("zero", help="the router's gain without outcomes, and with a few")
    parser.add_argument("recordings", nargs="*", metavar="RECORDING", help="names or folders; default: all shipped")
    parser.add_argument("--draws", type=int, default=N_DRAWS, metavar="N", help=f"of labels; default: {N_DRAWS}")
    parser.add_argument("--models", action="store_true", help="instead: how well models without outcomes are known")
    parser.add_argument("--newcomers", action="store_true", help="instead: one model without outcomes among the others")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prints one line per recording, or how well models are known.

    Raises:
        InputError: fewer than one draw.
    """
    if args.draws < 1:
        raise InputError(f"--draws is {args.draws!r}; expected 1 or more.")
    if args.newcomers:
        return newcomers.run(args.recordings or shipped_names(), as_json=args.json)
    if args.models:
        coverage, tie = measure_coverage(), measure_tie()
        figures = {"coverage": [asdict(row) for row in coverage], "tie": asdict(tie)}
        print(json.dumps(figures) if args.json else "\n".join(to_lines(coverage, tie)))
        return 0
    rows: list[Row] = []
    if not args.json:
        print(_HEAD)
    for name in args.recordings or shipped_names():
        found = measure(name, n_draws=args.draws)
        rows += found
        if not args.json:
            print(to_line(found), flush=True)
    if args.json:
        print(json.dumps([asdict(row) for row in rows]))
    else:
        print("\n".join(to_summary(rows)))
    return 0


def measure(name: str, *, n_draws: int = N_DRAWS, labels: Sequence[int] = LABELS) -> list[Row]:
    """The rows of one recording: full data first, then the prior's mixture, then by number of labels."""
    arena = build_arena(load_recording(name), seed=0, catalog=load_catalog())
    full = _judge(arena, [POLICIES.create("omni")])[0]
    rows = [_row(name, "omni", None, [full], full.gain.mean)]
    zero = _judge(arena, [PriorMixture(), POLICIES.create("omni_zero")])
    rows.append(_row(name, "prior_mixture", 0, zero[:1], full.gain.mean))
    rows.append(_row(name, "omni_zero", 0, zero[1:], full.gain.mean))
    for n_labels in labels:
        draws = [few_labels(draw_labels(arena.fit, n_labels, seed)) for seed in range(n_draws)]
        rows.append(_row(name, f"omni_{n_labels}", n_labels, _judge(arena, draws), full.gain.mean))
    known = few_labels(np.arange(len(arena.fit.prompts)))
    rows.append(_row(name, "omni_bound", len(arena.fit.prompts), _judge(arena, [known]), full.gain.mean))
    return rows


def draw_labels(fit: FitData, n_labels: int, seed: int) -> np.ndarray:
    """Rows of the fit side whose outcomes may be seen."""
    n_fit = len(fit.prompts)
    return np.random.default_rng(seed).permutation(n_fit)[: min(n_labels, n_fit)]


@dataclass(frozen=True, slots=True)
class _Verdict:
    gain: EqualCostGain
    calibration_error: float | None
    bins: tuple[tuple[float, float, float], ...] | None


def _judge(arena: Arena, policies: Sequence[Policy]) -> list[_Verdict]:
    dial = build_dial(arena.fit)
    chosen = [policy.choose(arena.fit, arena.test, dial) for policy in policies]
    n_models, n_test = len(arena.models), len(arena.prompt_ids)
    singles = np.repeat(np.arange(n_models)[:, None], n_test, axis=1)
    picks = [arena.pool[choices.picks] for choices in chosen]
    arms = build_arms(arena, [singles, *picks], Resampler.of(arena, arena.fit.seed))
    cheapest = cheapest_column(arena.fit)
    judge = Judge(
        arms=arms,
        references=References(
            singles=arena.pool,
            best=int(arena.pool[best_column(arena.fit)]),
            cheapest=None if cheapest is None else int(arena.pool[cheapest]),
            oracle=0,
        ),
    )
    ends = np.cumsum([n_models, *(len(own) for own in picks)])
    gains = [judge.equal_cost_gain(np.arange(start, end)) for start, end in pairwise(ends)]
    return [_verdict(arena, gain, choices) for gain, choices in zip(gains, chosen, strict=True)]


def _verdict(arena: Arena, gain: EqualCostGain, choices: Choices) -> _Verdict:
    if choices.predicted is None:
        return _Verdict(gain, None, None)
    known = np.isfinite(arena.test.scores)
    told, got = np.clip(choices.predicted[known], 0.0, 1.0), arena.test.scores[known]
    place = np.minimum((told * N_BINS).astype(int), N_BINS - 1)
    sums = [np.bincount(place, weights=weights, minlength=N_BINS) / len(told) for weights in (None, told, got)]
    bins = tuple((float(share), float(said), float(saw)) for share, said, saw in zip(*sums, strict=True))
    return _Verdict(gain, calibration_error(told, got), bins)


def pooled_calibration_error(rows: Sequence[Row]) -> float | None:
    """The calibration error of several recordings taken together, each counting as one; None without predictions.

    A recording's level is unknown before its outcomes: alone it is off by that, together the levels should even out.
    """
    known = [np.array(row.bins) for row in rows if row.bins is not None]
    if not known:
        return None
    total = np.sum(known, axis=0)
    return float(np.abs(total[:, 1] - total[:, 2]).sum() / total[:, 0].sum())


def _row(recording: str, policy: str, n_labels: int | None, verdicts: Sequence[_Verdict], full: float | None) -> Row:
    gains = [verdict.gain.mean for verdict in verdicts if verdict.gain.mean is not None]
    errors = [verdict.calibration_error for verdict in verdicts if verdict.calibration_error is not None]
    gain = float(np.mean(gains)) if gains else None
    lone = verdicts[0].gain if len(verdicts) == 1 else None
    return Row(
        recording=recording,
        policy=policy,
        n_labels=n_labels,
        n_draws=len(verdicts),
        gain=gain,
        lo=None if lone is None else lone.lo,
        hi=None if lone is None else lone.hi,
        gain_sd=float(np.std(gains)) if len(gains) > 1 else None,
        worst=min(gains) if gains else None,
        share_kept=None if gain is None or full is None or full <= MIN_FULL_GAIN else gain / full,
        calibration_error=float(np.mean(errors)) if errors else None,
        bins=verdicts[0].bins,
    )


_HEAD = (
    "points of equal-cost gain over the hindsight mixture [95 % interval], and the share of the full gain kept\n"
    f"{'recording':16} {'full data':>22} {'prior mixture':>22} {'0 labels':>28} {'10 labels':>15} {'50 labels':>15}"
    f" {'bound':>15}"
    f" {'calibration error 0 / 10 / 50 / full':>38}"
)


def to_line(rows: Sequence[Row]) -> str:
    """One recording as a line of the table; a dash where a figure is undefined."""
    full, mixture, zero, *few = rows
    gains = f"{_interval(full):>22} {_interval(mixture):>22} {_interval(zero):>22} {_share(zero):>5}"
    for row in few:
        gains += f" {_points(row.gain):>9} {_share(row):>5}"
    errors = " / ".join(
        "-" if r.calibration_error is None else f"{r.calibration_error:.3f}" for r in (zero, *few[:-1], full)
    )
    return f"{full.recording:16} {gains} {errors:>38}"


def to_summary(rows: Sequence[Row]) -> list[str]:
    """Means over single and over mixed recordings, and calibration over all together."""
    groups = {
        "single": [row for row in rows if not row.recording.startswith(MIXED)],
        "mixed": [row for row in rows if row.recording.startswith(MIXED)],
    }
    lines = []
    for kind, own in groups.items():
        policies = list(dict.fromkeys(row.policy for row in own))
        full = [row for row in own if row.policy == "omni"]
        for policy in policies:
            some = [row for row in own if row.policy == policy]
            lines.append(f"mean of {len(some)} {kind:6} {policy:14} {_mean_text(some, full)}")
    for policy in dict.fromkeys(row.policy for row in rows):
        some = [row for row in rows if row.policy == policy and not row.recording.startswith(MIXED)]
        pooled = pooled_calibration_error(some)
        if pooled is not None:
            lines.append(f"calibration error, {len(some)} sources taken together {policy:12} {pooled:.3f}")
    return lines


def _mean_text(rows: Sequence[Row], full: Sequence[Row]) -> str:
    """Mean gain with its interval, and the share of the mean full gain kept with an interval by the delta method.

    Recordings are taken as given, their errors as independent; the errors of the two gains of one recording too, which
    is too wide where they share prompts.
    """
    mean, error = _mean_gain(rows)
    whole, whole_error = _mean_gain(full)
    if mean is None:
        return "-"
    text = f"{100 * mean:+.2f}"
    if error is not None:
        text += f" [{100 * (mean - 1.96 * error):+.1f}, {100 * (mean + 1.96 * error):+.1f}]"
    if rows[0].policy == "omni" or whole is None or whole <= MIN_FULL_GAIN:
        return text
    share = mean / whole
    text += f", keeps {share:.0%}"
    if error is not None and whole_error is not None:
        half = 1.96 * float(np.hypot(error, share * whole_error)) / whole
        text += f" [{share - half:.0%}, {share + half:.0%}]"
    return text


def _mean_gain(rows: Sequence[Row]) -> tuple[float | None, float | None]:
    """Mean over recordings and its standard error from their intervals, or from the spread over draws of labels."""
    gains = [row.gain for row in rows if row.gain is not None]
    if not gains:
        return None, None
    errors = []
    for row in rows:
        if row.lo is not None and row.hi is not None:
            errors.append((row.hi - row.lo) / 3.92)
        elif row.gain_sd is not None:
            errors.append(row.gain_sd / np.sqrt(row.n_draws))
    known = len(errors) == len(rows)
    return float(np.mean(gains)), float(np.sqrt(np.sum(np.square(errors))) / len(rows)) if known else None


def _points(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:+.2f}"


def _interval(row: Row) -> str:
    if row.lo is None or row.hi is None:
        return _points(row.gain)
    return f"{_points(row.gain)} [{100 * row.lo:+.1f}, {100 * row.hi:+.1f}]"


def _share(row: Row) -> str:
    return "-" if row.share_kept is None else f"{row.share_kept:.0%}"
