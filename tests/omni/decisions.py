"""A decision in which no two figures are alike, so that a swapped field shows wherever it is written down."""

from dataclasses import replace
from datetime import date

import numpy as np

from omni.policy import PRESETS
from omni.types import (
    Decision,
    Exclusion,
    Preferences,
    Reason,
    RouterName,
    Safety,
    ScoreTable,
    Span,
    Task,
)
from tests.omni.cards import prompt_profile

FIRST, SECOND, THIRD = "org/Alpha-70B", "org/Beta-8B", "org/Gamma-3B"
ROUTER = RouterName(
    source="fitted", title="Fitted on toys", file_name="my.router", fingerprint="2d3c", as_of=date(2026, 11, 28)
)


def distinct_decision(**changes: object) -> Decision:
    """Two candidates and one model left out; three counts and all shares differ from each other."""
    scores = ScoreTable(
        model_ids=(FIRST, SECOND),
        part_names=("quality", "cost", "latency", "evidence"),
        quality_names=("general", "task_fit"),
        figures=np.array(
            [
                *((0.81, 0.74), (-0.041, -0.012), (-0.013, -0.004), (-0.007, -0.021)),
                *((0.5, 0.47), (0.31, 0.27)),
                *((0.034, 0.056), (0.0021, 0.0006), (6.5, 2.2), (321.0, 204.0)),
            ]
        ),
        cost_listed=np.array([False, True]),
        latency_basis=np.array([1, 2]),
        input_tokens=42,
    )
    profile = prompt_profile(
        language="de",
        script="Grek",
        tasks={Task.CODE: 0.72, Task.MATH: 0.28},
        difficulty=0.43,
        input_tokens=42,
        n_images=3,
        n_turns=5,
        privacy=(Span(kind="email", message_index=0, start=0, end=3),),
        safety=Safety.SENSITIVE,
    )
    left_out = [Exclusion(model_id=f"org/Out-{n}B", reason=Reason.DENIED, detail=f"no {n}") for n in range(7)]
    decision = Decision(
        decision_id="0123",
        catalog_version="v1",
        parameters_version="p1",
        router=ROUTER,
        profile=profile,
        preferences=Preferences(preset="cheap"),
        weights=PRESETS["cheap"],
        reference_model_id=THIRD,
        scores=scores,
        excluded=tuple(left_out),
    )
    return replace(decision, **changes)  # type: ignore[arg-type]
