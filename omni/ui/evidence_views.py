"""What the expected quality rests on, as small tables. Pure; everything from outside is escaped."""

from collections.abc import Mapping

from omni.evidence import Evidence, RecordedPrompt
from omni.explain import rounded_parts
from omni.figures import DASH, short_name
from omni.safe_text import escape_html
from omni.types import Decision
from omni.ui import text
from omni.vocabulary import quality_word


def evidence_html(decision: Decision, evidence: Evidence | None) -> str:
    """How the expected quality adds up, and with a fitted router the recorded prompts most like this one."""
    parts = _fold(text.PARTS_TITLE, _parts_html(decision))
    return parts if evidence is None else parts + _fold(text.NEAREST_TITLE, _nearest_html(evidence))


def _parts_html(decision: Decision) -> str:
    """One row a part, one column for the winner and one for the runner-up; columns add up."""
    candidates = decision.candidates[:2]
    columns = [rounded_parts({name: 100 * value for name, value in each.quality_parts.items()}) for each in candidates]
    names = [name for name in candidates[0].quality_parts if any(name in column for column in columns)]
    rows = [_row(quality_word(name), [_signed(column, name, place) for column in columns])
            for place, name in enumerate(names)]  # fmt: skip
    rows.append(_row(f"<b>{text.PARTS_SUM}</b>", [f"<b>{sum(column.values()):.1f}</b>" for column in columns]))
    return _table(["", *(short_name(each.model_id) for each in candidates)], rows)


def _signed(column: Mapping[str, float], name: str, place: int) -> str:
    value = column.get(name, 0.0)
    return f"{value:.1f}" if not place else f"{value:+.1f}".replace("-", "−")


def _nearest_html(evidence: Evidence) -> str:
    if not evidence.nearest:
        return f"<p>{text.NEAREST_NONE}</p>"
    shown = list(evidence.nearest[0].scores)
    head = [*text.NEAREST_HEAD, *(short_name(model_id) for model_id in shown)]
    rows = []
    for each in evidence.nearest:
        figures = [escape_html(each.category or DASH), f"{each.similarity:.2f}", *_scores(each, shown)]
        rows.append(_row(f"<code>{escape_html(each.prompt_id)}</code>", figures))
        if each.text:
            rows.append(f'<tr class="said"><td colspan="{len(head)}">{escape_html(each.text)}</td></tr>')
    return _table(head, rows) + f'<p class="hint">{text.NEAREST_NOTE}</p>'


def _scores(prompt: RecordedPrompt, model_ids: list[str]) -> list[str]:
    scores = [prompt.scores[model_id] for model_id in model_ids]
    return [DASH if score is None else f"{score:.2f}" for score in scores]


def _row(first: str, others: list[str]) -> str:
    return f"<tr><td>{first}</td>" + "".join(f"<td>{other}</td>" for other in others) + "</tr>"


def _table(head: list[str], rows: list[str]) -> str:
    heads = "".join(f'<th scope="col">{escape_html(name)}</th>' for name in head)
    return (
        f'<div class="scroll evidence" tabindex="0"><table class="plain"><tr>{heads}</tr>{"".join(rows)}</table></div>'
    )


def _fold(title: str, body: str) -> str:
    return f"<details><summary>{escape_html(title)}</summary>{body}</details>"
