"""Odd recordings made from a recorded one: small pools, gaps, luck, no costs, strange features. Pure and seeded.

Each change is a function of a recording and a generator; it returns None where it does not apply.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from omni.recording import Recording

Change = Callable[[Recording, np.random.Generator], Recording | None]

_OUTCOMES = ("scores", "costs_usd", "latencies_s", "input_tokens", "output_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One way in which a recording may be odd."""

    kind: str
    """What it belongs to in the table."""
    change: Change
    hides: bool = False
    """It only hides outcomes, so that choices can be judged by the recording it was made from."""


def pool_of(n_models: int) -> Change:
    """Any so many models."""

    def change(recording: Recording, rng: np.random.Generator) -> Recording | None:
        if recording.n_models < n_models:
            return None
        return _with_models(recording, np.sort(rng.permutation(recording.n_models)[:n_models]))

    return change


def two_best(recording: Recording, rng: np.random.Generator) -> Recording | None:  # noqa: ARG001 - nothing is drawn
    """The two best models, often too near each other to tell apart."""
    return _with_models(recording, np.argsort(-_levels(recording))[:2]) if recording.n_models > 1 else None


def best_and_worst(recording: Recording, rng: np.random.Generator) -> Recording | None:  # noqa: ARG001
    """One model is better nearly everywhere."""
    return _with_models(recording, np.argsort(-_levels(recording))[[0, -1]]) if recording.n_models > 1 else None


def categories(kind: str) -> Change:
    """None at all, one for all prompts, or each prompt its own."""

    def change(recording: Recording, rng: np.random.Generator) -> Recording:  # noqa: ARG001 - nothing is drawn
        own = [f"c{at}" for at in range(recording.n_prompts)]
        labels: Any = {"none": None, "one": "all", "own": own}[kind]
        return replace(recording, prompts=recording.prompts.assign(category=labels, task=None, language=None))

    return change


def gaps(share: float) -> Change:
    """So many cells are missing at random."""
    return lambda recording, rng: _hide(recording, rng.random(recording.scores.shape) < share)


def uneven_gaps(recording: Recording, rng: np.random.Generator) -> Recording:
    """Each model lacks another share of the cells, 0 to 90 %."""
    shares = rng.uniform(0.0, 0.9, recording.n_models)
    return _hide(recording, rng.random(recording.scores.shape) < shares)


def lone_answers(recording: Recording, rng: np.random.Generator) -> Recording:
    """A third of the prompts went to one model each."""
    asked = rng.integers(recording.n_models, size=recording.n_prompts)
    others = np.arange(recording.n_models) != asked[:, None]
    return _hide(recording, others & (rng.random(recording.n_prompts) < 0.33)[:, None])


def best_on_easy(recording: Recording, rng: np.random.Generator) -> Recording:  # noqa: ARG001 - nothing is drawn
    """The best model was only asked the easier half."""
    return _hide(recording, _is_hard(recording) & (np.arange(recording.n_models) == np.argmax(_levels(recording))))


def half_on_easy(recording: Recording, rng: np.random.Generator) -> Recording:
    """Half of the models were only asked the easier half."""
    spared = np.zeros(recording.n_models, dtype=bool)
    spared[rng.permutation(recording.n_models)[: max(1, recording.n_models // 2)]] = True
    return _hide(recording, _is_hard(recording) & spared)


def half_of_categories(recording: Recording, rng: np.random.Generator) -> Recording | None:
    """Each model was asked about half of the categories."""
    names, codes = np.unique(recording.prompts["category"].astype(str), return_inverse=True)
    if len(names) < 2:
        return None
    return _hide(recording, (rng.random((len(names), recording.n_models)) < 0.5)[codes])


def wrong_left_out(recording: Recording, rng: np.random.Generator) -> Recording:
    """Wrong answers are missing more often than right ones."""
    return _hide(recording, rng.random(recording.scores.shape) < 0.7 * (1.0 - np.nan_to_num(recording.scores)))


def lucky(recording: Recording, rng: np.random.Generator) -> Recording:  # noqa: ARG001 - nothing is drawn
    """The worst model was scored on three prompts that it got right."""
    worst = int(np.argmin(_levels(recording)))
    right = np.flatnonzero(recording.is_fit & (recording.scores[:, worst] >= 0.99))[:3]
    hidden = np.zeros(recording.scores.shape, dtype=bool)
    hidden[:, worst] = True
    hidden[right, worst] = False
    return _hide(recording, hidden)


def few_scores(n_scores: int, share: float = 0.3) -> Change:
    """A share of the models has so many scores on the fit side."""

    def change(recording: Recording, rng: np.random.Generator) -> Recording | None:
        rows = np.flatnonzero(recording.is_fit)
        if len(rows) < 2 * n_scores or recording.n_models < 3:
            return None
        hidden = np.zeros(recording.scores.shape, dtype=bool)
        for column in rng.permutation(recording.n_models)[: max(1, int(share * recording.n_models))]:
            hidden[rng.permutation(rows)[n_scores:], column] = True
        return _hide(recording, hidden)

    return change


def unscored_on(side: str) -> Change:
    """The best model has no score on one side."""

    def change(recording: Recording, rng: np.random.Generator) -> Recording | None:  # noqa: ARG001 - nothing is drawn
        if recording.n_models < 2:
            return None
        rows = recording.is_fit if side == "fit" else recording.is_test
        is_best = np.arange(recording.n_models) == np.argmax(_levels(recording))
        return _hide(recording, rows[:, None] & is_best)

    return change


def dominant(*, dearest: bool) -> Change:
    """One model is as good as the best answer everywhere, and the cheapest or the dearest."""

    def change(recording: Recording, rng: np.random.Generator) -> Recording:  # noqa: ARG001 - nothing is drawn
        costs = _means(recording.costs_usd)
        end = 0 if np.isnan(costs).all() else int(np.nanargmax(costs) if dearest else np.nanargmin(costs))
        best = np.where(np.isnan(recording.scores), -1.0, recording.scores).max(axis=1)
        scores = recording.scores.copy()
        scores[:, end] = best
        return _with_scores(recording, scores)

    return change


def scores_by(make: Callable[[np.ndarray, np.random.Generator], np.ndarray]) -> Change:
    """Other scores in the recorded cells."""
    return lambda recording, rng: _with_scores(recording, make(recording.scores, rng))


def few_prompts(n_prompts: int) -> Change:
    """Any so many prompts."""

    def change(recording: Recording, rng: np.random.Generator) -> Recording | None:
        if recording.n_prompts <= n_prompts:
            return None
        part = recording.subset(rows=np.sort(rng.permutation(recording.n_prompts)[:n_prompts]))
        return part if min(part.is_fit.sum(), part.is_test.sum()) > 1 else None

    return change


def small_fit(recording: Recording, rng: np.random.Generator) -> Recording | None:
    """Twenty-five prompts to learn from."""
    if recording.n_prompts < 50:
        return None
    side = np.full(recording.n_prompts, "test", dtype=object)
    side[rng.permutation(recording.n_prompts)[:25]] = "fit"
    return replace(recording, prompts=recording.prompts.assign(split=side))


def unseen_categories(recording: Recording, rng: np.random.Generator) -> Recording | None:
    """A third of the categories stands on the test side alone."""
    names = np.unique(recording.prompts["category"].astype(str))
    if len(names) < 3:
        return None
    chosen = rng.permutation(names)[: len(names) // 3]
    side = np.where(recording.prompts["category"].astype(str).isin(chosen), "test", "fit")
    part = replace(recording, prompts=recording.prompts.assign(split=side))
    return part if min(part.is_fit.sum(), part.is_test.sum()) > 1 else None


def repeated(recording: Recording, rng: np.random.Generator) -> Recording:  # noqa: ARG001 - nothing is drawn
    """Every prompt stands there three times, in a group of its own."""
    rows = np.repeat(np.arange(min(recording.n_prompts, 700)), 3)
    part = recording.subset(rows=rows)
    ids = [f"x{at}" for at in range(len(rows))]
    return replace(part, prompts=part.prompts.assign(group_id=[f"g{row}" for row in rows], prompt_id=ids))


def copied_model(recording: Recording, rng: np.random.Generator) -> Recording:  # noqa: ARG001 - nothing is drawn
    """The best model stands there under two names."""
    best = int(np.argmax(_levels(recording)))
    part = _with_models(recording, np.append(np.arange(recording.n_models), best))
    names = pd.Index([*recording.models.index, "a copy"], name="model", dtype=object)
    return replace(part, models=part.models.set_axis(names))


def odd_names(recording: Recording, rng: np.random.Generator) -> Recording:  # noqa: ARG001 - nothing is drawn
    """Names of no known model, with quotes, commas and line ends."""
    names = pd.Index([f'模型 {at} "q", <b>\n' for at in range(recording.n_models)], name="model", dtype=object)
    return replace(recording, models=recording.models.set_axis(names).assign(model_id=None, params_total_b=np.nan))


def big_groups(recording: Recording, rng: np.random.Generator) -> Recording:  # noqa: ARG001 - nothing is drawn
    """Three groups on each side."""
    groups = [f"{side}{at % 3}" for at, side in enumerate(recording.prompts["split"])]
    return replace(recording, prompts=recording.prompts.assign(group_id=groups))


def costs_by(make: Callable[[np.ndarray, np.random.Generator], np.ndarray]) -> Change:
    """Other costs in the scored cells; NaN = unknown."""

    def change(recording: Recording, rng: np.random.Generator) -> Recording:
        costs = np.where(np.isnan(recording.scores), np.nan, make(recording.costs_usd, rng))
        return replace(recording, costs_usd=costs, cost_basis=None if np.isnan(costs).all() else "recorded")

    return change


def features_by(make: Callable[[np.ndarray, np.random.Generator], np.ndarray]) -> Change:
    """Other features, of an unknown maker."""

    def change(recording: Recording, rng: np.random.Generator) -> Recording:
        features = np.ascontiguousarray(make(recording.features, rng), dtype=np.float32)
        profiles = tuple(
            replace(profile, features=row) for profile, row in zip(recording.profiles, features, strict=True)
        )
        return replace(recording, features=features, feature_fingerprint="unknown", profiles=profiles)

    return change


def _some_models_nan(costs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    is_unknown = rng.permutation(costs.shape[1]) < costs.shape[1] // 2
    return np.where(is_unknown, np.nan, costs)


def _one_free(costs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.where(np.arange(costs.shape[1]) == rng.integers(costs.shape[1]), 0.0, costs)


def _one_dear(costs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.where(np.arange(costs.shape[1]) == rng.integers(costs.shape[1]), 1e6 * costs, costs)


VARIANTS: Mapping[str, Variant] = {
    "as it is": Variant(kind="as it is", change=lambda recording, rng: recording),  # noqa: ARG005
    **{f"{n} models": Variant(kind="2 to 60 models", change=pool_of(n)) for n in (2, 3, 5, 20, 60)},
    "two best": Variant(kind="2 to 60 models", change=two_best),
    "best and worst": Variant(kind="2 to 60 models", change=best_and_worst),
    "copied model": Variant(kind="2 to 60 models", change=copied_model),
    "odd names": Variant(kind="2 to 60 models", change=odd_names),
    "no categories": Variant(kind="categories", change=categories("none")),
    "one category": Variant(kind="categories", change=categories("one")),
    "own categories": Variant(kind="categories", change=categories("own")),
    "unseen categories": Variant(kind="categories", change=unseen_categories),
    "30 % missing": Variant(kind="missing at random", change=gaps(0.3), hides=True),
    "50 % missing": Variant(kind="missing at random", change=gaps(0.5), hides=True),
    "uneven gaps": Variant(kind="missing at random", change=uneven_gaps, hides=True),
    "lone answers": Variant(kind="missing at random", change=lone_answers, hides=True),
    "best on easy": Variant(kind="missing by a rule", change=best_on_easy, hides=True),
    "half on easy": Variant(kind="missing by a rule", change=half_on_easy, hides=True),
    "half of categories": Variant(kind="missing by a rule", change=half_of_categories, hides=True),
    "wrong left out": Variant(kind="missing by a rule", change=wrong_left_out, hides=True),
    "lucky": Variant(kind="hardly scored", change=lucky, hides=True),
    **{f"{n} scores": Variant(kind="hardly scored", change=few_scores(n), hides=True) for n in (1, 3, 10, 30)},
    "unscored to fit": Variant(kind="hardly scored", change=unscored_on("fit"), hides=True),
    "unscored to test": Variant(kind="hardly scored", change=unscored_on("test"), hides=True),
    "dominant, cheap": Variant(kind="one dominant model", change=dominant(dearest=False)),
    "dominant, dear": Variant(kind="one dominant model", change=dominant(dearest=True)),
    "equal": Variant(kind="scores", change=scores_by(lambda s, rng: np.repeat(s[:, :1], s.shape[1], 1))),  # noqa: ARG005
    "chance": Variant(kind="scores", change=scores_by(lambda s, rng: (rng.random(s.shape) < 0.6) * 1.0)),
    "all 0": Variant(kind="scores", change=scores_by(lambda s, rng: np.zeros(s.shape))),  # noqa: ARG005
    "all 1": Variant(kind="scores", change=scores_by(lambda s, rng: np.ones(s.shape))),  # noqa: ARG005
    "graded": Variant(
        kind="scores", change=scores_by(lambda s, rng: np.clip(0.6 * s + 0.2 + rng.normal(0, 0.15, s.shape), 0, 1))
    ),
    "rarely right": Variant(kind="scores", change=scores_by(lambda s, rng: s * (rng.random(s.shape) < 0.03))),
    **{f"{n} prompts": Variant(kind="few prompts", change=few_prompts(n)) for n in (1000, 200, 60, 20)},
    "25 to fit": Variant(kind="few prompts", change=small_fit),
    "3 groups": Variant(kind="few prompts", change=big_groups),
    "repeated": Variant(kind="few prompts", change=repeated),
    "no costs": Variant(kind="costs", change=costs_by(lambda c, rng: np.full(c.shape, np.nan))),  # noqa: ARG005
    "half unpriced": Variant(kind="costs", change=costs_by(_some_models_nan)),
    "some unpriced": Variant(
        kind="costs", change=costs_by(lambda c, rng: np.where(rng.random(c.shape) < 0.3, np.nan, c))
    ),
    "all free": Variant(kind="costs", change=costs_by(lambda c, rng: np.zeros(c.shape))),  # noqa: ARG005
    "one free": Variant(kind="costs", change=costs_by(_one_free)),
    "one dear": Variant(kind="costs", change=costs_by(_one_dear)),
    "equal costs": Variant(kind="costs", change=costs_by(lambda c, rng: np.full(c.shape, 1e-3))),  # noqa: ARG005
    "wild costs": Variant(kind="costs", change=costs_by(lambda c, rng: np.exp(rng.normal(-9.0, 4.0, c.shape)))),
    "constant": Variant(kind="features", change=features_by(lambda f, rng: np.ones(f.shape))),  # noqa: ARG005
    "noise": Variant(kind="features", change=features_by(lambda f, rng: rng.normal(size=f.shape))),
    "12 columns": Variant(kind="features", change=features_by(lambda f, rng: f[:, :12])),  # noqa: ARG005
    "768 columns": Variant(
        kind="features", change=features_by(lambda f, rng: f @ rng.normal(size=(f.shape[1], 768)) / 20.0)
    ),
    "long vectors": Variant(kind="features", change=features_by(lambda f, rng: 1e4 * f)),  # noqa: ARG005
}


def _hide(recording: Recording, hidden: np.ndarray) -> Recording:
    blank: dict[str, Any] = {name: np.where(hidden, np.nan, getattr(recording, name)) for name in _OUTCOMES}
    draws = None if recording.draw_scores is None else np.where(hidden, np.nan, recording.draw_scores)
    return replace(recording, **blank, draw_scores=draws)


def _with_scores(recording: Recording, scores: np.ndarray) -> Recording:
    known = np.where(np.isnan(recording.scores), np.nan, np.maximum(scores, 0.0))
    return replace(recording, scores=known, draw_scores=None)


def _with_models(recording: Recording, columns: np.ndarray) -> Recording:
    return recording.subset(models=[recording.models.index[column] for column in columns])


def _is_hard(recording: Recording) -> np.ndarray:
    """(n_prompts, 1) bool: the half on which models score less."""
    ease = _means(recording.scores.T)
    return (ease < np.nanmedian(ease))[:, None]


def _levels(recording: Recording) -> np.ndarray:
    """(n_models,) mean score on the fit side, -1 without any."""
    return np.nan_to_num(_means(recording.scores[recording.is_fit]), nan=-1.0)


def _means(values: np.ndarray) -> np.ndarray:
    known = np.isfinite(values)
    n_known = known.sum(axis=0)
    return np.where(n_known > 0, np.where(known, values, 0.0).sum(axis=0) / np.maximum(n_known, 1), np.nan)
