"""How a question reaches a model: masked where the visitor wants that, within the budget, with the visitor's token."""

import contextlib
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

from omni.gateway import Answer, AnswerStatus, Question, Target
from omni.gateway.guard import ask_guard, guard_ids_of
from omni.gateway.hedge import Hedge
from omni.privacy import Anonymiser, Restorer
from omni.ui import text
from omni.ui.door import Caller
from omni.ui.services import Services
from omni.ui.turns import Turn, actual_cost_of, find_candidate
from omni.ui.visits import BEGUN

if TYPE_CHECKING:
    from omni.budgets import Hold

OPEN = frozenset({AnswerStatus.WAITING, AnswerStatus.STREAMING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question on its way. Lives as long as its answer streams; it may hold a token and private values."""

    turn: Turn
    model_ids: tuple[str, ...]
    question: Question = field(repr=False)
    """As it goes out."""
    caller: Caller
    restorer: Restorer | None = field(repr=False, default=None)
    """Puts private values back; None = it goes out as it is."""


async def to_asked(
    turn: Turn, caller: Caller, services: Services, *, model_ids: tuple[str, ...] | None = None
) -> Asked:
    """The question as it will be sent. Pictures stay as they are."""
    question = turn.question
    assert question is not None
    restorer = None
    if turn.privacy == "anonymise":
        language = turn.decision.profile.language if turn.decision else "und"
        masked = await services.heavy.run(caller.visitor, Anonymiser().mask, question.conversation, language)
        question, restorer = replace(question, conversation=masked.conversation), masked.restorer
    ids = turn.model_ids if model_ids is None else model_ids
    return Asked(turn=turn, model_ids=ids, question=question, caller=caller, restorer=restorer)


async def ask(asked: Asked, services: Services) -> AsyncGenerator[Answer, None]:
    """The answer as it grows, with private values put back."""
    most = asked.turn.max_extra_usd
    stream = services.gateway.answer(
        asked.model_ids,
        asked.question,
        credential=asked.caller.credential,
        hedge=Hedge(max_extra_usd=most) if most is not None else None,
        only_local=asked.turn.only_local,
    )
    answers = cast(AsyncGenerator[Answer, None], stream)
    async with contextlib.aclosing(answers):
        if asked.restorer is None:
            async for answer in answers:
                yield answer
            return
        text_, reasoning = _Restored(asked.restorer), _Restored(asked.restorer)
        async for answer in answers:
            is_over = answer.status not in OPEN
            yield replace(
                answer,
                text=text_.grow(answer.text, is_over=is_over),
                reasoning=reasoning.grow(answer.reasoning, is_over=is_over),
            )


class _Restored:
    """A text that grows, with private values put back as soon as their placeholders are whole."""

    def __init__(self, restorer: Restorer) -> None:
        self._restorer = restorer
        self._feed, self._seen, self._shown = restorer.again(), "", ""

    def grow(self, whole: str, *, is_over: bool) -> str:
        if not whole.startswith(self._seen):
            # another attempt started over
            self._feed, self._seen, self._shown = self._restorer.again(), "", ""
        self._shown += self._feed.feed(whole[len(self._seen) :])
        self._seen = whole
        if is_over:
            self._shown += self._feed.flush()
        return self._shown


async def find_guard_objection(asked: Asked, services: Services) -> str | None:
    """What the visitor is told when the policy wants a guard model's word and the guard objects; None = go on."""
    decision = asked.turn.decision
    if decision is None or decision.action != "ask_guard":
        return None
    verdict = await ask_guard(
        services.gateway,
        guard_ids_of(services.catalog.models),
        asked.question.conversation,
        only_local=asked.turn.only_local,
        credential=asked.caller.credential,
    )
    return (decision.message or text.GUARD_OBJECTED) if verdict.is_safe is False else None


@contextlib.contextmanager
def hold_place(asked: Asked, services: Services) -> Iterator["Place"]:
    """A place among the running answers, and the budget for this one.

    Raises:
        BudgetExceeded: none is left; the text is for the visitor.
    """
    with services.budgets.hold(asked.caller.visitor, _expected_usd(asked, services)) as hold:
        yield Place(asked, services, hold)


class Place:
    """A place that is told how its answer ended. Without a reported cost, the estimate is used."""

    def __init__(self, asked: Asked, services: Services, hold: "Hold") -> None:
        self._asked = asked
        self._services = services
        self._hold = hold

    def settle(self, answer: Answer | None) -> None:
        """States what the answer cost here; None = no model was asked."""
        if answer is None or answer.status not in BEGUN or _pays(self._asked.caller, answer.target):
            self._hold.spend(0.0)
            return
        cost = actual_cost_of(answer, self._services)
        self._hold.spend(cost.cost_usd if cost is not None else None)


def _pays(caller: Caller, target: Target | None) -> bool:
    """Whether the visitor's own account pays for what this provider answers."""
    return caller.credential is not None and target is not None and target.provider == caller.credential.provider


def _expected_usd(asked: Asked, services: Services) -> float | None:
    first = next(iter(services.gateway.targets(asked.model_ids[:1], credential=asked.caller.credential)), None)
    if _pays(asked.caller, first):
        return 0.0
    candidate = find_candidate(asked.turn.decision, asked.model_ids[0]) if asked.model_ids else None
    return candidate.cost_usd if candidate is not None else None
