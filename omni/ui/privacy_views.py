"""What happens to a request, in plain words. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from omni.safe_text import escape_html
from omni.ui import text
from omni.ui.turns import PrivacyMode

MAX_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """A server that may get a prompt."""

    name: str
    is_local: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosure:
    """One request, before or after it was sent."""

    mode: PrivacyMode
    found: Mapping[str, int]
    """Kind to number, in everything that is sent."""
    n_images: int
    recipients: tuple[Recipient, ...]
    """Who may get it, in the order of asking."""
    model_id: str | None = None
    """The model it went to; None = not decided yet."""
    keeps_figures: bool = True
    is_kept_here: bool = False
    """The visitor's own browser keeps the chat."""


def count_found(kinds: Sequence[str]) -> dict[str, int]:
    """How often each kind was found."""
    return dict(Counter(kinds))


def found_words(found: Mapping[str, int]) -> str:
    """ "2 e-mail addresses and 1 card number"; empty when nothing was found."""
    parts = []
    for kind, n in sorted(found.items(), key=lambda item: -item[1]):
        one, many = text.KINDS.get(kind, text.OTHER_KIND)
        parts.append(f"{n} {one if n == 1 else many}")
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def summary_words(disclosure: Disclosure) -> str:
    """One line: what was found, who gets it."""
    found = found_words(disclosure.found)
    if disclosure.mode == "local":
        return text.SUMMARY_LOCAL
    where = _where(disclosure)
    if not disclosure.recipients:
        return text.SUMMARY_UNSENT.format(found=found or text.NOTHING_FOUND)
    if not found:
        return text.SUMMARY_NOTHING.format(where=where)
    form = text.SUMMARY_MASKED if disclosure.mode == "anonymise" else text.SUMMARY_FOUND
    return form.format(found=found, where=where)


def disclosure_html(disclosure: Disclosure) -> str:
    """Found, sent, kept: three lines, in plain words."""
    found = found_words(disclosure.found)
    first = text.FOUND.format(found=found) if found else text.FOUND_NOTHING
    if disclosure.mode == "anonymise":
        first += " " + (text.FOUND_MASKED if found else text.FOUND_MASKED_NOTHING)
    if disclosure.n_images:
        first += " " + text.PICTURES_AS_THEY_ARE
    kept = [text.KEPT_FIGURES if disclosure.keeps_figures else text.KEPT_NONE]
    if disclosure.is_kept_here:
        kept.append(text.KEPT_BROWSER)
    lines = ((text.FOUND_TITLE, first), (text.SENT_TITLE, _sent(disclosure)), (text.KEPT_TITLE, " ".join(kept)))
    rows = "".join(f"<div><dt>{escape_html(name)}</dt><dd>{escape_html(words)}</dd></div>" for name, words in lines)
    return f'<dl class="disclosure" aria-live="polite">{rows}</dl>'


def _where(disclosure: Disclosure) -> str:
    names = [recipient.name for recipient in disclosure.recipients]
    if all(recipient.is_local for recipient in disclosure.recipients):
        return text.STAYS_HERE
    return " or ".join(names[:MAX_NAMED]) + (" …" if len(names) > MAX_NAMED else "")


def _sent(disclosure: Disclosure) -> str:
    recipients = disclosure.recipients
    if disclosure.mode == "local":
        recipients = tuple(recipient for recipient in recipients if recipient.is_local)
        return text.SENT_LOCAL if recipients else text.NO_LOCAL
    if not recipients:
        return text.SENT_NOTHING
    where = _where(disclosure)
    model = disclosure.model_id or text.SENT_CHOSEN
    words = text.SENT.format(model=model, where=where)
    return words if all(recipient.is_local for recipient in recipients) else f"{words} {text.SENT_THEIRS}"
