"""What the reference policies would have done."""

import json

import pytest

from omni.errors import CatalogError
from omni.references import POLICY_FILES, ROUTE_TASKS, References, load_references
from omni.router import Router
from omni.types import Conversation, Message, Preferences, Task


@pytest.fixture(scope="module")
def references(router: Router) -> References:
    """The shipped policies."""
    return load_references(router.reader.features)


def routes_for(references: References, router: Router, conversation: Conversation) -> list[str]:
    """The route each policy takes."""
    return [choice.route for choice in references.choices(router.route(conversation))]


@pytest.mark.parametrize(
    ("prompt", "task"),
    [
        ("Translate this letter into Dutch: dear neighbour, the cat is well.", Task.TRANSLATION),
        ("Give me the gist of this report: sales rose by a tenth, costs by a third.", Task.SUMMARIZATION),
        ("There is a bug in this Rust function, fix it and refactor the module", Task.CODE),
    ],
)
def test_the_older_policy_follows_the_task(references, router, prompt, task):
    """The main task leads to a route that serves it; the newer policy has one route for all of them."""
    older, newer = routes_for(references, router, Conversation.from_prompt(prompt))
    assert (ROUTE_TASKS[older], newer) == (task, "default")


def test_images_and_tools_have_their_own_routes(references, router):
    """Both policies look at tools first; only the newer one has a route for images."""
    image = Conversation(messages=(Message(role="user", text="What is this?", n_images=1),))
    tools = Conversation(messages=(Message(role="user", text="Weather in Oslo?"),), tool_names=("weather",))
    assert routes_for(references, router, image)[1] == "multimodal"
    assert routes_for(references, router, tools) == ["agentic_orchestration", "agentic"]


def test_an_excluded_primary_gives_way_to_a_fallback(references, router):
    """The first of the route's models that this decision did not exclude is named."""
    prompt = Conversation.from_prompt("Hello there, how was your day?")
    before = references.choices(router.route(prompt))[1]
    after = references.choices(router.route(prompt, Preferences(deny=(before.model_id,))))[1]
    assert after.is_candidate
    assert after.model_id != before.model_id


def test_without_any_of_its_models_the_primary_is_named(references, router):
    """The choice is shown all the same, marked as no candidate."""
    decision = router.route(Conversation.from_prompt("Hello there"), Preferences(allow=("google/*",)))
    choice = references.choices(decision)[1]
    assert not choice.is_candidate


def test_every_route_of_the_older_policy_has_a_task(references):
    """A new route in the file needs its line in the table."""
    names = {route.route for route in references._policies[0].routes}
    assert names == set(ROUTE_TASKS)


def test_a_broken_policy_file_is_named(tmp_path, router):
    """The message names the file."""
    for name in POLICY_FILES:
        (tmp_path / name).write_text(json.dumps({"name": "x"}), encoding="utf-8")
    with pytest.raises(CatalogError, match=r"routes_34\.json"):
        References(tmp_path, router.reader.features)
