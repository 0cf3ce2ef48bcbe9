"""Settings from the environment."""

from pathlib import Path

import pytest

from omni.config import Settings
from omni.errors import InputError


def test_without_a_word_nothing_is_limited_and_nothing_leaves_the_machine(monkeypatch):
    """The defaults of a new machine."""
    monkeypatch.delenv("OMNI_DISCOVER")
    settings = Settings.from_env()
    assert (settings.host, settings.port, settings.discover, settings.max_running) == ("127.0.0.1", 7860, True, 512)
    assert (settings.policy_path, settings.max_usd_per_visitor, settings.max_usd_per_day) == (None, None, None)


def test_a_space_looks_for_no_servers_of_its_own(monkeypatch):
    """What runs beside it in the cloud is not the visitor's."""
    monkeypatch.setenv("SPACE_ID", "omni/omni")
    monkeypatch.setenv("OMNI_DISCOVER", "1")
    assert not Settings.from_env().discover


def test_ceilings_and_policy_are_read(monkeypatch):
    """Dollars, a count, a path."""
    monkeypatch.setenv("OMNI_MAX_USD_PER_VISITOR", "0.25")
    monkeypatch.setenv("OMNI_MAX_USD_PER_DAY", "0")
    monkeypatch.setenv("OMNI_MAX_RUNNING", "8")
    monkeypatch.setenv("OMNI_POLICY", "own.yml")
    settings = Settings.from_env()
    assert (settings.max_usd_per_visitor, settings.max_usd_per_day, settings.max_running) == (0.25, 0.0, 8)
    assert settings.policy_path == Path("own.yml")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OMNI_MAX_USD_PER_DAY", "much"),
        ("OMNI_MAX_USD_PER_VISITOR", "-1"),
        ("OMNI_MAX_USD_PER_DAY", "nan"),
        ("OMNI_MAX_RUNNING", "0"),
        ("OMNI_PORT", "99999"),
        ("OMNI_PORT", "\u00b2"),
    ],
)
def test_a_wrong_number_is_named(monkeypatch, name, value):
    """The variable, its value and what was expected."""
    monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=name):
        Settings.from_env()


def test_a_key_loses_the_line_break_of_its_file(monkeypatch):
    """A request could not carry it."""
    monkeypatch.setenv("OMNI_API_KEY", "sk-1\r\n")
    monkeypatch.setenv("OMNI_SERVERS", "a=http://127.0.0.1:1/v1")
    monkeypatch.setenv("OMNI_KEY_A", " sk-2\n")
    settings = Settings.from_env()
    assert (settings.api_key, settings.servers[0].api_key) == ("sk-1", "sk-2")


@pytest.mark.parametrize("name", ["HF_TOKEN", "OMNI_API_KEY", "OMNI_API_KEYS"])
@pytest.mark.parametrize("key", ["schl\u00fcssel", "one\ntwo"])
def test_what_is_no_key_is_named_but_not_shown(monkeypatch, name, key):
    """Instead of every request failing."""
    monkeypatch.setenv(name, key)
    with pytest.raises(InputError, match=name) as caught:
        Settings.from_env()
    assert key not in str(caught.value)


def test_visitors_log_in_only_where_the_space_lets_them(monkeypatch):
    """Elsewhere the variable means nothing."""
    monkeypatch.setenv("OAUTH_CLIENT_ID", "x")
    assert not Settings.from_env().has_oauth
    monkeypatch.setenv("SPACE_ID", "someone/omni")
    assert Settings.from_env().has_oauth
