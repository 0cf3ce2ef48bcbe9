"""Which servers the settings name, and who gets which key."""

from dataclasses import replace
from pathlib import Path

import pytest

from omni.config import HF_ROUTER_URL, Settings
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
    """Visitors of a Space must not spend the owner's credit."""
    assert providers_from(replace(NOTHING, hf_token="hf_x", in_space=True)) == ()


def test_keys_do_not_show() -> None:
    """A provider's repr holds no key."""
    (provider,) = providers_from(replace(NOTHING, hf_token="hf_secret"))
    assert "hf_secret" not in repr(provider)


def test_an_address_without_http_is_refused() -> None:
    """The message shows the value and an example."""
    with pytest.raises(InputError, match="localhost:11434"):
        providers_from(replace(NOTHING, base_url="localhost:11434"))
