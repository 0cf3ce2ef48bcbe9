"""Ceilings of what answers may cost in a day and of how many may run at once, with a polite refusal.

Money is counted in US dollars and by the day in UTC: the expected cost while an answer runs, the actual one after.
"""

import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING

from omni.caps import MAX_RUNNING, share_of
from omni.errors import BudgetExceeded
from omni.figures import format_usd

if TYPE_CHECKING:
    from omni.config import Settings
    from omni.store import Store

MAX_VISITORS = 50_000
ROUNDING_USD = 1e-9
"""Sums of floats are not exact."""
BUSY_S = 5.0
"""When to try again while all places are taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Ceilings; None = none."""

    max_usd_per_visitor: float | None = None
    """A day."""
    max_usd_per_day: float | None = None
    """All visitors together."""
    max_running: int | None = MAX_RUNNING
    """Answers under way."""
    max_running_per_visitor: int | None = None
    """None = half of them, so that one visitor cannot take every place."""
    max_unpriced_per_visitor: int = 100
    """Answers a day whose cost was known neither before nor after; asked only where money has a ceiling."""

    @classmethod
    def from_settings(cls, settings: "Settings") -> "Limits":
        """What the environment asks for."""
        return cls(
            max_usd_per_visitor=settings.max_usd_per_visitor,
            max_usd_per_day=settings.max_usd_per_day,
            max_running=settings.max_running,
            max_running_per_visitor=settings.max_running_per_visitor,
        )

    @property
    def own_share(self) -> int | None:
        """Answers under way of one visitor; None = no ceiling."""
        if self.max_running_per_visitor is not None or self.max_running is None:
            return self.max_running_per_visitor
        return share_of(self.max_running)

    @property
    def has_ceiling(self) -> bool:
        """Whether money is limited at all."""
        return self.max_usd_per_visitor is not None or self.max_usd_per_day is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What a visitor may still use today; None = no ceiling."""

    visitor_usd: float | None
    day_usd: float | None
    n_unpriced: int
    n_running: int | None
    opens_at: datetime
    """UTC, when the day's ceilings start anew."""


@dataclass(slots=True)
class _Account:
    spent_usd: float = 0.0
    held_usd: float = 0.0
    n_unpriced: int = 0
    n_running: int = 0


class Budgets:
    """Counts and refuses; may be shared between threads. The lock guards everything below it.

    Cost that somebody else pays for (the visitor's own token) is not to be brought here.
    """

    def __init__(
        self,
        limits: Limits,
        clock: Callable[[], datetime] | None = None,
        *,
        spent_today_usd: float = 0.0,
        max_visitors: int = MAX_VISITORS,
    ) -> None:
        self.limits = limits
        self._clock = clock or (lambda: datetime.now(UTC))
        self._max_visitors = max_visitors
        self._lock = threading.Lock()
        self._day = self._today()
        self._total = _Account(spent_usd=spent_today_usd)
        self._accounts: OrderedDict[str, _Account] = OrderedDict()

    @classmethod
    def from_store(cls, limits: Limits, store: "Store", clock: Callable[[], datetime] | None = None) -> "Budgets":
        """Goes on with the day's total that the store remembers; visitors start anew.

        Raises:
            StoreError: the store cannot be read.
        """
        now = (clock or (lambda: datetime.now(UTC)))().astimezone(UTC)
        start = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return cls(limits, clock, spent_today_usd=store.spent_usd(start))

    def check(self, visitor: str, expected_cost_usd: float | None) -> None:
        """Says whether an answer may start; counts nothing.

        Args:
            expected_cost_usd: None = not known.

        Raises:
            BudgetExceeded: it may not; the text is for the visitor.
        """
        with self._lock:
            self._check(self._account(visitor), expected_cost_usd)

    def hold(self, visitor: str, expected_cost_usd: float | None) -> "Hold":
        """Checks and takes a place: `with budgets.hold(visitor, expected) as hold: ...; hold.spend(actual)`.

        Raises:
            BudgetExceeded: as in `check`.
        """
        with self._lock:
            account = self._account(visitor)
            self._check(account, expected_cost_usd)
            for one in (account, self._total):
                one.n_running += 1
                one.held_usd += expected_cost_usd or 0.0
            return Hold(self, visitor, expected_cost_usd, self._day)

    def spend(self, visitor: str, cost_usd: float | None) -> None:
        """Counts what an answer cost; None = an answer more whose cost nobody knows."""
        with self._lock:
            self._book(self._account(visitor), cost_usd)

    def left(self, visitor: str) -> Left:
        """What the visitor may still use; what runs counts with its expected cost."""
        with self._lock:
            account, limits = self._account(visitor), self.limits
            return Left(
                visitor_usd=_left(limits.max_usd_per_visitor, account),
                day_usd=_left(limits.max_usd_per_day, self._total),
                n_unpriced=max(0, limits.max_unpriced_per_visitor - account.n_unpriced),
                n_running=None if limits.max_running is None else max(0, limits.max_running - self._total.n_running),
                opens_at=self._opens_at(),
            )

    def _end(self, hold: "Hold", cost_usd: float | None) -> None:
        with self._lock:
            account = self._account(hold.visitor)
            for one in (account, self._total):
                one.n_running = max(0, one.n_running - 1)
                if hold.day == self._day:  # else midnight has let go of it
                    one.held_usd = max(0.0, one.held_usd - (hold.expected_cost_usd or 0.0))
            self._book(account, hold.expected_cost_usd if cost_usd is None else cost_usd)

    def _book(self, account: _Account, cost_usd: float | None) -> None:
        if cost_usd is None or not math.isfinite(cost_usd):
            account.n_unpriced += 1
            return
        for one in (account, self._total):
            one.spent_usd += max(0.0, cost_usd)

    def _check(self, account: _Account, expected_cost_usd: float | None) -> None:
        limits = self.limits
        own_places, places = limits.own_share, limits.max_running
        if places is not None and self._total.n_running >= places:
            raise _busy(f"All {places} places are taken right now.")
        if own_places is not None and account.n_running >= own_places:
            raise _busy(f"{account.n_running} of your answers are under way; {own_places} at most.", is_share=True)
        if not limits.has_ceiling or expected_cost_usd == 0.0:
            return
        self._check_usd("your budget for today", limits.max_usd_per_visitor, account, expected_cost_usd)
        self._check_usd("everybody's budget for today", limits.max_usd_per_day, self._total, expected_cost_usd)
        if expected_cost_usd is None and account.n_unpriced >= limits.max_unpriced_per_visitor:
            raise self._used_up(
                f"You have had {account.n_unpriced:,} answers today whose cost nobody knows; there are no more a day."
                " Ask a model with a listed price, or come back"
            )

    def _check_usd(self, whose: str, ceiling: float | None, account: _Account, expected_usd: float | None) -> None:
        left = _left(ceiling, account)
        if ceiling is None or left is None:
            return
        if left > ROUNDING_USD and (expected_usd is None or expected_usd <= left + ROUNDING_USD):
            return
        if left <= ROUNDING_USD:
            raise self._used_up(f"This would go beyond {whose} ({format_usd(ceiling)}): it is used up. Come back")
        raise self._used_up(
            f"This answer is expected to cost {format_usd(expected_usd)}, and {format_usd(left)} of {whose}"
            f" ({format_usd(ceiling)}) is left."
            " Ask for a cheaper model or send less text, or come back"
        )

    def _used_up(self, sentence: str) -> BudgetExceeded:
        wait_s = (self._opens_at() - self._now()).total_seconds()
        minutes = math.ceil(wait_s / 60)
        after = f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
        return BudgetExceeded(f"{sentence} at 00:00 UTC, in {after}.", retry_after_s=wait_s)

    def _account(self, visitor: str) -> _Account:
        today = self._today()
        if today != self._day:
            self._day = today
            self._start_day()
        account = self._accounts.setdefault(visitor, _Account())
        self._accounts.move_to_end(visitor)
        if len(self._accounts) > self._max_visitors:
            idle = next((name for name, one in self._accounts.items() if not one.n_running), None)
            if idle is not None and idle != visitor:
                del self._accounts[idle]
        return account

    def _start_day(self) -> None:
        """Yesterday's money is forgotten; what runs keeps its place."""
        running = {name: account.n_running for name, account in self._accounts.items() if account.n_running}
        self._accounts = OrderedDict((name, _Account(n_running=n)) for name, n in running.items())
        self._total = _Account(n_running=self._total.n_running)

    def _now(self) -> datetime:
        return self._clock().astimezone(UTC)

    def _today(self) -> date:
        return self._now().date()

    def _opens_at(self) -> datetime:
        start = self._now().replace(hour=0, minute=0, second=0, microsecond=0)
        return start + timedelta(days=1)


class Hold:
    """A place taken by one answer. Leaving the `with` gives it back and counts what was spent.

    Without a word on the cost, the expected one counts: an answer that was stopped or broke off has cost something.
    """

    def __init__(self, budgets: Budgets, visitor: str, expected_cost_usd: float | None, day: date) -> None:
        self.visitor = visitor
        self.expected_cost_usd = expected_cost_usd
        self.day = day
        self._budgets = budgets
        self._cost_usd: float | None = None
        self._is_over = False

    def spend(self, cost_usd: float | None) -> None:
        """States the actual cost; None = not known, then the expected one counts. 0 when nobody was asked."""
        self._cost_usd = cost_usd

    def lose(self, cost_usd: float | None) -> None:
        """Counts at once what a try cost that gave no answer; None = not known."""
        self._budgets.spend(self.visitor, cost_usd)

    def close(self) -> None:
        """Gives the place back; harmless the second time."""
        if not self._is_over:
            self._is_over = True
            self._budgets._end(self, self._cost_usd)

    def __enter__(self) -> "Hold":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _left(ceiling: float | None, account: _Account) -> float | None:
    return None if ceiling is None else max(0.0, ceiling - account.spent_usd - account.held_usd)


def _busy(sentence: str, *, is_share: bool = False) -> BudgetExceeded:
    return BudgetExceeded(f"{sentence} Try again in a few seconds.", retry_after_s=BUSY_S, is_share=is_share)
