"""The order in which models and providers are asked, without a server."""

from omni.gateway import Attempt, ErrorKind, HealthBoard, Target
from omni.gateway.tries import MAX_TRIES, Tries


def a_target(name: str) -> Target:
    """ "m@p" is model m at provider p."""
    model_id, _, provider = name.partition("@")
    return Target(model_id=model_id, provider=provider, served_name=model_id)


def order(names: str, kinds: dict[str, ErrorKind], *, health: HealthBoard | None = None) -> list[str]:
    """What is asked in turn when every target fails, in the way of its kind or else with a server error."""
    health = health or HealthBoard(clock=lambda: 0.0)
    tries = Tries([a_target(name) for name in names.split()], health)
    asked = []
    while (attempt := tries.next()) is not None:
        name = f"{attempt.target.model_id}@{attempt.target.provider}"
        asked.append(name)
        kind = kinds.get(name, ErrorKind.SERVER)
        health.fail(attempt.call, kind, "broken")
        tries.learn(Attempt(target=attempt.target, error="broken", kind=kind))
    return asked


def test_the_order_given_is_kept_where_nothing_failed() -> None:
    """The first target comes first."""
    assert order("a@p b@q", {})[0] == "a@p"


def test_other_providers_come_first_then_other_models_then_repeats() -> None:
    """a@p fails: a@q, then the models left, and each a second and a third time."""
    assert order("a@p b@p a@q", {})[:6] == ["a@p", "a@q", "b@p", "a@p", "b@p", "a@q"]


def test_a_request_makes_a_limited_number_of_tries() -> None:
    """Nobody waits for a hundred models to fail."""
    assert len(order(" ".join(f"m{n}@p{n}" for n in range(20)), {})) == MAX_TRIES


def test_a_model_that_is_not_served_says_nothing_about_its_provider() -> None:
    """The next model is asked at the same provider, and the missing one is not asked again."""
    asked = order("a@p b@p b@q", {"a@p": ErrorKind.NOT_SERVED})
    assert asked[:2] == ["a@p", "b@p"]
    assert asked.count("a@p") == 1


def test_an_account_problem_rules_out_its_provider() -> None:
    """Other models there would meet the same refusal."""
    assert set(order("a@p b@p a@q", {"a@p": ErrorKind.ACCOUNT})[1:]) == {"a@q"}


def test_a_provider_with_an_account_problem_comes_last_for_the_next_answer() -> None:
    """The one that can answer is asked first."""
    health = HealthBoard(clock=lambda: 0.0)
    order("a@p", {"a@p": ErrorKind.ACCOUNT}, health=health)
    assert order("a@p a@q", {}, health=health)[0] == "a@q"


def test_a_time_out_is_not_repeated() -> None:
    """Nobody waits twice for the same silence."""
    assert order("a@p", {"a@p": ErrorKind.TIMEOUT}) == ["a@p"]


def test_the_last_one_is_known_as_such() -> None:
    """It is given more time."""
    tries = Tries([a_target("a@p"), a_target("a@q")], HealthBoard())
    first = tries.next()
    assert first is not None
    tries.learn(Attempt(target=first.target, error="slow", kind=ErrorKind.TIMEOUT))
    second = tries.next()
    assert second is not None
    assert (first.is_last, second.is_last) == (False, True)
