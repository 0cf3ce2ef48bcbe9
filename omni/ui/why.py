"""The panel beside the chat: a decision laid open."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import gradio as gr
import pandas as pd

from omni.types import Preset
from omni.ui import text
from omni.ui.boundary import bind
from omni.ui.door import Caller
from omni.ui.pictures import contributions_figure, legend_html
from omni.ui.services import Services
from omni.ui.turns import Turn, conditions_for
from omni.ui.views import (
    candidate_table,
    empty_candidate_table,
    empty_why_html,
    exclusions_html,
    reading_html,
    references_html,
    what_if_html,
    why_html,
)


class WhyUpdate(NamedTuple):
    """Outputs of `on_show`, in order."""

    why: str
    reading: dict[str, Any]
    details: dict[str, Any]
    candidates: pd.DataFrame
    legend: str
    picture: Any
    excluded: str
    preset: Any
    what_if: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyPanel:
    """The panel's components that a new decision changes, in `WhyUpdate`'s order."""

    outputs: tuple[gr.components.Component | gr.Column, ...]


async def on_show(turn: Turn, *, services: Services) -> WhyUpdate:
    """Shows a decision, or the empty panel.

    Inputs: chat.turn
    Outputs: WhyUpdate
    """
    decision, explanation = turn.decision, turn.explanation
    if decision is None or explanation is None:
        empty = empty_candidate_table()
        hidden = gr.update(visible=False)
        picture = contributions_figure(None)
        return WhyUpdate(empty_why_html(), hidden, hidden, empty, legend_html(), picture, "", None, text.WHAT_IF_EMPTY)
    return WhyUpdate(
        why=why_html(decision, explanation, turn.notes, turn.evidence),
        reading=gr.update(value=reading_html(decision.profile), visible=True),
        details=gr.update(visible=decision.action != "refuse"),
        candidates=candidate_table(decision),
        legend=legend_html(decision),
        picture=contributions_figure(decision),
        excluded=exclusions_html(decision),
        preset=None,
        what_if=references_html(services.references(decision), decision),
    )


async def on_picture(turn: Turn) -> Any:
    """Draws the picture when its tab opens.

    Inputs: chat.turn
    Outputs: why.picture
    """
    return contributions_figure(turn.decision)


async def on_why_not(search: str | None, turn: Turn) -> str:
    """Answers "why not this model?".

    Inputs: why.search, chat.turn
    Outputs: why.excluded
    """
    return exclusions_html(turn.decision, search or "") if turn.decision else ""


async def on_what_if(preset: Preset | None, turn: Turn, *, caller: Caller, services: Services) -> str:
    """Decides the same prompt under another preset; nothing is sent to a model.

    Inputs: why.what_if_preset, chat.turn
    Outputs: why.what_if
    """
    if turn.decision is None or turn.question is None:
        return text.WHAT_IF_EMPTY
    references = references_html(services.references(turn.decision), turn.decision)
    if preset is None:
        return references
    router = services.find_router(turn.router_key)
    if router.name.fingerprint != turn.decision.router.fingerprint:
        return f"<p>{text.ROUTER_GONE}</p>"
    wishes = replace(turn.decision.preferences, preset=preset, weights=None)
    conditions = conditions_for(turn.question.conversation, wishes, turn.session, services, caller.credential)
    asked = turn.question.conversation
    other = await services.route(caller.visitor, asked, wishes, conditions=conditions, router=router)
    return what_if_html(turn.decision, other) + references


def build_why(turn: gr.State, services: Services) -> WhyPanel:
    """Makes the panel inside the current column."""
    why = gr.HTML(empty_why_html(), elem_id="why")
    reading = gr.HTML(visible=False, elem_id="reading")
    with gr.Column(visible=False, elem_id="why-details", elem_classes="card-column") as details, gr.Tabs():
        with gr.Tab(text.TAB_CANDIDATES, elem_id="tab-candidates"):
            candidates = gr.Dataframe(
                empty_candidate_table(),
                interactive=False,
                max_height=420,
                label=text.TAB_CANDIDATES,
                show_label=False,
                elem_id="candidates",
                wrap=True,
                column_widths=[38, 204, 66, 74, 48, 104, 80, 64, 64, 66],
                buttons=["fullscreen", "copy"],
            )
            gr.HTML(f'<p class="hint">{text.CANDIDATES_NOTE}</p>')
        with gr.Tab(text.TAB_PICTURE, elem_id="tab-picture") as picture_tab:
            gr.HTML(f'<p class="hint strong">{text.PICTURE_TITLE}</p>')
            legend = gr.HTML(legend_html(), elem_id="legend")
            picture = gr.Plot(show_label=False, container=False, elem_id="contributions")
            gr.HTML(f'<p class="hint">{text.PICTURE_NOTE}</p>')
        with gr.Tab(text.TAB_EXCLUDED, elem_id="tab-excluded"):
            search = gr.Textbox(
                label=text.WHY_NOT_LABEL, placeholder=text.WHY_NOT_PLACEHOLDER, max_lines=1, elem_id="why-not"
            )
            excluded = gr.HTML(elem_id="excluded", elem_classes="listing")
        with gr.Tab(text.TAB_WHAT_IF, elem_id="tab-what-if"):
            preset = gr.Radio(list(text.PRESETS), label=text.WHAT_IF_LABEL, elem_id="what-if-preset")
            what_if = gr.HTML(text.WHAT_IF_EMPTY, elem_id="what-if", elem_classes="listing")
    picture_tab.select(on_picture, [turn], [picture], show_progress="hidden", api_visibility="private")
    search.change(on_why_not, [search, turn], [excluded], show_progress="hidden", api_visibility="private")
    preset.input(
        bind(on_what_if, services=services),
        [preset, turn],
        [what_if],
        show_progress="hidden",
        api_visibility="private",
    )
    return WhyPanel(outputs=(why, reading, details, candidates, legend, picture, excluded, preset, what_if))
