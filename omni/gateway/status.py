"""How the servers do at this moment, for the Status page. Unknown is None."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from omni.gateway.breaker import BreakerState
from omni.gateway.messages import ErrorKind
from omni.gateway.providers import Provider
from omni.gateway.served import Listing
from omni.gateway.snapshots import Health, HealthSnapshot


class ListingState(StrEnum):
    """What is known of a provider's models."""

    ASKING = "asking"
    """It has not answered yet."""
    LISTED = "listed"
    OLD = "old"
    """The last question was not answered; an earlier list is used."""
    UNKNOWN = "unknown"
    """It did not say: every model is tried there by its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderStatus:
    """One provider."""

    name: str
    is_local: bool
    """It listens on this machine."""
    is_found: bool
    """It was found there, no setting names it."""
    needs_credential: bool
    """It serves visitors who are signed in only."""
    listing: ListingState
    listing_error: str | None
    n_models: int
    """Catalog models that it offers."""
    n_unmatched: int
    """Names that the catalog does not know."""
    taken_for: tuple[tuple[str, str], ...]
    """Served names and the models they were taken for, where that is a guess by family and size."""
    breaker: BreakerState
    success: float | None
    """Share of answers, 0..1, recent ones counting most."""
    first_token_p50_s: float | None
    first_token_p95_s: float | None
    tokens_per_s_p50: float | None
    n_calls: int
    """Ended calls since the start."""
    n_failed: int
    in_flight: int
    errors: tuple[tuple[ErrorKind, int], ...]
    """How often each kind came, most often first."""
    last_error: str | None
    account_problem: str | None
    """A sentence that the operator can act on."""
    next_probe_s: float | None
    """Seconds until it is asked again (0 = with the next request); None = it is asked now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayStatus:
    """Everything the Status page shows."""

    providers: tuple[ProviderStatus, ...]
    """In the order in which they are asked."""
    models: tuple[Health, ...]
    """Models that were asked, each at each provider; by provider and model id."""


def build_status(providers: Sequence[Provider], listings: Sequence[Listing], health: HealthSnapshot) -> GatewayStatus:
    """One row a provider, asked or not, and one a model that was asked."""
    by_name = {listing.provider: listing for listing in listings}
    rows = [
        _to_row(provider, by_name.get(provider.name) or Listing(provider=provider.name, names=None), health)
        for provider in providers
    ]
    return GatewayStatus(providers=tuple(rows), models=health.models)


def _to_row(provider: Provider, listing: Listing, snapshot: HealthSnapshot) -> ProviderStatus:
    health = snapshot.provider(provider.name)
    return ProviderStatus(
        name=provider.name,
        is_local=provider.is_local,
        is_found=provider.is_found,
        needs_credential=provider.needs_credential,
        listing=_listing_state(listing),
        listing_error=listing.error,
        n_models=listing.n_catalog,
        n_unmatched=len(set(listing.names or ()) - set(listing.matched.values())),
        taken_for=tuple(sorted(listing.taken_for.items())),
        breaker=health.state if health else BreakerState.CLOSED,
        success=health.success if health else None,
        first_token_p50_s=health.first_token_p50_s if health else None,
        first_token_p95_s=health.first_token_p95_s if health else None,
        tokens_per_s_p50=health.tokens_per_s_p50 if health else None,
        n_calls=health.n_calls if health else 0,
        n_failed=health.n_failed if health else 0,
        in_flight=health.in_flight if health else 0,
        errors=health.errors if health else (),
        last_error=health.last_error if health else None,
        account_problem=health.account_error if health else None,
        next_probe_s=health.retry_in_s if health else None,
    )


def _listing_state(listing: Listing) -> ListingState:
    if listing.names is None:
        return ListingState.UNKNOWN if listing.error else ListingState.ASKING
    return ListingState.OLD if listing.error else ListingState.LISTED
