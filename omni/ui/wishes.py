"""The visitor's options as preferences. Sliders speak of points (1 point = 0.01 quality) in everyday units."""

from typing import NamedTuple

from omni.caps import check_patterns
from omni.policy import PRESETS
from omni.types import Preferences, Preset, Weights
from omni.ui import text
from omni.ui.turns import PrivacyMode

USD_PER_ANSWER_OF_SLIDER = 0.001
"""The cost slider is per $1 saved on 1,000 answers."""
SECONDS_OF_SLIDER = 10.0


class Wishes(NamedTuple):
    """Values of the option fields, in the order of the page."""

    preset: Preset
    cost_points: float
    speed_points: float
    max_cost_cents: float | None
    allow: str | None
    deny: str | None
    """Globs separated by commas; an untouched field is None."""
    asks_twice: bool = False
    extra_cents: float | None = None
    """What a second start beside a slow first one may cost."""
    privacy: PrivacyMode = "standard"
    router_key: str | None = None
    """The router on the shelf that this visitor switched to; None = the default."""

    @property
    def max_extra_usd(self) -> float | None:
        """None = no second start."""
        return (self.extra_cents or 0.0) / 100 if self.asks_twice else None

    def to_preferences(self) -> Preferences:
        """Preferences for the router; sliders left at their preset's values count as the preset's own weights.

        Raises:
            CapExceeded: too many patterns, or too long ones.
        """
        weights = PRESETS[self.preset]
        sliders = slider_points(self.preset)
        is_own = abs(self.cost_points - sliders.cost) > 1e-6 or abs(self.speed_points - sliders.speed) > 1e-6
        own = Weights(
            quality_per_usd=self.cost_points / 100 / USD_PER_ANSWER_OF_SLIDER,
            quality_per_s=self.speed_points / 100 / SECONDS_OF_SLIDER,
            z=weights.z,
            z_dearer=weights.z_dearer,
            quality_per_failure=weights.quality_per_failure,
        )
        return Preferences(
            preset=self.preset,
            weights=own if is_own else None,
            max_cost_usd=self.max_cost_cents / 100 if self.max_cost_cents else None,
            allow=_globs(text.ALLOW_LABEL, self.allow),
            deny=_globs(text.DENY_LABEL, self.deny),
            local_only=self.privacy == "local",
        )


class SliderPoints(NamedTuple):
    """Positions of the two sliders."""

    cost: float
    speed: float


def slider_points(preset: Preset) -> SliderPoints:
    """Where the sliders stand for a preset's own weights."""
    weights = PRESETS[preset]
    cost = 100 * weights.quality_per_usd * USD_PER_ANSWER_OF_SLIDER
    return SliderPoints(cost=round(cost, 6), speed=round(100 * weights.quality_per_s * SECONDS_OF_SLIDER, 6))


def _globs(field: str, names: str | None) -> tuple[str, ...]:
    globs = tuple(name.strip() for name in (names or "").split(",") if name.strip())
    check_patterns(field, globs)
    return globs
