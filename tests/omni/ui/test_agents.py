"""Tools for agents on the page."""

import gradio as gr
from gradio_client import Client

from omni.errors import InputError
from omni.ui.agents import add_tools


class EchoTools:
    """Gives back what it was asked."""

    async def route(self, prompt, preset, headers):
        return {"chosen": prompt, "preset": preset, "agent": "user-agent" in headers}

    async def ask(self, prompt, preset, headers):  # noqa: ARG002
        raise InputError("Not today.")


def test_agents_see_two_tools_and_reach_them():
    """With the headers of the request, and no other function of the page."""
    with gr.Blocks() as page:
        box = gr.Textbox()
        box.change(str.upper, box, box, api_visibility="private")
    add_tools(page, EchoTools())
    _, url, _ = page.launch(prevent_thread_lock=True, quiet=True)
    try:
        client = Client(url, verbose=False)
        assert set(client.view_api(return_format="dict")["named_endpoints"]) == {"/route", "/ask"}
        given = client.predict("hello", "fast", api_name="/route")
        assert given == {"chosen": "hello", "preset": "fast", "agent": True}
    finally:
        page.close()
