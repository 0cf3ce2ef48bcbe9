"""Brings what is promised of the chosen models to what chosen models scored.

The model that is chosen is the one of which most is expected, by luck too, and mixtures of sources err by their levels.
A prompt's level moves by what isotonic regression says of held-out choices; all its models move alike, so that choices
stay.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.isotonic import IsotonicRegression

DOUBT = 1000.0
"""Held-out choices' worth of belief that promises hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A rising curve from promised to scored, and how far it is believed."""

    promised: np.ndarray
    """(k,) rising, 0..1."""
    scored: np.ndarray
    """(k,) 0..1"""
    share: float
    """0..1"""

    def shift(self, promised: np.ndarray) -> np.ndarray:
        """(n,) predicted quality of the chosen models -> (n,) what to add to the prompts' levels."""
        return self.share * (np.interp(promised, self.promised, self.scored) - promised)


def fit_calibration(promised: np.ndarray, scored: np.ndarray) -> Calibration:
    """Learns from held-out choices: (n,) predicted quality and (n,) score of the chosen model, NaN = not scored."""
    known = np.isfinite(scored)
    if not known.any():
        return Calibration(promised=np.zeros(1), scored=np.zeros(1), share=0.0)
    curve = IsotonicRegression(y_min=0.0, y_max=1.0).fit(promised[known], scored[known])
    return Calibration(
        promised=curve.X_thresholds_, scored=curve.y_thresholds_, share=float(known.sum() / (known.sum() + DOUBT))
    )
