"""Ceilings: who may start an answer, what counts, when it opens again."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from omni.budgets import Budgets, Limits
from omni.caps import MAX_RUNNING
from omni.errors import BudgetExceeded
from omni.store import AnswerRecord, open_store

EVENING = datetime(2026, 11, 22, 20, 40, tzinfo=UTC)


class Clock:
    """A time of day that a test moves."""

    def __init__(self, now: datetime = EVENING) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def test_without_ceilings_everything_may_start():
    """Ceilings of money are the operator's to set; only the answers under way have one by default."""
    budgets = Budgets(Limits(), Clock())
    for _ in range(200):
        budgets.check("v", 1e6)
        budgets.spend("v", None)
    left = budgets.left("v")
    assert (left.visitor_usd, left.day_usd, left.n_running) == (None, None, MAX_RUNNING)


def test_an_answer_beyond_the_visitors_budget_is_refused_with_what_to_do():
    """The sentence says what it would cost, what is left and when it opens."""
    budgets = Budgets(Limits(max_usd_per_visitor=0.5), Clock())
    budgets.spend("v", 0.45)
    budgets.check("v", 0.05)
    with pytest.raises(BudgetExceeded) as refusal:
        budgets.check("v", 0.2)
    assert str(refusal.value) == (
        "This answer is expected to cost $0.20, and $0.0500 of your budget for today ($0.50) is left. "
        "Ask for a cheaper model or send less text, or come back at 00:00 UTC, in 3 h 20 min."
    )
    assert refusal.value.retry_after_s == 3 * 3600 + 20 * 60


def test_one_visitors_spending_is_not_anothers():
    """Only the day's total is shared."""
    budgets = Budgets(Limits(max_usd_per_visitor=0.5), Clock())
    budgets.spend("v", 0.6)
    with pytest.raises(BudgetExceeded, match="used up"):
        budgets.check("v", None)
    budgets.check("w", 0.5)


def test_the_days_total_stops_everybody():
    """Many visitors with little each still have a common end."""
    budgets = Budgets(Limits(max_usd_per_day=1.0), Clock())
    for visitor in range(10):
        budgets.spend(str(visitor), 0.1)
    with pytest.raises(BudgetExceeded, match="everybody's budget"):
        budgets.check("new", 0.01)


def test_answers_that_cost_nothing_may_start_when_money_is_used_up():
    """A model on this machine is free; a local answer needs no budget."""
    budgets = Budgets(Limits(max_usd_per_visitor=0.5), Clock())
    budgets.spend("v", 0.5)
    budgets.check("v", 0.0)
    with pytest.raises(BudgetExceeded):
        budgets.check("v", 0.0001)


def test_midnight_opens_again():
    """A new day in UTC starts at nothing spent, and keeps the places of what still runs."""
    clock = Clock()
    budgets = Budgets(Limits(max_usd_per_visitor=0.5, max_running=1), clock)
    budgets.spend("v", 0.5)
    hold = budgets.hold("w", 0.1)
    clock.now += timedelta(hours=4)
    assert budgets.left("v").visitor_usd == 0.5
    assert budgets.left("v").n_running == 0
    hold.spend(0.2)
    hold.close()
    assert budgets.left("w").visitor_usd == pytest.approx(0.3)
    assert budgets.left("w").n_running == 1


def test_what_runs_counts_with_its_expected_cost():
    """A hundred answers started at once cannot all pass below one ceiling."""
    budgets = Budgets(Limits(max_usd_per_visitor=1.0), Clock())
    holds = [budgets.hold("v", 0.4), budgets.hold("v", 0.4)]
    with pytest.raises(BudgetExceeded):
        budgets.hold("v", 0.4)
    for hold in holds:
        hold.spend(0.1)
        hold.close()
    assert budgets.left("v").visitor_usd == pytest.approx(0.8)


def test_an_answer_that_breaks_off_counts_as_expected():
    """Who stops every answer before the bill comes has still used the model."""
    budgets = Budgets(Limits(max_usd_per_visitor=1.0), Clock())
    with pytest.raises(RuntimeError), budgets.hold("v", 0.4):
        raise RuntimeError
    assert budgets.left("v").visitor_usd == pytest.approx(0.6)


def test_an_answer_that_nobody_gave_counts_nothing():
    """Said as 0, not left unsaid."""
    budgets = Budgets(Limits(max_usd_per_visitor=1.0), Clock())
    with budgets.hold("v", 0.4) as hold:
        hold.spend(0.0)
    hold.close()
    assert budgets.left("v").visitor_usd == 1.0


def test_unknown_cost_is_allowed_a_number_of_times():
    """Neither known before nor after: counted by the answer, not as 0 dollars for ever."""
    budgets = Budgets(Limits(max_usd_per_visitor=1.0, max_unpriced_per_visitor=2), Clock())
    for _ in range(2):
        with budgets.hold("v", None):
            pass
    assert budgets.left("v").n_unpriced == 0
    with pytest.raises(BudgetExceeded, match="2 answers today whose cost nobody knows"):
        budgets.check("v", None)
    budgets.check("v", 0.1)


def test_places_are_limited_and_given_back():
    """A full house says so and asks to try soon."""
    budgets = Budgets(Limits(max_running=2, max_running_per_visitor=1), Clock())
    with budgets.hold("v", None):
        with pytest.raises(BudgetExceeded, match="1 of your answers"):
            budgets.check("v", None)
        with budgets.hold("w", None), pytest.raises(BudgetExceeded, match="All 2 places") as refusal:
            budgets.check("x", None)
        assert refusal.value.retry_after_s == 5
    budgets.check("v", None)


def test_a_figure_that_is_none_costs_nothing_back():
    """Nobody earns budget with a negative or broken figure."""
    budgets = Budgets(Limits(max_usd_per_visitor=1.0), Clock())
    budgets.spend("v", -5.0)
    budgets.spend("v", float("nan"))
    assert budgets.left("v").visitor_usd == 1.0
    assert budgets.left("v").n_unpriced == 99


def test_memory_is_bounded_and_running_visitors_are_kept():
    """The visitor who has been away longest is forgotten; the day's total is not."""
    budgets = Budgets(Limits(max_usd_per_visitor=1.0, max_usd_per_day=100.0), Clock(), max_visitors=3)
    hold = budgets.hold("runs", 0.25)
    for visitor in range(10):
        budgets.spend(str(visitor), 0.5)
    assert len(budgets._accounts) == 3
    hold.close()
    assert budgets.left("runs").visitor_usd == 0.75
    assert budgets.left("runs").day_usd == pytest.approx(94.75)


def test_threads_share_one_count():
    """Two thousand answers of a cent are twenty dollars."""
    budgets = Budgets(Limits(max_usd_per_day=100.0), Clock())

    def answer(number: int) -> None:
        with budgets.hold(str(number % 7), 0.02) as hold:
            hold.spend(0.01)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(answer, range(2000)))
    assert budgets.left("v").day_usd == pytest.approx(80.0)
    assert budgets.left("v").n_running == budgets.limits.max_running


def test_the_days_total_survives_a_restart(tmp_path):
    """The store remembers today's answers; yesterday's do not count."""
    path = tmp_path / "omni.duckdb"
    with open_store(path) as store:
        store.save_answer(AnswerRecord(decision_id="d", model_id="m", cost_usd=0.75), at=EVENING)
        store.save_answer(AnswerRecord(decision_id="d", model_id="m"), at=EVENING)
        store.save_answer(AnswerRecord(decision_id="d", model_id="m", cost_usd=9.0), at=EVENING - timedelta(days=1))
    with open_store(path) as store:
        budgets = Budgets.from_store(Limits(max_usd_per_day=1.0), store, Clock())
    assert budgets.left("v").day_usd == 0.25


def test_the_environment_sets_the_ceilings(monkeypatch):
    """The names that the README gives."""
    from omni.config import Settings

    monkeypatch.setenv("OMNI_MAX_USD_PER_VISITOR", "0.5")
    monkeypatch.setenv("OMNI_MAX_USD_PER_DAY", "20")
    monkeypatch.setenv("OMNI_MAX_RUNNING", "8")
    limits = Limits.from_settings(Settings.from_env())
    assert (limits.max_usd_per_visitor, limits.max_usd_per_day, limits.max_running) == (0.5, 20.0, 8)
    assert limits.own_share == 4
    monkeypatch.setenv("OMNI_MAX_RUNNING_PER_VISITOR", "7")
    assert Limits.from_settings(Settings.from_env()).own_share == 7
