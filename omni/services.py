"""What the page and the server share, built once and safe between threads."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from omni.budgets import Budgets, Limits
from omni.catalog import Catalog
from omni.catalog.live import LiveFacts
from omni.conditions import Conditions
from omni.config import Settings
from omni.errors import StoreError
from omni.explain import explain
from omni.gateway import Gateway, build_gateway, finder_for, providers_from
from omni.learning import FeedbackBoard, load_board
from omni.live_router import LiveRouter
from omni.reading import estimate_tokens
from omni.references import ReferenceChoice, load_references
from omni.router import Router, load_router
from omni.store import Store, open_store
from omni.types import Conversation, Decision, Explanation, Preferences


class Decider(Protocol):
    """The part of a router that page and server use."""

    @property
    def catalog(self) -> Catalog: ...
    @property
    def parameters_version(self) -> str: ...
    @property
    def trained_on(self) -> str: ...

    def route(
        self,
        conversation: Conversation,
        preferences: Preferences | None = None,
        *,
        conditions: Conditions | None = None,
    ) -> Decision: ...
    def route_batch(
        self,
        conversations: Sequence[Conversation],
        preferences: Preferences | None = None,
        *,
        conditions: Conditions | None = None,
    ) -> list[Decision]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Shared parts; a visitor's own data is never in here."""

    router: Decider = field(repr=False)
    gateway: Gateway
    explain: Callable[[Decision, Catalog], Explanation]
    references: Callable[[Decision], tuple[ReferenceChoice, ...]] = field(default=lambda _: ())
    """What other routing policies would have done."""
    refresh: Callable[[Sequence[LiveFacts]], None] | None = None
    """Takes what providers say of prices, windows and speeds now; None = the shipped figures stay."""
    store: Store | None = None
    """None = figures are not kept."""
    storage_note: str | None = None
    """Why nothing is kept, in a sentence."""
    feedback: FeedbackBoard | None = None
    """What votes taught; None = nothing is learned from them."""
    budgets: Budgets | None = None
    """Ceilings of cost and of answers under way; None = none."""

    @property
    def catalog(self) -> Catalog:
        """The one that is decided with now."""
        return self.router.catalog

    def start(self) -> None:
        """Begins to follow what model servers offer, in a thread of its own."""
        self.gateway.board.start(on_facts=self.refresh)

    def close(self) -> None:
        """Ends that thread, and lets another process have the store."""
        self.gateway.board.stop()
        if self.store is not None:
            self.store.close()


def build_services(settings: Settings, router: Router | None = None) -> Services:
    """Everything that settings name. A store that cannot be opened leaves a note, and the rest still works.

    Raises:
        OmniError: data, policy or settings cannot be used.
    """
    live = LiveRouter(router or load_router(settings.policy_path))
    cards, providers = live.catalog.models, providers_from(settings)
    limits, store, note = Limits.from_settings(settings), None, None
    feedback, budgets = FeedbackBoard(), Budgets(limits)
    try:
        store = open_store(settings.db_path)
        feedback, budgets = load_board(store), Budgets.from_store(limits, store)
    except StoreError as error:
        note = f"Figures are not kept. {error}"
    return Services(
        router=live,
        gateway=build_gateway(
            providers,
            [card.model_id for card in cards],
            count_tokens=estimate_tokens,
            cards=cards,
            find=finder_for(providers, own_port=settings.port) if settings.discover else None,
        ),
        explain=explain,
        references=load_references(live.reader.features).choices,
        refresh=live.refresh,
        store=store,
        storage_note=note,
        feedback=feedback,
        budgets=budgets,
    )
