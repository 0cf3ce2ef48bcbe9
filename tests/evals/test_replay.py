"""A whole replay: its figures agree with its tables, and what is missing is said and not made up."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from evals.policies import POLICIES
from evals.replay import ReplayCancelled, policy_names, replay
from evals.results import CATEGORY_COLUMNS, CHOICE_COLUMNS, ENVELOPE_COLUMNS, POINT_COLUMNS, SINGLE_COLUMNS
from omni.errors import InputError, RecordingError
from omni.router import Router
from tests.builders import build_recording


@pytest.fixture(scope="module")
def recording():
    """A plain recording."""
    return build_recording(600)


@pytest.fixture(scope="module")
def result(recording):
    """All policies on it."""
    return replay(recording)


def test_all_policies_and_single_models_run_by_default(recording, result):
    """Names as registered, then single:MODEL."""
    assert tuple(result.summaries) == policy_names(recording)
    assert not result.failures


def test_tables_have_their_columns(result):
    """What charts and the store rely on."""
    assert tuple(result.choices.columns) == CHOICE_COLUMNS
    assert tuple(result.points.columns) == POINT_COLUMNS
    assert tuple(result.singles.columns) == SINGLE_COLUMNS
    assert tuple(result.envelope.columns) == ENVELOPE_COLUMNS
    assert tuple(result.per_category.columns) == CATEGORY_COLUMNS


def test_figures_can_be_worked_out_again_from_the_choices(result):
    """Quality and cost of every setting are the means over its rows."""
    means = result.choices.groupby(["policy", "setting"], observed=True)[["score", "cost_usd"]].mean()
    points = result.points.set_index(["policy", "setting"])
    again = means.loc[points.index]
    assert points["quality"].to_numpy() == pytest.approx(again["score"].to_numpy())
    assert points["cost_usd_per_1k"].to_numpy() == pytest.approx(1000 * again["cost_usd"].to_numpy())


def test_choices_receive_the_recorded_outcome(recording, result):
    """The score of a row is the cell of its prompt and model."""
    row = result.choices[result.choices["policy"] == "ridge"].iloc[17]
    prompt = recording.prompts.index[recording.prompts["prompt_id"] == row["prompt_id"]][0]
    assert row["score"] == recording.scores[prompt, recording.models.index.get_loc(row["model"])]
    assert recording.prompts["split"][prompt] == "test"


def test_the_mixture_gains_nothing_over_itself(result):
    """0 everywhere, with an interval of 0."""
    gain = result.summaries["mixture"].equal_cost_gain
    assert (gain.mean, gain.lo, gain.hi) == pytest.approx((0.0, 0.0, 0.0))


def test_a_single_model_never_beats_the_mixture(result):
    """The mixture is their envelope."""
    gains = [one.equal_cost_gain.mean for name, one in result.summaries.items() if name.startswith("single:")]
    assert max(gains) <= 1e-12


def test_nothing_beats_the_oracle(result):
    """At full quality."""
    best = result.summaries["oracle"].quality
    assert all(summary.quality <= best + 1e-12 for summary in result.summaries.values())
    assert result.summaries["oracle"].gap_closed == pytest.approx(1.0)


def test_the_best_single_model_is_its_own_measure(result):
    """Gap 0, cost to match 1, and the figures of that single model."""
    best = result.summaries["best_single"]
    assert best.gap_closed == pytest.approx(0.0)
    assert best.cost_to_match == pytest.approx(1.0)
    assert best.quality == result.summaries[f"single:{result.best_single}"].quality


def test_intervals_hold_their_figures(result):
    """Each known figure lies within its interval, give or take the noise of resampling."""
    assert len(result.summaries) >= 5
    for summary in result.summaries.values():
        gain = summary.equal_cost_gain
        assert gain.lo - 0.01 <= gain.mean <= gain.hi + 0.01
        for figure in ("quality", "cost_usd_per_1k", "aiq"):
            pair = summary.intervals[figure]
            assert pair.lo <= getattr(summary, figure) <= pair.hi


def test_the_same_seed_gives_the_same_figures(recording, result):
    """Bit for bit; another seed moves the intervals."""
    names = ["random", "knn", "kmeans", "matrix_factorisation", "omni"]
    again, other = replay(recording, names), replay(recording, names, seed=1)
    for name in names:
        assert again.summaries[name].to_json() == result.summaries[name].to_json()
    assert other.summaries["knn"].equal_cost_gain.lo != again.summaries["knn"].equal_cost_gain.lo


def test_figures_do_not_depend_on_the_other_policies(recording, result):
    """Asked for alone, a policy has the figures it has among all."""
    alone = replay(recording, ["ridge"])
    assert tuple(alone.summaries) == ("ridge",)
    assert alone.summaries["ridge"].to_json() == result.summaries["ridge"].to_json()


def test_picks_without_a_score_count_as_failed_and_not_as_zero():
    """Half of the cells missing: means are over scored picks, the rest are listed with their reason."""
    result = replay(build_recording(missing=0.5))
    for name, summary in result.summaries.items():
        picks = result.choices[(result.choices["policy"] == name) & (result.choices["setting"] == summary.setting)]
        assert summary.n_scored + summary.n_failed == summary.n_total == len(picks)
        assert summary.n_failed == picks["score"].isna().sum() == sum(f.policy == name for f in result.failures)
        assert summary.quality == pytest.approx(picks["score"].mean())
    assert {"no recorded score of"} == {
        " ".join(f.reason.split()[:4]) for f in result.failures if "no model" not in f.reason
    }


def test_a_model_asked_easy_prompts_only_is_not_better_for_it():
    """Against the best single model only the prompts count that both were scored on."""
    recording = build_recording(300, 2)
    scores = np.repeat(recording.scores[:, :1], 2, axis=1)
    scores[(scores[:, 0] == 0) & (np.arange(300) % 2 == 0), 0] = np.nan
    result = replay(replace(recording, scores=scores), ["single:model-b"])
    assert result.best_single == "model-a"
    summary = result.summaries["single:model-b"]
    assert summary.intervals["difference"] == (0.0, 0.0)
    assert summary.quality < result.singles.set_index("model")["quality"]["model-a"]
    assert (result.per_category["difference"] == 0).all()


def test_without_costs_there_are_no_cost_figures():
    """Unknown is None; quality, gap and slices stay."""
    result = replay(build_recording(with_costs=False))
    ridge = result.summaries["ridge"]
    assert "cheapest" not in result.summaries
    assert (ridge.cost_usd_per_1k, ridge.aiq, ridge.cost_to_match, ridge.equal_cost_gain.mean) == (None,) * 4
    assert ridge.gap_closed is not None
    assert result.envelope.empty
    assert result.cost_basis is None


def test_costs_of_zero_leave_cost_shares_undefined():
    """Nothing can be a share of nothing."""
    recording = build_recording()
    result = replay(replace(recording, costs_usd=np.zeros_like(recording.costs_usd)))
    knn = result.summaries["knn"]
    assert (knn.equal_cost_gain.mean, knn.aiq, knn.cost_to_match) == (None, None, None)
    assert knn.cost_usd_per_1k == 0.0


def test_one_model_leaves_comparisons_undefined():
    """There is nothing to mix and nothing to gain."""
    summary = replay(build_recording(n_models=1)).summaries["knn"]
    assert (summary.equal_cost_gain.mean, summary.aiq, summary.gap_closed, summary.p_value) == (None,) * 4


def test_a_dominant_model_is_found_by_all():
    """Always right and cheapest: every learned policy sends everything there, and the oracle gains nothing."""
    result = replay(build_recording(dominant=1))
    for name in ("knn", "ridge", "kmeans", "task_table", "omni"):
        assert result.summaries[name].shares == {"model-b": 1.0}
        assert result.summaries[name].gap_closed is None


@pytest.mark.parametrize("n_categories", [0, 1])
def test_a_worst_slice_needs_two_categories(n_categories):
    """None and not 0 without something to compare."""
    assert replay(build_recording(n_categories=n_categories), ["knn"]).summaries["knn"].worst_slice is None


def test_the_worst_slice_is_the_lowest_difference(result):
    """As in the table of categories."""
    table = result.per_category[result.per_category["policy"] == "cheapest"]
    worst = result.summaries["cheapest"].worst_slice
    assert worst.difference == pytest.approx(table["difference"].min())
    assert worst.lo <= worst.difference <= worst.hi


def test_few_groups_give_no_intervals():
    """Fewer than ten groups on the test side cannot be resampled."""
    summary = replay(build_recording(n_groups=12), ["ridge"]).summaries["ridge"]
    assert summary.equal_cost_gain.lo is None
    assert set(summary.intervals.values()) == {None}


def test_a_broken_policy_is_a_failure_and_the_others_go_on(recording, monkeypatch):
    """Its name and reason are kept."""

    def create():
        raise RuntimeError("out of luck")

    monkeypatch.setitem(POLICIES._factories, "knn", create)
    monkeypatch.setattr("evals.replay.check_names", lambda _, names: tuple(names))
    result = replay(recording, ["knn", "ridge"])
    assert tuple(result.summaries) == ("ridge",)
    assert [(f.policy, f.prompt_id, f.reason) for f in result.failures] == [("knn", None, "RuntimeError: out of luck")]


def test_progress_rises_to_one_and_a_stop_is_obeyed(recording):
    """The page's bar and its stop button."""
    seen = []
    replay(recording, ["ridge", "knn"], progress=lambda share, what: seen.append((share, what)))
    shares = [share for share, _ in seen]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert {"ridge", "knn"} <= {what for _, what in seen}
    with pytest.raises(ReplayCancelled):
        replay(recording, ["ridge"], cancelled=lambda: True)


@pytest.mark.parametrize("names", [["nonsense"], ["single:nobody"], []])
def test_unknown_names_are_refused_before_any_work(recording, names):
    """The text lists the known ones."""
    with pytest.raises(InputError, match=r"expected|has:"):
        replay(recording, names)


def test_a_side_without_scores_is_refused(recording):
    """There is nothing to judge on."""
    scores = recording.scores.copy()
    scores[recording.is_test] = np.nan
    with pytest.raises(RecordingError, match="no scored prompt on the test side"):
        replay(replace(recording, scores=scores))


def test_recorded_latencies_are_reported_with_their_basis(recording):
    """The median over the picks; unknown ones stay out."""
    latencies = np.full(recording.scores.shape, np.nan)
    latencies[:, 0] = 2.5
    result = replay(
        replace(recording, latencies_s=latencies, latency_basis="recorded"), ["single:model-a", "single:model-b"]
    )
    assert result.summaries["single:model-a"].latency_s == 2.5
    assert result.summaries["single:model-b"].latency_s is None
    assert result.latency_basis == "recorded"
    basis = result.choices.groupby("policy", observed=True)["latency_basis"].agg(lambda values: values.iloc[0])
    assert basis["single:model-a"] == "recorded"
    assert pd.isna(basis["single:model-b"])


def test_the_json_has_the_agreed_names(result):
    """Other tools read them."""
    figures = result.to_json()
    assert {"recording", "n_fit", "n_test", "policies"} <= set(figures)
    assert set(figures["policies"]["omni"]) == {
        "quality", "cost_usd_per_1k", "aiq", "equal_cost_gain", "cost_to_match", "gap_closed", "worst_slice",
        "n_scored", "n_failed", "presets",
    }  # fmt: skip
    assert list(figures["policies"]["omni"]["presets"]) == ["balanced", "quality", "fast", "cheap"]
    assert figures["policies"]["ridge"]["presets"] == {}
    assert set(figures["policies"]["omni"]["equal_cost_gain"]) == {"mean", "lo", "hi", "at", "n_budgets"}
    assert list(figures["policies"]["omni"]["equal_cost_gain"]["at"]) == ["10", "25", "50", "75", "100"]


@pytest.mark.parametrize("policy", ["omni", "omni_public"])
def test_the_router_that_answers_is_the_one_that_is_judged(recording, policy, monkeypatch):
    """Where the router's choice fails, so do its policies: there is no second one."""

    def fail(*_args: object, **_named: object) -> None:
        raise RuntimeError("no choice")

    monkeypatch.setattr(Router, "_rank", fail)
    result = replay(recording, [policy, "ridge"])
    assert [failure.reason for failure in result.failures] == ["RuntimeError: no choice"]
    assert list(result.summaries) == ["ridge"]


def test_presets_are_figures_beside_the_dial_and_no_part_of_it(recording, result):
    """Each is a point with its own quality and cost; the envelope is that of the dial alone."""
    points = result.points[result.points["policy"] == "omni"].set_index("setting")
    presets = points[points.index.str.startswith("preset=")]
    assert list(presets.index) == ["preset=balanced", "preset=quality", "preset=fast", "preset=cheap"]
    assert not presets["on_envelope"].any()
    assert not presets["is_headline"].any()
    rows = result.choices[(result.choices["policy"] == "omni") & (result.choices["setting"] == "preset=cheap")]
    assert len(rows) == int(recording.is_test.sum())
    cheap = result.presets_of("omni")["cheap"]
    assert cheap["quality"] == pytest.approx(rows["score"].mean())
    assert cheap["cost_usd_per_1k"] == pytest.approx(1000 * rows["cost_usd"].mean())
    assert cheap["cost_usd_per_1k"] < result.presets_of("omni")["quality"]["cost_usd_per_1k"]


@pytest.mark.parametrize("side", ["fit", "test"])
def test_costs_of_one_side_only_fail_no_policy_and_no_pick(recording, side):
    """Quality is judged all the same; nothing can be said about the policies' cost where there is none."""
    known = (recording.prompts["split"] == side).to_numpy()[:, None]
    result = replay(replace(recording, costs_usd=np.where(known, recording.costs_usd, np.nan)))
    assert not result.failures
    assert result.summaries["omni"].n_failed == 0
    assert (result.summaries["best_single"].cost_usd_per_1k is None) == (side == "fit")


def test_a_category_of_one_prompt_has_the_score_of_that_prompt():
    """Its mean, its count and its difference to the best single model; unscored it is unknown."""
    recording = build_recording(120)
    place = int(np.flatnonzero(recording.is_test)[0])
    names = recording.prompts["category"].where(np.arange(120) != place, "alone")
    alone = replace(recording, prompts=recording.prompts.assign(category=names))
    table = replay(alone, ["oracle"]).per_category.set_index("category")
    row, best = table.loc["alone"], recording.scores[place].max()
    assert (row["quality"], row["n_scored"]) == (best, 1)
    assert row["difference"] in (best, best - 1.0)
