"""python -m omni serve: the OpenAI-compatible server, without the page."""

import argparse
import contextlib
import gc
import importlib
import socket
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from omni.config import Settings
from omni.errors import InputError, NoModelAvailable
from omni.gateway import providers_from
from omni.quality.router_file import load_fitted
from omni.types import Conversation

if TYPE_CHECKING:
    from omni.services import Services

LOOPBACK = ("127.0.0.1", "[::1]", "localhost")
_TYPICAL = "Write to anna@example.com or call +44 20 7946 0958: keys begin with AKIA or ghp_."
"""A prompt that needs every part of the reader."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command and its options."""
    parser = subparsers.add_parser("serve", help="the OpenAI-compatible server")
    parser.add_argument("--host", help="where to listen; OMNI_HOST or 127.0.0.1 when left out")
    parser.add_argument("--port", help="1 to 65535; OMNI_PORT or 7860 when left out")
    parser.add_argument("--router", type=Path, metavar="FILE", help="a fitted router; OMNI_ROUTER when left out")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serves until it is stopped.

    Raises:
        InputError: a bad port, or one that is in use.
    """
    settings = Settings.from_env()
    host, port = args.host or settings.host, settings.port if args.port is None else _port(args.port)
    settings = replace(settings, router_path=args.router or settings.router_path)
    if settings.router_path is not None:
        load_fitted(settings.router_path)  # a file that cannot be used is said before the port is taken
    where = f"http://{f'[{host}]' if ':' in host else host}:{port}/v1"
    with open_listener(host, port) as listener:
        _serve(listener, replace(settings, host=host, port=port), where=where)
    return 0


def _serve(listener: socket.socket, settings: Settings, *, where: str) -> None:
    import uvicorn

    from omni.api import Guard, create_api
    from omni.privacy import install_log_redaction
    from omni.services import build_services

    install_log_redaction()
    services = build_services(settings)
    if services.storage_note:
        print(f"omni: {services.storage_note}", file=sys.stderr)
    api = create_api(services, guard=Guard(api_keys=settings.api_keys, in_space=settings.in_space))
    # No access log: paths hold ids, and whoever wants figures reads /metrics.
    config = uvicorn.Config(api, log_level="warning", access_log=False, timeout_graceful_shutdown=5)
    _say_where(where, settings)
    _warm_up(services)
    services.start()
    try:
        uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt:
        print("omni: stopped", file=sys.stderr)
    finally:
        services.close()
        gc.unfreeze()  # or the database's binding finds its own functions still there at the end, and says so at length


def _warm_up(services: "Services") -> None:
    """Loads what the first answer would wait for, and ends the search of it all for garbage.

    Such a search stops every stream for a fifth of a second, and comes back every few hundred requests.
    """
    for name in ("aiohttp", "httpx2", "openai"):
        importlib.import_module(name)
    with contextlib.suppress(NoModelAvailable):
        services.router.route(Conversation.from_prompt(_TYPICAL))
    gc.collect()
    gc.freeze()


def open_listener(host: str, port: int) -> socket.socket:
    """The port, taken before anything is loaded, so that a busy one is said at once.

    Raises:
        InputError: another process has it, or the host is not this machine's.
    """
    # Named as TCP, or asyncio leaves Nagle's algorithm on and every answer's first piece waits 40 ms.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()  # until then another process could take the same port
    except OSError as error:
        listener.close()
        why = error.strerror or type(error).__name__
        raise InputError(
            f"Cannot listen on port {port} of {host}: {why}. Stop the other program, or give another --host or --port."
        ) from None
    return listener


def _say_where(where: str, settings: Settings) -> None:
    print(f"Omni listens on {where}", flush=True)
    is_local = any(where.startswith(f"http://{host}:") for host in LOOPBACK)
    if not is_local and not settings.api_keys:
        print("omni: anyone who reaches this address may use it; set OMNI_API_KEYS to ask for a key.", file=sys.stderr)
    if not providers_from(settings) and not settings.discover:
        print("omni: no model server is connected; set HF_TOKEN or OMNI_BASE_URL.", file=sys.stderr)


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise InputError(f"--port is {text!r}; expected 1 to 65535.")
    return int(text)
