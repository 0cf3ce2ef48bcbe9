"""The whole page: header, tabs, footer."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import gradio as gr

from omni.explain import router_sentence
from omni.gateway import Listing
from omni.safe_text import escape_html
from omni.ui import text
from omni.ui.boundary import bind
from omni.ui.chat import build_chat
from omni.ui.compare import build_compare
from omni.ui.models import build_models
from omni.ui.routers import UseRouter, use_router_in
from omni.ui.services import Services
from omni.ui.status import build_status

ExtraTab = tuple[str, Callable[[UseRouter], None]]
STATUS_EVERY_S = 2.0
MARK = (
    '<svg viewBox="0 0 44 44" aria-hidden="true"><g fill="none" stroke-width="2.6" stroke-linecap="round">'
    '<path class="faint" d="M6 22C18 22 20 7 38 7"/><path class="faint" d="M6 22C18 22 20 37 38 37"/>'
    '<path class="faint" d="M6 22C17 22 21 29.5 38 29.5"/><path class="path" d="M6 22C17 22 21 14.5 38 14.5"/></g>'
    '<circle class="dot" cx="6" cy="22" r="3.6"/><circle class="dot" cx="38" cy="14.5" r="3.6"/></svg>'
)


class StatusUpdate(NamedTuple):
    """Outputs of `on_status`, in order."""

    status: str
    served: dict[str, Any]
    timer: gr.Timer


async def on_status(*, services: Services) -> StatusUpdate:
    """Shows which server is connected; asks again until every server has said what it serves.

    Outputs: StatusUpdate
    """
    board = services.gateway.board
    names = list(board.unmatched_names()) if board.served_ids() is None else []
    served = gr.update(choices=names, value=names[0] if names else None, visible=bool(names))
    return StatusUpdate(status_html(services), served, gr.Timer(active=not board.is_settled))


def status_html(services: Services) -> str:
    """The chips beside the name: servers, and the size of the catalog."""
    chips = [_listing_chip(listing) for listing in services.gateway.board.listings]
    if not chips:
        chips = [_chip("off", text.STATUS_NONE)]
    chips.append(_chip("plain", text.N_MODELS.format(n=len(services.catalog.models))))
    return f'<div class="status" role="status" aria-live="polite">{"".join(chips)}</div>'


def _listing_chip(listing: Listing) -> str:
    if listing.error:
        return _chip("bad", text.STATUS_DOWN.format(error=listing.error))
    if listing.names is None:
        return _chip("wait", text.STATUS_ASKING.format(provider=listing.provider))
    if listing.n_catalog:
        return _chip("on", text.STATUS_OK.format(provider=listing.provider, n=listing.n_catalog))
    form = text.STATUS_UNKNOWN_NAMES if listing.names else text.STATUS_UNLISTED
    return _chip("wait", form.format(provider=listing.provider, n=len(listing.names)))


def _chip(kind: str, words: str) -> str:
    return f'<span class="chip {kind}">{escape_html(words)}</span>'


def header_html() -> str:
    """Mark, name and promise."""
    return f'<div class="brand">{MARK}<div><h1>{text.NAME}</h1><p>{text.PROMISE}</p></div></div>'


def footer_html(services: Services) -> str:
    """Versions, credits and what is kept."""
    catalog, router = services.catalog, services.router
    lines = [
        text.PRIVACY,
        *(escape_html(line) for line in catalog.attributions),
        text.VERSIONS.format(
            router=escape_html(router_sentence(router.name)),
            catalog=escape_html(catalog.version),
            trained_on=escape_html(router.trained_on),
        ),
    ]
    if services.storage_note:
        lines.insert(1, f'<span class="chip bad">{escape_html(services.storage_note)}</span>')
    return '<footer class="foot">' + "".join(f"<p>{line}</p>" for line in lines) + "</footer>"


def build_page(services: Services, extra_tabs: Sequence[ExtraTab] = ()) -> gr.Blocks:
    """The page.

    Args:
        extra_tabs: (name, builder) pairs that other packages bring; a builder runs inside its tab and is given what
            switches the chat to another router.
    """
    with gr.Blocks(title=text.TITLE, analytics_enabled=False, fill_width=True) as page:
        with gr.Row(elem_id="top", equal_height=False):
            gr.HTML(header_html(), elem_id="brand")
            status = gr.HTML(status_html(services), elem_id="status")
            if services.has_login:
                gr.LoginButton(size="sm", elem_id="login", scale=0, min_width=220)
        with gr.Tabs(elem_id="tabs") as tabs:
            with gr.Tab(text.TAB_CHAT, id="chat", elem_id="tab-chat") as chat_tab:
                chat = build_chat(services)
            with gr.Tab(text.TAB_COMPARE, elem_id="tab-compare") as compare_tab:
                build_compare(services, chat.privacy_mode, chat.router.key)
            with gr.Tab(text.TAB_MODELS, elem_id="tab-models") as models_tab:
                build_models(services)
            status_tab = gr.Tab(text.TAB_STATUS, elem_id="tab-status")
            others = [chat_tab, compare_tab, models_tab]
            for name, build in extra_tabs:
                with gr.Tab(name, elem_id=f"tab-{name.lower()}") as extra_tab:
                    build(use_router_in(chat.router, tabs, services))
                others.append(extra_tab)
        build_status(status_tab, others, services)
        gr.HTML(footer_html(services), elem_id="foot")
        timer = gr.Timer(STATUS_EVERY_S, active=services.gateway.is_connected)
        gr.on(
            [page.load, timer.tick],
            bind(on_status, services=services),
            None,
            [status, chat.served, timer],
            show_progress="hidden",
            api_visibility="private",
        )
    return page
