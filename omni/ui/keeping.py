"""The chat kept in the visitor's own browser. All of it happens there: no request is made for it."""

from collections.abc import Sequence
from typing import Any

import gradio as gr

from omni.ui import text
from omni.ui.foot import note_html
from omni.ui.privacy_panel import PrivacyFields

STORAGE_KEY = "omni-chat"
FORM_KEY = "omni-chat-form-2"
"""Gradio writes the value enciphered; with a fixed key it is still readable after the app was restarted. What guards it
is the browser: storage belongs to one site. The number counts what messages may hold: those of an earlier form, which
were not made safe to show, are not read."""

# pictures lie in files that the server forgets
_PLAIN = (
    "(chat) => (chat || []).map((m) => ({...m, content: (Array.isArray(m.content) ? m.content : [m.content])"
    ".map((part) => part.type === 'text' ? part : {type: 'text', text: typeof part === 'string' ? part : '[…]'})}))"
)
KEEP_JS = f"(chat, keep) => [keep ? ({_PLAIN})(chat) : []]"
FORGET_JS = f"() => [[], false, {note_html(text.FORGOTTEN)!r}]"
RESTORE_JS = "(kept) => kept && kept.length ? [kept, true] : [[], false]"


def wire_keeping(chatbot: gr.Chatbot, panel: PrivacyFields, note: Any, moments: Sequence[Any]) -> None:
    """Keeps the chat after each of the moments while the visitor wants it, and brings it back with the page."""
    kept = gr.BrowserState([], storage_key=STORAGE_KEY, secret=FORM_KEY)
    here: dict[str, Any] = {"fn": None, "show_progress": "hidden", "api_visibility": "private"}
    for moment in moments:
        moment.then(inputs=[chatbot, panel.keep], outputs=[kept], js=KEEP_JS, **here)
    panel.keep.input(inputs=[chatbot, panel.keep], outputs=[kept], js=KEEP_JS, **here)
    panel.forget.click(inputs=None, outputs=[kept, panel.keep, note], js=FORGET_JS, **here)
    page = gr.context.Context.root_block
    assert page is not None
    page.load(inputs=[kept], outputs=[chatbot, panel.keep], js=RESTORE_JS, **here)
