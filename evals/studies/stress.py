"""How the router does on odd variants of recordings: small, torn, lucky, unpriced and others.

A variant fails when a policy cannot be fitted, figures do not add up, or anything is raised. Where it runs, the
router's choices at full quality are compared with the best single model's, chosen on the fit side: paired on the test
prompts where both outcomes are known, from the unchanged recording where the variant only hides outcomes.
"""

import argparse
import json
import sys
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from evals.replay import replay
from evals.results import Interval, ReplayResult
from evals.stats import MIN_GROUPS, group_sums, percentile_interval, ratio, resample_weights
from evals.studies.shipped import SHIPPED_RECORDINGS
from evals.studies.variants import VARIANTS
from omni.errors import InputError, OmniError
from omni.recording import Recording, load_recording

ROUTER, CONTROL = "omni", "best_single"
_HEAD = (
    "omni at full quality against the best single model (chosen on the fit side), paired on the test prompts; points",
    "of mean score. below: the 95 % interval lies wholly under 0, as chance alone makes it 1 time in 40.",
    "",
)
_COLUMNS = (
    f"{'variants':20} {'tried':>6} {'refused':>8} {'faults':>7} {'compared':>9} {'below':>6} {'mean':>7} {'worst':>7}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One variant of one recording, replayed."""

    recording: str
    variant: str
    kind: str
    seed: int
    n_prompts: int
    n_models: int
    refused: str | None
    """Why it cannot be replayed, in the words a user gets; None = it was."""
    faults: tuple[str, ...]
    """What went wrong; empty = nothing."""
    difference: float | None
    """Mean score of the router less that of the best single model, -1..1; None = nothing to compare."""
    interval: Interval | None
    """95 %, by groups; None with fewer than 10."""
    n_compared: int
    """Test prompts."""

    @property
    def is_below(self) -> bool:
        """The router is worse than the best single model by more than noise."""
        return self.interval is not None and self.interval.hi < 0.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("recordings", nargs="*", metavar="RECORDING", help="names or folders; default: all shipped")
    parser.add_argument("--only", metavar="A,B", help=f"variants to try; default: all {len(VARIANTS)}")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="draws of each variant; default: 1")
    parser.add_argument("--all-policies", action="store_true", help="fit every policy, not the router alone")
    parser.add_argument("--json", action="store_true")


def run(args: argparse.Namespace) -> int:
    """Prints a row for each kind of variant and what failed; 1 when anything did.

    Raises:
        InputError: an unknown variant, or fewer than one seed.
        RecordingError: a recording cannot be read.
    """
    names = list(VARIANTS) if args.only is None else [name.strip() for name in args.only.split(",")]
    for name in names:
        if name not in VARIANTS:
            raise InputError(f"--only names {name!r}; expected some of: {', '.join(VARIANTS)}.")
    if args.seeds < 1:
        raise InputError(f"--seeds is {args.seeds!r}; expected 1 or more.")
    trials: list[Trial] = []
    for name in args.recordings or SHIPPED_RECORDINGS:
        recording = load_recording(name)
        for variant in names:
            for seed in range(args.seeds):
                trial = try_variant(recording, variant, seed=seed, policies=None if args.all_policies else ())
                if trial is not None:
                    trials.append(trial)
        print(f"{recording.name}: {len(trials)} so far", file=sys.stderr)
    print(json.dumps([asdict(trial) for trial in trials]) if args.json else "\n".join(to_lines(trials)))
    return int(any(trial.faults for trial in trials))


def try_variant(recording: Recording, name: str, *, seed: int = 0, policies: Sequence[str] | None = ()) -> Trial | None:
    """The verdict on one variant; None where it does not apply.

    Args:
        policies: to fit beside the router and the best single model; None = all.
    """
    variant = VARIANTS[name]
    draw = [seed, *(zlib.crc32(text.encode()) for text in (recording.name, name))]
    odd = variant.change(recording, np.random.default_rng(draw))
    if odd is None:
        return None
    verdict, refused = _NO_VERDICT, None
    faults: tuple[str, ...] = ()
    try:
        result = replay(odd, None if policies is None else [CONTROL, ROUTER, *policies])
        faults = _faults(result)
        if ROUTER in result.summaries and CONTROL in result.summaries:
            verdict = _compare(result, recording if variant.hides else odd)
    except OmniError as error:
        refused = str(error)
    except Exception as error:  # the boundary of a trial: the others go on, and this one is reported
        faults = (f"{type(error).__name__}: {error}",)
    return Trial(
        recording=recording.name,
        variant=name,
        kind=variant.kind,
        seed=seed,
        n_prompts=odd.n_prompts,
        n_models=odd.n_models,
        refused=refused,
        faults=faults,
        difference=verdict.difference,
        interval=verdict.interval,
        n_compared=verdict.n_compared,
    )


def to_lines(trials: Sequence[Trial]) -> Iterable[str]:
    """A row for each kind of variant, then what was below and what went wrong."""
    yield from _HEAD
    yield _COLUMNS
    kinds = list(dict.fromkeys(trial.kind for trial in trials))
    for kind in (*kinds, None):
        yield _row("all" if kind is None else kind, [t for t in trials if kind is None or t.kind == kind])
    for trial in trials:
        place = f"{trial.recording}, {trial.variant} ({trial.n_prompts:,} x {trial.n_models}, seed {trial.seed})"
        if trial.is_below and trial.difference is not None and trial.interval is not None:
            lo, hi = (100 * end for end in trial.interval)
            yield f"below: {place}: {100 * trial.difference:+.2f} [{lo:+.2f}, {hi:+.2f}] on {trial.n_compared:,}"
        if trial.refused is not None:
            yield f"refused: {place}: {trial.refused}"
        for fault in trial.faults:
            yield f"fault: {place}: {fault}"


def _row(name: str, trials: Sequence[Trial]) -> str:
    judged = [trial.difference for trial in trials if trial.difference is not None and trial.interval is not None]
    n_refused = sum(trial.refused is not None for trial in trials)
    n_faults = sum(bool(trial.faults) for trial in trials)
    n_below = sum(trial.is_below for trial in trials)
    figures = f"{100 * np.mean(judged):>+7.2f} {100 * min(judged):>+7.2f}" if judged else f"{'-':>7} {'-':>7}"
    return f"{name:20} {len(trials):>6} {n_refused:>8} {n_faults:>7} {len(judged):>9} {n_below:>6} {figures}"


class _Verdict(NamedTuple):
    difference: float | None
    interval: Interval | None
    n_compared: int


_NO_VERDICT = _Verdict(None, None, 0)


def _faults(result: ReplayResult) -> tuple[str, ...]:
    """Policies that could not be fitted, counts that do not add up, figures that are no JSON, unknown told as 0."""
    found = [f"{failure.policy}: {failure.reason}" for failure in result.failures if failure.prompt_id is None]
    for name, one in result.summaries.items():
        if one.n_scored + one.n_failed != one.n_total:
            found.append(f"{name}: {one.n_scored} scored and {one.n_failed} failed of {one.n_total}")
        if one.n_scored == 0 and one.quality is not None:
            found.append(f"{name}: a quality of {one.quality} from nothing")
        if result.cost_basis is None and one.cost_usd_per_1k is not None:
            found.append(f"{name}: a cost of {one.cost_usd_per_1k} from nothing")
    json.dumps(result.to_json(), allow_nan=False)
    return tuple(found)


def _compare(result: ReplayResult, truth: Recording) -> _Verdict:
    """The paired difference at full quality on the prompts where `truth` has both outcomes."""
    picked = {name: _picked_scores(result, name, truth) for name in (ROUTER, CONTROL)}
    apart = (picked[ROUTER] - picked[CONTROL]).dropna()
    if apart.empty:
        return _NO_VERDICT
    groups = truth.prompts.set_index("prompt_id")["group_id"].reindex(apart.index).astype(str)
    names, codes = np.unique(groups, return_inverse=True)
    interval = None
    if len(names) >= MIN_GROUPS:
        weights = resample_weights(len(names), seed=result.seed)
        total = weights @ group_sums(apart.to_numpy()[None, :], codes, len(names))[0]
        interval = percentile_interval(ratio(total, weights @ np.bincount(codes).astype(float)))
    return _Verdict(float(apart.mean()), interval, len(apart))


def _picked_scores(result: ReplayResult, policy: str, truth: Recording) -> pd.Series:
    """By prompt id: the true score of the model picked at full quality."""
    picks = result.picks()
    picks = picks[picks["policy"] == policy]
    rows = pd.Index(truth.prompts["prompt_id"]).get_indexer(picks["prompt_id"].astype(object))
    columns = truth.models.index.get_indexer(picks["model"].astype(object))
    scores = np.where(columns >= 0, truth.scores[rows, columns], np.nan)
    return pd.Series(scores, index=picks["prompt_id"].astype(object).to_numpy())
