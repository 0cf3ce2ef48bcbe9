"""Which servers the settings name, and who gets which key."""

from dataclasses import replace
from pathlib import Path

import pytest

from omni.config import HF_ROUTER_URL, Settings, read_servers
from omni.errors import InputError
from omni.gateway import providers_from
from omni.gateway.providers import DUMMY_KEY

NOTHING = Settings(
    host="127.0.0.1", port=7860, db_path=Path("x"), base_url=None, api_key=None, hf_token=None, in_space=False
)


def test_without_settings_there_is_no_provider() -> None:
    """Nothing is guessed."""
    assert providers_from(NOTHING) == ()


def test_the_token_goes_to_its_own_server_only() -> None:
    """HF_TOKEN is for Hugging Face's router; another server gets its own key or a dummy."""
    own, router = providers_from(replace(NOTHING, hf_token="hf_x", base_url="http://127.0.0.1:11434/v1/"))
    assert (own.name, own.base_url, own.api_key) == ("127.0.0.1:11434", "http://127.0.0.1:11434/v1", DUMMY_KEY)
    assert (router.base_url, router.api_key) == (HF_ROUTER_URL, "hf_x")


def test_a_space_does_not_spend_its_owners_token() -> None:
    """The router is there for visitors who bring their own token; the owner's goes nowhere."""
    (router,) = providers_from(replace(NOTHING, hf_token="hf_x", in_space=True))
    assert (router.name, router.api_key, router.needs_credential) == ("Hugging Face", DUMMY_KEY, True)


def test_keys_do_not_show() -> None:
    """A provider's repr holds no key."""
    (provider,) = providers_from(replace(NOTHING, hf_token="hf_secret"))
    assert "hf_secret" not in repr(provider)


def test_an_address_without_http_is_refused() -> None:
    """The message shows the value and an example."""
    with pytest.raises(InputError, match="localhost:11434"):
        providers_from(replace(NOTHING, base_url="localhost:11434"))


def test_any_number_of_servers_each_with_its_own_key() -> None:
    """OMNI_SERVERS names them in order; a key goes to its own server only, and none is a dummy."""
    listed = "my-box=http://127.0.0.1:8000/v1/, groq=https://api.groq.com/openai/v1"
    servers = read_servers(listed, {"OMNI_KEY_GROQ": "gsk-1", "OTHER": "x"})
    own, groq, router = providers_from(replace(NOTHING, servers=servers, hf_token="hf_x"))
    assert (own.name, own.base_url, own.api_key) == ("my-box", "http://127.0.0.1:8000/v1", DUMMY_KEY)
    assert (groq.name, groq.api_key, router.api_key) == ("groq", "gsk-1", "hf_x")
    assert "gsk-1" not in repr(servers) + repr(groq)


@pytest.mark.parametrize("listed", ["", "groq=https://api.groq.com/openai/v1"])
def test_a_key_without_a_server_is_a_slip(listed: str) -> None:
    """The server that it is for would be asked without it."""
    with pytest.raises(InputError, match="OMNI_KEY_GROK") as caught:
        read_servers(listed, {"OMNI_KEY_GROK": "secret"})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("base_url", ["http://localhost:99999/v1", "http://[::1", "http://:80", "ftp://me:secret@x"])
def test_an_address_that_cannot_be_asked_is_refused(base_url: str) -> None:
    """In words, without its password."""
    with pytest.raises(InputError, match="OMNI_BASE_URL") as caught:
        providers_from(replace(NOTHING, base_url=base_url))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "192.0.2.7"])
def test_omni_is_not_its_own_model_server(host: str) -> None:
    """Each request would come back until all places are taken."""
    there = "192.0.2.7" if host == "192.0.2.7" else "localhost"
    with pytest.raises(InputError, match="itself"):
        providers_from(replace(NOTHING, host=host, base_url=f"http://{there}:7860/v1"))
    assert providers_from(replace(NOTHING, host=host, base_url=f"http://{there}:7861/v1"))


def test_signs_in_a_name_become_underscores_in_its_key() -> None:
    """my-box has its key in OMNI_KEY_MY_BOX."""
    (server,) = read_servers("my-box=http://127.0.0.1:8000/v1", {"OMNI_KEY_MY_BOX": "k"})
    assert server.api_key == "k"


@pytest.mark.parametrize(
    ("listed", "words"),
    [
        ("http://127.0.0.1:8000/v1", "name=url"),
        ("a=", "name=url"),
        ("a=localhost:8000", "http address"),
        ("a=http://localhost:99999/v1", "http address"),
        ("a=http://[::1/v1", "http address"),
        ("a=http://x/v1,A=http://y/v1", "taken"),
        ("a=http://me:secret@x/v1", "OMNI_KEY_A"),
    ],
)
def test_servers_that_cannot_be_read_are_refused(listed: str, words: str) -> None:
    """The message says what to set, and never repeats a password."""
    with pytest.raises(InputError, match=words) as caught:
        read_servers(listed, {})
    assert "secret" not in str(caught.value)


def test_settings_read_the_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment is enough."""
    monkeypatch.setenv("OMNI_SERVERS", "a=http://127.0.0.1:8000/v1")
    monkeypatch.setenv("OMNI_KEY_A", "key-a")
    settings = Settings.from_env()
    assert settings.servers[0].api_key == "key-a"
    assert "key-a" not in repr(settings)


def test_two_servers_of_one_name_are_refused() -> None:
    """Names tell servers apart everywhere."""
    servers = read_servers("Hugging Face=http://127.0.0.1:8000/v1", {})
    with pytest.raises(InputError, match="Hugging Face"):
        providers_from(replace(NOTHING, servers=servers, hf_token="hf_x"))
