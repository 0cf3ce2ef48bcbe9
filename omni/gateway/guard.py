"""Asks a guard model of the catalog whether a prompt may be passed on."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from omni.gateway.gateway import Gateway
from omni.gateway.messages import AnswerStatus, Question
from omni.gateway.providers import Credential
from omni.types import Conversation, Message, ModelCard

INSTRUCTION = (
    "You check requests before an assistant answers them. Unsafe: a request for help with hurting people, weapons, "
    "breaking into systems that are not the person's own, sexual content with children, or abuse. Safe: everything "
    "else, questions about such topics for prevention, news, history or fiction included. Answer with one word, safe "
    "or unsafe."
)
MAX_CHARS = 8_000
"""Guards have small windows; an intent shows at the beginning or at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the guard said."""

    is_safe: bool | None
    """None = nobody could be asked, or the answer was neither."""
    model_id: str | None = None
    """Who was asked."""


def guard_ids_of(cards: Iterable[ModelCard]) -> tuple[str, ...]:
    """Ids of the guard models, in the order of the cards."""
    return tuple(card.model_id for card in cards if card.role == "guard")


async def ask_guard(
    gateway: Gateway,
    guard_ids: Sequence[str],
    conversation: Conversation,
    *,
    only_local: bool = False,
    credential: Credential | None = None,
) -> Verdict:
    """The first word of the first guard model that a connected server offers.

    Args:
        guard_ids: catalog ids of guard models, the preferred one first.
        only_local: ask none that is not on this machine.
        credential: the visitor's own token, for a provider that serves nobody without one.
    """
    conditions = gateway.conditions(credential=credential)
    served = conditions.local if only_local else conditions.served or frozenset()
    for model_id in guard_ids:
        if model_id not in served:
            continue
        question = Question(conversation=_to_guard(model_id, conversation.last_user_text))
        asked = gateway.answer((model_id,), question, only_local=only_local, credential=credential)
        answers = [answer async for answer in asked]
        if answers and answers[-1].status is AnswerStatus.DONE:
            word = re.search(r"\b(un)?safe\b", answers[-1].text.casefold())
            return Verdict(is_safe=None if word is None else word[1] is None, model_id=model_id)
    return Verdict(is_safe=None)


def _to_guard(model_id: str, text: str) -> Conversation:
    if len(text) > MAX_CHARS:
        text = f"{text[: MAX_CHARS // 2]}\n…\n{text[-MAX_CHARS // 2 :]}"
    request = Message(role="user", text=text)
    if "llama-guard" in model_id.casefold():
        # its own template brings the policy, and refuses a system message
        return Conversation(messages=(request,))
    return Conversation(messages=(Message(role="system", text=INSTRUCTION), request))
