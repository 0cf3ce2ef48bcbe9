"""What the page shares between visitors, built once by app.py."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from omni.catalog import Catalog
from omni.catalog.live import LiveFacts
from omni.conditions import Conditions
from omni.gateway import Gateway
from omni.references import ReferenceChoice
from omni.types import Conversation, Decision, Explanation, Preferences
from omni.ui.door import Door

if TYPE_CHECKING:
    from omni.budgets import Budgets
    from omni.learning import FeedbackBoard
    from omni.store import Store


class Decider(Protocol):
    """The part of the router that the page uses."""

    @property
    def parameters_version(self) -> str: ...

    def route(
        self,
        conversation: Conversation,
        preferences: Preferences | None = None,
        *,
        conditions: Conditions | None = None,
    ) -> Decision: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Shared, thread-safe parts; a visitor's own data is never in here."""

    catalog: Catalog = field(repr=False)
    router: Decider
    gateway: Gateway
    explain: Callable[[Decision, Catalog], Explanation]
    references: Callable[[Decision], tuple[ReferenceChoice, ...]] = field(default=lambda _: ())
    """What other routing policies would have done."""
    refresh: Callable[[Sequence[LiveFacts]], None] | None = None
    """Takes what providers say of prices, windows and speeds now; None = the shipped figures stay."""
    in_space: bool = False
    has_login: bool = False
    """Visitors can log in and spend their own Hugging Face credit."""
    store: "Store | None" = None
    """None = figures are not kept."""
    storage_note: str | None = None
    """Why nothing is kept, in a sentence."""
    feedback: "FeedbackBoard | None" = None
    """What votes taught; None = nothing is learned from them."""
    budgets: "Budgets | None" = None
    """Ceilings of cost and of answers under way; None = none."""
    door: Door = field(default_factory=Door, repr=False)
    """Lets only the page's own requests do something."""
