"""What the server needs of the rest of the program."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

from omni.catalog import Catalog
from omni.conditions import Conditions
from omni.gateway import Gateway
from omni.references import ReferenceChoice
from omni.types import Conversation, Decision, Explanation, Preferences

if TYPE_CHECKING:
    from omni.budgets import Budgets
    from omni.learning import FeedbackBoard
    from omni.store import Store


class Decider(Protocol):
    """The part of the router that the server uses."""

    def route(
        self,
        conversation: Conversation,
        preferences: Preferences | None = None,
        *,
        conditions: Conditions | None = None,
    ) -> Decision: ...


class Services(Protocol):
    """Shared, thread-safe parts. The page's own services have this form, too."""

    @property
    def catalog(self) -> Catalog: ...
    @property
    def router(self) -> Decider: ...
    @property
    def gateway(self) -> Gateway: ...
    @property
    def explain(self) -> Callable[[Decision, Catalog], Explanation]: ...
    @property
    def references(self) -> Callable[[Decision], tuple[ReferenceChoice, ...]]: ...
    @property
    def store(self) -> "Store | None": ...
    @property
    def feedback(self) -> "FeedbackBoard | None": ...
    @property
    def budgets(self) -> "Budgets | None": ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """Who may ask, and how much at once."""

    api_keys: tuple[str, ...] = field(default=(), repr=False)
    """Empty = everyone."""
    max_body_bytes: int = 32_000_000
    """Pictures come inside the request."""
    max_answers: int = 256
    """Answers under way at once."""

    def admits(self, authorization: str | None) -> bool:
        """Whether the header `Authorization: Bearer KEY` holds one of the keys; takes as long for any wrong key."""
        if not self.api_keys:
            return True
        scheme, _, given = (authorization or "").partition(" ")
        digest = sha256(given.strip().encode()).digest()
        matches = [hmac.compare_digest(digest, sha256(key.encode()).digest()) for key in self.api_keys]
        return any(matches) and scheme.lower() == "bearer"
