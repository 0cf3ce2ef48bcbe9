"""Prints decisions and the figures of a replay with every digit: `python -m tests.fingerprints`.

Two processes must print the same, whatever the order of their sets.
"""

import json
from typing import Any

from evals.replay import replay
from omni.commands.route import decision_to_json
from omni.conditions import Conditions, ModelHealth, Sticky
from omni.explain import explain
from omni.router import Router
from omni.types import Conversation, Preferences, Task
from tests.builders import build_recording
from tests.golden import FITTED, PUBLIC, routers

N_PROMPTS = 6
POLICIES = ("mixture", "kmeans", "omni", "oracle")


def conditions_of(router: Router) -> Conditions:
    """Sets and mappings of everything that a decision may depend on."""
    ids = router.catalog.models[:: max(1, len(router.catalog.models) // 40)]
    names = [card.model_id for card in ids]
    return Conditions(
        served=frozenset(names),
        local=frozenset(names[:3]),
        health={
            name: ModelHealth(availability=0.9, first_token_s=1.0 + at, tokens_per_s=50.0, weight=5.0, in_flight=at)
            for at, name in enumerate(names[:9])
        },
        residuals={task: {name: 0.1 * at for at, name in enumerate(names[:5])} for task in Task},
        sticky=Sticky(model_id=names[1], is_locked=False, switch_cost=0.01),
    )


def decisions_of(name: str, router: Router) -> list[dict[str, Any]]:
    """A few decisions in full, with nothing known and with everything."""
    asked = {"public": PUBLIC, "fitted": FITTED}[name][:N_PROMPTS]
    rows = []
    for prompt, preset in asked:
        for conditions in (None, conditions_of(router)):
            wishes = Preferences(preset=preset, deny=("x/*", "y/*"))
            decision = router.route(Conversation.from_prompt(prompt), wishes, conditions=conditions)
            evidence = router.evidence(decision)
            text = explain(decision, router.catalog, evidence).to_text()
            rows.append(decision_to_json(decision, text, evidence=evidence))
    return rows


def replayed() -> dict[str, Any]:
    """Figures of a small replay; no times, which no two runs share."""
    result = replay(build_recording(120, missing=0.05), list(POLICIES), seed=3).to_json()
    return {name: value for name, value in result.items() if name != "versions"}


def main() -> None:
    """Prints one line a router, and one for the replay; floats with all their digits."""
    for name, router in routers().items():
        print(json.dumps([name, decisions_of(name, router)]))
    print(json.dumps(["replay", replayed()]))


if __name__ == "__main__":
    main()
