"""Colours, names and number formats of the benchmark's pictures; no plotting library here.

Every colour stands out at 3:1 or more against white and against near-black, so one figure serves both themes. Colour is
never the only cue: lines differ in dash, points in shape.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from omni.vocabulary import PRESET_WORDS

TEXT = "#7c7c7c"
GRID = "rgba(128,128,128,0.22)"
ZERO = "rgba(128,128,128,0.75)"
CLEAR = "rgba(0,0,0,0)"
HOVER_BACKGROUND = "#3f3f46"
SHADES = ("#2a7ec4", "#d55e00", "#0f9d74", "#b9669a", "#a07818", "#8b6fd1", "#5b8c2a", "#c2517a")
"""For models, which have no colour of their own."""
REST = "#808080"
DASH = "–"
CONTROLS = ("mixture", "oracle", "best_single")
"""Policies that others are held against."""
_DIALS = {
    "quality_per_usd": (0.1, "$1 less per 1,000 answers"),
    "quality_per_s": (1000.0, "an answer 10 s sooner"),
}
"""From the weights of a dial to the points on the sliders of the Chat, and what they are given up for."""
_TUNED = re.compile(r"[-_](instruct|it|chat)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyStyle:
    """How one policy looks in every picture."""

    label: str
    """At most 14 characters: it stands in a legend on a phone."""
    color: str
    symbol: str
    dash: str
    rank: int = 900
    """Place in a legend, least first; drawn over those with more."""
    width: float = 1.8
    size: int = 9

    @property
    def z(self) -> int:
        """Drawing height: the first of the legend is on top."""
        return 1000 - self.rank


_STYLES: Mapping[str, PolicyStyle] = {
    "omni": PolicyStyle(rank=10, label="omni", color="#d55e00", symbol="diamond", dash="solid", width=3.6, size=15),
    "omni_public": PolicyStyle(
        rank=20, label="omni, public", color="#a07818", symbol="diamond-open", dash="dash", size=12
    ),
    "mixture": PolicyStyle(rank=30, label="mixture", color="#7f7f7f", symbol="circle-open", dash="dash", width=2.2),
    "best_single": PolicyStyle(rank=40, label="best single", color="#2a7ec4", symbol="square", dash="dot", size=11),
    "knn": PolicyStyle(rank=50, label="kNN", color="#0f9d74", symbol="circle", dash="solid"),
    "kmeans": PolicyStyle(rank=60, label="k-means", color="#b9669a", symbol="triangle-up", dash="solid"),
    "ridge": PolicyStyle(rank=70, label="ridge", color="#8b6fd1", symbol="triangle-down", dash="solid"),
    "matrix_factorisation": PolicyStyle(
        rank=80, label="matrix fact.", color="#5b8c2a", symbol="pentagon", dash="solid"
    ),
    "task_table": PolicyStyle(rank=90, label="task table", color="#c2517a", symbol="hexagon", dash="dashdot"),
    "random": PolicyStyle(rank=100, label="random", color="#787878", symbol="x", dash="dot"),
    "cheapest": PolicyStyle(rank=110, label="cheapest", color="#787878", symbol="cross", dash="dot"),
    "oracle": PolicyStyle(rank=120, label="oracle", color="#7f7f7f", symbol="star", dash="dot", size=14),
}


def style_of(policy: str) -> PolicyStyle:
    """The look of a policy; one that is not known by name is grey and carries its own name."""
    known = _STYLES.get(policy)
    return known or PolicyStyle(label=short_name(policy, 14), color=REST, symbol="circle", dash="solid")


def label_of(policy: str) -> str:
    """The name a visitor reads."""
    return style_of(policy).label


def setting_of(setting: str) -> str:
    """A setting as a visitor reads it: a preset's name, or points of quality for money or time; "" for full quality."""
    name, _, value = setting.partition("=")
    if name == "preset":
        return f"preset {PRESET_WORDS.get(value, value)}"  # type: ignore[call-overload]
    if name not in _DIALS:
        return setting
    factor, gift = _DIALS[name]
    return f"{factor * float(value):.3g} points for {gift}" if float(value) else ""


def is_single(policy: str) -> bool:
    """True for a single model entered as a policy, `single:<model>`."""
    return policy.startswith("single:")


def drawing_order(policies: list[str]) -> list[str]:
    """Policies as legends list them: omni first, then the known ones, then the rest; single models left out."""
    return sorted((name for name in policies if not is_single(name)), key=lambda name: (style_of(name).rank, name))


def short_name(model: str, n_chars: int = 22) -> str:
    """A model's name without its owner and without `-Instruct`, `-it` or `-Chat`, cut to `n_chars`."""
    name = _TUNED.sub("", model.removeprefix("single:").rsplit("/", 1)[-1])
    return name if len(name) <= n_chars else name[: n_chars - 1] + "…"


def is_known(value: float | None) -> bool:
    """False for None and NaN."""
    return value is not None and not math.isnan(value)


def percent(value: float | None, digits: int = 1) -> str:
    """A share 0..1 as "71.3 %"; a dash when unknown."""
    return DASH if value is None or math.isnan(value) else f"{100 * value:.{digits}f} %".replace("-", "−")


def points(value: float | None, digits: int = 1) -> str:
    """A difference of scores as signed points, "+1.3"; a dash when unknown."""
    if value is None or math.isnan(value):
        return DASH
    rounded = round(100 * value, digits)
    return f"{abs(rounded):.{digits}f}" if rounded == 0 else f"{rounded:+.{digits}f}".replace("-", "−")


def points_range(lo: float | None, hi: float | None, digits: int = 1) -> str:
    """An interval as "+0.5 to +2.1"; a dash when unknown."""
    return f"{points(lo, digits)} to {points(hi, digits)}" if is_known(lo) and is_known(hi) else DASH


def usd(value: float | None) -> str:
    """US dollars with three significant digits; a dash when unknown."""
    if value is None or math.isnan(value):
        return DASH
    return f"${value:,.0f}" if value >= 100 else f"${value:.3g}"


def seconds(value: float | None) -> str:
    """Seconds with three significant digits; a dash when unknown."""
    return DASH if value is None or math.isnan(value) else f"{value:.3g} s"
