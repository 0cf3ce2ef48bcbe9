"""How the model servers do, as tables and short pieces of HTML. Pure; everything from outside is escaped."""

from collections.abc import Sequence

import pandas as pd

from omni.figures import DASH, format_count, format_percent, format_seconds
from omni.gateway import BreakerState, ErrorKind
from omni.gateway.snapshots import Health
from omni.gateway.status import GatewayStatus, ListingState, ProviderStatus
from omni.safe_text import escape_cells, escape_html
from omni.ui import text

MODEL_COLUMNS = (
    "Model",
    "Provider",
    "State",
    "Answered %",
    "1st word, s",
    "95 % in, s",
    "Tokens/s",
    "Now",
    "Asked",
    "Failed",
    "Errors",
)


def status_page_html(status: GatewayStatus) -> str:
    """One card a provider, or what to do when there is none."""
    if not status.providers:
        lines = "".join(f"<li>{line}</li>" for line in text.CONNECT_LINES)
        return f'<section class="card quiet"><p>{text.STATUS_EMPTY}</p><ul>{lines}</ul></section>'
    return f'<div class="servers">{"".join(map(provider_html, status.providers))}</div>'


def provider_html(provider: ProviderStatus) -> str:
    """State, what it serves, figures with units, and what is wrong in plain words."""
    kind, state = _state(provider)
    marks = [
        name for name, is_so in ((text.MARK_LOCAL, provider.is_local), (text.MARK_FOUND, provider.is_found)) if is_so
    ]
    chips = "".join(f'<span class="chip">{escape_html(mark)}</span>' for mark in marks)
    figures = [
        (text.FIGURE_SUCCESS, format_percent(provider.success)),
        (text.FIGURE_FIRST, format_seconds(provider.first_token_p50_s)),
        (text.FIGURE_FIRST_95, format_seconds(provider.first_token_p95_s)),
        (text.FIGURE_SPEED, _speed(provider.tokens_per_s_p50)),
        (text.FIGURE_IN_FLIGHT, format_count(provider.in_flight)),
        (text.FIGURE_ASKED, f"{format_count(provider.n_calls)}, {format_count(provider.n_failed)} failed"),
    ]
    cells = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in figures)
    notes = "".join(f"<li>{escape_html(note)}</li>" for note in notes_on(provider))
    return (
        f'<section class="facts-card server" aria-label="{escape_html(provider.name)}"><h2 class="model">'
        f'{escape_html(provider.name)}</h2><div class="chips">'
        f'<span class="chip {kind}">{escape_html(state)}</span>{chips}</div>'
        f"<dl>{cells}</dl>{f'<ul>{notes}</ul>' if notes else ''}{_taken_html(provider)}</section>"
    )


def notes_on(provider: ProviderStatus) -> list[str]:
    """What is served, what is wrong, and when it is tried again; one sentence each."""
    notes = [_listing_note(provider)]
    if provider.needs_credential:
        notes.append(text.NEEDS_LOGIN)
    if provider.account_problem:
        notes.append(text.ACCOUNT_PROBLEM.format(problem=provider.account_problem))
    if provider.next_probe_s is not None:
        when = format_seconds(provider.next_probe_s) if provider.next_probe_s > 0 else ""
        notes.append(text.NEXT_PROBE.format(when=when) if when else text.NEXT_PROBE_NOW)
    if provider.errors:
        notes.append(text.ERRORS.format(errors=errors_words(provider.errors)))
    if provider.last_error and provider.last_error != provider.account_problem:
        notes.append(text.LAST_ERROR.format(error=provider.last_error))
    return notes


def errors_words(errors: Sequence[tuple[ErrorKind, int]]) -> str:
    """ "3 time-outs, 1 server error"."""
    words = []
    for kind, n in errors:
        one, many = text.ERROR_KINDS[kind]
        words.append(f"{n:,} {one if n == 1 else many}")
    return ", ".join(words)


def model_table(models: Sequence[Health]) -> pd.DataFrame:
    """One row a model at a provider that was asked since the start. Unknown figures are empty."""
    rows = [
        (
            model.model_id or "",
            model.provider,
            text.BREAKER_STATES[model.state],
            _rounded(model.success, 0, 100.0),
            _rounded(model.first_token_p50_s, 2),
            _rounded(model.first_token_p95_s, 2),
            _rounded(model.tokens_per_s_p50, 0),
            model.in_flight,
            model.n_calls,
            model.n_failed,
            errors_words(model.errors),
        )
        for model in models
    ]
    return escape_cells(pd.DataFrame(rows, columns=list(MODEL_COLUMNS)))


def _speed(tokens_per_s: float | None) -> str:
    return DASH if tokens_per_s is None else f"{tokens_per_s:,.0f} tokens/s"


def _rounded(value: float | None, digits: int, factor: float = 1.0) -> float | None:
    return None if value is None else round(value * factor, digits)


def _state(provider: ProviderStatus) -> tuple[str, str]:
    if provider.account_problem:
        return "bad", text.STATE_ACCOUNT
    if provider.breaker is BreakerState.OPEN:
        return "bad", text.BREAKER_STATES[provider.breaker]
    if provider.next_probe_s is not None:
        return "wait", text.STATE_PAUSED
    if provider.breaker is BreakerState.HALF_OPEN:
        return "wait", text.BREAKER_STATES[provider.breaker]
    if provider.listing is ListingState.UNKNOWN and not provider.n_calls:
        return "wait", text.STATE_UNKNOWN
    return "on", text.BREAKER_STATES[provider.breaker]


def _listing_note(provider: ProviderStatus) -> str:
    match provider.listing:
        case ListingState.ASKING:
            return text.LISTING_ASKING
        case ListingState.UNKNOWN:
            return text.LISTING_UNKNOWN.format(error=provider.listing_error or "")
        case ListingState.OLD:
            return text.LISTING_OLD.format(n=provider.n_models, error=provider.listing_error or "")
        case ListingState.LISTED:
            more = text.LISTING_MORE.format(n=provider.n_unmatched) if provider.n_unmatched else ""
            return text.LISTING_LISTED.format(n=provider.n_models) + more


def _taken_html(provider: ProviderStatus) -> str:
    if not provider.taken_for:
        return ""
    rows = "".join(
        f"<li><code>{escape_html(name)}</code> {text.TAKEN_FOR} <code>{escape_html(model_id)}</code></li>"
        for name, model_id in provider.taken_for
    )
    return f"<details><summary>{text.TAKEN_TITLE.format(n=len(provider.taken_for))}</summary><ul>{rows}</ul></details>"
