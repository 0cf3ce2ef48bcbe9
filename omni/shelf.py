"""Fitted routers that visitors switch their own chat to; few are kept, in memory only."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

from omni.catalog import Catalog
from omni.catalog.live import LiveFacts
from omni.evidence import beginning
from omni.live_router import LiveRouter
from omni.quality.router_file import FittedRouter
from omni.reading import Reader
from omni.router import fitted_router
from omni.rules import NO_RULES, RuleBook
from omni.types import ModelCard

MAX_ROUTERS = 8
"""Each takes a few megabytes."""


class RouterShelf:
    """Shared between visitors and threads; the router least recently used goes first."""

    def __init__(
        self,
        catalog: Catalog,
        reader: Reader,
        rules: RuleBook = NO_RULES,
        *,
        size: int = MAX_ROUTERS,
        on_models: Callable[[Sequence[ModelCard]], None] | None = None,
    ) -> None:
        """An empty shelf.

        Args:
            catalog: what is public of the models.
            on_models: told of all models of the routers kept, whenever these change.
        """
        self._catalog, self._reader, self._rules = catalog, reader, rules
        self._size = size
        self._on_models = on_models
        self._lock = threading.Lock()
        """Guards `_routers` and `_facts`."""
        self._routers: OrderedDict[str, LiveRouter] = OrderedDict()
        self._facts: Sequence[LiveFacts] = ()

    def put(self, fitted: FittedRouter, *, texts: Mapping[str, str] | None = None) -> str:
        """Keeps a router under a key made of what it decides by: the same router gets the same key.

        Args:
            texts: recorded prompts by id, where they may be shown; their beginnings stay in memory.

        Raises:
            InputError: the router was fitted on features of another reader.
        """
        shown = (
            {name: beginning(texts[name]) for name in fitted.quality.remembered_ids if name in texts} if texts else {}
        )
        live = LiveRouter(fitted_router(fitted, self._catalog, self._reader, self._rules), shown)
        key = f"{live.name.title}, {live.name.fingerprint}"
        with self._lock:
            if self._facts:
                live.refresh(self._facts)
            self._routers[key] = live
            self._routers.move_to_end(key)
            while len(self._routers) > self._size:
                self._routers.popitem(last=False)
            cards = [card for router in self._routers.values() for card in router.catalog.models]
        if self._on_models is not None:
            self._on_models(cards)
        return key

    def find(self, key: str | None) -> LiveRouter | None:
        """The router under a key, which it then stays longer; None when it is not kept any more."""
        with self._lock:
            if key is None or key not in self._routers:
                return None
            self._routers.move_to_end(key)
            return self._routers[key]

    def refresh(self, facts: Sequence[LiveFacts]) -> None:
        """Lays what providers say now over every router, and over those that come later."""
        with self._lock:
            self._facts = facts
            routers = tuple(self._routers.values())
        for router in routers:
            router.refresh(facts)
