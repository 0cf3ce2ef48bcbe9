"""Which router decides in a visitor's chat: a quiet chip beside the preset, and one click back to the default."""

from collections.abc import Callable
from typing import Any, NamedTuple

import gradio as gr

from omni.live_router import LiveRouter
from omni.safe_text import escape_html
from omni.ui import text
from omni.ui.boundary import bind
from omni.ui.services import Services

UseRouter = Callable[[Any, gr.State], None]
"""Lets another tab switch the chat: after the event succeeded, to the router whose key the state holds."""
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


class RouterFields(NamedTuple):
    """The components, in the order of `RouterUpdate`."""

    key: gr.State
    """Key of the visitor's router on the shelf; None = the default."""
    chip: gr.HTML
    back: gr.Button


class RouterUpdate(NamedTuple):
    """Outputs of `on_router`, in order."""

    key: str | None
    chip: str
    back: Any


class UseUpdate(NamedTuple):
    """Outputs of `on_use`, in order."""

    key: Any
    chip: Any
    back: Any
    tabs: Any


async def on_router(key: str | None, *, services: Services) -> RouterUpdate:
    """Shows which router is on; a key whose router is not kept any more becomes the default.

    Inputs: chat.router
    Outputs: RouterUpdate
    """
    kept = key if _own(key, services) is not None else None
    return RouterUpdate(kept, chip_html(kept, services), gr.update(visible=kept is not None))


async def on_back(*, services: Services) -> RouterUpdate:
    """Back to the default router.

    Outputs: RouterUpdate
    """
    return await on_router(None, services=services)


async def on_use(key: str | None, *, services: Services) -> UseUpdate:
    """Switches this visitor's chat to a router of the shelf and shows the chat; without a key nothing changes.

    Inputs: the key that another tab hands over
    Outputs: UseUpdate
    """
    if _own(key, services) is None:
        return UseUpdate(gr.skip(), gr.skip(), gr.skip(), gr.skip())
    return UseUpdate(*await on_router(key, services=services), gr.update(selected="chat"))


def chip_html(key: str | None, services: Services) -> str:
    """The router's title, with how many of its models can answer now where some cannot; all of it in the tooltip."""
    router = services.find_router(key)
    name = router.name
    offered = "" if name.source == "public" else _offered_words(key, services)
    facts = f"{name.title}: {name.label}" if name.file_name else name.label
    title = f"{facts}. {offered or text.ROUTER_PUBLIC}"
    words = f"{text.ROUTER_LABEL}: {name.title}"
    beside = f'<span class="beside">{escape_html(offered)}</span>' if offered else ""
    return (
        f'<div class="chips" id="router-chip" role="status" title="{escape_html(title)}">'
        f'<span class="chip {"plain" if name.source == "public" else "on"}">{escape_html(words)}</span>{beside}</div>'
    )


def _offered_words(key: str | None, services: Services) -> str:
    """How many models of a fitted pool a connected server offers."""
    ids = [card.model_id for card in services.find_router(key).catalog.models]
    if not services.gateway.is_connected:
        return text.ROUTER_UNSERVED.format(n=len(ids))
    served = services.gateway.served_ids()
    if served is None:
        return text.ROUTER_UNKNOWN.format(n=len(ids))
    return text.ROUTER_OFFERED.format(n=sum(model_id in served for model_id in ids), n_models=len(ids))


def _own(key: str | None, services: Services) -> LiveRouter | None:
    return None if services.shelf is None else services.shelf.find(key)


def build_router(services: Services) -> RouterFields:
    """Makes the chip and the button inside the current column."""
    key = gr.State(None)
    with gr.Row(elem_id="router-row", equal_height=False):
        chip = gr.HTML(chip_html(None, services), elem_id="router")
        back = gr.Button(
            text.ROUTER_BACK.format(title=services.router.name.title),
            visible=False,
            size="sm",
            scale=0,
            min_width=200,
            elem_id="router-back",
        )
    fields = RouterFields(key, chip, back)
    back.click(bind(on_back, services=services), None, list(fields), **QUIET)
    return fields


def use_router_in(fields: RouterFields, tabs: gr.Tabs, services: Services) -> UseRouter:
    """What other tabs are given to switch the chat with."""

    def use_router(event: Any, key: gr.State) -> None:
        event.success(bind(on_use, services=services), [key], [*fields, tabs], **QUIET)

    return use_router
