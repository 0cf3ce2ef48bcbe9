"""Decisions of the same moment, side by side."""

import asyncio
from typing import Any

import pytest

from omni.api.batches import MAX_TOGETHER, Batches
from omni.conditions import NOTHING_KNOWN, Conditions
from omni.errors import InputError
from omni.router import Router
from omni.types import Conversation, Decision, Preferences

BALANCED = Preferences()


class CountingRouter:
    """A router that notes how many it decides at once."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self.sizes: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._router, name)

    def route(self, *args: Any, **options: Any) -> Decision:
        self.sizes.append(1)
        return self._router.route(*args, **options)

    def route_batch(self, conversations: list[Conversation], *args: Any, **options: Any) -> list[Decision]:
        self.sizes.append(len(conversations))
        return self._router.route_batch(conversations, *args, **options)


@pytest.fixture
def counting(router: Router) -> Any:
    return CountingRouter(router)


def decided(router: Any, *asked: tuple[str, Preferences, Conditions]) -> list[Any]:
    """All asked in the same moment."""

    async def run() -> list[Any]:
        batches = Batches(router)
        waiting = (batches.route(Conversation.from_prompt(text), *rest) for text, *rest in asked)
        return await asyncio.gather(*waiting, return_exceptions=True)

    return asyncio.run(run())


def test_one_alone_is_decided_alone(counting: Any) -> None:
    """It waits for nobody."""
    decided(counting, ("Why is the sky blue?", BALANCED, NOTHING_KNOWN))
    assert counting.sizes == [1]


def test_those_of_one_moment_get_the_decisions_they_would_get_alone(counting: Any, router: Router) -> None:
    """In batches short enough for the streams that wait meanwhile."""
    texts = [f"Write {number} lines about rivers" for number in range(MAX_TOGETHER + 2)]
    decisions = decided(counting, *((text, BALANCED, NOTHING_KNOWN) for text in texts))
    alone = [router.route(Conversation.from_prompt(text)) for text in texts]
    assert counting.sizes == [MAX_TOGETHER, 2]
    assert [one.decision_id for one in decisions] == [one.decision_id for one in alone]
    assert [one.chosen for one in decisions] == [one.chosen for one in alone]


def test_other_wishes_and_another_state_are_decided_apart(counting: Any) -> None:
    """A batch has one of each."""
    other = Conditions(served=frozenset({"Qwen/Qwen3-8B"}))
    cheap = Preferences(preset="cheap")
    wishes = [(BALANCED, NOTHING_KNOWN), (cheap, NOTHING_KNOWN), (BALANCED, other), (BALANCED, NOTHING_KNOWN)]
    decisions = decided(counting, *(("Why is the sky blue?", *wish) for wish in wishes))
    assert counting.sizes == [2, 1, 1]
    assert [one.preferences.preset for one in decisions] == ["balanced", "cheap", "balanced", "balanced"]


def test_one_that_cannot_be_decided_takes_nobody_with_it(counting: Any) -> None:
    """It hears what is wrong; the others get their decision."""
    good, bad = ("Why is the sky blue?", BALANCED, NOTHING_KNOWN), (" ", BALANCED, NOTHING_KNOWN)
    first, second, third = decided(counting, good, bad, good)
    assert isinstance(second, InputError)
    assert isinstance(first, Decision)
    assert isinstance(third, Decision)


def test_who_has_left_is_not_decided_for(counting: Any) -> None:
    """Its request was cancelled while it waited."""

    async def run() -> None:
        waiting = asyncio.create_task(
            Batches(counting).route(Conversation.from_prompt("Why?"), BALANCED, NOTHING_KNOWN)
        )
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await asyncio.sleep(0)

    asyncio.run(run())
    assert counting.sizes == []
