"""The privacy panel beside the prompt: what happens to this very request, and what the visitor may choose."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import gradio as gr

from omni.gateway import Target
from omni.reading.privacy import find_private
from omni.ui import text
from omni.ui.door import Caller
from omni.ui.privacy_views import Disclosure, Recipient, count_found, disclosure_html, summary_words
from omni.ui.services import Services
from omni.ui.turns import PrivacyMode, Turn

MAX_CHARS = 200_000
"""Of a prompt that is still being written; the whole of it is read when it is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyFields:
    """The panel's components."""

    panel: gr.Accordion
    details: gr.HTML
    mode: gr.Radio
    keep: gr.Checkbox
    forget: gr.Button


class PrivacyUpdate(NamedTuple):
    """Outputs of `on_write` and `on_sent`, in order."""

    panel: Any
    details: str


async def on_write(
    message: Mapping[str, Any] | None,
    turn: Turn,
    mode: PrivacyMode,
    keep: bool,
    *,
    caller: Caller,
    services: Services,
) -> PrivacyUpdate:
    """Says what would happen to the prompt as it stands; with an empty box, what happened to the last one.

    Inputs: chat.prompt, chat.turn, privacy.mode, privacy.keep
    Outputs: PrivacyUpdate
    """
    message = message or {}
    prompt, files = str(message.get("text") or ""), message.get("files") or []
    if not prompt.strip() and not files and turn.decision is not None:
        return await on_sent(turn, mode, keep, caller=caller, services=services)
    spans = find_private(prompt[:MAX_CHARS], 0, "und")
    disclosure = Disclosure(
        mode=mode,
        found=count_found([span.kind for span in spans]),
        n_images=len(files),
        recipients=_recipients(services),
        keeps_figures=services.store is not None,
        is_kept_here=keep,
    )
    return PrivacyUpdate(gr.update(label=summary_words(disclosure)), disclosure_html(disclosure))


async def on_sent(turn: Turn, mode: PrivacyMode, keep: bool, *, caller: Caller, services: Services) -> PrivacyUpdate:
    """Says what happened to the request that was sent.

    Inputs: chat.turn, privacy.mode, privacy.keep
    Outputs: PrivacyUpdate
    """
    decision = turn.decision
    if decision is None or turn.question is None:
        return await on_write(None, Turn(), mode, keep, caller=caller, services=services)
    model_id = turn.model_ids[0] if turn.model_ids and not turn.is_over else None
    targets = _targets(model_id, turn, caller, services) if model_id else ()
    named = {target.provider for target in targets}
    disclosure = Disclosure(
        mode="local" if turn.only_local else turn.privacy,
        found=count_found([span.kind for span in decision.profile.privacy]),
        n_images=decision.profile.n_images,
        recipients=tuple(each for each in _recipients(services) if each.name in named),
        model_id=model_id,
        keeps_figures=services.store is not None,
        is_kept_here=keep,
    )
    return PrivacyUpdate(gr.update(label=summary_words(disclosure)), disclosure_html(disclosure))


def _targets(model_id: str, turn: Turn, caller: Caller, services: Services) -> tuple[Target, ...]:
    gateway = services.gateway
    return gateway.targets((model_id,), credential=caller.credential, only_local=turn.only_local)


def _recipients(services: Services) -> tuple[Recipient, ...]:
    providers = services.gateway.providers
    return tuple(Recipient(name=provider.name, is_local=provider.is_local) for provider in providers)


def build_privacy(services: Services) -> PrivacyFields:
    """Makes the folded panel inside the current column; its title is the summary."""
    first = Disclosure(
        mode="standard",
        found={},
        n_images=0,
        recipients=_recipients(services),
        keeps_figures=services.store is not None,
    )
    with gr.Accordion(summary_words(first), open=False, elem_id="privacy") as panel:
        details = gr.HTML(disclosure_html(first), elem_id="disclosure")
        mode = gr.Radio(
            list(text.PRIVACY_MODES),
            value="standard",
            label=text.PRIVACY_LABEL,
            info=text.PRIVACY_INFO,
            elem_id="privacy-mode",
        )
        with gr.Row(elem_id="keep-row", equal_height=False):
            keep = gr.Checkbox(False, label=text.KEEP_LABEL, info=text.KEEP_INFO, elem_id="keep-history", scale=3)
            forget = gr.Button(text.FORGET, size="sm", elem_id="forget-history", scale=0, min_width=160)
    return PrivacyFields(panel=panel, details=details, mode=mode, keep=keep, forget=forget)
