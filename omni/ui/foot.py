"""What stands between the chat and the prompt: at most two buttons that fit the last answer, and a quiet line."""

from typing import Any, NamedTuple

import gradio as gr

from omni.gateway import AnswerStatus
from omni.safe_text import escape_html
from omni.ui import text


class Foot(NamedTuple):
    """The components, or their updates, in order."""

    go_on: Any
    another: Any
    trim: Any
    note: Any


def build_foot() -> Foot:
    """Makes the components inside the current column."""
    with gr.Row(elem_id="chat-actions"):
        go_on = gr.Button(text.CONTINUE, visible=False, elem_id="continue", size="sm", scale=0, min_width=220)
        another = gr.Button(text.ANOTHER, visible=False, elem_id="another", size="sm", scale=0, min_width=170)
        trim = gr.Button(text.TRIM, visible=False, elem_id="trim", size="sm", scale=0, min_width=220)
    return Foot(go_on, another, trim, gr.HTML(note_html(""), elem_id="chat-note"))


def foot(*, go_on: bool = False, another: bool = False, trim: bool = False, note: str = "") -> Foot:
    """Which buttons fit, and what the line says."""
    return Foot(
        gr.update(visible=go_on), gr.update(visible=another), gr.update(visible=trim), gr.update(value=note_html(note))
    )


def same_foot() -> Foot:
    """Nothing changes."""
    return Foot(gr.skip(), gr.skip(), gr.skip(), gr.skip())


def foot_after(status: AnswerStatus, *, has_next: bool) -> Foot:
    """What fits an answer that is over: go on with the next model, or ask another one."""
    is_broken = status is AnswerStatus.INTERRUPTED
    return foot(go_on=is_broken and has_next, another=status is AnswerStatus.DONE and has_next)


def note_html(words: str) -> str:
    """One line that screen readers say when it changes."""
    return f'<p class="note" role="status" aria-live="polite">{escape_html(words)}</p>'
