"""What a decision should know of the servers, and in which order a model's providers are asked.

Kept up to date piece by piece: a decision costs a look at what moved since the last one.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from omni.conditions import Conditions, ModelHealth
from omni.gateway.health import HealthBoard
from omni.gateway.messages import Target
from omni.gateway.prices import PriceOf, blended_usd
from omni.gateway.providers import Credential
from omni.gateway.served import ServedBoard
from omni.gateway.snapshots import Sight

KEEP_S = 1.0
"""Figures older than this are made again: what was seen loses weight with time."""
TRUSTED_ANSWERS = 10.0
"""A provider counts as well until seen otherwise, by this many answers: one failure changes no order, two do."""
GOOD, FAIR = 0.9, 0.6
"""Shares of answered requests from which a provider is as good as another, or still to be asked before a bad one."""
CROWD = 32
"""Answers under way at a target that double the time it is expected to take; an assumption."""
MAX_PRICES = 10_000
TYPICAL_TOKENS = 300
"""Of an answer, for comparing speeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """All that is known for visitors with the same rights."""

    at_s: float
    board_version: int
    health_version: int
    targets: dict[str, tuple[Target, ...]]
    """By model id, the best provider first."""
    health: dict[str, ModelHealth]
    ready: frozenset[str]
    """Served ids that somebody may be asked for now."""
    conditions: Conditions


class Outlook:
    """The view of the servers that decisions are made with. The lock guards the kept states."""

    def __init__(
        self, board: ServedBoard, health: HealthBoard, *, clock: Callable[[], float], price_of: PriceOf
    ) -> None:
        self._board = board
        self._health = health
        self._clock = clock
        self._price_of = price_of
        self._lock = threading.Lock()
        self._states: dict[str | None, _State] = {}
        self._usd: dict[Target, float | None] = {}
        """Blended prices of this version of the listings."""

    def conditions(self, credential: Credential | None = None) -> Conditions:
        """What is served and how it does, for a visitor with this token or with none."""
        return self._state(credential).conditions

    def targets(self, model_id: str, credential: Credential | None = None) -> tuple[Target, ...]:
        """Where to ask for a model: by health, then by price, then by speed, then in the settings' order."""
        return self._state(credential).targets.get(model_id) or self._ranked(model_id, _named(credential))

    def _state(self, credential: Credential | None) -> _State:
        name = self._rights(credential)
        now, board_version = self._clock(), self._board.version
        with self._lock:
            state = self._states.get(name)
            if state is None or state.board_version != board_version:
                state = self._build(name, now, board_version)
            elif now - state.at_s < KEEP_S:
                state = self._updated(state, name)
            elif self._health.has_held_providers:
                state = self._build(name, now, board_version)
            else:
                # time changes nothing for models that were never asked
                version = self._health.changes(0).version
                aged = replace(state, at_s=now, health_version=version)
                state = self._with(aged, self._health.model_ids(), name)
            self._states[name] = state
            return state

    def _rights(self, credential: Credential | None) -> str | None:
        """The provider that a token opens; None when it opens none that is closed to others."""
        if credential is None:
            return None
        needs = {provider.name for provider in self._board.providers if provider.needs_credential}
        return credential.provider if credential.provider in needs else None

    def _build(self, name: str | None, now: float, board_version: int) -> _State:
        version = self._health.changes(0).version
        if any(state.board_version != board_version for state in self._states.values()):
            self._usd = {}
        served = self._board.served_ids() or frozenset()
        empty = _State(
            at_s=now,
            board_version=board_version,
            health_version=version,
            targets={},
            health={},
            ready=frozenset(),
            conditions=Conditions(),
        )
        state = self._with(empty, served | self._health.model_ids(), name)
        local = self._local(state.targets, served)
        return replace(state, conditions=replace(state.conditions, local=local))

    def _updated(self, state: _State, name: str | None) -> _State:
        changes = self._health.changes(state.health_version)
        if changes.version == state.health_version:
            return state
        if changes.models is None:
            return self._build(name, state.at_s, state.board_version)
        return self._with(replace(state, health_version=changes.version), changes.models, name)

    def _with(self, state: _State, model_ids: Iterable[str], name: str | None) -> _State:
        """The state with these models looked at again."""
        targets, health, ready = dict(state.targets), dict(state.health), set(state.ready)
        served, closed = self._board.served_ids(), self._closed(name)
        for model_id in model_ids:
            health.pop(model_id, None)
            ready.discard(model_id)
            ordered, sights = self._order(self._allowed(model_id, closed))
            if ordered:
                targets[model_id] = ordered
                if (seen := _to_health(sights[0])) is not None:
                    health[model_id] = seen
            if any(sight.is_ready for sight in sights) and served is not None and model_id in served:
                ready.add(model_id)
        return replace(
            state,
            targets=targets,
            health=health,
            ready=frozenset(ready),
            conditions=Conditions(
                served=frozenset(ready) or self._offered(name), local=state.conditions.local, health=health
            ),
        )

    def _offered(self, name: str | None) -> frozenset[str] | None:
        """Whoever could be asked were nobody held back: the gateway then probes; None = not known."""
        served, closed = self._board.served_ids() or frozenset(), self._closed(name)
        return frozenset(model_id for model_id in served if self._allowed(model_id, closed)) or None

    def _local(self, targets: dict[str, tuple[Target, ...]], served: frozenset[str]) -> frozenset[str]:
        is_here = self._board.is_on_this_machine
        return frozenset(id_ for id_ in served if any(is_here(target) for target in targets.get(id_, ())))

    def _ranked(self, model_id: str, name: str | None) -> tuple[Target, ...]:
        return self._order(self._allowed(model_id, self._closed(name)))[0]

    def _closed(self, name: str | None) -> frozenset[str | None]:
        """Providers that serve others than this visitor only."""
        needy = frozenset(provider.name for provider in self._board.providers if provider.needs_credential)
        return needy - {name}

    def _allowed(self, model_id: str, closed: frozenset[str | None]) -> list[Target]:
        return [target for target in self._board.targets(model_id) if target.provider not in closed]

    def _order(self, targets: list[Target]) -> tuple[tuple[Target, ...], list[Sight]]:
        sights = self._health.sights(targets)
        if len(targets) < 2:
            return tuple(targets), sights
        # whose price or speed nobody knows is neither preferred nor passed over for it
        usd = _filled([self._blended_usd(target) for target in targets])
        seconds = _filled([_answer_s(sight) for sight in sights])
        ranks = [(_illness(sights[row]), usd[row], seconds[row], row) for row in range(len(targets))]
        order = [row for *_, row in sorted(ranks)]
        return tuple(targets[row] for row in order), [sights[row] for row in order]

    def _blended_usd(self, target: Target) -> float | None:
        if target not in self._usd:
            price = self._price_of(target)
            if len(self._usd) >= MAX_PRICES:
                self._usd.clear()
            self._usd[target] = None if price is None else blended_usd(price)
        return self._usd[target]


def _named(credential: Credential | None) -> str | None:
    return None if credential is None else credential.provider


def _illness(sight: Sight) -> int:
    """0 = well ... 4 = held back."""
    if not sight.is_ready:
        return 4
    if sight.has_account_problem:
        return 3
    share = 1.0 if sight.availability is None else sight.availability
    chance = (sight.weight * share + TRUSTED_ANSWERS) / (sight.weight + TRUSTED_ANSWERS)
    return 0 if chance >= GOOD else 1 if chance >= FAIR else 2


def _answer_s(sight: Sight) -> float | None:
    if sight.first_token_s is None:
        return None
    writing_s = TYPICAL_TOKENS / sight.tokens_per_s if sight.tokens_per_s else 0.0
    return (sight.first_token_s + writing_s) * (1 + sight.in_flight / CROWD)


def _filled(values: list[float | None]) -> list[float]:
    """Unknown values become the lowest known one."""
    lowest = min((value for value in values if value is not None), default=0.0)
    return [lowest if value is None else value for value in values]


def _to_health(sight: Sight) -> ModelHealth | None:
    """None where a decision would learn nothing."""
    if sight.availability is None and sight.first_token_s is None and not sight.in_flight:
        return None
    return ModelHealth(
        availability=sight.availability,
        first_token_s=sight.first_token_s,
        tokens_per_s=sight.tokens_per_s,
        weight=sight.weight,
        speed_weight=sight.speed_weight,
        failed_after_s=sight.failed_after_s,
        in_flight=sight.in_flight,
    )
