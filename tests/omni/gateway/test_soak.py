"""The quick form of the soak; the long one is a command (see soak.py)."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.omni.gateway.soak import NAMES, run_outage, run_soak
from tests.upstream import BEFORE_FIRST, Step, Upstream, run_upstream


@pytest.fixture(scope="module")
def upstreams() -> Iterator[list[Upstream]]:
    """Three servers."""
    with ExitStack() as stack:
        yield [stack.enter_context(run_upstream()) for _ in NAMES]


def test_every_request_is_answered_while_a_third_of_the_tries_fail(upstreams: list[Upstream]) -> None:
    """At least 99.9 % answered, each byte as the log has it, none twice."""
    result = run_soak(upstreams, 300, rate=0.3)
    assert result.n_tries > 1.2 * result.n_requests
    assert result.answered >= 0.999
    assert (result.n_wrong, result.n_interrupted) == (0, 0)


def test_cut_streams_are_said_and_never_joined(upstreams: list[Upstream]) -> None:
    """With streams cut in the middle too, every answer is whole or is the beginning of one and says so."""
    result = run_soak(upstreams, 60, rate=0.5, failures=(*BEFORE_FIRST[:2], Step(cut=True), Step(no_finish=True)))
    assert result.n_interrupted > 0
    assert (result.n_wrong, result.n_answered + result.n_interrupted) == (0, 60)


def test_a_dead_provider_is_left_alone_and_comes_back(upstreams: list[Upstream]) -> None:
    """Avoided after at most 20 failures, then under 1 % of the requests at ten a second, and back at its probe."""
    outage = run_outage(upstreams, 220)
    assert outage.n_failures <= 20
    assert outage.n_reached / outage.n_asked < 0.01
    assert outage.n_unanswered == 0
    assert outage.back_after_s is not None
    assert outage.back_after_s <= outage.probe_s + 0.2
