"""What a visitor may choose: what matters most, limits, and how prompts are sent."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from omni.ui import text
from omni.ui.privacy_panel import PrivacyFields, build_privacy
from omni.ui.routers import RouterFields, build_router
from omni.ui.services import Services
from omni.ui.wishes import SliderPoints, slider_points


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionFields:
    """The option components, in the order of `Wishes`."""

    fields: tuple[Any, ...]
    privacy: PrivacyFields
    router: RouterFields


async def on_preset(preset: Any) -> SliderPoints:
    """Moves the sliders to a preset's own weights.

    Inputs: chat.preset
    Outputs: SliderPoints
    """
    return slider_points(preset)


def build_options(services: Services) -> OptionFields:
    """The router, the preset choice, how prompts are sent, and the folded options."""
    router = build_router(services)
    preset = gr.Radio(
        list(text.PRESETS), value="balanced", label=text.PRESET_LABEL, elem_id="preset", elem_classes="segmented"
    )
    privacy = build_privacy(services)
    points = slider_points("balanced")
    with gr.Accordion(text.OPTIONS, open=False, elem_id="options"):
        cost = gr.Slider(
            0, 30, points.cost, step=0.05, label=text.COST_LABEL, info=text.POINTS_INFO, elem_id="cost-points"
        )
        speed = gr.Slider(0, 30, points.speed, step=0.05, label=text.SPEED_LABEL, elem_id="speed-points")
        max_cost = gr.Number(None, label=text.MAX_COST_LABEL, info=text.MAX_COST_INFO, minimum=0, elem_id="max-cost")
        with gr.Row():
            allow = _name_box(text.ALLOW_LABEL, text.ALLOW_PLACEHOLDER, "allow")
            deny = _name_box(text.DENY_LABEL, text.DENY_PLACEHOLDER, "deny")
        with gr.Row():
            twice = gr.Checkbox(False, label=text.ASK_TWICE_LABEL, info=text.ASK_TWICE_INFO, elem_id="ask-twice")
            extra = gr.Number(0.1, label=text.EXTRA_LABEL, minimum=0, step=0.05, elem_id="extra-cents")
    preset.input(on_preset, [preset], [cost, speed], show_progress="hidden", api_visibility="private")
    fields = (preset, cost, speed, max_cost, allow, deny, twice, extra, privacy.mode, router.key)
    return OptionFields(fields=fields, privacy=privacy, router=router)


def _name_box(label: str, placeholder: str, elem_id: str) -> gr.Textbox:
    """Stars stand in the placeholder: gradio reads a pair of them in `info` as emphasis."""
    return gr.Textbox(label=label, info=text.ALLOW_INFO, placeholder=placeholder, max_lines=1, elem_id=elem_id)
