"""What a decision is told of the servers, and whom of a model's providers is asked first."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from omni.catalog.pricing import PricePair
from omni.conditions import Conditions
from omni.gateway import HUGGING_FACE, ErrorKind, Gateway, Provider, ServedModel, Target
from omni.gateway.listing import Offer
from tests.omni.gateway.degraded import Clock, SimulatedServer


@dataclass(slots=True)
class ListedServer(SimulatedServer):
    """Lists what it is told to."""

    models: Sequence[ServedModel | str] = ("a", "b")

    async def list_models(self) -> Sequence[ServedModel | str]:
        return self.models


@pytest.fixture
def clock() -> Clock:
    return Clock()


def a_server(clock: Clock, name: str, models: Sequence[ServedModel | str] = ("a", "b")) -> ListedServer:
    return ListedServer(clock, Provider(name=name, base_url=f"http://{name.replace(' ', '')}.test/v1"), models=models)


def a_gateway(clock: Clock, *servers: ListedServer) -> Gateway:
    """By default two providers, "one" and "two", that offer the models a and b."""
    chosen = servers or (a_server(clock, "one"), a_server(clock, "two"))
    gateway = Gateway(chosen, ("a", "b", "c"), clock=clock)
    asyncio.run(gateway.board.refresh())
    return gateway


def at(provider: str, model_id: str = "a") -> Target:
    return Target(model_id=model_id, provider=provider, served_name=model_id)


def succeed(gateway: Gateway, target: Target, first_token_s: float = 1.0, tokens_per_s: float = 50.0) -> None:
    call = gateway.health.begin(target, force=True)
    assert call is not None
    gateway.health.succeed(call, first_token_s=first_token_s, tokens_per_s=tokens_per_s)


def fail(gateway: Gateway, target: Target, n_times: int = 1, kind: ErrorKind = ErrorKind.SERVER) -> None:
    for _ in range(n_times):
        call = gateway.health.begin(target, force=True)
        assert call is not None
        gateway.health.fail(call, kind, "broken")


def order(gateway: Gateway, model_id: str = "a") -> list[str]:
    return [target.provider for target in gateway.targets([model_id])]


def test_nothing_is_known_at_first(clock: Clock) -> None:
    """What is served, and no figures."""
    assert a_gateway(clock).conditions() == Conditions(served=frozenset({"a", "b"}))


def test_figures_are_those_of_the_provider_asked_first(clock: Clock) -> None:
    """Availability, times and load of the one that a request would go to."""
    gateway = a_gateway(clock)
    succeed(gateway, at("one"), first_token_s=2.0)
    succeed(gateway, at("two"), first_token_s=0.5, tokens_per_s=100.0)
    gateway.health.begin(at("two"))
    health = gateway.conditions().health["a"]
    assert order(gateway) == ["two", "one"]
    assert (health.availability, health.first_token_s, health.tokens_per_s) == (1.0, 0.5, 100.0)
    assert (health.weight, health.speed_weight, health.in_flight) == (1.0, 1.0, 1)
    assert "b" not in gateway.conditions().health


def test_the_time_that_failures_took_is_told(clock: Clock) -> None:
    """A decision counts it as part of the wait."""
    gateway = a_gateway(clock, a_server(clock, "one"))
    call = gateway.health.begin(at("one"))
    assert call is not None
    clock.now += 12.0
    gateway.health.fail(call, ErrorKind.TIMEOUT, "one was silent.")
    assert gateway.conditions().health["a"].failed_after_s == pytest.approx(12.0)


def test_an_error_lowers_availability_alone(clock: Clock) -> None:
    """The times stay what they were."""
    gateway = a_gateway(clock, a_server(clock, "one"))
    succeed(gateway, at("one"))
    fail(gateway, at("one"))
    health = gateway.conditions().health["a"]
    assert health.availability == pytest.approx(0.49, abs=0.01)
    assert (health.first_token_s, health.speed_weight) == (1.0, 1.0)


def test_what_was_seen_loses_weight_with_time(clock: Clock) -> None:
    """Half of it in two minutes."""
    gateway = a_gateway(clock)
    succeed(gateway, at("one"))
    clock.now += 120.0
    assert gateway.conditions().health["a"].weight == pytest.approx(0.5)


def test_the_same_state_is_the_same_value(clock: Clock) -> None:
    """Nothing is worked out anew while nothing moves and no second passes."""
    gateway = a_gateway(clock)
    succeed(gateway, at("one"))
    before = gateway.conditions()
    clock.now += 0.5
    assert gateway.conditions() is before
    clock.now += 0.5
    assert gateway.conditions() is not before


def test_a_change_of_one_model_leaves_the_others(clock: Clock) -> None:
    """Only what moved is looked at again."""
    gateway = a_gateway(clock)
    succeed(gateway, at("one"))
    before = gateway.conditions().health["a"]
    succeed(gateway, at("one", "b"))
    after = gateway.conditions()
    assert after.health["a"] is before
    assert "b" in after.health


def test_pieces_put_together_are_what_a_fresh_look_gives(clock: Clock) -> None:
    """After many moves of all kinds."""
    gateway = a_gateway(clock)
    for number in range(60):
        target = at(("one", "two")[number % 2], "ab"[number // 2 % 2])
        if number % 3:
            succeed(gateway, target, first_token_s=number / 10)
        else:
            fail(gateway, target, kind=list(ErrorKind)[number % 8])
        gateway.conditions()
    pieces = gateway.conditions()
    clock.now += 1.0
    fresh = gateway.conditions()
    assert pieces.served == fresh.served
    assert pieces.health.keys() == fresh.health.keys()
    for model_id, seen in fresh.health.items():
        assert seen.availability == pytest.approx(pieces.health[model_id].availability)
        assert seen.first_token_s == pytest.approx(pieces.health[model_id].first_token_s)


def test_a_model_held_back_everywhere_is_not_served(clock: Clock) -> None:
    """Until its probe is due: then somebody must ask, and nothing is held against it."""
    gateway = a_gateway(clock, a_server(clock, "one"))
    fail(gateway, at("one"), 5)
    assert gateway.conditions().served == {"b"}
    clock.now += 10.0
    assert gateway.conditions().served == {"a", "b"}
    assert "a" not in gateway.conditions().health
    probe = gateway.health.begin(at("one"))
    assert probe is not None
    assert gateway.conditions().served == {"b"}
    gateway.health.succeed(probe, first_token_s=1.0, tokens_per_s=None)
    assert gateway.conditions().served == {"a", "b"}
    assert gateway.conditions().health["a"].availability == 1.0


def test_when_all_are_held_back_all_stay(clock: Clock) -> None:
    """The gateway probes early when nobody else is left."""
    gateway = a_gateway(clock, a_server(clock, "one"))
    fail(gateway, at("one", "a"), 5)
    fail(gateway, at("one", "b"), 5)
    assert gateway.conditions().served == {"a", "b"}


def test_a_provider_that_fails_is_asked_after_the_others(clock: Clock) -> None:
    """One failure changes nothing, two do, and with time it is asked again."""
    gateway = a_gateway(clock)
    fail(gateway, at("one"))
    assert order(gateway) == ["one", "two"]
    fail(gateway, at("one"))
    assert order(gateway) == ["two", "one"]
    clock.now += 300.0
    assert order(gateway) == ["one", "two"]


def test_an_account_problem_comes_after_a_poor_provider(clock: Clock) -> None:
    """The poor one may answer."""
    gateway = a_gateway(clock)
    fail(gateway, at("one", "b"), kind=ErrorKind.ACCOUNT)
    fail(gateway, at("two"), 3)
    assert order(gateway) == ["two", "one"]


def test_the_cheaper_of_two_healthy_providers_comes_first(clock: Clock) -> None:
    """Health before price, price before speed."""
    dear = ServedModel(name="a", offers=(Offer(provider="x", price=PricePair(2.0, 2.0)),))
    cheap = ServedModel(name="a", offers=(Offer(provider="y", price=PricePair(1.0, 1.0)),))
    gateway = a_gateway(clock, a_server(clock, "one", (dear,)), a_server(clock, HUGGING_FACE, (cheap,)))
    succeed(gateway, at("one"), first_token_s=0.1)
    succeed(gateway, at(HUGGING_FACE), first_token_s=3.0)
    assert order(gateway) == [HUGGING_FACE, "one"]
    fail(gateway, at(HUGGING_FACE), 4)
    assert order(gateway) == ["one", HUGGING_FACE]


def test_of_two_alike_the_one_with_less_under_way_comes_first(clock: Clock) -> None:
    """Answers under way lengthen the time to expect; two seconds and the pace were seen of both."""
    gateway = a_gateway(clock)
    for provider in ("one", "two"):
        succeed(gateway, at(provider), first_token_s=2.0)
    assert order(gateway) == ["one", "two"]
    for _ in range(3):
        gateway.health.begin(at("one"))
    assert order(gateway) == ["two", "one"]


def test_a_slow_wait_that_was_given_up_is_remembered(clock: Clock) -> None:
    """Whom everybody leaves before the first piece is seen to be slow, and not to fail."""
    gateway = a_gateway(clock, a_server(clock, "one"))
    succeed(gateway, at("one"), first_token_s=1.0)
    call = gateway.health.begin(at("one"))
    assert call is not None
    clock.now += 20.0
    gateway.health.abandon(call)
    health = gateway.conditions().health["a"]
    assert health.first_token_s == pytest.approx(10.9, abs=0.5)
    assert health.availability == 1.0


def test_status_has_a_row_for_every_provider(clock: Clock) -> None:
    """Asked or not; with errors by kind, the account's problem and the next probe."""
    gateway = a_gateway(clock)
    succeed(gateway, at("one"), first_token_s=0.4)
    fail(gateway, at("one"), kind=ErrorKind.ACCOUNT)
    fail(gateway, at("one"), kind=ErrorKind.TIMEOUT)
    one, two = gateway.status().providers
    assert (one.name, one.listing, one.n_models, one.n_unmatched) == ("one", "listed", 2, 0)
    assert (one.first_token_p50_s, one.n_calls, one.n_failed, one.in_flight) == (0.4, 3, 2, 0)
    assert dict(one.errors) == {ErrorKind.ACCOUNT: 1, ErrorKind.TIMEOUT: 1}
    assert (one.account_problem, one.next_probe_s) == ("broken", None)
    assert (two.n_calls, two.success, two.first_token_p95_s) == (0, None, None)
    assert [(row.provider, row.model_id) for row in gateway.status().models] == [("one", "a")]
