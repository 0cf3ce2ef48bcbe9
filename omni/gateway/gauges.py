"""Averages and quantiles that forget: recent observations count most."""

from collections import deque
from dataclasses import dataclass, field

HALF_LIFE_S = 120.0
"""After this time an observation counts half: trouble at a provider lasts minutes, and what is avoided for its past is
tried again after some of these."""
KEEP = 0.95
"""What an average keeps at each new observation: it counts half after 14 more, and about the newest twenty count."""
CONFIRMED = 0.9
"""Of the time since the last observation that does not count when the new one is as expected: what time makes doubtful
is whether things are still as they were."""
ALIKE = 2.0
"""Times and speeds within this factor are as expected."""
N_KEPT = 64
"""Observations that quantiles are read from."""


@dataclass(slots=True)
class Gauge:
    """One quantity; forgets with time and with each observation.

    What is no longer asked fades with time. A new observation that agrees brings most of it back, so that a server that
    is still bad is not tried for long; one that differs finds only what is left.
    """

    half_life_s: float = HALF_LIFE_S
    is_share: bool = False
    """Observations are 0 or 1."""
    _sum: float = 0.0
    _weight: float = 0.0
    _at_s: float = 0.0
    _newest: deque[float] = field(default_factory=lambda: deque(maxlen=N_KEPT))

    def learn(self, value: float, now: float) -> None:
        """Adds an observation made at `now`, in seconds."""
        doubt = 1.0 - CONFIRMED * self._agreement(value)
        kept = KEEP * self._faded(now) ** doubt
        self._sum, self._weight, self._at_s = self._sum * kept + value, self._weight * kept + 1.0, now
        self._newest.append(value)

    def mean(self, now: float) -> float | None:
        """The forgetting average; None when nothing was observed, or all of it is long ago."""
        return self._sum / self._weight if self.weight(now) > 0.01 else None

    def weight(self, now: float) -> float:
        """How many fresh observations the average is worth, 0..20."""
        return self._weight * self._faded(now)

    @property
    def n_newest(self) -> int:
        """Observations that quantiles are read from, 0..64."""
        return len(self._newest)

    def quantile(self, share: float) -> float | None:
        """The value below which `share` (0..1) of the newest observations lie; None without any."""
        if not self._newest:
            return None
        ordered = sorted(self._newest)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def _agreement(self, value: float) -> float:
        """How far a value is as expected, 0..1."""
        if not self._weight:
            return 0.0
        mean = self._sum / self._weight
        if self.is_share:
            return mean if value else 1.0 - mean
        return float(mean / ALIKE <= value <= mean * ALIKE)

    def _faded(self, now: float) -> float:
        return float(0.5 ** (max(0.0, now - self._at_s) / self.half_life_s))


@dataclass(slots=True)
class Gauges:
    """What is measured of a server."""

    success: Gauge = field(default_factory=lambda: Gauge(is_share=True))
    first_token_s: Gauge = field(default_factory=Gauge)
    tokens_per_s: Gauge = field(default_factory=Gauge)
    failed_after_s: Gauge = field(default_factory=Gauge)

    def learn(self, now: float, *, success: float, tokens_per_s: float | None = None) -> None:
        """Adds the end of one call; None is left out. Its first piece is learned when it comes."""
        self.success.learn(success, now)
        if tokens_per_s is not None:
            self.tokens_per_s.learn(tokens_per_s, now)
