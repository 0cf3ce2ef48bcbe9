"""Where handlers get their services and where errors become sentences."""

import functools
import inspect
import logging
import traceback
from collections.abc import Callable
from typing import Any

import gradio as gr

from omni.errors import OmniError, StoreError
from omni.gateway.providers import HUGGING_FACE, Credential
from omni.privacy import redact
from omni.safe_text import escape_html
from omni.ui import text
from omni.ui.door import Caller
from omni.ui.services import Services
from omni.visitors import name_of

logger = logging.getLogger(__name__)


def to_visitor_error(error: Exception) -> gr.Error:
    """What a visitor reads: the text of a known error; any other is logged and shown as one plain sentence."""
    if isinstance(error, OmniError):
        return gr.Error(escape_html(redact(str(error))), title="", print_exception=False)
    # type and place only: the text of an error may quote a prompt
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].name}:{frames[-1].lineno}" if frames else "unknown place"
    logger.error("unexpected %s at %s", type(error).__name__, place)
    return gr.Error(text.UNEXPECTED, title="", print_exception=False)


def bind(handler: Callable[..., Any], **bound: Any) -> Callable[..., Any]:
    """An async handler with its services filled in and its errors made plain.

    Like `functools.partial`, but still a function with annotations: gradio looks for event data in these and does not
    find it in a partial (6.31). A handler with a parameter `caller` is told who set it off; `services` must be bound.
    """
    signature = inspect.signature(handler)
    wants_caller = "caller" in signature.parameters
    told = _told_by_gradio(bound["services"]) if wants_caller else {}

    def filled(args: tuple[Any, ...]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if not wants_caller:
            return args, bound
        return args[len(told) :], {**bound, "caller": to_caller(bound["services"], *args[: len(told)])}

    if inspect.isasyncgenfunction(handler):

        @functools.wraps(handler)
        async def guarded(*args: Any) -> Any:
            try:
                inputs, named = filled(args)
                async for update in handler(*inputs, **named):
                    yield update
            except Exception as error:  # the UI boundary
                raise to_visitor_error(error) from None
    else:

        @functools.wraps(handler)
        async def guarded(*args: Any) -> Any:
            try:
                inputs, named = filled(args)
                return await handler(*inputs, **named)
            except Exception as error:  # the UI boundary
                raise to_visitor_error(error) from None

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    first = [inspect.Parameter(name, kind, annotation=annotation) for name, annotation in told.items()]
    left = [each for name, each in signature.parameters.items() if name not in bound and name != "caller"]
    guarded.__signature__ = signature.replace(parameters=[*first, *left])  # type: ignore[attr-defined]
    guarded.__annotations__ = {**handler.__annotations__, **told}
    return guarded


def _told_by_gradio(services: Services) -> dict[str, Any]:
    """What gradio fills in by annotation; a login only where the page has one."""
    login = {"profile": gr.OAuthProfile | None, "token": gr.OAuthToken | None} if services.has_login else {}
    return {"request": gr.Request, **login}


def to_caller(
    services: Services,
    request: gr.Request,
    profile: gr.OAuthProfile | None = None,
    token: gr.OAuthToken | None = None,
) -> Caller:
    """Who sent the request. The token lives as long as this value: it is kept in no state."""
    name = name_of(request, profile.username if profile is not None else None, in_space=services.in_space)
    try:
        visitor = services.store.mark(name) if services.store is not None else services.door.mark(name)
    except StoreError:
        visitor = services.door.mark(name)
    credential = Credential(provider=HUGGING_FACE, token=token.token) if token is not None else None
    return Caller(visitor=visitor, credential=credential)
