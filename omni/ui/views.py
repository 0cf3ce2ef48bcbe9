"""A decision as tables and short pieces of HTML. Pure; everything from outside is escaped."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from omni.evidence import Evidence
from omni.figures import (
    DASH,
    format_count,
    format_percent,
    format_quality,
    format_seconds,
    format_usd,
    short_name,
)
from omni.references import ReferenceChoice
from omni.safe_text import escape_cells, escape_html
from omni.types import Decision, Exclusion, Explanation, PromptProfile, Reason
from omni.ui import text
from omni.ui.evidence_views import evidence_html

MAX_NAMES_SHOWN = 60
MIN_SHARE_SHOWN = 0.05
MAX_TASKS_SHOWN = 5
PART_ORDER = ("quality", "cost", "latency", "evidence")
STATE_PARTS = ("hard_prompt", "availability", "switch", "policy", "place")
"""Parts that most decisions do not have: a column each where they matter."""
CANDIDATE_COLUMNS = (
    "#",
    "Model",
    "Score",
    "Quality",
    "±",
    "$ per 1,000",
    "Seconds",
    *(text.PARTS[part].capitalize() for part in PART_ORDER[1:]),
)


def candidate_table(decision: Decision) -> pd.DataFrame:
    """One row a candidate by rank. Score = the sum of its parts, in points; USD per 1,000 such answers."""
    scores = decision.scores
    state = [part for part in STATE_PARTS if part in scores.parts and np.any(scores.parts[part])]
    utility = np.sum(list(scores.parts.values()), axis=0)
    columns = [
        list(range(1, len(scores.model_ids) + 1)),
        [short_name(model_id) for model_id in scores.model_ids],
        (100 * utility).round(2),
        (100 * scores.parts["quality"]).round(1),
        (100 * scores.quality_se).round(1),
        (1000 * scores.cost_usd).round(3),
        scores.latency_s.round(1),
        *((100 * scores.parts[part]).round(2) if part in scores.parts else 0.0 for part in PART_ORDER[1:]),
    ]
    table = dict(zip(CANDIDATE_COLUMNS, columns, strict=True))
    table |= {text.PARTS[part].capitalize(): (100 * scores.parts[part]).round(2) for part in state}
    return escape_cells(pd.concat([pd.DataFrame(table), *_not_offered(decision)], ignore_index=True))


def _not_offered(decision: Decision) -> list[pd.DataFrame]:
    """The models of a fitted router's pool that no connected server offers, marked, below the candidates."""
    if decision.router.source != "fitted":
        return []
    ids = sorted(each.model_id for each in decision.excluded if each.reason is Reason.NO_LIVE_PROVIDER)
    return (
        [pd.DataFrame({"Model": [f"{short_name(model_id)} · {text.NOT_OFFERED}" for model_id in ids]})] if ids else []
    )


def empty_candidate_table() -> pd.DataFrame:
    """The table before the first decision."""
    return pd.DataFrame({name: [] for name in CANDIDATE_COLUMNS})


def why_html(
    decision: Decision, explanation: Explanation, notes: Sequence[str] = (), evidence: Evidence | None = None
) -> str:
    """Why the chosen model won, in plain words, with its expected figures. `notes` come before the reasons."""
    if decision.action == "refuse":
        return refusal_html(decision)
    chosen = decision.chosen
    figures = [
        (text.TILE_QUALITY, format_quality(chosen.quality, chosen.quality_se, small=True)),
        (text.TILE_COST, format_usd(chosen.cost_usd) + _mark(chosen.cost_basis)),
        (text.TILE_TIME, format_seconds(chosen.latency_s) + _mark(chosen.latency_basis)),
    ]
    tiles = "".join(f'<div class="tile"><b>{value}</b><span>{name}</span></div>' for name, value in figures)
    parts = [
        f'<p class="eyebrow">{text.WHY_TITLE}</p>',
        f'<h2 class="model" id="chosen-model">{escape_html(chosen.model_id)}</h2>',
        f'<p class="lead">{escape_html(explanation.headline)}</p>',
        f'<div class="tiles">{tiles}</div>',
        _list([*notes, *explanation.reasons]),
    ]
    if explanation.runner_up:
        parts.append(f"<p>{escape_html(explanation.runner_up)}</p>")
    parts.append(evidence_html(decision, evidence))
    if explanation.flips:
        flips = [f"{short_name(flip.model_id)} would win {flip.what}." for flip in explanation.flips]
        parts.append(_fold(text.FLIPS_TITLE, _list(flips)))
    if explanation.sources:
        parts.append(_fold(text.SOURCES_TITLE, _list(explanation.sources)))
    return f'<section class="card" aria-label="{text.WHY_TITLE}">{"".join(parts)}</section>'


def refusal_html(decision: Decision) -> str:
    """That no model was asked, and the rules that say so."""
    rules = _list([rule.sentence for rule in decision.rules])
    return (
        f'<section class="card" aria-label="{text.WHY_TITLE}"><p class="eyebrow">{text.NOT_ASKED_TITLE}</p>'
        f'<p class="lead">{escape_html(decision.message or "")}</p>{rules}</section>'
    )


def empty_why_html() -> str:
    """The panel before the first decision."""
    return f'<section class="card quiet"><p class="eyebrow">{text.WHY_TITLE}</p><p>{text.WHY_EMPTY}</p></section>'


def reading_html(profile: PromptProfile) -> str:
    """What was read from the prompt: language, tasks, difficulty, size, privacy, safety."""
    shares = sorted(profile.tasks.items(), key=lambda item: -item[1])
    bars = "".join(
        _bar(text.TASKS[task], share) for task, share in shares[:MAX_TASKS_SHOWN] if share >= MIN_SHARE_SHOWN
    )
    language = text.LANGUAGES.get(profile.language, profile.language)
    chips = [language, f"{format_count(profile.input_tokens)} tokens", f"turn {format_count(profile.n_turns)}"]
    found = profile.structure
    flags = {
        "code": found.has_code,
        "formula": found.has_latex,
        "table": found.has_table,
        "JSON asked for": found.asks_json or profile.needs_json,
        "tools offered": profile.needs_tools,
        "picture": profile.n_images > 0,
    }
    chips += [name for name, present in flags.items() if present]
    warnings = [text.FOUND_KIND.format(kind=text.KINDS.get(kind, text.OTHER_KIND)[0]) for kind in profile.privacy_kinds]
    if profile.safety != "general":
        warnings.append(text.SAFETY[profile.safety])
    chip_html = "".join(f'<span class="chip">{escape_html(chip)}</span>' for chip in chips)
    chip_html += "".join(f'<span class="chip warn">{escape_html(chip)}</span>' for chip in warnings)
    difficulty = _bar(text.DIFFICULTY, profile.difficulty, "amber")
    return (
        f'<section class="card" aria-label="{text.READ_TITLE}"><p class="eyebrow">{text.READ_TITLE}</p>'
        f'<div class="chips">{chip_html}</div>{bars}{difficulty}</section>'
    )


def exclusions_html(decision: Decision, search: str = "") -> str:
    """Who was left out, by reason; with `search`, why each model whose name holds it was left out or ranked lower."""
    wanted = search.strip().casefold()
    if wanted:
        return _why_not_html(decision, wanted)
    if not decision.excluded:
        return f"<p>{text.EXCLUDED_NONE}</p>"
    counts = Counter(exclusion.reason for exclusion in decision.excluded)
    return "".join(
        _reason_html(reason, [e for e in decision.excluded if e.reason is reason]) for reason, _ in counts.most_common()
    )


def _reason_html(reason: Reason, exclusions: Sequence[Exclusion]) -> str:
    says_more = len({exclusion.detail for exclusion in exclusions}) > 1
    rows = [
        f"<li><code>{escape_html(exclusion.model_id)}</code>"
        f"{f' {escape_html(exclusion.detail)}' if says_more else ''}</li>"
        for exclusion in exclusions[:MAX_NAMES_SHOWN]
    ]
    if len(exclusions) > MAX_NAMES_SHOWN:
        rows.append(f"<li>… and {len(exclusions) - MAX_NAMES_SHOWN} more</li>")
    summary = f"<b>{len(exclusions)}</b> {escape_html(text.REASONS[reason])}"
    return f"<details><summary>{summary}</summary><ul>{''.join(rows)}</ul></details>"


def _why_not_html(decision: Decision, wanted: str) -> str:
    rows = []
    best = decision.chosen.utility
    for rank, model_id in enumerate(decision.scores.model_ids, start=1):
        if wanted in model_id.casefold():
            behind = 100 * (best - decision.candidates[rank - 1].utility)
            place = "answers" if rank == 1 else f"ranked {rank}, {behind:.2f} points behind"
            rows.append(f"<li><code>{escape_html(model_id)}</code> {place}</li>")
    for exclusion in decision.excluded:
        if wanted in exclusion.model_id.casefold():
            reason = exclusion.detail or text.REASONS[exclusion.reason]
            rows.append(f"<li><code>{escape_html(exclusion.model_id)}</code> was left out: {escape_html(reason)}</li>")
    if not rows:
        return f"<p>No model of the catalog has “{escape_html(wanted)}” in its name.</p>"
    return f"<ul>{''.join(rows[:MAX_NAMES_SHOWN])}</ul>"


def what_if_html(now: Decision, other: Decision) -> str:
    """What another preset would choose, beside the present choice."""
    rows = []
    for decision in (now, other):
        chosen = decision.chosen
        cells = (
            text.PRESET_NAMES[decision.preferences.preset],
            f"<code>{escape_html(short_name(chosen.model_id))}</code>",
            format_percent(chosen.quality),
            format_usd(chosen.cost_usd),
            format_seconds(chosen.latency_s),
        )
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    same = now.chosen.model_id == other.chosen.model_id
    verdict = "The same model would answer." if same else _difference(now, other)
    return f"{_small_table(text.WHAT_IF_HEAD, rows)}<p>{verdict}</p>"


def references_html(choices: Sequence[ReferenceChoice], decision: Decision) -> str:
    """What other routing policies would have done with the prompt, with our expectation of their model."""
    if not choices:
        return ""
    places = {model_id: row for row, model_id in enumerate(decision.scores.model_ids)}
    rows = []
    for choice in choices:
        row = places.get(choice.model_id)
        candidate = None if row is None else decision.candidates[row]
        cells = (
            escape_html(choice.policy),
            f"<code>{escape_html(short_name(choice.model_id))}</code>",
            format_percent(candidate.quality) if candidate else DASH,
            format_usd(candidate.cost_usd) if candidate else DASH,
            str(candidate.rank) if candidate else DASH,
        )
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    table = _small_table(text.REFERENCES_HEAD, rows)
    return f'<h3>{text.REFERENCES_TITLE}</h3>{table}<p class="hint">{text.REFERENCES_NOTE}</p>'


def _difference(now: Decision, other: Decision) -> str:
    points = 100 * (other.chosen.quality - now.chosen.quality)
    words = [f"{abs(points):.1f} points {'more' if points > 0 else 'less'} quality"]
    if now.chosen.cost_usd and other.chosen.cost_usd:
        words.append(f"{_multiple(other.chosen.cost_usd / now.chosen.cost_usd)} the cost")
    if now.chosen.latency_s and other.chosen.latency_s:
        words.append(f"{_multiple(other.chosen.latency_s / now.chosen.latency_s)} the time")
    return f"{escape_html(short_name(other.chosen.model_id))} would answer: {', '.join(words)}."


def _multiple(ratio: float) -> str:
    """ "18 % of" or "2.3 times"."""
    return f"{format_percent(ratio)} of" if ratio < 0.995 else f"{ratio:.2g} times"


def _small_table(head: Sequence[str], rows: Sequence[str]) -> str:
    """A table that scrolls by itself where it is too wide."""
    heads = "".join(f'<th scope="col">{name}</th>' for name in head)
    return f'<div class="scroll small" tabindex="0"><table class="plain"><tr>{heads}</tr>{"".join(rows)}</table></div>'


def _mark(basis: str | None) -> str:
    return ' <small title="estimated, not listed">est.</small>' if basis == "estimated" else ""


def _bar(name: str, share: float, kind: str = "") -> str:
    percent = format_percent(share)
    fill = f'<i role="img" aria-label="{escape_html(name)} {percent}"><u style="width:{100 * share:.1f}%"></u></i>'
    return f'<div class="bar {kind}"><span>{escape_html(name)}</span>{fill}<b>{percent}</b></div>'


def _list(lines: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape_html(line)}</li>" for line in lines) + "</ul>"


def _fold(title: str, body: str) -> str:
    return f"<details><summary>{escape_html(title)}</summary>{body}</details>"


__all__ = [
    "CANDIDATE_COLUMNS",
    "DASH",
    "candidate_table",
    "empty_candidate_table",
    "empty_why_html",
    "exclusions_html",
    "reading_html",
    "what_if_html",
    "why_html",
]
