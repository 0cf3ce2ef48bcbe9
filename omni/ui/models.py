"""The models tab: the catalog, searched and sorted, and one model's card."""

from typing import Any, NamedTuple

import gradio as gr
import pandas as pd

from omni.types import Task
from omni.ui import text
from omni.ui.boundary import bind
from omni.ui.model_views import ModelFilter, catalog_table, empty_card_html, licences, model_card_html
from omni.ui.services import Services

ANY_SIZE = 0.0
SIZES = (4, 9, 15, 35, 80, 250, 700)


class TableUpdate(NamedTuple):
    """Outputs of `on_filter`, in order."""

    table: pd.DataFrame
    summary: str


class FilterValues(NamedTuple):
    """Values of the filter fields, in the order of the page."""

    search: str | None
    task: str | None
    licence: str | None
    size: float | None
    needs: list[str] | None

    def to_filter(self) -> ModelFilter:
        needs = self.needs or []
        return ModelFilter(
            search=self.search or "",
            task=self.task or None,
            licence=self.licence or None,
            max_params_b=self.size or None,
            needs_tools=text.NEED_TOOLS in needs,
            needs_images=text.NEED_IMAGES in needs,
            needs_price=text.NEED_PRICE in needs,
        )


async def on_filter(*values: Any, services: Services) -> TableUpdate:
    """Searches, filters and sorts the catalog.

    Inputs: the filter fields in the order of `FilterValues`
    Outputs: TableUpdate
    """
    table = catalog_table(services.catalog.models, FilterValues(*values).to_filter())
    return TableUpdate(table, count_html(len(table), len(services.catalog.models)))


async def on_select(data: gr.SelectData, *, services: Services) -> str:
    """Shows the card of the row that was clicked.

    Inputs: models.table
    Outputs: models.card
    """
    return model_card_html(services.catalog.get(str(data.row_value[0])))


def count_html(n_shown: int, n_models: int) -> str:
    """How many models fit."""
    if not n_shown:
        return f'<p class="hint">{text.NO_MODEL_FITS}</p>'
    return f'<p class="hint">{text.N_SHOWN.format(n=n_shown, n_models=n_models)}</p>'


def build_models(services: Services) -> None:
    """Makes the tab inside the current page."""
    cards = services.catalog.models
    kinds = [(text.ALL_TASKS, ""), *((text.TASKS[task], task.value) for task in Task)]
    present = {score.category for card in cards for score in card.scores}
    tasks = [(name, value) for name, value in kinds if not value or value in present]
    table = catalog_table(cards, ModelFilter())
    gr.HTML(f'<p class="intro">{text.MODELS_INTRO.format(n=len(cards))}</p>')
    with gr.Row(elem_id="models-filters"):
        search = gr.Textbox(
            label=text.SEARCH_LABEL, placeholder=text.SEARCH_PLACEHOLDER, max_lines=1, elem_id="models-search", scale=2
        )
        task = gr.Dropdown(tasks, value="", label=text.TASK_LABEL, elem_id="models-task", min_width=150)
        named = [(text.ANY_LICENCE, ""), *((name, name) for name in licences(cards))]
        licence = gr.Dropdown(named, value="", label=text.LICENCE_LABEL, elem_id="models-licence", min_width=150)
        sizes = [(text.ANY_SIZE, ANY_SIZE), *((f"{size}", float(size)) for size in SIZES)]
        size = gr.Dropdown(sizes, value=ANY_SIZE, label=text.SIZE_LABEL, elem_id="models-size", min_width=150)
        needs = gr.CheckboxGroup(
            [text.NEED_TOOLS, text.NEED_IMAGES, text.NEED_PRICE],
            label=text.NEEDS_LABEL,
            elem_id="models-needs",
            scale=2,
        )
    count = gr.HTML(count_html(len(table), len(cards)), elem_id="models-count")
    grid = gr.Dataframe(
        table,
        interactive=False,
        label=text.TAB_MODELS,
        show_label=False,
        max_height=460,
        elem_id="models-table",
        column_widths=[252, 92, 68, 82, 96, 96, 80, 88, 92, 92, 68, 76, 130, 112],
        buttons=["fullscreen", "copy"],
    )
    card = gr.HTML(empty_card_html(), elem_id="model-card")
    gr.HTML(f'<p class="hint">{text.MODELS_NOTE}</p>')
    fields: list[Any] = [search, task, licence, size, needs]
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    for field in fields:
        listen = search.change if field is search else field.input
        listen(bind(on_filter, services=services), fields, [grid, count], trigger_mode="always_last", **quiet)
    grid.select(bind(on_select, services=services), None, [card], **quiet)
