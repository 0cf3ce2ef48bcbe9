"""Sends chats with planted values through the real server and the page's callbacks, then looks for them everywhere.

`python -m tests.omni.privacy.leaks --chats 1000`. Default mode: nothing planted in a file, log record, printed line,
metric or error body. Mode "anonymise": nothing in what the upstream got, everything back in the answers.
"""

import argparse
import asyncio
import contextlib
import io
import json
import logging
import random
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from stdnum import luhn

from omni.config import Settings
from omni.privacy import install_log_redaction
from omni.privacy.redact import remove_log_redaction
from omni.router import Router, load_router
from omni.store import Store, open_store
from tests.omni.api_server import run_api
from tests.upstream import Step, Upstream, run_upstream

SERVED = ("Qwen/Qwen3-8B", "zai-org/GLM-4.6")
PROMPTS = (
    "My name is {name}. Write to {email} that the card {card} was declined.",
    "Dear {name}, your key {key} was rotated. Answer to {email}. Make this letter shorter; the card is {card}.",
    "Schreibe eine Mahnung an Herrn {name}, E-Mail {email}, Karte {card}. api_key={key}",
    "Patient: {name}\nE-mail: {email}\nToken: {key}\nPut this into a table, with the card {card}.",
    "Redacta un correo para mi jefe {name} ({email}): la tarjeta {card} y la clave {key} han caducado.",
)
_SYLLABLES = ("bra", "dor", "fen", "gul", "kwi", "lom", "mar", "nox", "pel", "quo", "rus", "tiv", "vex", "wyl", "zan")
_FIRST = ("Maria", "Jonas", "Helen", "Pavel", "Anita", "Bruno", "Carla", "Dieter", "Elena", "Fiona")


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """What one chat holds."""

    name: str
    email: str
    card: str
    key: str

    def values(self) -> tuple[str, ...]:
        """What is looked for: a name by its last part, which no word contains."""
        return (self.name.split(" ")[1], self.email, self.card, self.card.replace(" ", ""), self.key)


@dataclass(slots=True, kw_only=True)
class Report:
    """What was sent, and where planted values turned up."""

    n_chats: int = 0
    n_failed: int = 0
    leaks: list[str] = field(default_factory=list)
    """Where, with the kind of value; not the value."""
    n_not_restored: int = 0


def plant(draw: random.Random) -> Planted:
    """Values that stand nowhere else."""
    digits = "4" + "".join(str(draw.randrange(10)) for _ in range(14))
    card = digits + luhn.calc_check_digit(digits)
    last = "".join(draw.sample(_SYLLABLES, 4)).capitalize()
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
    return Planted(
        name=f"{draw.choice(_FIRST)} {last}",
        email=f"{draw.choice(_FIRST).lower()}.{draw.randrange(10**9)}@plant.example",
        card=" ".join(card[i : i + 4] for i in range(0, 16, 4)),
        key="hf_" + "".join(draw.choices(letters, k=34)),
    )


def run_default(router: Router, n_chats: int, folder: Path, *, seed: int = 0) -> Report:
    """Chats in the default mode; every third fails, with the prompt in the upstream's error."""
    report, draw = Report(), random.Random(seed)
    planted = [plant(draw) for _ in range(n_chats)]
    outputs: dict[str, str] = {}
    with run_upstream(SERVED) as upstream, _watched() as written:
        with contextlib.closing(open_store(folder / "api.duckdb")) as store:
            with run_api(router, upstream.base_url, store=store) as url:
                for number, values in enumerate(planted):
                    _ask_once(upstream, url, number, values, report, outputs)
                outputs["/metrics"] = httpx.get(f"{url}/metrics").text
                outputs["/healthz"] = httpx.get(f"{url}/healthz").text
            outputs |= {f"table {name}": rows for name, rows in _tables(store)}
        asyncio.run(_use_page(router, upstream, planted[: n_chats // 5 or 1], folder))
        with contextlib.closing(open_store(folder / "page.duckdb")) as store:
            outputs |= {f"page's table {name}": rows for name, rows in _tables(store)}
    outputs |= {name: stream.getvalue() for name, stream in written.items()}
    for path in folder.rglob("*"):
        if path.is_file():
            outputs[f"file {path.name}"] = path.read_bytes().decode("latin-1")
    report.leaks = [
        f"{where}: {kind}"
        for where, shown in outputs.items()
        for kind in sorted({kind for kind, value in _wanted(planted) if value in shown})
    ]
    report.n_chats = n_chats
    return report


def run_anonymised(router: Router, n_chats: int, *, seed: int = 1) -> Report:
    """Chats in the mode "anonymise" with an upstream that says what it was asked; every second one streams."""
    report, draw = Report(n_chats=n_chats), random.Random(seed)
    with run_upstream(SERVED) as upstream, run_api(router, upstream.base_url) as url:
        upstream.fail_at_random(seed, 0.0)
        for number in range(n_chats):
            values = plant(draw)
            prompt = _prompt(number, values)
            body = {"model": "omni", "messages": [{"role": "user", "content": prompt}], "stream": number % 2 == 0}
            headers = {"x-omni-privacy": "anonymise"}
            reply = httpx.post(f"{url}/v1/chat/completions", json=body, headers=headers, timeout=30)
            report.n_failed += reply.status_code != 200
            report.n_not_restored += prompt not in _text_of(reply, is_stream=number % 2 == 0)
            log = json.dumps(upstream.requests, ensure_ascii=False)
            report.leaks += [f"upstream, prompt {number % len(PROMPTS)}: {k}" for k, v in _wanted([values]) if v in log]
            upstream.requests.clear()
            upstream.sent.clear()
    return report


def _prompt(number: int, values: Planted) -> str:
    return PROMPTS[number % len(PROMPTS)].format(name=values.name, email=values.email, card=values.card, key=values.key)


def _ask_once(
    upstream: Upstream, url: str, number: int, values: Planted, report: Report, outputs: dict[str, str]
) -> None:
    prompt = _prompt(number, values)
    if number % 3 == 0:
        status = (400, 500, 422)[number // 3 % 3]
        upstream.script("*", *[Step(status=status, message=f"cannot use the request: {prompt}")] * 24)
    body = {"model": "omni", "messages": [{"role": "user", "content": prompt}], "stream": number % 2 == 0}
    reply = httpx.post(f"{url}/v1/chat/completions", json=body, timeout=30)
    upstream._scripts.clear()
    outputs["headers of replies"] = outputs.get("headers of replies", "") + str(reply.headers)
    if reply.status_code != 200:
        report.n_failed += 1
        outputs["error bodies"] = outputs.get("error bodies", "") + reply.text


async def _use_page(router: Router, upstream: Upstream, planted: list[Planted], folder: Path) -> None:
    """The page's own callbacks over the app's own services."""
    from dataclasses import replace

    import app
    from omni.ui.answering import on_answer
    from omni.ui.sending import on_send
    from omni.ui.visits import Visit
    from omni.ui.wishes import Wishes, slider_points
    from tests.omni.ui.builders import CALLER

    settings = replace(Settings.from_env(), base_url=upstream.base_url, db_path=folder / "page.duckdb")
    services = app.build_services(settings, router)
    await services.gateway.board.refresh()
    wishes = Wishes("balanced", *slider_points("balanced"), None, None, None)
    try:
        for number, values in enumerate(planted):
            message = {"text": _prompt(number, values), "files": []}
            sent = await on_send(message, [], Visit(), "", *wishes, caller=CALLER, services=services)
            async for _ in on_answer(sent.chatbot, sent.turn, sent.visit, caller=CALLER, services=services):
                pass
    finally:
        await services.gateway.close()
        if services.store is not None:
            services.store.close()


@contextlib.contextmanager
def _watched() -> Iterator[dict[str, io.StringIO]]:
    """Everything that is logged from INFO on or printed, while log redaction is on as in the app."""
    written = {"log": io.StringIO(), "stdout": io.StringIO(), "stderr": io.StringIO()}
    handler = logging.StreamHandler(written["log"])
    root = logging.getLogger()
    level = root.level
    install_log_redaction()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        with contextlib.redirect_stdout(written["stdout"]), contextlib.redirect_stderr(written["stderr"]):
            yield written
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
        remove_log_redaction()


def _tables(store: Store) -> Iterator[tuple[str, str]]:
    for name in store.read("SELECT table_name FROM information_schema.tables")["table_name"]:
        yield name, store.read(f'SELECT * FROM "{name}"').to_json(default_handler=str)


def _wanted(planted: list[Planted]) -> Iterator[tuple[str, str]]:
    for values in planted:
        yield from zip(("name", "email", "card", "card", "key"), values.values(), strict=True)


def _text_of(reply: httpx.Response, *, is_stream: bool) -> str:
    if reply.status_code != 200:
        return ""
    if not is_stream:
        return reply.json()["choices"][0]["message"]["content"] or ""
    chunks = [json.loads(line[6:]) for line in reply.text.splitlines() if line.startswith("data: {")]
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


def main() -> int:
    """Prints what was found; 1 when a value was seen where none may be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chats", type=int, default=1000, help="a mode")
    n_chats = parser.parse_args().chats
    router = load_router()
    with tempfile.TemporaryDirectory() as folder:
        default = run_default(router, n_chats, Path(folder))
    masked = run_anonymised(router, n_chats)
    for name, report in (("default", default), ("anonymise", masked)):
        print(f"{name}: {report.n_chats} chats, {report.n_failed} failed, {len(report.leaks)} leaks,", end=" ")
        print(f"{report.n_not_restored} not restored")
        for leak in sorted(set(report.leaks)):
            print(f"  {leak} x {report.leaks.count(leak)}")
    return int(bool(default.leaks or masked.leaks or masked.n_not_restored))


if __name__ == "__main__":
    sys.exit(main())
