"""A decision in plain words, from the decision's own numbers."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from omni.catalog import Catalog
from omni.evidence import Evidence
from omni.figures import format_percent, format_quality, format_seconds, format_usd, short_name
from omni.types import (
    Candidate,
    Decision,
    Exclusion,
    Explanation,
    Flip,
    ModelCard,
    Preset,
    PromptProfile,
    RouterName,
    ScoreTable,
    Task,
)
from omni.vocabulary import FACT_WORDS, LANGUAGE_WORDS, PART_WORDS, REASON_WORDS, TASK_WORDS, part_word, quality_word

_RANKS: dict[Preset, tuple[str, str]] = {
    "balanced": ("is best overall", ""),
    "quality": ("ranks first", ", with quality weighted most"),
    "fast": ("ranks first", ", with speed weighted most"),
    "cheap": ("ranks first", ", with low cost weighted most"),
}
"""What a preset's winner is, before and after the task and the number of models."""
_OWN_WEIGHTS = ("ranks first", ", by your own weights")
_TRADES: dict[str, str] = PART_WORDS | {
    "evidence": "certainty",
    "availability": "reliability",
    "switch": "staying in the conversation",
}
"""Parts as things that a model can be better or worse on."""
HARD_PROMPT = (
    "Every candidate is likely to fail this, so saving money earns nothing: the most able model that the preset can "
    "afford was taken."
)
_POINTS_PER_USD_OF_1000 = 0.1
"""From quality per USD to points per $1 less on 1,000 answers."""
_POINTS_PER_10_S = 1000.0
"""From quality per second to points per 10 s less."""
_N_FACTORS, _N_HALVINGS = 129, 20
"""Weights that are tried for another winner, and steps in which the nearest is closed in on."""
_LEAST_POINTS = 0.05
"""Smaller differences read as 0.0."""
FAMILIAR = 0.75
"""A prompt that gets a smaller share of what was learned is called unlike the recorded ones."""
MAX_BENCHMARKS = 3
"""Named in a sentence, the newest first."""


def explain(decision: Decision, catalog: Catalog, evidence: Evidence | None = None) -> Explanation:
    """Says why the chosen model won, against which one, and what would change it; or why no model is asked.

    Args:
        catalog: of the router that decided.
        evidence: recorded outcomes on similar prompts; None = the router goes by public benchmarks.
    """
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
            _quality(decision, card),
            *_seen(decision, evidence),
            _cost(decision, card),
            _time(decision, card),
            _default(decision),
            *_state(decision),
            *rules,
            router_sentence(decision.router),
        ),
        runner_up=None if runner_up is None else _against(chosen, runner_up),
        flips=_flips(decision),
        exclusions=_exclusions(decision.excluded),
        sources=_sources(card),
    )


def router_sentence(router: RouterName) -> str:
    """Which router decided: what it rests on, its file, the fingerprint of its parameters and its date."""
    facts = (router.file_name and f"file {router.file_name}", f"fingerprint {router.fingerprint}",
             router.as_of and router.as_of.isoformat())  # fmt: skip
    return f"Router: {router.title} ({', '.join(fact for fact in facts if fact)})."


def quality_parts_words(parts: Mapping[str, float]) -> str:
    """ "81.0 = mean over all recorded prompts 74.0 + similar prompts 5.2 + category 1.8", in points that add up."""
    shown = rounded_parts({name: 100 * value for name, value in parts.items()})
    (first, value), *others = shown.items()
    words = "".join(f" {'+' if points >= 0 else '−'} {quality_word(name)} {abs(points):.1f}" for name, points in others)
    return f"{sum(shown.values()):.1f} = {quality_word(first)} {value:.1f}{words}"


def rounded_parts(parts: Mapping[str, float]) -> dict[str, float]:
    """Parts to one decimal that add up to their rounded sum; parts that are nothing are left out, but for the first."""
    kept = {name: 10 * value for place, (name, value) in enumerate(parts.items()) if not place or abs(value) >= 0.05}
    tenths = {name: round(value) for name, value in kept.items()}
    gap = round(10 * sum(parts.values())) - sum(tenths.values())
    # what rounding lost goes, a tenth each, to the parts that it changed most
    for name in sorted(kept, key=lambda name: -math.copysign(1, gap) * (kept[name] - tenths[name]))[: abs(gap)]:
        tenths[name] += 1 if gap > 0 else -1
    return {name: value / 10 for name, value in tenths.items()}


def _headline(decision: Decision, card: ModelCard) -> str:
    n, wishes = len(decision.candidates), decision.preferences
    if n == 1:
        return f"{card.display_name} is the only model that can answer this prompt."
    before, after = _RANKS[wishes.preset] if wishes.weights is None else _OWN_WEIGHTS
    task = TASK_WORDS[decision.profile.main_task]
    return f"{card.display_name} {before} for {task} among {n} available models{after}."


def _read(profile: PromptProfile) -> str:
    leading = sorted(profile.tasks.items(), key=lambda item: -item[1])[:2]
    shares = " and ".join(f"{format_percent(share)} {TASK_WORDS[task]}" for task, share in leading if share >= 0.05)
    level = "easy" if profile.difficulty < 0.35 else "hard" if profile.difficulty > 0.65 else "of medium difficulty"
    language = "" if profile.language == "und" else f" in {LANGUAGE_WORDS.get(profile.language, profile.language)}"
    return (
        f"The prompt reads as {shares}{language}, {profile.input_tokens:,} tokens long and {level}: "
        f"an average model fails this about {format_percent(profile.difficulty)} of the time."
    )


def _quality(decision: Decision, card: ModelCard) -> str:
    chosen = decision.chosen
    expected = f"Expected quality: {format_quality(chosen.quality, chosen.quality_se)}"
    if decision.router.source == "fitted":
        return f"{expected}, from recorded outcomes: {quality_parts_words(chosen.quality_parts)}."
    return f"{expected}, {_benchmarks(card, decision.profile.main_task)}."


def _benchmarks(card: ModelCard, task: Task) -> str:
    """Which public scores the expectation rests on, those of the task by name and date."""
    if not card.scores:
        return "from its size, family and age, because no benchmark score of it is published"
    n = len(card.scores)
    known = f"from {n} public benchmark score{'s' if n > 1 else ''}"
    own = [score for score in card.scores if score.category == task.value]
    newest = sorted(own, key=lambda score: (score.as_of is None, -score.as_of.toordinal() if score.as_of else 0))
    named = dict.fromkeys(f"{score.benchmark} {score.as_of or 'undated'}" for score in newest)
    if not named:
        return f"{known}, none of them on {TASK_WORDS[task]}"
    return f"{known}, {len(own)} of them on {TASK_WORDS[task]} ({', '.join(list(named)[:MAX_BENCHMARKS])})"


def _seen(decision: Decision, evidence: Evidence | None) -> list[str]:
    """What was recorded on similar prompts, the chosen model against the runner-up."""
    if evidence is None:
        return []
    if not evidence.n_similar:
        return ["Too few prompts were recorded to compare similar ones, so each model's mean counts."]
    if not evidence.means:
        names = " or ".join(short_name(model_id) for model_id in decision.scores.model_ids[:2])
        return [f"On the {evidence.n_similar} most similar prompts no score of {names} was recorded to compare."]
    (name, mean), *others = evidence.means.items()
    both = f" ({evidence.n_compared} of them with a score of both)" if evidence.n_compared < evidence.n_similar else ""
    against = "".join(f" and {short_name(other)} {score:.2f}" for other, score in others)
    return [
        f"On the {evidence.n_similar} most similar prompts{both} {short_name(name)} scored {mean:.2f}{against}.",
        *_familiarity(evidence),
    ]


def _familiarity(evidence: Evidence) -> list[str]:
    share = evidence.familiarity
    if share is None or share >= FAMILIAR:
        return []
    if share < 0.005:
        return ["This prompt is unlike the recorded ones, so each model's mean over all of them decides."]
    counted = f"their scores count only {format_percent(share)} beside each model's mean"
    return [f"This prompt is unlike the recorded ones, so {counted}."]


def _cost(decision: Decision, card: ModelCard) -> str:
    chosen = decision.chosen
    price_in, price_out = card.price_in_usd_per_mtok, card.price_out_usd_per_mtok
    if chosen.cost_usd is None:
        return "Cost: not known, because no price is published."
    tokens = f"{chosen.input_tokens:,} tokens in and about {chosen.output_tokens:,.0f} out"
    if decision.router.source == "fitted":
        return f"Cost: {format_usd(chosen.cost_usd)} for {tokens}, learned from the recorded answers."
    if price_in is None or price_out is None:
        return f"Cost: {format_usd(chosen.cost_usd)} for {tokens}."
    basis = "" if chosen.cost_basis == "listed" else ", prices estimated from its size"
    prices = f"${price_in:.3g} and ${price_out:.3g} per million"
    return f"Cost: {format_usd(chosen.cost_usd)} for {tokens}, at {prices}{basis}."


def _time(decision: Decision, card: ModelCard) -> str:
    chosen = decision.chosen
    if chosen.latency_s is None:
        return "Time: not known."
    is_fitted = decision.router.source == "fitted"
    known = {
        "estimated": "estimated, because no speed of it is published",
        "published": "by its published speed",
        "recorded": "from recorded answers" if is_fitted else "as measured here lately",
    }[chosen.latency_basis or "estimated"]
    if chosen.latency_basis == "published" and card.output_tokens_per_s is not None:
        known += f" of {card.output_tokens_per_s:.0f} tokens a second"
    return f"Time: {format_seconds(chosen.latency_s)} to the full answer, {known}."


def _default(decision: Decision) -> str:
    reference, chosen = decision.reference_model_id, decision.chosen
    if chosen.model_id == reference:
        return "It is also the default for an average prompt: nothing here calls for a different model."
    lead = f"the lead of {short_name(chosen.model_id)} is larger than the margin of error"
    return f"The default for an average prompt is {reference}; here {lead}."


def _state(decision: Decision) -> list[str]:
    """What the conversation's past and the servers' present add."""
    chosen, stays = decision.chosen, decision.sticky_model_id
    said = []
    if "hard_prompt" in chosen.parts:
        said.append(HARD_PROMPT)
    if stays is not None and stays == chosen.model_id:
        said.append("The conversation stays with it: no other model is better by enough to justify a switch.")
    elif stays is not None:
        cost = f"{-100 * chosen.parts.get('switch', 0.0):.1f} points"
        said.append(f"The conversation moves on from {stays}: the gain outweighs the cost of switching, {cost}.")
    lost = chosen.parts.get("availability", 0.0)
    if lost < -0.005:
        said.append(f"Recent failures or slow answers cost it {-100 * lost:.1f} points.")
    gained = 100 * chosen.quality_parts.get("feedback", 0.0)
    if abs(gained) >= _LEAST_POINTS:
        change = "raise" if gained > 0 else "lower"
        said.append(f"Votes on such prompts {change} its expected quality by {abs(gained):.1f} points.")
    held = chosen.parts.get("place", 0.0)
    if abs(held) >= 0.005:
        change = "gives it back" if held > 0 else "takes away"
        said.append(f"Votes move a model by one rank at most, which {change} {100 * abs(held):.1f} points.")
    return said


def _against(chosen: Candidate, other: Candidate) -> str:
    names = [*chosen.parts, *(name for name in other.parts if name not in chosen.parts)]
    gaps = {name: 100 * (chosen.parts.get(name, 0.0) - other.parts.get(name, 0.0)) for name in names}
    lead = 100 * (chosen.utility - other.utility)
    behind = "practically level" if lead < _LEAST_POINTS else f"{lead:.1f} point{'' if lead == 1 else 's'} behind"
    better = {name: gap for name, gap in gaps.items() if gap >= _LEAST_POINTS}
    worse = {name: -gap for name, gap in gaps.items() if gap <= -_LEAST_POINTS}
    trade = " but ".join(f"{word} on {_traded(part)}" for word, part in (("better", better), ("worse", worse)) if part)
    return f"The runner-up is {other.model_id}, {behind}" + (f": the winner is {trade}." if trade else ".")


def _traded(points: Mapping[str, float]) -> str:
    """ "cost (1.4) and quality (0.3)", the greatest first."""
    ordered = sorted(points, key=lambda name: -points[name])
    *others, last = [f"{_TRADES.get(name) or part_word(name)} ({points[name]:.1f})" for name in ordered]
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
    """The factor on one part's weight nearest to 1 at which another model wins; utilities are linear in it."""
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
    added: np.ndarray = table.figures[len(table.part_names) + table.quality_names.index("feedback")]
    return added


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
