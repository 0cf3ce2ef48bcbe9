"""Two tools for agents (MCP), where the library for it is installed: pip install "gradio[mcp]"."""

from importlib.util import find_spec
from typing import Any, Protocol

import gradio as gr

from omni.errors import OmniError
from omni.types import Preset


class AgentTools(Protocol):
    """What agents may call; keys, budgets and rules are looked after in there."""

    async def route(self, prompt: str, preset: str, headers: Any) -> dict[str, Any]: ...
    async def ask(self, prompt: str, preset: str, headers: Any) -> str: ...


def can_serve_agents() -> bool:
    """Whether the library is there; Gradio refuses to start with MCP otherwise."""
    return find_spec("mcp") is not None


def add_tools(page: gr.Blocks, tools: AgentTools) -> None:
    """Adds the two to a page; everything else on it is private and no tool."""

    async def route(prompt: str, request: gr.Request, preset: Preset = "balanced") -> dict[str, Any]:
        """Says which open model would answer a prompt best, and why. Asks no model.

        Args:
            prompt: What would be asked.
            preset: What counts most.
        """
        try:
            return await tools.route(prompt, preset, request.headers)
        except OmniError as error:
            raise gr.Error(str(error)) from None

    async def ask(prompt: str, request: gr.Request, preset: Preset = "balanced") -> str:
        """Answers a prompt with the open model that suits it best.

        Args:
            prompt: What is asked.
            preset: What counts most.
        """
        try:
            return await tools.ask(prompt, preset, request.headers)
        except OmniError as error:
            raise gr.Error(str(error)) from None

    with page:
        gr.api(route, api_name="route", concurrency_limit=None)
        gr.api(ask, api_name="ask", concurrency_limit=None)
