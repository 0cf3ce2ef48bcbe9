"""Which catalog models the connected servers offer."""

import asyncio

from omni.gateway import Gateway, OpenAIServer, Provider, match_names
from tests.upstream import Upstream

IDS = ("Qwen/Qwen3-8B", "org-a/Twin", "org-b/Twin", "meta-llama/Llama-3.1-8B-Instruct")


def _gateway(upstream: Upstream) -> Gateway:
    return Gateway([OpenAIServer(provider=Provider(name="local", base_url=upstream.base_url))], IDS)


def test_names_match_whatever_their_case() -> None:
    """A served name equal to an id but for case is that model."""
    assert match_names(["qwen/QWEN3-8b"], IDS) == {"Qwen/Qwen3-8B": "qwen/QWEN3-8b"}


def test_the_part_after_the_owner_matches_when_it_is_unique() -> None:
    """Local servers often leave the owner out; two owners with one name stay unmatched."""
    assert match_names(["llama-3.1-8b-instruct:latest", "Twin"], IDS) == {
        "meta-llama/Llama-3.1-8B-Instruct": "llama-3.1-8b-instruct:latest"
    }


def test_an_exact_name_wins_over_a_similar_one() -> None:
    """The full id is preferred to a name that only shares the last part."""
    assert match_names(["Qwen3-8B", "Qwen/Qwen3-8B"], IDS)["Qwen/Qwen3-8B"] == "Qwen/Qwen3-8B"


def test_refresh_finds_what_is_served(upstream: Upstream) -> None:
    """After a refresh the board names the catalog models and the unknown ones."""
    upstream.models = ("Qwen/Qwen3-8B", "my-own-model")
    gateway = _gateway(upstream)
    asyncio.run(gateway.board.refresh())
    assert gateway.board.served_ids() == {"Qwen/Qwen3-8B"}
    assert gateway.board.unmatched_names() == ("my-own-model",)
    assert gateway.board.is_settled


def test_a_failed_listing_is_unknown_and_says_why(upstream: Upstream) -> None:
    """A server that does not list its models is tried by id, and the reason is kept."""
    upstream.list_status = 500
    gateway = _gateway(upstream)
    asyncio.run(gateway.board.refresh())
    (listing,) = gateway.board.listings
    assert gateway.board.served_ids() is None
    assert listing.names is None
    assert "internal error" in (listing.error or "")
    assert [target.served_name for target in gateway.targets(["org-a/Twin"])] == ["org-a/Twin"]


def test_a_model_that_is_not_served_has_no_target(upstream: Upstream) -> None:
    """Once the list is known, other models are not asked for."""
    upstream.models = ("Qwen/Qwen3-8B",)
    gateway = _gateway(upstream)
    asyncio.run(gateway.board.refresh())
    assert gateway.targets(["org-a/Twin"]) == ()
