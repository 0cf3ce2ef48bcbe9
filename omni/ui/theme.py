"""How the page looks: a warm paper and a night theme with fonts that come with gradio, so nothing is loaded."""

from pathlib import Path

import gradio as gr
from gradio.themes.utils import colors, fonts, sizes

CSS_PATH = Path(__file__).with_name("page.css")

PINE = colors.Color(
    name="pine",
    c50="#eef6f4",
    c100="#d6eae5",
    c200="#aed5cb",
    c300="#7dbaab",
    c400="#4a9c8b",
    c500="#2a8071",
    c600="#1d675b",
    c700="#17534a",
    c800="#13423b",
    c900="#0f342f",
    c950="#081f1c",
)
PAPER = colors.Color(
    name="paper",
    c50="#faf8f3",
    c100="#f3efe7",
    c200="#e6e0d4",
    c300="#d2cabb",
    c400="#a39b8d",
    c500="#6a645b",
    c600="#5c5850",
    c700="#3b3d3f",
    c800="#22282b",
    c900="#171c1f",
    c950="#0f1315",
)


def _local(name: str) -> fonts.LocalFont:
    """Regular and bold only: gradio 6.31 ships the weights between them without Latin letters."""
    return fonts.LocalFont(name, weights=(400, 700))


def build_theme() -> gr.themes.Base:
    """The theme; fonts are served by the app itself."""
    theme = gr.themes.Base(
        primary_hue=PINE,
        secondary_hue=PINE,
        neutral_hue=PAPER,
        radius_size=sizes.radius_lg,
        text_size=sizes.text_md,
        spacing_size=sizes.spacing_md,
        font=(_local("IBM Plex Sans"), _local("Montserrat"), "system-ui", "sans-serif"),
        font_mono=(_local("IBM Plex Mono"), "ui-monospace", "monospace"),
    )
    return theme.set(**_surfaces(), **_controls())


def _surfaces() -> dict[str, str]:
    """Paper, ink, cards and lines; names ending in _dark are for the night."""
    return {
        "body_background_fill": "*neutral_50",
        "body_background_fill_dark": "*neutral_950",
        "body_text_color": "*neutral_800",
        "body_text_color_dark": "*neutral_100",
        "body_text_color_subdued": "*neutral_500",
        "body_text_color_subdued_dark": "*neutral_400",
        "background_fill_primary": "white",
        "background_fill_primary_dark": "*neutral_900",
        "background_fill_secondary": "*neutral_100",
        "background_fill_secondary_dark": "*neutral_800",
        "block_background_fill": "white",
        "block_background_fill_dark": "*neutral_900",
        "block_border_color": "*neutral_200",
        "block_border_color_dark": "#2a3135",
        "block_border_width": "1px",
        "block_shadow": "none",
        "block_label_background_fill": "transparent",
        "block_label_background_fill_dark": "transparent",
        "block_title_text_weight": "600",
        "block_title_text_size": "*text_sm",
        "block_title_text_color": "*neutral_600",
        "block_title_text_color_dark": "*neutral_300",
        "border_color_primary": "*neutral_200",
        "border_color_primary_dark": "#2a3135",
        "border_color_accent": "*primary_400",
        "border_color_accent_dark": "*primary_500",
    }


def _controls() -> dict[str, str]:
    """Fields, buttons, links and tables."""
    return {
        "input_background_fill": "white",
        "input_background_fill_dark": "*neutral_900",
        "input_border_color": "*neutral_200",
        "input_border_color_dark": "#333b3f",
        "input_border_color_focus": "*primary_500",
        "input_border_color_focus_dark": "*primary_400",
        "button_primary_background_fill": "*primary_600",
        "button_primary_background_fill_hover": "*primary_700",
        "button_primary_background_fill_dark": "*primary_500",
        "button_primary_background_fill_hover_dark": "*primary_600",
        "button_primary_text_color": "white",
        "button_secondary_background_fill": "*neutral_100",
        "button_secondary_background_fill_dark": "*neutral_800",
        "checkbox_border_color": "*neutral_500",
        "checkbox_border_color_dark": "*neutral_400",
        "color_accent": "*primary_600",
        "color_accent_soft": "*primary_50",
        "color_accent_soft_dark": "#15302b",
        "slider_color": "*primary_500",
        "link_text_color": "*primary_600",
        "link_text_color_dark": "*primary_300",
        "table_even_background_fill": "white",
        "table_even_background_fill_dark": "*neutral_900",
        "table_odd_background_fill": "*neutral_50",
        "table_odd_background_fill_dark": "#1b2124",
        "table_border_color": "*neutral_200",
        "table_border_color_dark": "#2a3135",
    }
