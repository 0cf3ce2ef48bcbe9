"""What one event of a stream becomes, and what goes out."""

import asyncio
from typing import Any

import pytest

from omni.gateway import Chunk, OpenAIServer, Provider, Usage
from omni.gateway.client import to_chunk, transport_options
from tests.upstream import Upstream


def an_event(delta: Any, **more: Any) -> dict[str, Any]:
    return {"id": "x", "choices": [{"index": 0, "delta": delta, "finish_reason": None}], **more}


@pytest.mark.parametrize(
    ("event", "chunk"),
    [
        (an_event({"content": "sky"}), Chunk(text="sky")),
        (an_event({"content": None, "reasoning": "hm"}), Chunk(reasoning="hm")),
        (an_event({"reasoning_content": "hm"}), Chunk(reasoning="hm")),
        (an_event({"role": "assistant", "new_field": 1}), Chunk()),
        (an_event(None), Chunk()),
        ({"choices": [{"delta": {}, "finish_reason": "stop"}]}, Chunk(finish_reason="stop")),
        (
            {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}},
            Chunk(usage=Usage(input_tokens=3, output_tokens=4)),
        ),
        ({"choices": [], "usage": {"prompt_tokens": 3}}, Chunk()),
        ({"choices": [], "usage": None}, Chunk()),
        ({"id": "x"}, Chunk()),
    ],
)
def test_servers_differ_in_what_they_send(event: dict[str, Any], chunk: Chunk) -> None:
    """Text, reasoning under either name, half a count, fields that are missing or new."""
    assert to_chunk(event) == chunk


@pytest.mark.parametrize("event", ["text", ["a"], {"choices": ["a"]}, 7])
def test_what_is_no_chunk_is_an_error(event: Any) -> None:
    """The caller turns these into a plain sentence."""
    with pytest.raises((AttributeError, TypeError, KeyError)):
        to_chunk(event)


def test_what_is_meant_for_this_machine_stays_here(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the environment is not asked, and a server here cannot send a prompt elsewhere."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    server = OpenAIServer(provider=Provider(name="local", base_url=upstream.base_url))
    upstream.models = ("a",)
    assert [model.name for model in asyncio.run(server.list_models())] == ["a"]
    options = transport_options(server.provider)
    assert (options["follow_redirects"], options["trust_env"]) == (False, False)
    elsewhere = transport_options(Provider(name="far", base_url="https://example.org/v1"))
    assert (elsewhere["follow_redirects"], elsewhere["trust_env"]) == (True, True)
