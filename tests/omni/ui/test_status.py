"""The status page's words and figures."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from omni.gateway import BreakerState, ErrorKind
from omni.gateway.status import GatewayStatus, ListingState, ProviderStatus
from omni.ui import text
from omni.ui.status import on_refresh
from omni.ui.status_views import MODEL_COLUMNS, errors_words, model_table, notes_on, provider_html, status_page_html
from tests.omni.ui.builders import MODEL_IDS, FakeServer, fake_services


def _provider(**changes: Any) -> ProviderStatus:
    healthy = ProviderStatus(
        name="far.example",
        is_local=False,
        is_found=False,
        needs_credential=False,
        listing=ListingState.LISTED,
        listing_error=None,
        n_models=4,
        n_unmatched=1,
        taken_for=(),
        breaker=BreakerState.CLOSED,
        success=0.987,
        first_token_p50_s=0.31,
        first_token_p95_s=1.2,
        tokens_per_s_p50=81.4,
        n_calls=1200,
        n_failed=13,
        in_flight=2,
        errors=(),
        last_error=None,
        account_problem=None,
        next_probe_s=None,
    )
    return replace(healthy, **changes)


def test_figures_have_units() -> None:
    """Shares, seconds, tokens a second, counts."""
    html = provider_html(_provider())
    for words in (
        "99 %",
        "0.31 s",
        "1.2 s",
        "81 tokens/s",
        "1,200, 13 failed",
        "4 models of the catalog",
        "lists 1 more",
    ):
        assert words in html


def test_what_is_not_known_is_a_dash() -> None:
    """Never 0."""
    html = provider_html(_provider(success=None, first_token_p50_s=None, tokens_per_s_p50=None))
    assert html.count("<dd>—</dd>") == 3


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "in use"),
        ({"breaker": BreakerState.OPEN, "next_probe_s": 12.0}, "left alone"),
        ({"breaker": BreakerState.HALF_OPEN}, "on trial"),
        ({"next_probe_s": 3.0}, "paused"),
        ({"account_problem": "No credit is left."}, "account problem"),
    ],
)
def test_the_state_is_one_word(changes: dict[str, Any], state: str) -> None:
    """The gravest one wins."""
    assert f">{state}</span>" in provider_html(_provider(**changes))


def test_problems_are_plain_sentences() -> None:
    """The account's problem is told apart from the models', and the next try is announced."""
    notes = notes_on(_provider(account_problem="No credit is left.", next_probe_s=12.0, needs_credential=True))
    assert text.NEEDS_LOGIN in notes
    assert "The account, not the models: No credit is left." in notes
    assert "Left alone for now; the next try is due in 12 s." in notes
    assert errors_words(((ErrorKind.TIMEOUT, 3), (ErrorKind.SERVER, 1))) == "3 time-outs, 1 server error"


@pytest.mark.parametrize("listing", list(ListingState))
def test_every_state_of_a_listing_has_words(listing: ListingState) -> None:
    """Asking, listed, an older list, not told."""
    assert notes_on(_provider(listing=listing, listing_error="It timed out."))[0]


def test_every_kind_of_error_has_words() -> None:
    """A new kind needs a word."""
    assert set(text.ERROR_KINDS) == set(ErrorKind)
    assert set(text.BREAKER_STATES) == set(BreakerState)


def test_names_recognised_by_size_are_shown_and_escaped() -> None:
    """The server's own name beside the model it is taken for."""
    html = provider_html(_provider(taken_for=(("qwen<3>:8b", "Qwen/Qwen3-8B"),), is_local=True, is_found=True))
    assert "qwen&lt;3&gt;:8b" in html
    assert "is taken for" in html
    assert text.MARK_FOUND in html


def test_without_a_server_it_says_how_to_connect_one() -> None:
    """Both ways."""
    html = status_page_html(GatewayStatus(providers=(), models=()))
    assert "OMNI_BASE_URL" in html
    assert list(model_table(()).columns) == list(MODEL_COLUMNS)


def test_a_model_that_was_asked_has_a_row() -> None:
    """From the gateway's own board."""

    async def ask() -> Any:
        services = fake_services(FakeServer())
        await services.gateway.board.refresh()
        from omni.gateway import Question
        from omni.types import Conversation

        question = Question(conversation=Conversation.from_prompt("Hi"))
        before = await on_refresh(services=services)
        assert before.empty["visible"] is True
        async for _ in services.gateway.answer(MODEL_IDS[:1], question):
            pass
        return await on_refresh(services=services)

    page = asyncio.run(ask())
    row = page.models.iloc[0]
    assert (row["Model"], row["State"], row["Answered %"], row["Failed"]) == (MODEL_IDS[0], "in use", 100.0, 0)
    assert page.empty["visible"] is False
    assert "fake" in page.servers
