"""Settings from the environment; the only reader of os.environ."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from omni.caps import MAX_RUNNING
from omni.errors import InputError

DATA_DIR = Path(__file__).resolve().parent.parent / "data"
HF_ROUTER_URL = "https://router.huggingface.co/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSetting:
    """One server of OMNI_SERVERS."""

    name: str
    base_url: str
    api_key: str | None = field(repr=False)
    """None = the server needs none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where the app listens and stores, and which model servers it may use."""

    host: str
    port: int
    db_path: Path
    base_url: str | None
    """Any OpenAI-compatible server; None = not set."""
    api_key: str | None = field(repr=False)
    hf_token: str | None = field(repr=False)
    in_space: bool
    servers: tuple[ServerSetting, ...] = ()
    """Further OpenAI-compatible servers, in the order given."""
    api_keys: tuple[str, ...] = field(default=(), repr=False)
    """What clients of the OpenAI-compatible server must send; empty = everyone may use it."""
    discover: bool = False
    """Look for model servers on the usual ports of this machine."""
    policy_path: Path | None = None
    """The operator's own rules, after those of data/policy.yml."""
    router_path: Path | None = None
    """A fitted router to decide with; None = public benchmarks."""
    max_usd_per_visitor: float | None = None
    """A day's ceiling; None = no ceiling."""
    max_usd_per_day: float | None = None
    """For all visitors together; None = no ceiling."""
    max_running: int = MAX_RUNNING
    """Answers under way at once."""
    max_running_per_visitor: int | None = None
    """The same for one API key or address; None = half of them."""
    has_oauth: bool = False
    """The Space lets visitors log in with their Hugging Face account."""
    hf_router_url: str = HF_ROUTER_URL
    """Where Hugging Face's inference router is; no variable changes it."""

    @classmethod
    def from_env(cls) -> "Settings":
        """Reads HF_TOKEN, OMNI_BASE_URL, OMNI_API_KEY, OMNI_SERVERS with OMNI_KEY_<NAME>, OMNI_API_KEYS, OMNI_HOST,
        OMNI_PORT, OMNI_DB, OMNI_DISCOVER, OMNI_POLICY, OMNI_ROUTER, OMNI_MAX_USD_PER_VISITOR, OMNI_MAX_USD_PER_DAY,
        OMNI_MAX_RUNNING, OMNI_MAX_RUNNING_PER_VISITOR, and in a Space SPACE_ID and OAUTH_CLIENT_ID.

        Raises:
            InputError: A number is not one, a key holds signs that no key has, or OMNI_SERVERS cannot be read.
        """
        in_space = bool(os.environ.get("SPACE_ID"))
        port = os.environ.get("OMNI_PORT") or "7860"
        if not port.isdecimal() or not 0 < int(port) < 65536:
            raise InputError(f"OMNI_PORT is {port!r}; expected 1 to 65535. Unset it or set for example 7860.")
        return cls(
            host=os.environ.get("OMNI_HOST") or ("0.0.0.0" if in_space else "127.0.0.1"),
            port=int(port),
            db_path=Path(os.environ.get("OMNI_DB") or "omni.duckdb"),
            base_url=os.environ.get("OMNI_BASE_URL") or None,
            api_key=_read_key("OMNI_API_KEY", os.environ),
            hf_token=_read_key("HF_TOKEN", os.environ),
            in_space=in_space,
            api_keys=tuple(filter(None, map(str.strip, (_read_key("OMNI_API_KEYS", os.environ) or "").split(",")))),
            servers=read_servers(os.environ.get("OMNI_SERVERS") or "", os.environ),
            discover=not in_space and os.environ.get("OMNI_DISCOVER", "1") != "0",
            policy_path=Path(os.environ["OMNI_POLICY"]) if os.environ.get("OMNI_POLICY") else None,
            router_path=Path(os.environ["OMNI_ROUTER"]) if os.environ.get("OMNI_ROUTER") else None,
            max_usd_per_visitor=_read_usd("OMNI_MAX_USD_PER_VISITOR"),
            max_usd_per_day=_read_usd("OMNI_MAX_USD_PER_DAY"),
            max_running=_read_count("OMNI_MAX_RUNNING", MAX_RUNNING) or MAX_RUNNING,
            max_running_per_visitor=_read_count("OMNI_MAX_RUNNING_PER_VISITOR", None),
            has_oauth=in_space and bool(os.environ.get("OAUTH_CLIENT_ID")),
        )


def _read_usd(name: str) -> float | None:
    text = os.environ.get(name)
    if not text:
        return None
    try:
        usd = float(text)
    except ValueError:
        usd = -1.0
    if not 0 <= usd < float("inf"):
        raise InputError(f"{name} is {text!r}; expected US dollars a day such as 0.50. Unset it for no ceiling.")
    return usd


def _read_count(name: str, default: int | None) -> int | None:
    text = os.environ.get(name)
    if not text:
        return default
    if not text.isdecimal() or int(text) < 1:
        usual = "half of OMNI_MAX_RUNNING" if default is None else default
        raise InputError(f"{name} is {text!r}; expected a whole number from 1. Unset it for {usual}.")
    return int(text)


def _read_key(name: str, environment: Mapping[str, str]) -> str | None:
    """Without the line break that files end with; a request could not carry it."""
    key = environment.get(name, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise InputError(f"{name} holds a line break or a letter that no key has. Copy the key again.")
    return key or None


def is_http_address(text: str) -> bool:
    """Whether a server can be asked there."""
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port or an IPv6 address that is none
        return False


def read_servers(listed: str, environment: Mapping[str, str]) -> tuple[ServerSetting, ...]:
    """The servers of "name=url,name=url", each with the key in OMNI_KEY_<NAME> (capitals, "_" for other signs).

    Raises:
        InputError: An entry is not name=url, two names would share a key, or a key belongs to no server. Addresses are
            not repeated: they may hold a password.
    """
    servers: dict[str, ServerSetting] = {}
    for position, entry in enumerate(filter(None, (part.strip() for part in listed.split(","))), start=1):
        name, _, base_url = (part.strip() for part in entry.partition("="))
        where = f"OMNI_SERVERS, entry {position}"
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ._-]*", name) or not base_url:
            raise InputError(f"{where} is not name=url. Set for example groq=https://api.groq.com/openai/v1.")
        if not is_http_address(base_url):
            raise InputError(f"{where} ({name!r}): expected an http address such as http://127.0.0.1:8000/v1.")
        variable = "OMNI_KEY_" + re.sub(r"[^A-Z0-9]", "_", name.upper())
        if "@" in urlsplit(base_url).netloc:
            raise InputError(f"{where} ({name!r}): the address holds a password. Put the key in {variable} instead.")
        if variable in servers:
            raise InputError(f"{where}: the name {name!r} is taken by {servers[variable].name!r}. Choose another.")
        servers[variable] = ServerSetting(
            name=name, base_url=base_url.rstrip("/"), api_key=_read_key(variable, environment)
        )
    for variable in sorted(environment):
        if variable.startswith("OMNI_KEY_") and variable not in servers:
            known = ", ".join(server.name for server in servers.values()) or "which is empty"
            raise InputError(f"{variable} is the key of no server in OMNI_SERVERS ({known}). Rename it, or unset it.")
    return tuple(servers.values())
