"""Requests that come in the same moment are decided side by side, which costs half as much each."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from omni.conditions import Conditions
from omni.services import Decider
from omni.types import Conversation, Decision, Preferences

MAX_TOGETHER = 16
"""So many take about as long as a person does not notice: streams under way wait meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Waiting:
    conversation: Conversation = field(repr=False)
    preferences: Preferences
    conditions: Conditions
    decided: "asyncio.Future[Decision]"

    def goes_with(self, other: "_Waiting") -> bool:
        return self.preferences == other.preferences and self.conditions == other.conditions


class Batches:
    """Decides on the loop that serves. Holds a request until the loop's next turn."""

    def __init__(self, router: Decider) -> None:
        self._router = router
        self._waiting: list[_Waiting] = []

    async def route(self, conversation: Conversation, preferences: Preferences, conditions: Conditions) -> Decision:
        """The same decision as `route` of the router.

        Raises:
            InputError: see `Router.route`.
            NoModelAvailable: the same.
        """
        loop = asyncio.get_running_loop()
        decided: asyncio.Future[Decision] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._decide)
        self._waiting.append(
            _Waiting(conversation=conversation, preferences=preferences, conditions=conditions, decided=decided)
        )
        return await decided

    def _decide(self) -> None:
        """Those that go with the first one; the others in the loop's next turn, after what streams have to send."""
        wanted = [one for one in self._waiting if not one.decided.done()]
        taken = [one for one in wanted if one.goes_with(wanted[0])][:MAX_TOGETHER]
        self._waiting = [one for one in wanted if one not in taken]
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._decide)
        if len(taken) < 2 or not self._decide_side_by_side(taken):
            for one in taken:
                self._decide_one(one)

    def _decide_side_by_side(self, taken: Sequence[_Waiting]) -> bool:
        """False when one of them cannot be decided: then each has to hear of its own."""
        conversations = [one.conversation for one in taken]
        try:
            decisions = self._router.route_batch(conversations, taken[0].preferences, conditions=taken[0].conditions)
        except Exception:  # comes again, and is told to the request that it belongs to
            return False
        for one, decision in zip(taken, decisions, strict=True):
            one.decided.set_result(decision)
        return True

    def _decide_one(self, one: _Waiting) -> None:
        try:
            decision = self._router.route(one.conversation, one.preferences, conditions=one.conditions)
        except Exception as error:  # belongs to the request that waits for it
            one.decided.set_exception(error)
        else:
            one.decided.set_result(decision)
