"""The status tab: how each model server and each model asked so far does; read again while the tab is open."""

from typing import Any, NamedTuple

import gradio as gr
import pandas as pd

from omni.ui import text
from omni.ui.boundary import bind
from omni.ui.services import Services
from omni.ui.status_views import MODEL_COLUMNS, model_table, status_page_html

EVERY_S = 3.0


class StatusPage(NamedTuple):
    """Outputs of `on_refresh`, in order."""

    servers: str
    models: pd.DataFrame
    empty: Any


async def on_refresh(*, services: Services) -> StatusPage:
    """Reads the board.

    Outputs: StatusPage
    """
    status = services.gateway.status()
    table = model_table(status.models)
    return StatusPage(status_page_html(status), table, gr.update(visible=table.empty))


async def on_open(*, services: Services) -> tuple[Any, ...]:
    """Reads the board and keeps reading.

    Outputs: StatusPage, then the timer
    """
    return (*await on_refresh(services=services), gr.Timer(active=True))


async def on_leave() -> gr.Timer:
    """Stops reading.

    Outputs: the timer
    """
    return gr.Timer(active=False)


def build_status(tab: gr.Tab, other_tabs: list[gr.Tab], services: Services) -> None:
    """Makes the tab's content inside the current page; call it when all tabs are there."""
    with tab:
        gr.HTML(f'<p class="intro">{text.STATUS_INTRO}</p>')
        servers = gr.HTML(elem_id="servers")
        gr.HTML(f'<h2 class="strong">{text.STATUS_MODELS}</h2>')
        empty = gr.HTML(f'<p class="hint">{text.STATUS_NO_MODELS}</p>', elem_id="status-empty")
        models = gr.Dataframe(
            pd.DataFrame({name: [] for name in MODEL_COLUMNS}),
            interactive=False,
            show_label=False,
            max_height=420,
            elem_id="status-models",
            column_widths=[230, 150, 90, 108, 120, 108, 94, 62, 72, 74, 200],
        )
        gr.HTML(f'<p class="hint">{text.STATUS_NOTE}</p>')
        timer = gr.Timer(EVERY_S, active=False)
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    shown = [servers, models, empty]
    tab.select(bind(on_open, services=services), None, [*shown, timer], **quiet)
    timer.tick(bind(on_refresh, services=services), None, shown, **quiet)
    for other in other_tabs:
        other.select(on_leave, None, [timer], **quiet)
