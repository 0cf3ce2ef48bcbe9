"""What the copy buttons of the chat give: the text as it was written, as `omni.safe_text.to_raw_text` gives it."""

import gradio as gr

COPY_JS = r"""() => {
  if (!navigator.clipboard || navigator.clipboard.givesRawText) return;
  const toRawText = (shown) => shown
    .replace(/\ufeff \([^\ufeff\n]*\)\ufeff/g, '')
    .replace(/([<!\]`~ \t])\u2060(?=[A-Za-z\/!?\[(:])/g, '$1')
    .replace(/&#(60|62|91|93|40|58);/g, (_, code) => String.fromCharCode(code))
    .replace(/\ufeff/g, '');
  const write = navigator.clipboard.writeText.bind(navigator.clipboard);
  navigator.clipboard.writeText = (text) => write(toRawText(String(text)));
  navigator.clipboard.givesRawText = true;
}"""


def wire_copying() -> None:
    """Lets the page's buttons copy raw text; all of it happens in the browser."""
    page = gr.context.Context.root_block
    assert page is not None
    page.load(fn=None, inputs=None, outputs=None, js=COPY_JS, show_progress="hidden", api_visibility="private")
