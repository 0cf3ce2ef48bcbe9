"""Which catalog models the connected servers offer, kept up to date in a thread of its own."""

import asyncio
import logging
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from omni.errors import ProviderError
from omni.gateway.client import ModelServer
from omni.gateway.messages import Target

logger = logging.getLogger(__name__)
REFRESH_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What one provider said it serves."""

    provider: str
    names: tuple[str, ...] | None
    """None = not known (not asked yet, or the server did not say)."""
    matched: Mapping[str, str] = field(default_factory=dict)
    """Catalog id to the server's name."""
    error: str | None = None
    """Why nothing is known, in a sentence; None before the first answer."""


def match_names(names: Iterable[str], catalog_ids: Collection[str]) -> dict[str, str]:
    """Catalog id -> served name: equal but for case, or else equal in the part after the owner when that is unique."""
    exact = {model_id.casefold(): model_id for model_id in catalog_ids}
    by_repo: dict[str, list[str]] = {}
    for model_id in sorted(catalog_ids):
        by_repo.setdefault(_repo_part(model_id), []).append(model_id)
    matched: dict[str, str] = {}
    weak: dict[str, str] = {}
    for name in names:
        if name.casefold() in exact:
            matched.setdefault(exact[name.casefold()], name)
            continue
        same_repo = by_repo.get(_repo_part(name), [])
        if len(same_repo) == 1:
            weak.setdefault(same_repo[0], name)
    return {**weak, **matched}


def _repo_part(name: str) -> str:
    return name.rpartition("/")[2].removesuffix(":latest").casefold()


class ServedBoard:
    """Keeps one `Listing` a provider. The lock guards the listings; readers get immutable values."""

    def __init__(self, servers: Sequence[ModelServer], catalog_ids: Collection[str]) -> None:
        self._servers = tuple(servers)
        self._catalog_ids = frozenset(catalog_ids)
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._listings = {
            server.provider.name: Listing(provider=server.provider.name, names=None) for server in servers
        }

    @property
    def listings(self) -> tuple[Listing, ...]:
        with self._lock:
            return tuple(self._listings.values())

    @property
    def is_settled(self) -> bool:
        """True when every provider has been asked once."""
        return all(listing.names is not None or listing.error for listing in self.listings)

    def served_ids(self) -> frozenset[str] | None:
        """Catalog ids that a connected provider offers; None when that is not known or none of them matches."""
        ids = frozenset(model_id for listing in self.listings for model_id in listing.matched)
        return ids or None

    def unmatched_names(self) -> tuple[str, ...]:
        """Names served that the catalog does not know, sorted."""
        unmatched: set[str] = set()
        for listing in self.listings:
            unmatched.update(set(listing.names or ()) - set(listing.matched.values()))
        return tuple(sorted(unmatched))

    def targets(self, model_id: str) -> tuple[Target, ...]:
        """Where a model may be asked for, in the providers' order. A provider that lists nothing is tried by id."""
        found = []
        for listing in self.listings:
            name = listing.matched.get(model_id)
            if name is None and (listing.names is None or model_id in listing.names):
                name = model_id
            if name is not None:
                found.append(Target(model_id=model_id, provider=listing.provider, served_name=name))
        return tuple(found)

    async def refresh(self) -> None:
        """Asks every server once, together; an error leaves the names unknown and is kept as a sentence."""
        await asyncio.gather(*(self._refresh_one(server) for server in self._servers))

    async def _refresh_one(self, server: ModelServer) -> None:
        name = server.provider.name
        try:
            names = await server.list_models()
            listing = Listing(provider=name, names=names, matched=match_names(names, self._catalog_ids))
        except ProviderError as error:
            listing = Listing(provider=name, names=None, error=str(error))
            logger.warning("models of %s are not known: %s", name, error)
        with self._lock:
            self._listings[name] = listing

    def start(self, every_s: float = REFRESH_S) -> None:
        """Refreshes now and then again every `every_s` seconds, until `stop`."""
        if self._servers:
            threading.Thread(target=self._run, args=(every_s,), name="omni-served", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _run(self, every_s: float) -> None:
        while not self._stopped.is_set():
            asyncio.run(self.refresh())
            self._stopped.wait(every_s)
