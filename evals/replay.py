"""Recorded replay: each policy picks a model per test prompt and receives that model's recorded outcome.

No model is called. A pick whose outcome was not recorded counts as failed, never as 0.
"""

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from evals import tables
from evals.arena import Arena, build_arena, knows_costs
from evals.arms import Resampler, build_arms
from evals.judge import Judge, References
from evals.metrics import BUDGET_PERCENTS
from evals.policies import POLICIES, Choices
from evals.policies.base import NO_PICK, best_column, build_dial, cheapest_column
from evals.policies.fixed import Oracle
from evals.results import SINGLE, EqualCostGain, Failure, Interval, PolicySummary, ReplayResult, WorstSlice
from evals.stats import N_RESAMPLES
from evals.summaries import summarise
from evals.tables import PolicyArms
from evals.waits import waits_table
from omni.catalog import Catalog, load_catalog
from omni.errors import InputError, OmniError
from omni.recording import Recording

__all__ = [
    "EqualCostGain",
    "Failure",
    "Interval",
    "PolicySummary",
    "ReplayCancelled",
    "ReplayResult",
    "WorstSlice",
    "policy_names",
    "replay",
]

_PACKAGES = ("numpy", "scikit-learn", "scipy", "pandas", "omni-router")
_LOG = logging.getLogger(__name__)


class ReplayCancelled(OmniError):
    """The person who asked for the replay stopped it; nothing was kept."""


def policy_names(recording: Recording | None = None) -> tuple[str, ...]:
    """All policies; with a recording, its single models too."""
    singles = () if recording is None else tuple(f"{SINGLE}{model}" for model in sorted(recording.models.index))
    return (*POLICIES.names(), *singles)


def replay(
    recording: Recording,
    policies: Sequence[str] | None = None,
    *,
    seed: int = 0,
    progress: Callable[[float, str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    catalog: Catalog | None = None,
) -> ReplayResult:
    """Judges policies on a recording's test side after fitting them on its fit side.

    Args:
        policies: names, `single:MODEL` included; None = all of them.
        seed: of folds, random picks and the bootstrap; the same seed gives the same figures.
        progress: called with the share done, 0..1, and what comes next.
        cancelled: asked between policies; True stops.
        catalog: for latencies estimated from published speeds; None = the shipped one, if a model is in it.

    Raises:
        InputError: an unknown policy or model.
        RecordingError: nothing to fit or to judge on.
        ReplayCancelled: `cancelled` said so.
    """
    started = _now()
    names = check_names(recording, policies)
    tell = progress or _say_nothing
    tell(0.0, "laying out the recording")
    if catalog is None and recording.models["model_id"].notna().any():
        catalog = load_catalog()
    arena = build_arena(recording, seed=seed, catalog=catalog)
    # One thread each: on a busy machine the threads of BLAS wait for each other and cost ten times as much.
    with threadpool_limits(limits=1):
        chosen, failures = _run_policies(arena, names, tell, cancelled or (lambda: False))
        tell(0.9, "resampling")
        result = _judge(arena, chosen, failures, started)
    tell(1.0, "done")
    return result


def check_names(recording: Recording, policies: Sequence[str] | None) -> tuple[str, ...]:
    """The policies to run, each once, in order.

    Raises:
        InputError: an unknown policy, or a model the recording does not have.
        RecordingError: no model has a score to fit on.
    """
    if policies is None:
        left_out = () if knows_costs(recording) else ("cheapest",)
        return tuple(name for name in policy_names(recording) if name not in left_out)
    names = tuple(dict.fromkeys(policies))
    if not names:
        raise InputError(f"no policy was named; expected some of: {', '.join(policy_names())}, single:MODEL.")
    for name in names:
        if not name.startswith(SINGLE):
            POLICIES.create(name)
        elif name.removeprefix(SINGLE) not in recording.models.index:
            known = ", ".join(sorted(recording.models.index))
            raise InputError(f"unknown model {name.removeprefix(SINGLE)!r} in {name!r}; {recording.name} has: {known}.")
    return names


def _run_policies(
    arena: Arena, names: Sequence[str], tell: Callable[[float, str], None], cancelled: Callable[[], bool]
) -> tuple[list[tuple[str, Choices]], list[Failure]]:
    """The picks of each policy as columns of `arena.models`."""
    dial = build_dial(arena.fit)
    chosen: list[tuple[str, Choices]] = []
    failures: list[Failure] = []
    for done, name in enumerate(names):
        if cancelled():
            raise ReplayCancelled("The replay was stopped; nothing was kept.")
        if name.startswith(SINGLE):
            chosen.append((name, _single(arena, name.removeprefix(SINGLE))))
            continue
        tell(0.05 + 0.85 * done / len(names), name)
        try:
            choices = POLICIES.create(name).choose(arena.fit, arena.test, dial)
        except Exception as error:  # one policy's trouble must not cost the others' figures
            _LOG.exception("policy %s failed on %s", name, arena.recording.name)
            reason = f"{type(error).__name__}: {error}"
            failures.append(Failure(policy=name, setting=None, prompt_id=None, reason=reason))
            continue
        chosen.append((name, choices))
    return chosen, failures


def _judge(arena: Arena, chosen: Sequence[tuple[str, Choices]], failures: list[Failure], started: str) -> ReplayResult:
    """Turns picks into tables and figures. Arms: the single models, the oracle, then the policies' settings."""
    n_models, n_test = len(arena.models), len(arena.prompt_ids)
    singles = np.repeat(np.arange(n_models)[:, None], n_test, axis=1)
    oracle = _to_arena(arena, Oracle().choose(arena.fit, arena.test, np.zeros(1)).picks)
    own = [
        choices.picks if name.startswith(SINGLE) else _to_arena(arena, choices.all_picks) for name, choices in chosen
    ]
    resampler = Resampler.of(arena, arena.fit.seed)
    arms = build_arms(arena, [singles, oracle, *own], resampler)
    starts = np.cumsum([n_models + 1, *(len(picks) for picks in own)])
    policies = [
        PolicyArms(name=name, choices=choices, first_row=int(start))
        for (name, choices), start in zip(chosen, starts, strict=False)
    ]
    cheapest = cheapest_column(arena.fit)
    references = References(
        singles=arena.pool,
        best=int(arena.pool[best_column(arena.fit)]),
        cheapest=None if cheapest is None else int(arena.pool[cheapest]),
        oracle=n_models,
    )
    judge = Judge(arms=arms, references=references)
    per_category = tables.category_table(arena, arms, policies, references.best, resampler)
    summaries = summarise(arena, judge, policies, per_category)
    for policy in policies:
        failures.extend(tables.failures_of(arena, arms, policy))
    return ReplayResult(
        recording=arena.recording.name,
        title=arena.recording.title,
        spec=_spec(arena, policies, summaries),
        seed=arena.fit.seed,
        versions=code_versions(arena),
        n_fit=len(arena.fit.groups),
        n_test=n_test,
        cost_basis=arena.recording.cost_basis,
        latency_basis=tables.latency_basis_of(arena),
        best_single=arena.models[references.best],
        repeatable_gap=tables.repeatable_gap_of(arena, references.best),
        choices=tables.choices_table(arena, arms, policies),
        points=tables.points_table(arena, arms, policies),
        singles=tables.singles_table(arena, arms, judge),
        envelope=tables.envelope_table(arena, judge),
        per_category=per_category,
        waits=waits_table(arena, arms, policies, resampler),
        summaries=summaries,
        failures=tuple(failures),
        started_at=started,
        finished_at=_now(),
    )


def _single(arena: Arena, model: str) -> Choices:
    """One model for every prompt, whether it is in the pool or not."""
    column = arena.models.index(model)
    return Choices(settings=("0",), picks=np.full((1, len(arena.prompt_ids)), column), params={"model": model})


def _to_arena(arena: Arena, picks: np.ndarray) -> np.ndarray:
    """Columns of the pool as columns of all models."""
    return np.where(picks == NO_PICK, NO_PICK, arena.pool[picks])


def _spec(arena: Arena, policies: Sequence[PolicyArms], summaries: Mapping[str, PolicySummary]) -> dict[str, Any]:
    return {
        "policies": {
            policy.name: {"params": dict(summaries[policy.name].params), "settings": list(policy.choices.settings)}
            for policy in policies
        },
        "budget_percents": list(BUDGET_PERCENTS),
        "n_resamples": N_RESAMPLES,
        "n_groups_test": arena.n_groups,
        "pool": [arena.models[column] for column in arena.pool],
        "left_out": dict(arena.left_out),
        "cautions": list(arena.recording.cautions),
    }


def code_versions(arena: Arena) -> dict[str, str]:
    """What a run rests on: packages, a fingerprint of this code, of the features, and the catalog's version."""
    versions = {"features": arena.recording.feature_fingerprint, "code": code_fingerprint()}
    if arena.catalog is not None:
        versions["catalog"] = arena.catalog.version
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def code_fingerprint() -> str:
    """12 hex digits of a hash over the sources of `omni` and `evals`."""
    digest = hashlib.sha256()
    root = Path(__file__).resolve().parent.parent
    for path in sorted([*root.glob("omni/**/*.py"), *root.glob("evals/**/*.py")]):
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _say_nothing(share: float, what: str) -> None:  # noqa: ARG001 - nobody asked for progress
    return


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
