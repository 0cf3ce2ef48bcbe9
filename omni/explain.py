"""A decision in plain words, from the decision's own numbers."""

from collections import Counter
from collections.abc import Sequence

from omni.catalog import Catalog
from omni.types import Candidate, Decision, Exclusion, Explanation, Flip, ModelCard, PromptProfile, Reason, Task

TASK_WORDS: dict[Task, str] = {
    Task.CODE: "coding",
    Task.MATH: "mathematics",
    Task.REASONING: "reasoning",
    Task.KNOWLEDGE: "knowledge",
    Task.INSTRUCTION_FOLLOWING: "following instructions",
    Task.CREATIVE_WRITING: "creative writing",
    Task.SUMMARIZATION: "summarising",
    Task.TRANSLATION: "translation",
    Task.CHAT: "conversation",
    Task.AGENTIC: "using tools",
    Task.VISION: "reading images",
}

REASON_WORDS: dict[Reason, str] = {
    Reason.ROLE: "not made to chat",
    Reason.CONTEXT_WINDOW: "context window too small or not stated",
    Reason.MODALITY: "do not read images",
    Reason.TOOLS: "not known to call tools",
    Reason.STRUCTURED_OUTPUT: "not known to hold to a JSON format",
    Reason.LICENCE: "licence excluded",
    Reason.NOT_ALLOWED: "not on the allow list",
    Reason.DENIED: "on the deny list",
    Reason.OVER_MAX_COST: "over the cost ceiling",
    Reason.COST_UNKNOWN: "price unknown, so the ceiling cannot be checked",
    Reason.SAFETY: "tuned not to refuse",
    Reason.NO_LIVE_PROVIDER: "not offered by a connected provider",
    Reason.LOCAL_ONLY: "not on this machine",
    Reason.POLICY: "excluded by the operator's policy",
    Reason.LOCKED: "the tools that the conversation's model called are still answering",
}


def explain(decision: Decision, catalog: Catalog) -> Explanation:
    """Says why the chosen model won, against whom, and what would change it."""
    chosen = decision.chosen
    card = catalog.get(chosen.model_id)
    runner_up = decision.candidates[1] if len(decision.candidates) > 1 else None
    return Explanation(
        headline=_headline(decision, card),
        reasons=(
            _read(decision.profile),
            _expected(chosen),
            _evidence(decision),
            *_state(decision),
            *(rule.sentence for rule in decision.rules),
        ),
        runner_up=None if runner_up is None else _against(chosen, runner_up),
        flips=_flips(decision),
        exclusions=_exclusions(decision.excluded),
        sources=_sources(card),
    )


def _headline(decision: Decision, card: ModelCard) -> str:
    task = TASK_WORDS[decision.profile.main_task]
    n = len(decision.candidates)
    among = f"of {n} models that can answer" if n > 1 else "as the only model that can answer"
    return f"{card.display_name} {among}, chosen for {task} ({decision.preferences.preset})."


def _read(profile: PromptProfile) -> str:
    leading = sorted(profile.tasks.items(), key=lambda item: -item[1])[:2]
    shares = " and ".join(f"{share:.0%} {TASK_WORDS[task]}" for task, share in leading if share >= 0.05)
    level = "easy" if profile.difficulty < 0.35 else "hard" if profile.difficulty > 0.65 else "of middle difficulty"
    return (
        f"The prompt reads as {shares}, {level} ({profile.difficulty:.0%} of mid-field models are expected to fail), "
        f"{profile.input_tokens:,} tokens, language {profile.language}."
    )


def _expected(chosen: Candidate) -> str:
    cost = "at unknown cost" if chosen.cost_usd is None else f"for ${chosen.cost_usd:.2g}"
    if chosen.cost_basis == "estimated":
        cost += " (price estimated from its size)"
    wait = "" if chosen.latency_s is None else f" in about {chosen.latency_s:.0f} s"
    if wait and chosen.latency_basis == "estimated":
        wait += " (speed estimated)"
    return f"Expected: a good answer with {chosen.quality:.0%} ± {chosen.quality_se:.0%} chance, {cost}{wait}."


def _evidence(decision: Decision) -> str:
    reference, chosen = decision.reference_model_id, decision.chosen
    if chosen.model_id == reference:
        return "It is also the model these preferences would take for every prompt: nothing here is enough to leave it."
    return (
        f"It beats {reference}, the one model these preferences would take for every prompt, "
        "by more than the doubt about the difference."
    )


def _state(decision: Decision) -> list[str]:
    """What the conversation's past and the servers' present have to say."""
    chosen, stays = decision.chosen, decision.sticky_model_id
    said = []
    if stays is not None and stays == chosen.model_id:
        said.append("It stays with this conversation: no other model is better by enough to pay for the switch.")
    elif stays is not None:
        cost = -chosen.parts.get("switch", 0.0)
        said.append(
            f"The conversation leaves {stays}: the gain pays for the switch, which was set at {100 * cost:.1f} points."
        )
    if chosen.latency_basis == "recorded":
        said.append("Its speed is what was seen here lately.")
    lost = chosen.parts.get("availability", 0.0)
    if lost < -0.005:
        said.append(f"It failed to answer lately, which costs it {-100 * lost:.1f} points.")
    voted = chosen.quality_parts.get("feedback", 0.0)
    if abs(voted) >= 0.01:
        said.append(
            f"People's votes on such prompts {'raise' if voted > 0 else 'lower'} it by {abs(voted):.2f} logits."
        )
    held = chosen.parts.get("place", 0.0)
    if abs(held) >= 0.005:
        said.append(
            "Votes move a model by one place at most, "
            f"which {'gives it back' if held > 0 else 'takes back'} {100 * abs(held):.1f} points."
        )
    return said


def _against(chosen: Candidate, other: Candidate) -> str:
    names = [*chosen.parts, *(name for name in other.parts if name not in chosen.parts)]
    gaps = {name: chosen.parts.get(name, 0.0) - other.parts.get(name, 0.0) for name in names}
    best = max(gaps, key=lambda name: gaps[name])
    words = {
        "quality": "better expected quality",
        "cost": "a lower cost",
        "latency": "a shorter wait",
        "evidence": "firmer evidence",
        "availability": "fewer failures lately",
        "switch": "that the conversation is with it",
        "policy": "its score on safety benchmarks",
        "place": "how far votes may move a model",
    }
    lead = chosen.utility - other.utility
    return f"Runner-up {other.model_id} is {lead:.3f} behind; what tells them apart most is {words[best]}."


def _flips(decision: Decision) -> tuple[Flip, ...]:
    """For each part, the least weight at which another model overtakes the chosen one, and the model it is."""
    flips = []
    for part, unit, weight in (
        ("cost", "quality per USD", decision.weights.quality_per_usd),
        ("latency", "quality per second", decision.weights.quality_per_s),
    ):
        for direction in ("lower", "higher"):
            found = _first_overtaking(decision, part, direction)
            if found is not None and weight > 0:
                factor, model_id = found
                flips.append(
                    Flip(
                        what=f"with the price of {part} at {factor * weight:.3g} {unit} (now {weight:.3g})",
                        model_id=model_id,
                    )
                )
    return tuple(flips)


def _first_overtaking(decision: Decision, part: str, direction: str) -> tuple[float, str] | None:
    """The factor on one part's weight nearest to 1 at which somebody overtakes; utilities are linear in it."""
    values = decision.scores.parts[part]
    rest = sum(decision.scores.parts.values()) - values
    best: tuple[float, str] | None = None
    for row in range(1, len(values)):
        slope = values[row] - values[0]
        gap = rest[0] - rest[row]
        if slope == 0:
            continue
        factor = float(gap / slope)
        wanted = (0 <= factor < 1 and slope < 0) if direction == "lower" else (factor > 1 and slope > 0)
        if wanted and (best is None or abs(factor - 1) < abs(best[0] - 1)):
            best = (factor, decision.scores.model_ids[row])
    return best


def _exclusions(excluded: Sequence[Exclusion]) -> tuple[str, ...]:
    counts = Counter(exclusion.reason for exclusion in excluded)
    return tuple(f"{count} excluded: {REASON_WORDS[reason]}." for reason, count in counts.most_common())


def _sources(card: ModelCard) -> tuple[str, ...]:
    lines = [f"{field}: {source}" for field, source in sorted(card.sources.items()) if source]
    newest = max((score.as_of for score in card.scores if score.as_of is not None), default=None)
    if card.scores:
        lines.append(f"{len(card.scores)} benchmark scores, newest {newest or 'undated'}")
    if card.inherited:
        lines.append(f"taken over from {card.variant_of}: {', '.join(sorted(card.inherited))}")
    return tuple(lines)
