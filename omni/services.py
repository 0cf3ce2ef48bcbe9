"""What the page and the server share, built once and safe between threads."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from omni.budgets import Budgets, Limits
from omni.catalog import Catalog, load_catalog
from omni.catalog.live import LiveFacts, refreshed_catalog
from omni.conditions import Conditions
from omni.config import Settings
from omni.conversations import takes_long
from omni.errors import StoreError
from omni.evidence import Evidence
from omni.explain import explain
from omni.fair_pool import FairPool
from omni.gateway import Gateway, build_gateway, finder_for, providers_from
from omni.learning import FeedbackBoard, load_board
from omni.live_router import LiveRouter
from omni.reading import estimate_tokens
from omni.references import ReferenceChoice, load_references
from omni.router import Router, load_router
from omni.shelf import RouterShelf
from omni.store import Store, open_store
from omni.types import Conversation, Decision, Explanation, Preferences, RouterName


class Decider(Protocol):
    """The part of a router that page and server use."""

    @property
    def catalog(self) -> Catalog: ...
    @property
    def name(self) -> RouterName: ...
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
    def evidence(self, decision: Decision) -> Evidence | None: ...


class LiveCatalog:
    """The models that are known, with what providers say of them now; replaced whole."""

    def __init__(self, catalog: Catalog) -> None:
        self._shipped = self.catalog = catalog

    def refresh(self, facts: Sequence[LiveFacts]) -> None:
        """Lays what providers say now over the shipped catalog."""
        self.catalog = refreshed_catalog(self._shipped, facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Shared parts; a visitor's own data is never in here."""

    router: Decider = field(repr=False)
    """The operator's default."""
    gateway: Gateway
    explain: Callable[[Decision, Catalog, Evidence | None], Explanation]
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
    budgets: Budgets = field(default_factory=lambda: Budgets(Limits()), repr=False)
    """Ceilings of cost and of answers under way."""
    heavy: FairPool = field(default_factory=FairPool, repr=False)
    """Where large requests are parsed and decided, visitor by visitor."""
    shelf: RouterShelf | None = field(default=None, repr=False)
    """Fitted routers that visitors switch to; None = every visitor has the default."""
    live_catalog: LiveCatalog | None = field(default=None, repr=False)
    """All models that are known; None = those of the default router."""

    @property
    def catalog(self) -> Catalog:
        """All models that are known now: beside the router's own, those that guard answers or are asked by name."""
        return self.router.catalog if self.live_catalog is None else self.live_catalog.catalog

    def find_router(self, key: str | None) -> Decider:
        """The router that a visitor switched to, or the default: also when that one is not kept any more."""
        found = None if self.shelf is None else self.shelf.find(key)
        return self.router if found is None else found

    async def route(
        self,
        visitor: str,
        conversation: Conversation,
        preferences: Preferences,
        *,
        conditions: Conditions,
        router: Decider | None = None,
    ) -> Decision:
        """The decision of `router`, by default of the operator's; in a thread, in the visitor's turn, if it takes long.

        Raises:
            InputError: nothing to read, or above a cap.
            NoModelAvailable: every model was excluded.
        """
        route = (router or self.router).route
        if not takes_long(conversation, preferences):
            return route(conversation, preferences, conditions=conditions)
        return await self.heavy.run(visitor, route, conversation, preferences, conditions=conditions)

    def why(self, decision: Decision, router: Decider | None = None) -> Explanation:
        """The explanation of a decision of `router`, by default of the operator's."""
        router = router or self.router
        return self.explain(decision, router.catalog, router.evidence(decision))

    def start(self) -> None:
        """Begins to follow what model servers offer, in a thread of its own."""
        self.gateway.board.start(on_facts=self.refresh)

    def close(self) -> None:
        """Ends that thread, and lets another process have the store."""
        self.gateway.board.stop()
        self.heavy.close()
        if self.store is not None:
            self.store.close()


def build_services(settings: Settings, router: Router | None = None) -> Services:
    """Everything that settings name. A store that cannot be opened leaves a note, and the rest still works.

    Raises:
        OmniError: data, policy or settings cannot be used.
    """
    router = router or load_router(settings.policy_path, router=settings.router_path)
    live, known = LiveRouter(router), LiveCatalog(_known_models(router))
    cards, providers = known.catalog.models, providers_from(settings)
    limits, store, note = Limits.from_settings(settings), None, None
    feedback, budgets = FeedbackBoard(), Budgets(limits)
    try:
        store = open_store(settings.db_path)
        feedback, budgets = load_board(store), Budgets.from_store(limits, store)
    except StoreError as error:
        note = f"Figures are not kept. {error}"
    gateway = build_gateway(
        providers,
        [card.model_id for card in cards],
        count_tokens=estimate_tokens,
        cards=cards,
        find=finder_for(providers, own_port=settings.port) if settings.discover else None,
    )
    shelf = RouterShelf(known.catalog, live.reader, router.rules, on_models=gateway.also_know)

    def refresh(facts: Sequence[LiveFacts]) -> None:
        for part in (live, known, shelf):
            part.refresh(facts)

    return Services(
        router=live,
        gateway=gateway,
        explain=explain,
        references=load_references(live.reader.features).choices,
        refresh=refresh,
        store=store,
        storage_note=note,
        feedback=feedback,
        budgets=budgets,
        shelf=shelf,
        live_catalog=known,
    )


def _known_models(router: Router) -> Catalog:
    """The shipped catalog, with the models that only the router's own catalog has."""
    if router.name.source == "public":
        return router.catalog
    shipped = load_catalog()
    own = [card for card in router.catalog.models if shipped.find(card.model_id) is None]
    models = sorted([*shipped.models, *own], key=lambda card: card.model_id)
    return replace(shipped, models=tuple(models))
