"""Many answers through servers that fail at random, compared byte for byte with what the servers sent.

By hand: python -m tests.omni.gateway.soak --requests 5000, or --requests 20000 to see the memory after every 5,000.
"""

import argparse
import asyncio
import gc
import random
import resource
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from omni.gateway import Answer, AnswerStatus, Gateway, HealthBoard, OpenAIServer, Provider, Question
from omni.gateway.gauges import HALF_LIFE_S
from omni.types import Conversation
from tests.upstream import BEFORE_FIRST, Step, Upstream, run_upstream

NAMES = ("one", "two", "three")
MODELS = ("a", "b", "c")
STEP = 5000
WORDS = ("sky", "blue", "λ=450", "nm", "«scatter»", "波長", "🌈", "air,", "because\nshort", "waves;", "**strongest**")


@dataclass(slots=True, kw_only=True)
class SoakResult:
    """What became of the requests. Times in milliseconds from asking to the first piece, as a visitor sees it."""

    n_requests: int = 0
    n_answered: int = 0
    n_interrupted: int = 0
    """Cut after the first piece, and said so."""
    n_failed: int = 0
    n_tries: int = 0
    n_wrong: int = 0
    """Answers that differ from what the server sent, or were sent more than once."""
    first_ms: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def answered(self) -> float:
        """Share of the requests that no server cut after the first piece."""
        return self.n_answered / (self.n_requests - self.n_interrupted)

    def first_ms_at(self, share: float) -> float:
        return sorted(self.first_ms)[int(share * (len(self.first_ms) - 1))]

    def __str__(self) -> str:
        return (
            f"{self.n_requests} requests, {self.n_tries} tries, {self.seconds:.1f} s: {self.n_answered} answered "
            f"({self.answered:.3%} of those not cut), {self.n_interrupted} interrupted, {self.n_failed} failed, "
            f"{self.n_wrong} differ from the log; first piece after p50 {self.first_ms_at(0.5):.1f} ms, "
            f"p95 {self.first_ms_at(0.95):.1f} ms, p99 {self.first_ms_at(0.99):.1f} ms"
        )


def text_for(prompt: str) -> str:
    """An answer of 5 to 30 words that belongs to one prompt only."""
    chance = random.Random(prompt)
    return f"{prompt}: " + " ".join(chance.choices(WORDS, k=chance.randint(5, 30)))


def build_soak_gateway(upstreams: Sequence[Upstream], health: HealthBoard | None = None) -> Gateway:
    servers = [
        OpenAIServer(provider=Provider(name=name, base_url=upstream.base_url))
        for name, upstream in zip(NAMES, upstreams, strict=False)
    ]
    return Gateway(servers, (), health=health)


async def ask_many(gateway: Gateway, n_requests: int, *, first: int = 0, n_together: int = 8) -> dict[str, Answer]:
    """The last state of each answer, by prompt; `wait_s` is from the visitor's side."""
    todo = iter(range(first, first + n_requests))
    answers: dict[str, Answer] = {}

    async def work() -> None:
        for number in todo:
            prompt = f"request {number}"
            models = [MODELS[(number + shift) % len(MODELS)] for shift in range(len(MODELS))]
            question = Question(conversation=Conversation.from_prompt(prompt))
            async for answer in gateway.answer(models, question):
                answers[prompt] = answer

    await asyncio.gather(*(work() for _ in range(n_together)))
    return answers


def judge(answers: dict[str, Answer], upstreams: Sequence[Upstream], seconds: float) -> SoakResult:
    """Compares each answer with the servers' logs."""
    sent = defaultdict(list)
    for name, upstream in zip(NAMES, upstreams, strict=False):
        for entry in upstream.sent:
            sent[entry.prompt].append((name, entry))
    result = SoakResult(n_requests=len(answers), seconds=seconds)
    for prompt, answer in answers.items():
        log = sent[prompt]
        result.n_tries += len(log)
        begun = [(name, entry) for name, entry in log if entry.parts]
        if answer.wait_s is not None:
            result.first_ms.append(answer.wait_s * 1000)
        if answer.status is AnswerStatus.FAILED:
            result.n_failed += 1
            result.n_wrong += bool(begun) or answer.text != ""
            continue
        is_done = answer.status is AnswerStatus.DONE
        result.n_answered += is_done
        result.n_interrupted += not is_done
        name, entry = begun[0]
        is_same = entry.text == answer.text if is_done else entry.text.startswith(answer.text)
        is_from = answer.target is not None and (answer.target.provider, answer.target.model_id) == (name, entry.model)
        result.n_wrong += len(begun) != 1 or not is_same or not is_from or entry.is_complete != is_done
    return result


def run_soak(
    upstreams: Sequence[Upstream],
    n_requests: int,
    *,
    rate: float,
    seed: int = 1,
    failures: Sequence[Step] = BEFORE_FIRST,
    n_together: int = 8,
) -> SoakResult:
    """Asks `n_requests` times while `rate` (0..1) of the tries fail in the ways of `failures`."""
    for number, upstream in enumerate(upstreams):
        upstream.reset()
        upstream.fail_at_random(seed * 10 + number, rate, failures, text=text_for)
    started = time.perf_counter()

    async def main() -> dict[str, Answer]:
        gateway = build_soak_gateway(upstreams)
        try:
            return await ask_many(gateway, n_requests, n_together=n_together)
        finally:
            await gateway.close()

    return judge(asyncio.run(main()), upstreams, time.perf_counter() - started)


def run_steps(
    upstreams: Sequence[Upstream], n_requests: int, *, rate: float, seed: int = 1, n_together: int = 8
) -> Iterator[tuple[SoakResult, float]]:
    """One gateway and one loop for all requests; after every 5,000 the result of those and the process's memory in MB.

    The servers' logs are emptied in between, so that what grows is the gateway's.
    """
    with asyncio.Runner() as runner:
        gateway = build_soak_gateway(upstreams)
        for first in range(0, n_requests, STEP):
            for number, upstream in enumerate(upstreams):
                upstream.reset()
                upstream.fail_at_random(seed * 10 + number, rate, text=text_for)
            started = time.perf_counter()
            n_now = min(STEP, n_requests - first)
            answers = runner.run(ask_many(gateway, n_now, first=first, n_together=n_together))
            result = judge(answers, upstreams, time.perf_counter() - started)
            answers.clear()
            for upstream in upstreams:
                upstream.reset()
            gc.collect()
            yield result, rss_mb()
        runner.run(gateway.close())


def rss_mb() -> float:
    """Memory of this process that is in use now, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


@dataclass(slots=True, kw_only=True)
class Outage:
    """One provider's death and return, on a clock that moves 0.1 s with every request."""

    n_failures: int
    """Until nobody was sent there first any more."""
    n_asked: int
    """Requests after that, while it was dead."""
    n_reached: int
    """Those of them that reached it: probes."""
    n_unanswered: int
    back_after_s: float | None
    """From its return to its first answer."""
    probe_s: float
    """Time to the next probe when it returned; without an open breaker, the time in which failures count half."""


def run_outage(upstreams: Sequence[Upstream], n_requests: int) -> Outage:
    """The first server is dead for `n_requests` and then returns."""
    dead = upstreams[0]
    for upstream in upstreams:
        upstream.reset()
    now = 0.0
    health = HealthBoard(clock=lambda: now)
    gateway = build_soak_gateway(upstreams, health)
    target = gateway.targets(["a"])[0]

    def is_avoided() -> bool:
        return all(found[0].provider != NAMES[0] for model in MODELS if (found := gateway.targets([model])))

    async def main() -> Outage:
        nonlocal now
        n_asked = n_unanswered = n_failures = 0
        dead.is_dead = True
        for number in range(n_requests):
            now += 0.1
            answers = await ask_many(gateway, 1, first=number, n_together=1)
            n_unanswered += any(answer.status is not AnswerStatus.DONE for answer in answers.values())
            if n_failures:
                n_asked += 1
            elif is_avoided():
                n_failures = len(dead.sent)
        n_reached = len(dead.sent) - n_failures
        dead.is_dead = False
        returned, probe_s = now, health.retry_in_s(target) or HALF_LIFE_S
        n_before = len(dead.sent)
        while len(dead.sent) == n_before and now - returned < 600.0:
            now += 0.1
            await ask_many(gateway, 1, n_together=1)
        is_back = dead.sent[-1].is_complete
        await gateway.close()
        return Outage(
            n_failures=n_failures,
            n_asked=n_asked,
            n_reached=n_reached,
            n_unanswered=n_unanswered,
            back_after_s=now - returned if is_back else None,
            probe_s=probe_s,
        )

    return asyncio.run(main())


def main() -> None:
    """Prints the figures of a run without failures, with failures, with cuts too, and of an outage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--rate", type=float, default=0.3, help="share of tries that fail, 0 to 1")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--together", type=int, default=8, help="requests at one time")
    args = parser.parse_args()
    with ExitStack() as stack:
        upstreams = [stack.enter_context(run_upstream()) for _ in NAMES]
        run_soak(upstreams, 20, rate=0.0)
        n_short = min(1000, args.requests)
        calm = run_soak(upstreams, n_short, rate=0.0, n_together=args.together)
        print("no failures:     ", calm, flush=True)
        for stormy, mb in run_steps(upstreams, args.requests, rate=args.rate, seed=args.seed, n_together=args.together):
            print("failures:        ", stormy)
            added_ms = stormy.first_ms_at(0.95) - calm.first_ms_at(0.95)
            print(f"added at p95:     {added_ms:.1f} ms; memory {mb:.1f} MB", flush=True)
        cuts = (*BEFORE_FIRST, Step(cut=True), Step(no_finish=True))
        print("with cut streams:", run_soak(upstreams, n_short, rate=args.rate, failures=cuts), flush=True)
        print("outage:          ", run_outage(upstreams, 2 * n_short))


if __name__ == "__main__":
    main()
