"""Voices: what each visitor says of each subject, counted once however often it is said, and forgotten with time."""

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

SURE = 2.0
"""Standard errors of evidence that are taken off: up to four visitors who agree are no crowd, and voices that
contradict each other change nothing."""
DOUBT = 16.0
"""Pseudo-visitors who say nothing: a prior standard deviation of 0.5 logits around no correction, between what public
figures state of their error and what they are off by against outcomes (0.43, 0.60; `evals/studies/LOG.md`)."""
BOUND = 1.0
"""Greatest correction, logits: of two in three good answers it makes 42 % or 84 %. What keeps visitors from swinging a
ranking is `hold_places`, so the bound need not."""


@dataclass(slots=True, eq=False)
class _Tally:
    """Weights and evidence by scope as of a day; both halve with every half-life."""

    day: int
    weight: np.ndarray
    evidence: np.ndarray

    def move_to(self, day: int, half_life_days: float) -> None:
        """Forgets up to `day`; days before the present one change nothing."""
        if day > self.day:
            faded = 0.5 ** ((day - self.day) / half_life_days)
            self.weight *= faded
            self.evidence *= faded
            self.day = day


class Voices:
    """Each visitor's voice on each subject, and their sums per subject. Not safe for threads: its owner has the lock.

    A voice has a weight from 0 to 1 and evidence between minus and plus its weight, per scope. The oldest voices are
    taken back when there are too many.
    """

    def __init__(self, n_scopes: int, *, half_life_days: float, max_voices: int) -> None:
        self._n_scopes = n_scopes
        self._half_life_days = half_life_days
        self._max_voices = max_voices
        self._voices: OrderedDict[tuple[str, str], _Tally] = OrderedDict()
        self._sums: dict[str, _Tally] = {}
        self._n_voices: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._voices)

    @property
    def subjects(self) -> tuple[str, ...]:
        """Those that somebody's voice is about, in order."""
        return tuple(sorted(self._sums))

    def add(self, visitor: str, subject: str, weights: np.ndarray, evidence: np.ndarray, day: int) -> str | None:
        """Counts one judgement.

        Args:
            weights: (n_scopes,) 0..1, how much of the judgement belongs to each scope.
            evidence: (n_scopes,) weight times how good, -1..1.
            day: the judgement's, as an ordinal; one from before the last is as faded as it is old.

        Returns:
            Another subject whose sums changed because a voice was taken back.
        """
        total = self._sums.setdefault(subject, self._blank(day))
        voice = self._voices.get((visitor, subject))
        if voice is None:
            voice = self._voices[visitor, subject] = self._blank(day)
            self._n_voices[subject] = self._n_voices.get(subject, 0) + 1
        self._voices.move_to_end((visitor, subject))
        now = max(day, voice.day, total.day)
        voice.move_to(now, self._half_life_days)
        total.move_to(now, self._half_life_days)
        faded = 0.5 ** ((now - day) / self._half_life_days)
        weight, said = voice.weight + faded * weights, voice.evidence + faded * evidence
        too_much = np.maximum(weight, 1.0)
        weight, said = weight / too_much, np.clip(said / too_much, -1.0, 1.0)
        total.weight += weight - voice.weight
        total.evidence += said - voice.evidence
        voice.weight, voice.evidence = weight, said
        return self._take_back_oldest() if len(self._voices) > self._max_voices else None

    def sums(self, subject: str, day: int) -> tuple[np.ndarray, np.ndarray]:
        """(n_scopes,) weights and evidence of all visitors together as of `day`."""
        total = self._sums.get(subject)
        if total is None:
            return np.zeros(self._n_scopes), np.zeros(self._n_scopes)
        faded = 0.5 ** (max(0, day - total.day) / self._half_life_days)
        return faded * total.weight, faded * total.evidence

    def _take_back_oldest(self) -> str:
        (_, subject), voice = self._voices.popitem(last=False)
        self._n_voices[subject] -= 1
        if not self._n_voices[subject]:
            del self._n_voices[subject], self._sums[subject]
            return subject
        total = self._sums[subject]
        voice.move_to(total.day, self._half_life_days)
        total.weight -= voice.weight
        total.evidence -= voice.evidence
        return subject

    def _blank(self, day: int) -> _Tally:
        return _Tally(day, np.zeros(self._n_scopes), np.zeros(self._n_scopes))


def to_logits(weight: np.ndarray, evidence: np.ndarray) -> np.ndarray:
    """The correction that voices support: one Newton step of a penalised Bradley-Terry fit, made robust.

    With evidence 2·(outcome - expected), the gradient at no correction is half its sum and the curvature a quarter of
    the weight, so the step is 2·evidence / (weight + DOUBT), where DOUBT stands for the Gaussian prior. Evidence counts
    from two of its standard errors (the root of the weight) on, and the result is bounded.

    Source: Bradley and Terry 1952; Newton's step on the penalised likelihood; threshold and bound are ours.
    """
    crowd = np.sign(evidence) * np.maximum(np.abs(evidence) - SURE * np.sqrt(np.maximum(weight, 0.0)), 0.0)
    return np.clip(2.0 * crowd / (weight + DOUBT), -BOUND, BOUND)
