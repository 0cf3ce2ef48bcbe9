"""The router that follows live prices, windows and speeds without a restart."""

import logging
from collections.abc import Mapping, Sequence

from omni.catalog import Catalog
from omni.catalog.live import LiveFacts, refreshed_catalog
from omni.conditions import Conditions
from omni.evidence import Evidence
from omni.reading import Reader
from omni.router import Router
from omni.types import Conversation, Decision, Preferences, RouterName

logger = logging.getLogger(__name__)


class LiveRouter:
    """Holds one `Router` and replaces it whole: a request under way keeps the one that it began with."""

    def __init__(self, router: Router, texts: Mapping[str, str] | None = None) -> None:
        """Over `router`; `texts` are the recorded prompts by id that its evidence may show."""
        self._shipped = router.catalog
        self._router = router
        self._texts = texts or {}

    @property
    def catalog(self) -> Catalog:
        """The newest one."""
        return self._router.catalog

    @property
    def name(self) -> RouterName:
        """Which router decides."""
        return self._router.name

    @property
    def reader(self) -> Reader:
        return self._router.reader

    @property
    def parameters_version(self) -> str:
        return self._router.parameters_version

    @property
    def trained_on(self) -> str:
        """Labels and recordings behind the parameters, in words."""
        return self._router.reader.trained_on

    def route(
        self,
        conversation: Conversation,
        preferences: Preferences | None = None,
        *,
        conditions: Conditions | None = None,
    ) -> Decision:
        """As `Router.route`, over the newest catalog."""
        return self._router.route(conversation, preferences, conditions=conditions)

    def route_batch(
        self,
        conversations: Sequence[Conversation],
        preferences: Preferences | None = None,
        *,
        conditions: Conditions | None = None,
    ) -> list[Decision]:
        """As `Router.route_batch`, over the newest catalog."""
        return self._router.route_batch(conversations, preferences, conditions=conditions)

    def evidence(self, decision: Decision) -> Evidence | None:
        """The recorded outcomes behind one of its decisions; None where public benchmarks decide."""
        return self._router.evidence(decision, self._texts)

    def refresh(self, facts: Sequence[LiveFacts]) -> None:
        """Lays what providers say now over the shipped catalog."""
        catalog = refreshed_catalog(self._shipped, facts)
        if catalog.version != self._router.catalog.version:
            self._router = self._router.over(catalog)
            logger.info("the catalog is now %s", catalog.version)
