"""Averages and quantiles that forget: recent observations count most."""

from collections import deque
from dataclasses import dataclass, field

HALF_LIFE_S = 120.0
"""After this time an observation counts half: trouble at a provider lasts minutes, and what is avoided for its past is
tried again after some of these."""
KEEP = 0.95
"""What an average keeps at each new observation: it counts half after 14 more, and about the newest twenty count."""
N_KEPT = 64
"""Observations that quantiles are read from."""


@dataclass(slots=True)
class Gauge:
    """One quantity; forgets with time and with each observation, whichever is faster."""

    half_life_s: float = HALF_LIFE_S
    _sum: float = 0.0
    _weight: float = 0.0
    _at_s: float = 0.0
    _newest: deque[float] = field(default_factory=lambda: deque(maxlen=N_KEPT))

    def learn(self, value: float, now: float) -> None:
        """Adds an observation made at `now`, in seconds."""
        kept = KEEP * self._faded(now)
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

    def _faded(self, now: float) -> float:
        return float(0.5 ** (max(0.0, now - self._at_s) / self.half_life_s))


@dataclass(slots=True)
class Gauges:
    """What is measured of a server."""

    success: Gauge = field(default_factory=Gauge)
    first_token_s: Gauge = field(default_factory=Gauge)
    tokens_per_s: Gauge = field(default_factory=Gauge)

    def learn(
        self, now: float, *, success: float, first_token_s: float | None = None, tokens_per_s: float | None = None
    ) -> None:
        """Adds what is known of one call; None is left out."""
        self.success.learn(success, now)
        if first_token_s is not None:
            self.first_token_s.learn(first_token_s, now)
        if tokens_per_s is not None:
            self.tokens_per_s.learn(tokens_per_s, now)
