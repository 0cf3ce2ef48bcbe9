"""Stickiness: a conversation keeps its model until switching pays. Pure values; nothing here reads a clock."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Literal, Protocol

import numpy as np

from omni.conditions import Sticky
from omni.types import Conversation, Weights

Verdict = Literal["like", "dislike", "retry"]
"""What a person says of the last answer; "retry" asks for another model's."""

CACHE_SAVING = 0.5
"""Share of the input price that a provider spares for a prompt it has just read: 0.5 to 0.9 where it is published."""
PREFILL_TOKENS_PER_S = 5_000.0
"""How fast a model reads what it has not read before; an assumption, of the order that servers report."""
CONSISTENCY_COST = 0.15
"""Quality (0..1) of one answer that a change of voice, format and thread is taken to cost, once.

Of 0.1, 0.12, 0.15, 0.2 and 0.25 the one with the best mean recorded quality over the 13 shipped recordings among those
with which all but one of them (reasoning_gym) switch at most a quarter as often as per-turn routing; on fit prompts
held out for it, and two draws of conversations.
"""
TURNS_LEFT = 2.5
"""Turns on which a gain is taken to pay, the present one included: as many as public chat logs have in all.

Letting them grow with the turns so far gave less quality for as many switches on the same prompts, and so did judging a
model by its mean over these turns, alone or mixed with the present turn's gain.

Source: LMSYS-Chat-1M (arXiv 2309.11998, 2.0 turns), WildChat (arXiv 2405.01470, 2.5).
"""
MAX_REJECTED = 8
MIN_REPEATED_BYTES = 20
"""A shorter message said twice ("go on", "yes") is no complaint."""
MAX_SESSIONS = 4096


class Priced(Protocol):
    """What is asked of a model's card."""

    @property
    def price_in_usd_per_mtok(self) -> float | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Where one conversation has been: a few numbers, no text. `Session()` is one that has just begun."""

    model_id: str | None = None
    """Who answered last; None = nobody yet."""
    n_turns: int = 0
    """Answers so far."""
    n_switches: int = 0
    """Answers that came from another model than the one before."""
    cached_tokens: int = 0
    """Tokens that `model_id` has read and written: what another model would have to read anew."""
    n_images: int = 0
    """Pictures in the conversation when `model_id` answered."""
    is_open: bool = False
    """True = the next turn is decided as if it were the first, after a failure or a complaint."""
    has_failed: bool = False
    """True = nobody answered last time: not even a tool loop holds to the model."""
    rejected: tuple[str, ...] = ()
    """Models whose answers the person did not want here, the latest last."""


def stick(session: Session, conversation: Conversation, weights: Weights, card: Priced | None) -> Sticky | None:
    """How strongly the conversation holds to its model on this turn; None = not at all.

    A model that cannot serve the turn (window, pictures, tools) is excluded by the router's filter, and its hold is
    void then.

    Args:
        conversation: the turn to be answered, the whole of it.
        weights: the person's; what re-reading costs is stated in their unit of quality.
        card: facts of `session.model_id`; None or without a price = re-reading costs time only.
    """
    if session.model_id is None or session.has_failed:
        return None
    if is_in_tool_loop(conversation):
        return Sticky(model_id=session.model_id, is_locked=True, switch_cost=switch_cost(session, weights, card))
    if session.is_open or conversation.n_images > session.n_images or repeats_question(conversation):
        return None
    return Sticky(model_id=session.model_id, is_locked=False, switch_cost=switch_cost(session, weights, card))


def switch_cost(session: Session, weights: Weights, card: Priced | None) -> float:
    """Quality (0..1) per turn that another model must be better by to be worth the move.

    The move costs once: what the cache of the present model would have spared, in money and in time, and consistency.
    A better model pays on `TURNS_LEFT` turns, so the price is spread over them.
    """
    price = card.price_in_usd_per_mtok if card is not None else None
    lost_usd = CACHE_SAVING * session.cached_tokens * (price or 0.0) / 1e6
    lost_s = session.cached_tokens / PREFILL_TOKENS_PER_S
    once = weights.quality_per_usd * lost_usd + weights.quality_per_s * lost_s + CONSISTENCY_COST
    return once / TURNS_LEFT


def is_in_tool_loop(conversation: Conversation) -> bool:
    """True when a tool has just answered, or a call of the last assistant message is not answered yet."""
    n_answered = 0
    for place, message in enumerate(reversed(conversation.messages)):
        if message.role == "tool":
            if place == 0:
                return True
            n_answered += 1
        elif message.role == "assistant":
            return message.n_tool_calls > n_answered
    return False


def repeats_question(conversation: Conversation) -> bool:
    """True when the last user message was sent before: in any language, the answer did not do."""
    said = [_folded(message.text) for message in conversation.messages if message.role == "user"]
    return bool(said) and len(said[-1].encode()) >= MIN_REPEATED_BYTES and said[-1] in said[:-1]


def switch_part(kept: np.ndarray, column: int, cost: float) -> np.ndarray:
    """What the hold takes from each model's utility: `cost` from every other model, nothing where it is void.

    Args:
        kept: (n_prompts, n_models) bool, who may answer.
        column: the conversation's model.

    Returns:
        (n_prompts, n_models), 0 or less.
    """
    part = np.where(kept[:, column, None], -cost, 0.0) * np.ones(kept.shape)
    part[:, column] = 0.0
    return part


def after_answer(
    session: Session, conversation: Conversation, *, model_id: str | None, input_tokens: int, output_tokens: int
) -> Session:
    """The session once a turn is over.

    Args:
        model_id: who answered; None = nobody could: the next turn is open.
        input_tokens: of the whole conversation, estimated where the server counted none.
        output_tokens: of the answer.
    """
    if model_id is None:
        return replace(session, is_open=True, has_failed=True)
    has_moved = session.model_id not in (None, model_id)
    return replace(
        session,
        model_id=model_id,
        n_turns=session.n_turns + 1,
        n_switches=session.n_switches + has_moved,
        cached_tokens=input_tokens + output_tokens,
        n_images=conversation.n_images,
        is_open=False,
        has_failed=False,
    )


def after_verdict(session: Session, verdict: Verdict, model_id: str) -> Session:
    """The session after the person judged an answer; a complaint opens it and is remembered."""
    if verdict == "like":
        return replace(session, rejected=tuple(other for other in session.rejected if other != model_id))
    rejected = (*(other for other in session.rejected if other != model_id), model_id)[-MAX_REJECTED:]
    return replace(session, is_open=session.is_open or model_id == session.model_id, rejected=rejected)


def put_rejected_last(session: Session, model_ids: tuple[str, ...]) -> tuple[str, ...]:
    """Whom to ask, in order: models that the person turned down here come after all others."""
    return tuple(sorted(model_ids, key=lambda model_id: model_id in session.rejected))


def session_key(visitor: str, conversation: Conversation) -> str:
    """The same for every turn of a conversation whose client sends all messages each time; not its text."""
    opening = next((place for place, m in enumerate(conversation.messages) if m.role == "user"), -1) + 1
    basis = repr((visitor, [(m.role, m.text) for m in conversation.messages[:opening]]))
    return sha256(basis.encode("utf-8", "surrogatepass")).hexdigest()[:32]


class SessionTable:
    """Sessions by key, the latest `max_sessions` of them; may be shared between threads. The lock guards the table."""

    def __init__(self, *, max_sessions: int = MAX_SESSIONS) -> None:
        self._max_sessions = max_sessions
        self._lock = threading.Lock()
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sessions)

    def find(self, key: str) -> Session:
        """The session of that key; a new one when it is not, or no longer, there."""
        with self._lock:
            return self._sessions.get(key) or Session()

    def keep(self, key: str, session: Session) -> None:
        """Remembers a session and forgets the one that was longest not kept."""
        with self._lock:
            self._sessions[key] = session
            self._sessions.move_to_end(key)
            while len(self._sessions) > self._max_sessions:
                self._sessions.popitem(last=False)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
