"""What judgements say of each model at each task, as logits that a decision adds to what it expects.

A visitor counts as one voice per model and task however often they vote; a few voices alone change nothing; corrections
are shrunk to 0, bounded, and forgotten. The state is rebuilt from the kept judgements in their order, so the same
judgements give the same corrections.
"""

import math
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from omni.learning.voices import Voices, to_logits
from omni.learning.votes import Vote, to_vote
from omni.types import Task

if TYPE_CHECKING:
    from omni.store import Store

HALF_LIFE_DAYS = 30.0
SPREAD = 0.6
"""Share of what is said of a model at one task that counts at every other task, too."""
LONGEST = math.log(4.0)
"""Beyond four times the length, longer is not counted as longer still."""
MAX_VOICES = 50_000
"""Visitor and model pairs that are remembered: about 40 MB."""
TASKS = tuple(Task)
EVERYTHING = len(TASKS)
"""The scope of a model on the whole, after those of the tasks."""
LENGTH = "length"

Residuals = Mapping[Task, Mapping[str, float]]


class FeedbackBoard:
    """Learns from votes and gives the corrections; may be shared between threads. The lock guards all of its state."""

    def __init__(
        self,
        clock: Callable[[], datetime] | None = None,
        *,
        half_life_days: float = HALF_LIFE_DAYS,
        max_voices: int = MAX_VOICES,
    ) -> None:
        self._clock = clock or (lambda: datetime.now(UTC))
        self._lock = threading.Lock()
        self._models = Voices(len(TASKS) + 1, half_life_days=half_life_days, max_voices=max_voices)
        self._lengths = Voices(1, half_life_days=half_life_days, max_voices=max_voices)
        self._stale: set[str] = set()
        """Models whose corrections have to be worked out again."""
        self._corrections: dict[str, np.ndarray] = {}
        self._day = 0
        """The day that `_corrections` are of."""
        self._residuals: Residuals = {}

    def learn(self, vote: Vote) -> None:
        """Counts one vote, in time that does not grow with the number of votes."""
        with self._lock:
            day = _day(vote.at)
            x = 0.0 if vote.length_ratio is None else max(-1.0, min(1.0, math.log(vote.length_ratio) / LONGEST))
            shares = _shares(vote.tasks)
            lead = vote.expected_logit or 0.0
            longer = x * self._length_effect(day)
            own, other = self._strength(vote.model_id, shares, day), 0.0
            if vote.other_model_id is not None:
                other = self._strength(vote.other_model_id, shares, day)
                # as seen from the other model: its outcome, against this one's strength
                surprise = (1.0 - vote.value) - _logistic(-lead - own - longer)
                self._hear(vote.visitor, vote.other_model_id, shares, surprise, day)
            self._hear(vote.visitor, vote.model_id, shares, vote.value - _logistic(lead - other + longer), day)
            if x:
                evidence = np.array([(2.0 * vote.value - 1.0) * x])
                self._lengths.add(vote.visitor, LENGTH, np.array([x * x]), evidence, day)

    def residuals(self) -> Residuals:
        """Logits per task and model, at most 1 either way; models without a correction are missing.

        The same object until a vote or a new day (UTC) changes it, then a new one.
        """
        with self._lock:
            day = _day(self._clock())
            if day != self._day:
                self._day = day
                self._stale.update(self._corrections)
                self._stale.update(self._models.subjects)
            if self._stale:
                self._renew()
            return self._residuals

    def length_effect(self) -> float:
        """Logits by which an answer of four times the length is liked more, whatever it says; -1 to 1."""
        with self._lock:
            return self._length_effect(_day(self._clock()))

    def n_voices(self) -> int:
        """Visitor and model pairs that are remembered."""
        with self._lock:
            return len(self._models)

    def _hear(self, visitor: str, model_id: str, shares: np.ndarray, surprise: float, day: int) -> None:
        good = max(-1.0, min(1.0, 2.0 * surprise))
        taken_back = self._models.add(visitor, model_id, shares, good * shares, day)
        self._stale.add(model_id)
        if taken_back is not None:
            self._stale.add(taken_back)

    def _strength(self, model_id: str, shares: np.ndarray, day: int) -> float:
        """Logits of correction that the model has on a prompt of these tasks."""
        return float(shares[:EVERYTHING] @ self._correction(model_id, day))

    def _correction(self, model_id: str, day: int) -> np.ndarray:
        """(n_tasks,) logits; a task's own voices, and a share of those on the whole."""
        weight, evidence = self._models.sums(model_id, day)
        return to_logits(
            (1.0 - SPREAD) * weight[:EVERYTHING] + SPREAD * weight[EVERYTHING],
            (1.0 - SPREAD) * evidence[:EVERYTHING] + SPREAD * evidence[EVERYTHING],
        )

    def _length_effect(self, day: int) -> float:
        return float(to_logits(*self._lengths.sums(LENGTH, day))[0])

    def _renew(self) -> None:
        for model_id in self._stale:
            correction = self._correction(model_id, self._day)
            if correction.any():
                self._corrections[model_id] = correction
            else:
                self._corrections.pop(model_id, None)
        self._stale.clear()
        tables: dict[Task, dict[str, float]] = {}
        for model_id, correction in sorted(self._corrections.items()):
            for task, logits in zip(TASKS, correction.tolist(), strict=True):
                if logits:
                    tables.setdefault(task, {})[model_id] = logits
        self._residuals = dict(sorted(tables.items()))


def load_board(store: "Store", clock: Callable[[], datetime] | None = None) -> FeedbackBoard:
    """A board that has learned all judgements of a store, in their order.

    Raises:
        StoreError: the store cannot be read.
    """
    board = FeedbackBoard(clock)
    for feedback, at in store.load_feedback():
        vote = to_vote(feedback, at)
        if vote is not None:
            board.learn(vote)
    return board


def _shares(tasks: Mapping[Task, float]) -> np.ndarray:
    """(n_tasks + 1,) at most 1 in all over the tasks, then 1 for the whole."""
    shares = np.array([max(0.0, tasks.get(task, 0.0)) for task in TASKS] + [1.0])
    shares[:EVERYTHING] /= max(1.0, float(shares[:EVERYTHING].sum()))
    return shares


def _day(at: datetime) -> int:
    return at.astimezone(UTC).date().toordinal()


def _logistic(logit: float) -> float:
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, logit))))
