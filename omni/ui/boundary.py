"""Where handlers get their services and where errors become sentences."""

import functools
import inspect
import logging
from collections.abc import Callable
from typing import Any

import gradio as gr

from omni.errors import OmniError
from omni.ui import text

logger = logging.getLogger(__name__)


def to_visitor_error(error: Exception) -> gr.Error:
    """What a visitor reads: the text of a known error; any other is logged and shown as one plain sentence."""
    if isinstance(error, OmniError):
        return gr.Error(str(error), title="", print_exception=False)
    logger.error("unexpected %s", type(error).__name__, exc_info=error)
    return gr.Error(text.UNEXPECTED, title="", print_exception=False)


def bind(handler: Callable[..., Any], **bound: Any) -> Callable[..., Any]:
    """An async handler with its services filled in and its errors made plain.

    Like `functools.partial`, but still a function with annotations: gradio looks for event data in these and does not
    find it in a partial (6.31).
    """
    if inspect.isasyncgenfunction(handler):

        @functools.wraps(handler)
        async def guarded(*args: Any) -> Any:
            try:
                async for update in handler(*args, **bound):
                    yield update
            except Exception as error:  # the UI boundary
                raise to_visitor_error(error) from None
    else:

        @functools.wraps(handler)
        async def guarded(*args: Any) -> Any:
            try:
                return await handler(*args, **bound)
            except Exception as error:  # the UI boundary
                raise to_visitor_error(error) from None

    signature = inspect.signature(handler)
    left = [parameter for name, parameter in signature.parameters.items() if name not in bound]
    guarded.__signature__ = signature.replace(parameters=left)  # type: ignore[attr-defined]
    return guarded
