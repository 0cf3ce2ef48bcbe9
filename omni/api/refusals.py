"""An answer without a model: the policy's sentence, in the form of every other answer."""

from collections.abc import Mapping

from starlette.responses import JSONResponse, Response

from omni.api.answers import merge, new_names, to_chunk
from omni.api.events import sse
from omni.api.requests import ChatRequest


def refuse(chat: ChatRequest, sentence: str, headers: Mapping[str, str]) -> Response:
    """A completion that holds the sentence and ends with `content_filter`; nobody was asked, nothing was spent."""
    names, usage = new_names(), {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    deltas: tuple[tuple[dict[str, str], str | None], ...]
    deltas = ({"role": "assistant", "content": sentence}, None), ({}, "content_filter")
    chunks = [
        to_chunk({"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}, model=chat.model, **names)
        for delta, reason in deltas
    ]
    last = to_chunk({"choices": [], "usage": usage}, model=chat.model, **names)
    headers = {**headers, "x-omni-attempts": "0", "x-omni-cost-usd": "0"}
    if not chat.is_stream:
        return JSONResponse(merge([*chunks, last]), headers=headers)
    lines = [sse(chunk) for chunk in ([*chunks, last] if chat.wants_usage else chunks)]
    headers |= {"cache-control": "no-store"}
    return Response(b"".join([*lines, b"data: [DONE]\n\n"]), media_type="text/event-stream", headers=headers)
