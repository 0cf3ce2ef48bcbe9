"""A decision in plain words, from the decision's own numbers."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from omni.catalog import Catalog
from omni.figures import format_percent, format_quality, format_seconds, format_usd
from omni.types import (
    Candidate,
    Decision,
    Exclusion,
    Explanation,
    Flip,
    ModelCard,
    Preset,
    PromptProfile,
    Reason,
    ScoreTable,
    Task,
)

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

PART_WORDS: dict[str, str] = {
    "quality": "quality",
    "cost": "cost",
    "latency": "time",
    "evidence": "doubt",
    "availability": "failures",
    "switch": "switch",
    "policy": "safety",
    "place": "limit of votes",
}

FACT_WORDS: dict[str, str] = {
    "price_in_usd_per_mtok": "price in, USD per million tokens",
    "price_out_usd_per_mtok": "price out, USD per million tokens",
    "output_tokens_per_s": "speed, tokens per second",
    "time_to_first_token_s": "seconds to the first word",
    "context_tokens": "context window, tokens",
    "max_output_tokens": "longest answer, tokens",
    "params_total_b": "size, billions of parameters",
    "params_active_b": "active per token, billions of parameters",
    "input_modalities": "reads",
    "supports_tools": "calls tools",
    "supports_reasoning": "thinks first",
    "structured_output": "holds to a JSON format",
    "license": "licence",
    "release_date": "released",
    "family": "family",
    "variant_of": "variant of",
    "in_huggingchat": "in HuggingChat",
}
"""Fields of a model card in the order that matters for a decision."""

LANGUAGE_WORDS: dict[str, str] = {
    "ar": "Arabic", "bn": "Bengali", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek", "en": "English",
    "es": "Spanish", "fa": "Persian", "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi",
    "hu": "Hungarian", "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ko": "Korean", "nl": "Dutch",
    "no": "Norwegian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sv": "Swedish",
    "ta": "Tamil", "th": "Thai", "tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese",
    "zh": "Chinese",
}  # fmt: skip

_PROMISES: dict[Preset, str] = {
    "balanced": "the best balance of quality, cost and wait",
    "quality": "the best answer",
    "fast": "the best answer for a short wait",
    "cheap": "the best answer for little money",
}
_TRADES: dict[str, str] = PART_WORDS | {
    "evidence": "certainty",
    "availability": "reliability",
    "switch": "staying in the conversation",
}
"""Parts as things that a model can be better or worse on."""
_POINTS_PER_USD_OF_1000 = 0.1
"""From quality per USD to points per $1 less on 1,000 answers."""
_POINTS_PER_10_S = 1000.0
"""From quality per second to points per 10 s less."""
_N_FACTORS, _N_HALVINGS = 129, 20
"""Weights that are tried for another winner, and steps in which the nearest is closed in on."""
_LEAST_POINTS = 0.05
"""Smaller differences read as 0.0."""


def explain(decision: Decision, catalog: Catalog) -> Explanation:
    """Says why the chosen model won, against whom, and what would change it; or why nobody is asked."""
    rules = tuple(rule.sentence for rule in decision.rules)
    if decision.action == "refuse":
        message = decision.message or "No model is asked."
        return Explanation(headline=message, reasons=rules, runner_up=None, flips=(), exclusions=(), sources=())
    chosen = decision.chosen
    card = catalog.get(chosen.model_id)
    runner_up = decision.candidates[1] if len(decision.candidates) > 1 else None
    return Explanation(
        headline=_headline(decision, card),
        reasons=(
            _read(decision.profile),
            _quality(chosen, card),
            _cost(chosen, card),
            _time(chosen, card),
            _evidence(decision),
            *_state(decision),
            *rules,
        ),
        runner_up=None if runner_up is None else _against(chosen, runner_up),
        flips=_flips(decision),
        exclusions=_exclusions(decision.excluded),
        sources=_sources(card),
    )


def _headline(decision: Decision, card: ModelCard) -> str:
    n, wishes = len(decision.candidates), decision.preferences
    if n == 1:
        return f"{card.display_name} is the only model that can answer this prompt."
    promise = _PROMISES[wishes.preset] if wishes.weights is None else "the best answer by your own weights"
    task = TASK_WORDS[decision.profile.main_task]
    return f"{card.display_name} promises {promise} for this prompt ({task}), of {n} models that can answer."


def _read(profile: PromptProfile) -> str:
    leading = sorted(profile.tasks.items(), key=lambda item: -item[1])[:2]
    shares = " and ".join(f"{format_percent(share)} {TASK_WORDS[task]}" for task, share in leading if share >= 0.05)
    level = "easy" if profile.difficulty < 0.35 else "hard" if profile.difficulty > 0.65 else "of middle difficulty"
    language = "" if profile.language == "und" else f" in {LANGUAGE_WORDS.get(profile.language, profile.language)}"
    return (
        f"The prompt reads as {shares}{language}, {profile.input_tokens:,} tokens (word pieces) long, and {level}: "
        f"{format_percent(profile.difficulty)} of middling models are expected to fail it."
    )


def _quality(chosen: Candidate, card: ModelCard) -> str:
    n_scores = len(card.scores)
    known = (
        f"going by {n_scores} public benchmark score{'s' if n_scores > 1 else ''} of the model"
        if n_scores
        else "going by its size, family and age, since no benchmark score of it is published"
    )
    return (
        f"Chance of a good answer: {format_quality(chosen.quality, chosen.quality_se)}, {known}, "
        "and by the kind and difficulty of the prompt."
    )


def _cost(chosen: Candidate, card: ModelCard) -> str:
    price_in, price_out = card.price_in_usd_per_mtok, card.price_out_usd_per_mtok
    if chosen.cost_usd is None:
        return "Cost: not known, since nobody names a price."
    tokens = f"{chosen.input_tokens:,} tokens in and about {chosen.output_tokens:,.0f} out"
    if price_in is None or price_out is None:
        return f"Cost: {format_usd(chosen.cost_usd)} for {tokens}."
    basis = "" if chosen.cost_basis == "listed" else ", prices estimated from its size"
    prices = f"${price_in:.3g} and ${price_out:.3g} per million"
    return f"Cost: {format_usd(chosen.cost_usd)} for {tokens}, at {prices}{basis}."


def _time(chosen: Candidate, card: ModelCard) -> str:
    if chosen.latency_s is None:
        return "Time: not known."
    known = {
        "estimated": "estimated, since no speed of it is published",
        "published": "by its published speed",
        "recorded": "by what was seen here lately",
    }[chosen.latency_basis or "estimated"]
    if chosen.latency_basis == "published" and card.output_tokens_per_s is not None:
        known += f" of {card.output_tokens_per_s:.0f} tokens a second"
    return f"Time: {format_seconds(chosen.latency_s)} until the whole answer is there, {known}."


def _evidence(decision: Decision) -> str:
    reference, chosen = decision.reference_model_id, decision.chosen
    if chosen.model_id == reference:
        return "It is also the model for an average prompt: nothing in this one speaks clearly enough for another."
    return (
        f"For an average prompt it would be {reference}; on this one the choice is ahead "
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
    lost = chosen.parts.get("availability", 0.0)
    if lost < -0.005:
        said.append(f"It failed to answer or kept people waiting lately, which costs it {-100 * lost:.1f} points.")
    voted = chosen.quality_parts.get("feedback", 0.0)
    gained = 100 * (chosen.quality - 1 / (1 + math.exp(voted - chosen.quality_logit)))
    if abs(gained) >= _LEAST_POINTS:
        change = "raise" if gained > 0 else "lower"
        said.append(f"People's votes on such prompts {change} its chance by {abs(gained):.1f} points.")
    held = chosen.parts.get("place", 0.0)
    if abs(held) >= 0.005:
        said.append(
            "Votes move a model by one place at most, "
            f"which {'gives it back' if held > 0 else 'takes back'} {100 * abs(held):.1f} points."
        )
    return said


def _against(chosen: Candidate, other: Candidate) -> str:
    names = [*chosen.parts, *(name for name in other.parts if name not in chosen.parts)]
    gaps = {name: 100 * (chosen.parts.get(name, 0.0) - other.parts.get(name, 0.0)) for name in names}
    lead = 100 * (chosen.utility - other.utility)
    behind = "practically level" if lead < _LEAST_POINTS else f"{lead:.1f} point{'' if lead == 1 else 's'} behind"
    better = {name: gap for name, gap in gaps.items() if gap >= _LEAST_POINTS}
    worse = {name: -gap for name, gap in gaps.items() if gap <= -_LEAST_POINTS}
    trade = " but ".join(f"{word} on {_traded(part)}" for word, part in (("better", better), ("worse", worse)) if part)
    return f"Second is {other.model_id}, {behind}" + (f": the first is {trade}." if trade else ".")


def _traded(points: Mapping[str, float]) -> str:
    """ "cost (1.4) and quality (0.3)", the greatest first."""
    *others, last = [f"{_TRADES[name]} ({points[name]:.1f})" for name in sorted(points, key=lambda name: -points[name])]
    return f"{', '.join(others)} and {last}" if others else last


def _flips(decision: Decision) -> tuple[Flip, ...]:
    """For each part, the least weight at which another model overtakes the chosen one, and the model it is."""
    flips = []
    for part, gift, points in (
        ("cost", "$1 less per 1,000 answers", _POINTS_PER_USD_OF_1000 * decision.weights.quality_per_usd),
        ("latency", "an answer 10 s sooner", _POINTS_PER_10_S * decision.weights.quality_per_s),
    ):
        for direction in ("lower", "higher"):
            found = _first_overtaking(decision, part, direction)
            if found is None or not 0 < found[0] * points <= 100:
                continue
            factor, model_id = found
            worth = f"if {gift} were worth {factor * points:.3g} points of quality (now {points:.3g})"
            flips.append(Flip(what=worth, model_id=model_id))
    return tuple(flips)


def _first_overtaking(decision: Decision, part: str, direction: str) -> tuple[float, str] | None:
    """The factor on one part's weight nearest to 1 at which somebody overtakes; utilities are linear in it."""
    values = decision.scores.parts[part]
    if "place" in decision.scores.part_names:
        return _first_with_votes(decision.scores, values, direction)
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


def _first_with_votes(table: ScoreTable, values: np.ndarray, direction: str) -> tuple[float, str] | None:
    """The same where votes decide between the two that lead without them: found by trying weights."""
    gains = _votes(table)
    rest = sum(table.parts.values()) - values - gains - table.parts["place"]
    factors = np.linspace(1.0, 0.0, _N_FACTORS) if direction == "lower" else np.geomspace(1.0, 1e4, _N_FACTORS)
    changed = np.flatnonzero(_firsts(rest, values, gains, factors))
    if not len(changed) or not changed[0]:
        return None
    near, far = factors[changed[0] - 1], factors[changed[0]]
    for _ in range(_N_HALVINGS):
        middle = np.array([(near + far) / 2])
        near, far = (near, middle[0]) if _firsts(rest, values, gains, middle)[0] else (middle[0], far)
    return float(far), table.model_ids[_firsts(rest, values, gains, np.array([far]))[0]]


def _votes(table: ScoreTable) -> np.ndarray:
    """(n,) what people's votes add to each expected quality."""
    logits = dict(zip(table.quality_names, table.figures[len(table.part_names) :], strict=False))
    unvoted: np.ndarray = 1 / (1 + np.exp(logits["feedback"] - sum(logits.values())))
    return table.parts["quality"] - unvoted


def _firsts(rest: np.ndarray, values: np.ndarray, gains: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """(n_factors,) rows that come first when `values` are scaled; votes decide between the two that lead without."""
    before, each = rest + factors[:, None] * values, np.arange(len(factors))
    first = before.argmax(axis=1)
    led = before[each, first] + gains[first]
    before[each, first] = -np.inf
    second = before.argmax(axis=1)
    return np.where(before[each, second] + gains[second] > led, second, first)


def _exclusions(excluded: Sequence[Exclusion]) -> tuple[str, ...]:
    counts = Counter(exclusion.reason for exclusion in excluded)
    return tuple(f"{count} excluded: {REASON_WORDS[reason]}." for reason, count in counts.most_common())


def _sources(card: ModelCard) -> tuple[str, ...]:
    """Each fact with its value and where it is from, prices and speed first; then the benchmark scores."""
    ordered = sorted((name for name in card.sources if card.sources[name]), key=_place_of_fact)
    lines = [f"{FACT_WORDS.get(name, name)}: {_value(card, name)}, from {card.sources[name]}" for name in ordered]
    newest = max((score.as_of for score in card.scores if score.as_of is not None), default=None)
    if card.scores:
        lines.append(f"{len(card.scores)} benchmark scores, newest {newest or 'undated'}")
    if card.inherited:
        lines.append(f"taken over from {card.variant_of}: {', '.join(sorted(card.inherited))}")
    return tuple(lines)


def _place_of_fact(name: str) -> tuple[int, str]:
    names = list(FACT_WORDS)
    return (names.index(name) if name in FACT_WORDS else len(names), name)


def _value(card: ModelCard, name: str) -> str:
    value = getattr(card, name, None)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, frozenset):
        return ", ".join(sorted(value))
    return f"{value:,.6g}" if isinstance(value, int | float) else str(value)
