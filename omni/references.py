"""What HuggingChat's Omni would have done: its 34-route policy until 2026-05-22 and its three routes since.

The policies are facts of `data/catalog`: which route goes to which models. How a prompt found its route is not public
as data, so the route is picked by our own reading: images and tools decide first, then the main task, and among the
routes of that task the one whose name lies nearest to the prompt in the static encoder.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from omni.config import DATA_DIR
from omni.errors import CatalogError
from omni.reading import FeatureMaker
from omni.types import Decision, PromptProfile, Task

POLICY_FILES = ("routes_34.json", "routes_3.json")

ROUTE_TASKS: Mapping[str, Task] = {
    "code_generation": Task.CODE,
    "code_maintenance": Task.CODE,
    "code_review_docs": Task.CODE,
    "frontend_ui": Task.CODE,
    "software_architecture_design": Task.CODE,
    "terminal_cli": Task.CODE,
    "formal_proof": Task.MATH,
    "technical_explanation": Task.MATH,
    "decision_support": Task.REASONING,
    "qa_explanations": Task.KNOWLEDGE,
    "learning_tutor": Task.KNOWLEDGE,
    "health_wellness_info": Task.KNOWLEDGE,
    "personal_finance": Task.KNOWLEDGE,
    "editing_rewrite": Task.INSTRUCTION_FOLLOWING,
    "email_writing": Task.INSTRUCTION_FOLLOWING,
    "job_app_docs": Task.INSTRUCTION_FOLLOWING,
    "social_media_copy": Task.INSTRUCTION_FOLLOWING,
    "spell_checker": Task.INSTRUCTION_FOLLOWING,
    "structured_data": Task.INSTRUCTION_FOLLOWING,
    "meal_planning": Task.INSTRUCTION_FOLLOWING,
    "brainstorming_ideas": Task.CREATIVE_WRITING,
    "creative_writing": Task.CREATIVE_WRITING,
    "essay_writing": Task.CREATIVE_WRITING,
    "summarization": Task.SUMMARIZATION,
    "translation": Task.TRANSLATION,
    "language_tutoring": Task.TRANSLATION,
    "casual_conversation": Task.CHAT,
    "career_coaching": Task.CHAT,
    "character_impersonation": Task.CHAT,
    "emotional_support": Task.CHAT,
    "interactive_roleplay": Task.CHAT,
    "agentic_orchestration": Task.AGENTIC,
    "shopping_recommendations": Task.AGENTIC,
    "travel_planning": Task.AGENTIC,
}
"""The task that a route of the 34-route policy serves; our reading of its name."""


class _Route(BaseModel):
    model_config = ConfigDict(extra="forbid")

    route: str
    primary_model: str
    fallback_models: list[str]


class _Policy(BaseModel):
    model_config = ConfigDict(extra="ignore")

    name: str
    routes: list[_Route]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceChoice:
    """What one reference policy would have done with a prompt."""

    policy: str
    route: str
    model_id: str
    """The primary model, or the first fallback that this decision did not exclude."""
    is_candidate: bool
    """False when none of the route's models is a candidate here; then `model_id` is the primary one."""


class References:
    """The reference policies, ready to be asked about decisions."""

    def __init__(self, folder: Path, features: FeatureMaker) -> None:
        self._policies = [_load(folder / name) for name in POLICY_FILES]
        self._n_static = features.n_static
        names = sorted({route.route for policy in self._policies for route in policy.routes})
        rows = features.features([name.replace("_", " ") for name in names])[:, : self._n_static]
        self._vectors = dict(zip(names, rows, strict=True))

    def choices(self, decision: Decision) -> tuple[ReferenceChoice, ...]:
        """One choice per policy, the older policy first."""
        return tuple(self._choice(policy, decision) for policy in self._policies)

    def _choice(self, policy: _Policy, decision: Decision) -> ReferenceChoice:
        routes = {route.route: route for route in policy.routes}
        route = routes[self._route_of(decision.profile, tuple(routes))]
        candidates = set(decision.scores.model_ids)
        usable = [model for model in (route.primary_model, *route.fallback_models) if model in candidates]
        return ReferenceChoice(
            policy=policy.name,
            route=route.route,
            model_id=usable[0] if usable else route.primary_model,
            is_candidate=bool(usable),
        )

    def _route_of(self, profile: PromptProfile, names: tuple[str, ...]) -> str:
        if profile.n_images and "multimodal" in names:
            return "multimodal"
        if profile.needs_tools:
            return next(name for name in names if name.startswith("agentic"))
        if "default" in names:
            return "default"
        task = profile.main_task if profile.main_task in ROUTE_TASKS.values() else Task.KNOWLEDGE
        fitting = [name for name in names if ROUTE_TASKS.get(name) is task]
        static = profile.features[: self._n_static]
        return max(fitting, key=lambda name: (float(np.dot(static, self._vectors[name])), name))


def load_references(features: FeatureMaker, folder: Path | None = None) -> References:
    """The shipped reference policies.

    Raises:
        CatalogError: A policy file is missing or has another form.
    """
    return References(folder or DATA_DIR / "catalog", features)


def _load(path: Path) -> _Policy:
    try:
        return _Policy.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, json.JSONDecodeError, ValidationError) as error:
        first = str(error).splitlines()[0]
        raise CatalogError(f"{path.name}: cannot be read ({first}); expected name and routes. Restore it.") from error
