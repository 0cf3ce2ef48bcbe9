"""The real router and gateway on a clock that the simulated servers move: one model becomes bad, and well again.

By hand: python -m tests.omni.gateway.degraded
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, replace

from omni.conditions import ModelHealth
from omni.errors import ProviderError
from omni.gateway import Answer, AnswerStatus, Chunk, ErrorKind, Gateway, Provider, Question, Usage
from omni.gateway.failures import ServerFailure
from omni.router import Router, load_router
from omni.types import Candidates, Conversation, Preferences, Preset

POOL = (
    "Qwen/Qwen3-235B-A22B-Instruct-2507",
    "deepseek-ai/DeepSeek-V3",
    "Qwen/Qwen3-Next-80B-A3B-Instruct",
    "meta-llama/Llama-3.3-70B-Instruct",
)
"""Models that the presets value about alike, so that what a server does decides."""
PROMPTS = (
    "Why is the sky blue?",
    "Write a function that merges two sorted lists in Python.",
    "Solve x^2 - 5x + 6 = 0 and explain each step.",
    "Translate into French: the cat sits on the mat.",
    "Write a short poem about rain in November.",
    "Summarise the causes of the First World War in three sentences.",
    "Name the capital of Australia.",
    "Plan a three-day trip to Rome for a family.",
)


class Clock:
    """Seconds that pass when something says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass(slots=True, kw_only=True)
class Behaviour:
    """How a model does at present."""

    first_token_s: float = 0.6
    tokens_per_s: float = 80.0
    error_rate: float = 0.0
    """Share of requests that fail, 0..1."""
    failed_after_s: float = 0.1


@dataclass(slots=True)
class SimulatedServer:
    """A server on the clock: waiting moves it."""

    clock: Clock
    provider: Provider = field(default_factory=lambda: Provider(name="one", base_url="http://192.0.2.1/v1"))
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    chance: random.Random = field(default_factory=lambda: random.Random(0))

    async def list_models(self) -> Sequence[str]:
        return POOL

    async def stream(self, served_name: str, _: Question, __: str | None = None) -> AsyncGenerator[Chunk]:
        behaviour = self.behaviours.get(served_name, Behaviour())
        if self.chance.random() < behaviour.error_rate:
            self.clock.now += behaviour.failed_after_s
            raise ServerFailure("one had an internal error.", ErrorKind.SERVER)
        self.clock.now += behaviour.first_token_s
        yield Chunk(text="An answer")
        self.clock.now += 200 / behaviour.tokens_per_s
        yield Chunk(text=" that ends.", finish_reason="stop", usage=Usage(input_tokens=50, output_tokens=201))

    async def close(self) -> None:
        return None


class World:
    """Requests in a row, one every few seconds."""

    def __init__(self, router: Router, *, preset: Preset = "balanced", every_s: float = 2.0) -> None:
        self.clock = Clock()
        self.server = SimulatedServer(self.clock)
        self.gateway = Gateway([self.server], POOL, clock=self.clock, frame_s=0.0, repeat_pause_s=0.0)
        asyncio.run(self.gateway.board.refresh())
        self._router = router
        self._preferences = Preferences(preset=preset)
        self._every_s = every_s
        self.n_asked = 0

    def ask(self) -> str:
        """The model that the router chose for one more request, whose answer is then asked for."""
        conversation = Conversation.from_prompt(PROMPTS[self.n_asked % len(PROMPTS)])
        decision = self._router.route(conversation, self._preferences, conditions=self.gateway.conditions())
        answer = asyncio.run(self._last(decision.scores.model_ids, Question(conversation=conversation)))
        if answer.status is not AnswerStatus.DONE:
            raise ProviderError(f"not answered: {answer.error}")
        self.n_asked += 1
        self.clock.now += self._every_s
        return decision.chosen.model_id

    def informed(self, prompt: str, model_id: str, bad: Behaviour) -> Candidates:
        """The ranking by a router that knows the bad figures exactly."""
        known = ModelHealth(
            availability=1 - bad.error_rate,
            first_token_s=bad.first_token_s,
            tokens_per_s=bad.tokens_per_s,
            failed_after_s=bad.failed_after_s,
            weight=1e9,
        )
        seen = self.gateway.conditions()
        conditions = replace(seen, served=frozenset(POOL), health={**seen.health, model_id: known})
        asked = Conversation.from_prompt(prompt)
        return self._router.route(asked, self._preferences, conditions=conditions).candidates

    async def _last(self, model_ids: Sequence[str], question: Question) -> Answer:
        return [answer async for answer in self.gateway.answer(model_ids, question)][-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What became of a model's share. Shares 0..1."""

    before: float
    after_50: float
    """Of the 50 requests after the first 50."""
    informed: float
    """What a router would leave it that knew the bad figures exactly: more than 0 where it is still worth it."""
    regret: float
    """Utility per request that such a router would gain over these 50 requests, in points (hundredths of quality)."""
    n_until_left: int
    """Requests until fewer than a tenth of the last eight went there."""
    back_after_s: float | None
    """From its recovery until its share of eight requests is nine tenths of what it was; None = not within 2 hours."""


def run_course(world: World, bad: Behaviour) -> tuple[str, Course]:
    """The favourite of the router becomes bad for 100 requests, and well again."""
    first = [world.ask() for _ in range(64)]
    favourite = max(set(first), key=first.count)
    before = first[-32:].count(favourite) / 32
    world.server.behaviours[favourite] = bad
    during = [world.ask() for _ in range(50)]
    windows = (n for n in range(8, 51) if during[n - 8 : n].count(favourite) == 0)
    later, ranked = [], []
    for _ in range(50):
        ranked.append(world.informed(PROMPTS[world.n_asked % len(PROMPTS)], favourite, bad))
        later.append(world.ask())
    del world.server.behaviours[favourite]
    well_s = world.clock.now
    newest: list[str] = []
    while world.clock.now - well_s < 7200:
        newest = [*newest[-7:], world.ask()]
        if len(newest) == 8 and newest.count(favourite) / 8 >= 0.9 * before:
            break
    back = world.clock.now - well_s if world.clock.now - well_s < 7200 else None
    lost = [places[0].utility - _utility(places, chosen) for places, chosen in zip(ranked, later, strict=True)]
    course = Course(
        before=before,
        after_50=later.count(favourite) / 50,
        informed=sum(places[0].model_id == favourite for places in ranked) / 50,
        regret=100 * sum(lost) / 50,
        n_until_left=next(windows, 50) - 8,
        back_after_s=back,
    )
    return favourite, course


def to_text(course: Course) -> str:
    """The course in one line."""
    back = "never" if course.back_after_s is None else f"{course.back_after_s:.0f} s"
    return (
        f"share {course.before:.2f} -> {course.after_50:.2f}, informed {course.informed:.2f}, "
        f"regret {course.regret:.2f} points, back after {back}"
    )


def _utility(places: Candidates, model_id: str) -> float:
    return next((candidate.utility for candidate in places if candidate.model_id == model_id), 0.0)


def main() -> None:
    """Prints the course for several kinds of trouble."""
    router = load_router()
    troubles = {
        "all fail": Behaviour(error_rate=1.0),
        "half fail": Behaviour(error_rate=0.5),
        "a fifth fails": Behaviour(error_rate=0.2),
        "a fifth fails after 10 s": Behaviour(error_rate=0.2, failed_after_s=10.0),
        "first piece after 20 s": Behaviour(first_token_s=20.0),
        "5 tokens/s": Behaviour(tokens_per_s=5.0),
    }
    presets: tuple[Preset, ...] = ("balanced", "fast", "quality")
    for preset in presets:
        for name, bad in troubles.items():
            favourite, course = run_course(World(router, preset=preset), bad)
            print(f"{preset:9} {name:24} {favourite:36} {to_text(course)}", flush=True)


if __name__ == "__main__":
    main()
