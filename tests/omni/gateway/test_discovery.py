"""Servers on this machine appear and go, and are never Omni itself."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from omni.gateway import (
    Answer,
    AnswerStatus,
    Gateway,
    OpenAIServer,
    Provider,
    Question,
    Target,
    find_servers,
    finder_for,
)
from omni.gateway.discovery import PORTS
from omni.gateway.providers import is_loopback
from omni.types import Conversation
from tests.upstream import Step, Upstream

IDS = ("meta-llama/Llama-3.1-8B-Instruct", "openai/gpt-oss-120b", "Qwen/Qwen3-8B")
OLLAMA = ({"id": "llama3.1:8b", "object": "model", "created": 0, "owned_by": "library"},)


@contextmanager
def a_closed_port() -> Iterator[int]:
    """A port that nobody listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def a_gateway(upstream: Upstream, *servers: OpenAIServer) -> Gateway:
    """Looks at the scripted server's port, as if it were llama.cpp's."""
    find = finder_for([server.provider for server in servers], ports={upstream.port: "llama.cpp"})
    return Gateway(servers, IDS, frame_s=0.0, find=find)


def test_a_server_is_found_and_named(upstream: Upstream) -> None:
    """By how it signs its models, else by its usual port."""
    upstream.models = OLLAMA
    (found,) = asyncio.run(find_servers({upstream.port: "llama.cpp"}))
    assert (found.name, found.base_url, found.is_found, found.is_local) == ("Ollama", upstream.base_url, True, True)
    upstream.models = ("some-model",)
    (found,) = asyncio.run(find_servers({upstream.port: "llama.cpp"}))
    assert found.name == "llama.cpp"


def test_a_taken_name_gets_its_port(upstream: Upstream) -> None:
    """Names tell providers apart."""
    upstream.models = OLLAMA
    (found,) = asyncio.run(find_servers({upstream.port: "llama.cpp"}, taken_names=["Ollama"]))
    assert found.name == f"Ollama {upstream.port}"


def test_what_is_no_model_server_is_left_alone(upstream: Upstream) -> None:
    """An error, an empty list, an Omni, and a port that nobody listens on."""
    upstream.models = ({"id": "omni", "owned_by": "omni"}, {"id": "a", "owned_by": "x"})
    assert asyncio.run(find_servers({upstream.port: "vLLM"})) == ()
    upstream.models = ()
    assert asyncio.run(find_servers({upstream.port: "vLLM"})) == ()
    upstream.list_status = 404
    assert asyncio.run(find_servers({upstream.port: "vLLM"})) == ()
    with a_closed_port() as port:
        assert asyncio.run(find_servers({port: "vLLM"})) == ()


def test_omnis_own_port_and_named_servers_are_not_looked_at(upstream: Upstream) -> None:
    """Not even asked."""
    named = Provider(name="mine", base_url=f"http://localhost:{upstream.port}/v1")
    assert asyncio.run(finder_for([named], ports={upstream.port: "vLLM"})()) == ()
    assert asyncio.run(finder_for([], own_port=upstream.port, ports={upstream.port: "vLLM"})()) == ()
    assert upstream.authorizations == []


def test_a_found_server_answers_and_costs_nothing(upstream: Upstream) -> None:
    """Its model is known by its short name, served on this machine, and free."""
    upstream.models = OLLAMA
    gateway = a_gateway(upstream)
    assert not gateway.is_connected

    async def ask() -> Answer:
        await gateway.board.refresh()
        question = Question(conversation=Conversation.from_prompt("Hello"))
        answers = [answer async for answer in gateway.answer([IDS[0]], question)]
        await gateway.close()
        return answers[-1]

    last = asyncio.run(ask())
    assert last.status is AnswerStatus.DONE
    assert last.target == Target(model_id=IDS[0], provider="Ollama", served_name="llama3.1:8b")
    assert gateway.conditions().local == gateway.conditions().served == {IDS[0]}
    cost = gateway.cost(last, None)
    assert cost is not None
    assert cost.cost_usd == 0.0


def test_servers_appear_and_vanish(upstream: Upstream) -> None:
    """What is gone at a refresh is not asked any more, and what comes back is."""
    named = OpenAIServer(provider=Provider(name="far", base_url="http://127.0.0.1:9/v1"))
    gateway = a_gateway(upstream, named)

    def names_after_refresh() -> list[str]:
        asyncio.run(gateway.board.refresh())
        return [provider.name for provider in gateway.providers]

    assert names_after_refresh() == ["far"]
    upstream.models = OLLAMA
    assert names_after_refresh() == ["far", "Ollama"]
    assert gateway.board.served_ids() == {IDS[0]}
    server = gateway.board.server("Ollama")
    upstream.list_status = 500
    assert names_after_refresh() == ["far"]
    assert (gateway.board.served_ids(), gateway.provider("Ollama")) == (None, None)
    upstream.list_status = 200
    assert names_after_refresh() == ["far", "Ollama"]
    assert gateway.board.server("Ollama") is server


def test_a_server_that_goes_before_its_try_is_a_failed_try(upstream: Upstream) -> None:
    """It was there when the tries were put in order; the record says what became of it."""
    upstream.models = OLLAMA
    gateway = a_gateway(upstream)

    async def ask() -> Answer:
        await gateway.board.refresh()
        stream = gateway.answer([IDS[0]], Question(conversation=Conversation.from_prompt("Hello")))
        await anext(stream)
        upstream.list_status = 500
        await gateway.board.refresh()
        upstream.release("gone")
        last = [answer async for answer in stream][-1]
        await gateway.close()
        return last

    upstream.script("llama3.1:8b", Step(hold_first="gone", cut_first=True))
    assert [attempt.error for attempt in asyncio.run(ask()).attempts][-1] == "Ollama is not there any more."


def test_models_that_are_passed_on_are_not_local(upstream: Upstream) -> None:
    """Ollama's cloud models leave the machine."""
    upstream.models = (*OLLAMA, {"id": "openai/gpt-oss-120b", "owned_by": "library"}, "Qwen/Qwen3-8B")
    gateway = a_gateway(upstream)
    asyncio.run(gateway.board.refresh())
    assert gateway.conditions().local == {"meta-llama/Llama-3.1-8B-Instruct", "openai/gpt-oss-120b", "Qwen/Qwen3-8B"}
    cloud = Target(model_id="openai/gpt-oss-120b", provider="Ollama", served_name="gpt-oss:120b-cloud")
    assert not gateway.board.is_on_this_machine(cloud)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:1/v1", True),
        ("http://127.9.9.9/v1", True),
        ("http://[::1]:1/v1", True),
        ("http://localhost/v1", True),
        ("http://192.168.1.5/v1", False),
        ("https://localhost.example.org/v1", False),
        ("http://0.0.0.0/v1", False),
    ],
)
def test_loopback_is_this_machine_only(url: str, expected: bool) -> None:
    """Neighbours in the network are not."""
    assert is_loopback(url) is expected


def test_the_usual_ports() -> None:
    """Ollama, llama.cpp, LM Studio, vLLM."""
    assert sorted(PORTS) == [1234, 8000, 8080, 11434]
