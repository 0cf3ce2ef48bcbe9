"""Which catalog models the connected servers offer, kept up to date in a thread of its own."""

import asyncio
import logging
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from urllib.parse import urlsplit

from omni.catalog.live import LiveFacts
from omni.errors import InputError, ProviderError
from omni.gateway.client import ModelServer, OpenAIServer, Timeouts
from omni.gateway.discovery import LOOK, Finder
from omni.gateway.listing import ServedModel, to_facts
from omni.gateway.matching import How, Match, match_served
from omni.gateway.messages import Target
from omni.gateway.providers import HUGGING_FACE, Provider

logger = logging.getLogger(__name__)
REFRESH_S = 300.0
_CLOUD = ("-cloud", ":cloud")
"""How Ollama marks models that it passes on to its makers' servers: they do not run on this machine."""
OnFacts = Callable[[tuple[LiveFacts, ...]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What one provider said it serves."""

    provider: str
    names: tuple[str, ...] | None
    """None = not known (not asked yet, or the server did not say)."""
    matched: Mapping[str, str] = field(default_factory=dict)
    """Catalog id to the server's name."""
    how: Mapping[str, How] = field(default_factory=dict)
    """Catalog id to how the name was recognised: only the same name, or taken for the nearest model."""
    facts: tuple[LiveFacts, ...] = field(default=(), repr=False)
    """Prices, windows and speeds that came with the list."""
    further: frozenset[str] = frozenset()
    """Which of `matched` are models beside the catalog, see `ServedBoard.also_know`."""
    error: str | None = None
    """Why the list is not known or is an older one, in a sentence; None when the last answer is in it."""

    @property
    def n_catalog(self) -> int:
        """How many models of the catalog it serves."""
        return len(self.matched.keys() - self.further)

    @property
    def taken_for(self) -> Mapping[str, str]:
        """Served name to the catalog id that it was taken for, where that is a guess by family and size."""
        return {name: model_id for model_id, name in self.matched.items() if self.how.get(model_id) is How.SIZE}


class ServedBoard:
    """Keeps one `Listing` a provider. The lock guards servers and listings; readers get immutable values."""

    def __init__(
        self,
        servers: Sequence[ModelServer],
        catalog_ids: Collection[str],
        *,
        sizes_b: Mapping[str, float] | None = None,
        find: Finder | None = None,
        today: Callable[[], date] = lambda: datetime.now(UTC).date(),
    ) -> None:
        """`sizes_b` are billions of parameters by catalog id; `find` looks for further servers at each refresh."""
        self._catalog_ids = frozenset(catalog_ids)
        self._further_ids: frozenset[str] = frozenset()
        """Of models beside the catalog, see `also_know`."""
        self._listed: dict[str, tuple[Provider, list[ServedModel]]] = {}
        """What each provider listed last, from which its listing is built."""
        self._sizes_b = dict(sizes_b or {})
        self._find = find
        self._today = today
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._servers = {server.provider.name: server for server in servers}
        self._found: dict[str, ModelServer] = {}
        """Every server that was ever found, by address: it may come back, and its connections need closing."""
        self._listings = {name: Listing(provider=name, names=None) for name in self._servers}
        self._targets: dict[str, tuple[Target, ...]] = {}
        self._facts: dict[tuple[str, str], tuple[LiveFacts, ...]] = {}
        self._served: frozenset[str] = frozenset()
        self._version = 0

    @property
    def listings(self) -> tuple[Listing, ...]:
        with self._lock:
            return tuple(self._listings.values())

    @property
    def version(self) -> int:
        """Another number after every change of a listing."""
        return self._version

    @property
    def providers(self) -> tuple[Provider, ...]:
        """Whoever may be asked now: those of the settings, then those found."""
        with self._lock:
            return tuple(server.provider for server in self._servers.values())

    @property
    def all_servers(self) -> tuple[ModelServer, ...]:
        """Those that are gone, too."""
        with self._lock:
            servers = {id(server): server for server in (*self._servers.values(), *self._found.values())}
            return tuple(servers.values())

    @property
    def is_settled(self) -> bool:
        """True when every provider has been asked once."""
        return all(listing.names is not None or listing.error for listing in self.listings)

    @property
    def facts(self) -> tuple[LiveFacts, ...]:
        """What all providers say of the catalog's models."""
        return tuple(fact for listing in self.listings for fact in listing.facts)

    def facts_of(self, target: Target) -> tuple[LiveFacts, ...]:
        """What the target's provider says of the model, one value a provider behind it."""
        return self._facts.get((target.provider, target.model_id), ())

    def server(self, name: str) -> ModelServer | None:
        """The provider's server, None when it is gone."""
        with self._lock:
            return self._servers.get(name)

    def served_ids(self) -> frozenset[str] | None:
        """Catalog ids that a connected provider offers; None when that is not known or none of them matches."""
        return self._served or None

    def also_know(self, model_ids: Collection[str]) -> None:
        """Recognises further models where a server names them exactly; those told of before are replaced.

        They never take a served name from a model of the catalog.
        """
        with self._lock:
            further = frozenset(model_ids) - self._catalog_ids
            if further == self._further_ids:
                return
            self._further_ids = further
            rebuilt = {name: self._build(*listed) for name, listed in self._listed.items() if name in self._servers}
            errors = {name: listing.error for name, listing in self._listings.items()}
            rebuilt = {name: replace(listing, error=errors.get(name)) for name, listing in rebuilt.items()}
            self._put({**self._listings, **rebuilt})

    def unmatched_names(self) -> tuple[str, ...]:
        """Names served that the catalog does not know, sorted."""
        unmatched: set[str] = set()
        for listing in self.listings:
            known = {name for model_id, name in listing.matched.items() if model_id not in listing.further}
            unmatched.update(set(listing.names or ()) - known)
        return tuple(sorted(unmatched))

    def targets(self, model_id: str) -> tuple[Target, ...]:
        """Where a model may be asked for, in the providers' order. A provider that lists nothing is tried by id."""
        with self._lock:
            known = self._targets.get(model_id)
            if known is None:
                known = tuple(self._find_targets(model_id))
                if model_id in self._catalog_ids | self._further_ids:
                    self._targets[model_id] = known
            return known

    def is_on_this_machine(self, target: Target) -> bool:
        """Whether an answer of the target is made here and nothing leaves this machine."""
        server = self.server(target.provider)
        return server is not None and server.provider.is_local and not target.served_name.endswith(_CLOUD)

    async def refresh(self) -> None:
        """Looks for servers and asks every one once, together; an error is kept as a sentence, with the older list."""
        if self._find is not None:
            self._take(await self._find())
        with self._lock:
            servers = tuple(self._servers.values())
        await asyncio.gather(*(self._refresh_one(server) for server in servers))

    def start(self, every_s: float = REFRESH_S, *, on_facts: OnFacts | None = None) -> None:
        """Refreshes now and then again every `every_s` seconds, until `stop`.

        Args:
            on_facts: Called in the same thread whenever providers say something new of the catalog's models.
        """
        if self._servers or self._find is not None:
            threading.Thread(target=self._run, args=(every_s, on_facts), name="omni-served", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _run(self, every_s: float, on_facts: OnFacts | None) -> None:
        told: tuple[LiveFacts, ...] = ()
        while not self._stopped.is_set():
            asyncio.run(self.refresh())
            facts = self.facts
            if on_facts is not None and facts != told:
                told = facts
                try:
                    on_facts(facts)
                except Exception as error:  # the listings must go on being refreshed
                    logger.warning("live figures could not be used (%s)", type(error).__name__)
            self._stopped.wait(every_s)

    def _take(self, found: Sequence[Provider]) -> None:
        """Replaces the servers that were found before."""
        with self._lock:
            kept = {name: server for name, server in self._servers.items() if not server.provider.is_found}
            for provider in found:
                server = self._found.get(provider.base_url)
                if server is None or server.provider != provider:
                    server = OpenAIServer(provider=provider, timeouts=Timeouts(list_s=LOOK.list_s))
                    self._found[provider.base_url] = server
                kept[provider.name] = server
            if kept.keys() != self._servers.keys():
                new = kept.keys() - self._servers.keys()
                for name in sorted(self._servers.keys() ^ kept.keys()):
                    logger.info("%s on this machine %s", name, "was found" if name in new else "is gone")
            self._servers = kept
            self._put({name: self._listings.get(name) or Listing(provider=name, names=None) for name in kept})

    def _put(self, listings: dict[str, Listing]) -> None:
        if listings != self._listings:
            facts: dict[tuple[str, str], list[LiveFacts]] = {}
            for listing in listings.values():
                for fact in listing.facts:
                    facts.setdefault((listing.provider, fact.model_id), []).append(fact)
            self._listings, self._targets = listings, {}
            self._facts = {key: tuple(of_model) for key, of_model in facts.items()}
            served = frozenset(model_id for listing in listings.values() for model_id in listing.matched)
            # a server of further models only is, for the catalog's, one that serves names nobody knows
            self._served = served if served & self._catalog_ids else frozenset()
            self._version += 1

    async def _refresh_one(self, server: ModelServer) -> None:
        name = server.provider.name
        try:
            models = [_named(model) for model in await server.list_models()]
            listed = (server.provider, [model for model in models if model.is_live])
            listing = self._build(*listed)
        except (ProviderError, InputError) as error:
            before = self._listings.get(name) or Listing(provider=name, names=None)
            listing = replace(before, error=str(error))
            logger.warning("models of %s are not known: %s", name, error)
            listed = None
        with self._lock:
            if listed is not None:
                self._listed[name] = listed
            if name in self._servers:
                self._put({**self._listings, name: listing})

    def _build(self, provider: Provider, models: Sequence[ServedModel]) -> Listing:
        matches = match_served(models, self._catalog_ids, self._sizes_b)
        for model_id, match in match_served(models, self._further_ids).items():
            if match.how is How.EXACT:
                matches.setdefault(model_id, match)
        return Listing(
            provider=provider.name,
            names=tuple(model.name for model in models),
            matched={model_id: match.served_name for model_id, match in matches.items()},
            how={model_id: match.how for model_id, match in matches.items()},
            further=frozenset(matches) - self._catalog_ids,
            facts=self._read_facts(provider, models, matches),
        )

    def _read_facts(
        self, provider: Provider, models: Sequence[ServedModel], matches: Mapping[str, Match]
    ) -> tuple[LiveFacts, ...]:
        by_name = {model.name: model for model in models}
        parts = urlsplit(provider.base_url)
        source = f"{parts.hostname or ''}{parts.path}/models"
        prefix = provider.name.replace(" ", "").casefold() if provider.name == HUGGING_FACE else provider.name
        facts: list[LiveFacts] = []
        for model_id, match in matches.items():
            if match.how is not How.SIZE:
                served = by_name[match.served_name]
                facts += to_facts(model_id, served, prefix=prefix, as_of=self._today(), source=source)
        return tuple(facts)

    def _find_targets(self, model_id: str) -> list[Target]:
        found = []
        for listing in self._listings.values():
            name = listing.matched.get(model_id)
            if name is None and (listing.names is None or model_id in listing.names):
                name = model_id
            if name is not None:
                found.append(Target(model_id=model_id, provider=listing.provider, served_name=name))
        return found


def _named(model: ServedModel | str) -> ServedModel:
    return ServedModel(name=model) if isinstance(model, str) else model
