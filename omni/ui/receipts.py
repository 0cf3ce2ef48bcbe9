"""The lines under an answer: who answered, why, and what was expected against what it took. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from omni.figures import DASH, format_count, format_seconds, format_usd
from omni.gateway import ActualCost, Answer, AnswerStatus, Attempt
from omni.safe_text import escape_html
from omni.types import Candidate
from omni.ui import text


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What stands under one answer."""

    model_id: str
    reason: str
    expected: Candidate | None
    """None for a model that the catalog does not know."""
    answer: Answer | None
    """None when there was none to wait for."""
    actual_cost: ActualCost | None = None
    is_stopped: bool = False
    total: str = ""
    """Cost of all answers so far, in words."""
    is_masked: bool = False
    """Private values went out as placeholders."""

    def to_html(self) -> str:
        """One line of HTML: the chat window turns line ends into breaks."""
        provider = ""
        if self.answer is not None and self.answer.target is not None:
            via = self.answer.target.provider + (f" · {self.answer.served_by}" if self.answer.served_by else "")
            provider = f'<span class="via">via {escape_html(via)}</span>'
        figures = f'<div class="facts">{self._expected_html()}{self._actual_html()}</div>'
        return (
            f'<div class="receipt"><div class="who"><b>{escape_html(self.model_id)}</b>{provider}</div>'
            f'<div class="because">{escape_html(self.reason)}</div>{figures}{self._notes_html()}</div>'
        )

    def _expected_html(self) -> str:
        if self.expected is None:
            return ""
        cost, seconds = format_usd(self.expected.cost_usd), format_seconds(self.expected.latency_s)
        return f"<span><em>expected</em> {cost} · {seconds}</span>"

    def _actual_html(self) -> str:
        answer = self.answer
        if self.is_stopped or answer is None:
            return ""
        if answer.status is AnswerStatus.WAITING:
            return f"<span><em>{text.WAITING}</em></span>"
        first = format_seconds(answer.time_to_first_token_s)
        if answer.status is AnswerStatus.STREAMING:
            return f"<span><em>{text.STREAMING}</em> first word {first}</span>"
        if answer.status is AnswerStatus.FAILED:
            return ""
        return (
            f"<span><em>actual</em> {format_cost(self.actual_cost)} · {format_seconds(answer.total_s)}"
            f" · first word {first} · {format_tokens(answer)}</span>{self._total_html()}"
        )

    def _total_html(self) -> str:
        return f"<span><em>{text.SO_FAR}</em> {escape_html(self.total)}</span>" if self.total else ""

    def _notes_html(self) -> str:
        notes = []
        answer = self.answer
        if self.is_stopped:
            notes.append(text.STOPPED)
        elif answer is not None:
            has_failed = answer.status is AnswerStatus.FAILED
            notes += _tried_notes(answer.attempts[:-1] if has_failed else answer.attempts)
            if has_failed:
                notes.append(text.FAILED.format(error=answer.error))
            elif answer.status is AnswerStatus.INTERRUPTED:
                notes.append(text.INTERRUPTED.format(error=answer.error))
            elif answer.finish_reason == "length":
                notes.append(text.TRUNCATED)
        quiet = f'<div class="because">{escape_html(text.RESTORED)}</div>' if self.is_masked else ""
        return quiet + "".join(f'<div class="note">{escape_html(note)}</div>' for note in notes)


def _tried_notes(attempts: Sequence[Attempt]) -> list[str]:
    """Which models were tried without success; one line for all that met the same error."""
    models: dict[str, dict[str, None]] = {}
    for attempt in attempts:
        models.setdefault(str(attempt.error), {})[attempt.target.model_id] = None
    return [text.MOVED_ON.format(models=", ".join(names), error=error) for error, names in models.items()]


def format_cost(cost: ActualCost | None) -> str:
    """Dollars, with a mark when tokens or price are estimates."""
    if cost is None:
        return f"{DASH}"
    return format_usd(cost.cost_usd) + (" (estimated)" if cost.is_estimated else "")


def format_tokens(answer: Answer) -> str:
    """Tokens out, with a mark when the server did not count them."""
    if answer.usage is None:
        return f"{DASH} tokens"
    mark = "about " if answer.usage.is_estimated else ""
    return f"{mark}{format_count(answer.usage.output_tokens)} tokens"


def no_provider_html(model_id: str, reason: str, expected: Candidate, *, in_space: bool = False) -> str:
    """Under a prompt when no server is connected: the choice, and two lines on how to connect one."""
    receipt = Receipt(model_id=model_id, reason=reason, expected=expected, answer=None).to_html()
    lines = "".join(f"<li>{line}</li>" for line in text.CONNECT_LINES)
    note = f"<p>{text.IN_SPACE}</p>" if in_space else ""
    return f'{receipt}<div class="connect notice"><p>{text.NO_PROVIDER}</p><ul>{lines}</ul>{note}</div>'


def notice_html(*lines: str) -> str:
    """Lines that stand in the chat instead of an answer."""
    return f'<div class="receipt notice">{"".join(f"<div>{escape_html(line)}</div>" for line in lines)}</div>'
