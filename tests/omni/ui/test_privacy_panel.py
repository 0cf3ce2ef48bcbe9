"""What the privacy panel says of a request."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from omni.gateway import Provider
from omni.ui import text
from omni.ui.privacy_panel import on_sent, on_write
from omni.ui.privacy_views import Disclosure, Recipient, disclosure_html, found_words, summary_words
from omni.ui.turns import Turn, decide
from tests.omni.ui.builders import CALLER, MODEL_IDS, FakeServer, fake_services

FAR = Recipient(name="far.example", is_local=False)
NEAR = Recipient(name="Ollama", is_local=True)


def _disclosure(**changes: Any) -> Disclosure:
    first = Disclosure(mode="standard", found={}, n_images=0, recipients=(FAR,))
    return replace(first, **changes)


def test_findings_are_counted_in_words() -> None:
    """Most often first; a kind without words of its own is still counted."""
    assert found_words({}) == ""
    assert found_words({"email": 1}) == "1 e-mail address"
    assert found_words({"card": 1, "email": 2, "odd": 1}) == "2 e-mail addresses, 1 card number and 1 private detail"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "nothing private found · goes to far.example"),
        ({"found": {"email": 1}}, "1 e-mail address · sent as written to far.example"),
        ({"found": {"email": 1}, "mode": "anonymise"}, "1 e-mail address · replaced before going to far.example"),
        ({"mode": "local"}, "stays on this machine"),
        ({"recipients": (NEAR,)}, "goes to a server on this machine"),
        ({"recipients": ()}, "nothing private found · nothing is sent"),
    ],
)
def test_one_line_says_what_matters(changes: dict[str, Any], said: str) -> None:
    """What was found, whether it is replaced, and who gets it."""
    assert said in summary_words(_disclosure(**changes))


def test_the_details_say_what_is_sent_and_kept() -> None:
    """Pictures cannot be masked; a provider's own terms are named; the browser keeps only what it was asked to."""
    html = disclosure_html(_disclosure(n_images=1, model_id="org/<b>", is_kept_here=True))
    for words in (text.PICTURES_AS_THEY_ARE, "org/&lt;b&gt;", text.KEPT_FIGURES, text.KEPT_BROWSER, "terms"):
        assert words in html
    assert text.KEPT_NONE in disclosure_html(_disclosure(keeps_figures=False))


def test_only_this_machine_names_no_other_server() -> None:
    """With a local server it says that nothing leaves; without one, what to start."""
    mixed = _disclosure(mode="local", recipients=(FAR, NEAR))
    assert text.SENT_LOCAL in disclosure_html(mixed)
    assert "far.example" not in disclosure_html(mixed)
    assert text.NO_LOCAL in disclosure_html(_disclosure(mode="local"))


def test_a_prompt_is_read_while_it_is_written() -> None:
    """The warning comes before anything is sent."""
    server = FakeServer(provider=Provider(name="far", base_url="http://models.example/v1"))
    message = {"text": "Mail jo@example.org", "files": []}
    services = fake_services(server)
    update = asyncio.run(on_write(message, Turn(), "standard", False, caller=CALLER, services=services))
    assert "1 e-mail address · sent as written to far" in update.panel["label"]
    assert server.asked == []


def test_after_sending_the_model_and_its_server_are_named() -> None:
    """An empty box shows what happened to the last request."""
    server = FakeServer(provider=Provider(name="far", base_url="http://models.example/v1"))
    services = fake_services(server)

    async def told() -> str:
        await services.gateway.board.refresh()
        from omni.gateway import Question
        from omni.types import Conversation, Preferences

        question = Question(conversation=Conversation.from_prompt("Hi"))
        turn = await decide(question, Preferences(), services, caller=CALLER)
        one = await on_sent(turn, "standard", False, caller=CALLER, services=services)
        two = await on_write({"text": ""}, turn, "standard", False, caller=CALLER, services=services)
        assert one == two
        return one.details

    assert f"To {MODEL_IDS[0]}, at far." in asyncio.run(told())
