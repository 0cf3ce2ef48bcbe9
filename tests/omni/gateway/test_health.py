"""When breakers open and close, what the board learns, and who is blamed; on a clock that the test moves."""

import pytest

from omni.gateway import BreakerState, ErrorKind, HealthBoard, Target

BEFORE = 1e-6


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def a_target(model_id: str = "m", provider: str = "p") -> Target:
    return Target(model_id=model_id, provider=provider, served_name=model_id)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def board(clock: Clock) -> HealthBoard:
    return HealthBoard(clock=clock)


def fail(board: HealthBoard, target: Target, kind: ErrorKind = ErrorKind.SERVER, **more: float) -> bool:
    """One failing call; False when it was held back."""
    call = board.begin(target)
    if call is not None:
        board.fail(call, kind, "broken", **more)
    return call is not None


def succeed(board: HealthBoard, target: Target, first_token_s: float = 0.5, tokens_per_s: float = 40.0) -> bool:
    call = board.begin(target)
    if call is not None:
        board.succeed(call, first_token_s=first_token_s, tokens_per_s=tokens_per_s)
    return call is not None


def test_failures_in_a_row_open_a_model(board: HealthBoard) -> None:
    """The sixth request after five failures is held back; other models go on."""
    assert [fail(board, a_target()) for _ in range(6)] == [True] * 5 + [False]
    assert succeed(board, a_target("other"))


def test_a_success_in_between_starts_the_count_again(board: HealthBoard) -> None:
    """Failures must come in a row."""
    for _ in range(4):
        fail(board, a_target())
    succeed(board, a_target())
    assert all(fail(board, a_target()) for _ in range(4))


def test_a_high_rate_opens_without_a_row(board: HealthBoard) -> None:
    """Two failures of every three calls are too many."""
    kinds = [fail, fail, succeed] * 10
    assert not all(call(board, a_target()) for call in kinds)


def test_a_rate_of_a_third_does_not_open(board: HealthBoard) -> None:
    """One failure of every three calls is borne."""
    assert all(call(board, a_target()) for call in [fail, succeed, succeed] * 30)


def test_one_probe_passes_after_the_probe_time(board: HealthBoard, clock: Clock) -> None:
    """Half-open: a single request at a time, and success closes the breaker."""
    while fail(board, a_target()):
        pass
    clock.now += 10.0 - BEFORE
    assert board.begin(a_target()) is None
    clock.now += BEFORE
    probe = board.begin(a_target())
    assert probe is not None
    assert board.begin(a_target()) is None
    board.succeed(probe, first_token_s=None, tokens_per_s=None)
    assert succeed(board, a_target())
    assert succeed(board, a_target())


def test_failed_probes_wait_twice_as_long_up_to_a_limit(board: HealthBoard, clock: Clock) -> None:
    """10, 20, 40 ... 300 seconds."""
    while fail(board, a_target()):
        pass
    waits = []
    for _ in range(7):
        waits.append(board.retry_in_s(a_target()))
        clock.now += waits[-1] or 0.0
        assert fail(board, a_target())
    assert waits == [10, 20, 40, 80, 160, 300, 300]


def test_a_stopped_probe_is_due_again(board: HealthBoard, clock: Clock) -> None:
    """A visitor who stops a probe does not keep the model closed."""
    while fail(board, a_target()):
        pass
    clock.now += 10.0
    probe = board.begin(a_target())
    assert probe is not None
    board.abandon(probe)
    assert succeed(board, a_target())


def test_force_probes_early_but_one_at_a_time(board: HealthBoard) -> None:
    """When nobody else is left an open breaker lets one request pass."""
    while fail(board, a_target()):
        pass
    assert board.begin(a_target(), force=True) is not None
    assert board.begin(a_target(), force=True) is None


def test_several_failing_models_are_the_providers_fault(board: HealthBoard, clock: Clock) -> None:
    """The provider opens, its models are cleared, and all come back with its first success."""
    names = ("a", "b", "c")
    for n in range(8):
        assert fail(board, a_target(names[n % 3]))
    assert [board.begin(a_target(name)) for name in (*names, "never-asked")] == [None] * 4
    clock.now += 10.0
    assert succeed(board, a_target("a"))
    assert all(succeed(board, a_target(name)) for name in names)


def test_one_failing_model_does_not_close_its_provider(board: HealthBoard) -> None:
    """The others at the same provider are still asked."""
    for _ in range(30):
        fail(board, a_target("a"))
    assert succeed(board, a_target("b"))


@pytest.mark.parametrize("kind", [ErrorKind.ACCOUNT, ErrorKind.REFUSED])
def test_what_is_not_the_models_fault_opens_nothing(board: HealthBoard, kind: ErrorKind) -> None:
    """Refused keys and unsuitable requests are not held against a model."""
    assert all(fail(board, a_target(), kind) for _ in range(50))
    health = board.snapshot().model("p", "m")
    assert health is not None
    assert (health.state, health.success, health.n_failed) == (BreakerState.CLOSED, None, 50)


def test_an_account_problem_is_said_until_it_is_mended(board: HealthBoard, clock: Clock) -> None:
    """The provider comes last for a minute, and an answer clears the sentence."""
    fail(board, a_target(), ErrorKind.ACCOUNT)
    health = board.snapshot().provider("p")
    assert health is not None
    assert (health.account_error, board.has_account_problem("p")) == ("broken", True)
    clock.now += 60.0
    assert not board.has_account_problem("p")
    succeed(board, a_target())
    mended = board.snapshot().provider("p")
    assert mended is not None
    assert mended.account_error is None


def test_a_pause_holds_the_provider_for_as_long_as_asked(board: HealthBoard, clock: Clock) -> None:
    """Retry-after counts for all of a provider's models, not even a forced probe passes, and it is no failure."""
    fail(board, a_target(), ErrorKind.RATE_LIMITED, retry_after_s=30.0)
    assert board.begin(a_target("other"), force=True) is None
    assert board.retry_in_s(a_target("other")) == 30.0
    assert succeed(board, a_target(provider="q"))
    clock.now += 30.0
    assert succeed(board, a_target())


def test_a_pause_without_a_length_is_an_ordinary_failure(board: HealthBoard) -> None:
    """A 429 that does not say how long may be about one call: only several in a row hold the model back."""
    assert [fail(board, a_target(), ErrorKind.RATE_LIMITED) for _ in range(6)] == [True] * 5 + [False]
    assert succeed(board, a_target("other"))


def test_figures_follow_the_newest_calls(board: HealthBoard) -> None:
    """Averages and quantiles forget: fifty slow calls outweigh a hundred quick ones before."""
    for _ in range(100):
        succeed(board, a_target(), first_token_s=0.2, tokens_per_s=50.0)
    for _ in range(50):
        succeed(board, a_target(), first_token_s=2.0, tokens_per_s=5.0)
    health = board.snapshot().model("p", "m")
    assert health is not None
    assert (health.first_token_p50_s, health.tokens_per_s_p50) == (2.0, 5.0)
    assert health.first_token_s == pytest.approx(2.0, abs=0.15)
    assert health.tokens_per_s == pytest.approx(5.0, abs=4.0)


def test_success_is_the_recent_share(board: HealthBoard, clock: Clock) -> None:
    """One failure of two calls is a half; after a long time nothing is known any more."""
    fail(board, a_target())
    succeed(board, a_target())
    health = board.snapshot().model("p", "m")
    assert health is not None
    assert health.success == pytest.approx(0.5, abs=0.02)
    clock.now += 24 * 3600.0
    later = board.snapshot().model("p", "m")
    assert later is not None
    assert later.success is None


def test_load_and_errors_are_counted(board: HealthBoard) -> None:
    """Calls under way and the kinds of errors, for the model and its provider."""
    board.begin(a_target())
    fail(board, a_target(), ErrorKind.TIMEOUT)
    snapshot = board.snapshot()
    for health in (snapshot.model("p", "m"), snapshot.provider("p")):
        assert health is not None
        assert (health.in_flight, health.n_calls, health.errors) == (1, 1, ((ErrorKind.TIMEOUT, 1),))


def test_what_was_never_asked_is_missing(board: HealthBoard) -> None:
    """Unknown is not a figure."""
    snapshot = board.snapshot()
    assert snapshot.model("p", "m") is None
    assert not snapshot.is_open(a_target())


def test_the_best_place_for_a_model(board: HealthBoard) -> None:
    """A quick provider that is held back loses to a slow one that answers."""
    succeed(board, a_target(provider="slow"), first_token_s=2.0)
    succeed(board, a_target(provider="quick"), first_token_s=0.1)
    best = board.snapshot().best("m")
    assert best is not None
    assert best.provider == "quick"
    while fail(board, a_target(provider="quick")):
        pass
    best = board.snapshot().best("m")
    assert best is not None
    assert best.provider == "slow"
    assert board.snapshot().best("never-asked") is None


def test_the_board_stays_small(board: HealthBoard) -> None:
    """Ten thousand made-up names do not fill the memory, and a model that is being asked is kept."""
    board.begin(a_target("asked-now"))
    for n in range(10_000):
        fail(board, a_target(f"made-up-{n}"), ErrorKind.NOT_SERVED)
    snapshot = board.snapshot()
    assert len(snapshot.models) <= 4096
    health = snapshot.model("p", "asked-now")
    assert health is not None
    assert health.in_flight == 1


def test_what_is_held_back_leaves_no_trace(board: HealthBoard) -> None:
    """A request that was not made is not a record."""
    fail(board, a_target("a"), ErrorKind.RATE_LIMITED, retry_after_s=30.0)
    assert board.begin(a_target("b")) is None
    assert board.snapshot().model("p", "b") is None


def test_a_dead_provider_gets_under_one_percent_and_comes_back(board: HealthBoard, clock: Clock) -> None:
    """2,000 requests, ten a second: after 20 failures hardly any reach it; alive again, it answers after one probe
    time."""
    asked = []
    for n in range(2000):
        clock.now += 0.1
        asked.append(fail(board, a_target(f"m{n % 4}"), ErrorKind.CONNECTION))
    n_failures = [sum(asked[:n]) for n in range(2000)]
    after = asked[n_failures.index(8) :]
    assert sum(after) / len(after) < 0.01
    wait_s = board.retry_in_s(a_target("m0"))
    assert wait_s is not None
    assert wait_s <= 300.0
    clock.now += wait_s
    assert succeed(board, a_target("m0"))
    assert all(succeed(board, a_target(f"m{n}")) for n in range(4))
