"""python -m omni serve, as a process would see it."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from omni.__main__ import main
from omni.commands.serve import open_listener
from omni.config import Settings
from omni.errors import InputError
from tests.upstream import free_port

ROOT = Path(__file__).resolve().parent.parent.parent


def test_serves_until_it_is_stopped(tmp_path):
    """Says where it listens, answers there, and ends cleanly at an interrupt."""
    port = free_port()
    environment = {**os.environ, "OMNI_DB": str(tmp_path / "figures.duckdb")}
    command = [sys.executable, "-m", "omni", "serve", "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == f"Omni listens on http://127.0.0.1:{port}/v1\n"
            transport = httpx.HTTPTransport(retries=8)
            with httpx.Client(transport=transport, base_url=f"http://127.0.0.1:{port}") as client:
                assert client.get("/healthz").json()["status"] == "ok"
        finally:
            process.send_signal(signal.SIGINT)
            code = process.wait(timeout=30)
    assert code == 0


def test_a_busy_port_is_said(capsys):
    """In one line, before anything is loaded."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert main(["serve", "--port", str(taken.getsockname()[1])]) == 2
    assert "Address already in use" in capsys.readouterr().err


def test_two_that_start_at_once_do_not_share_a_port():
    """The second one hears of it while the first is still loading."""
    port = free_port()
    with open_listener("127.0.0.1", port), pytest.raises(InputError, match="already in use"):
        open_listener("127.0.0.1", port)


@pytest.mark.parametrize("port", ["0", "70000", "web", "\u00b2"])
def test_a_bad_port_is_said(port, capsys):
    """With the value and what was expected."""
    assert main(["serve", "--port", port]) == 2
    assert f"--port is '{port}'" in capsys.readouterr().err


def test_keys_come_from_the_environment(monkeypatch):
    """Several, by commas; they are not shown."""
    monkeypatch.setenv("OMNI_API_KEYS", "first, second,,")
    settings = Settings.from_env()
    assert settings.api_keys == ("first", "second")
    assert "second" not in repr(settings)
