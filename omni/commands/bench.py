"""python -m omni bench: how long a decision takes on this machine."""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from omni.config import Settings
from omni.router import Router, load_router
from omni.types import Conversation

SENTENCES = (
    "The harbour office keeps a paper ledger of every boat that ties up overnight.",
    "Please compare the two budgets and say which department overspent in March.",
    "If the pump fails at 02:15, how long until the tank of 480 litres is empty?",
    "Write a function that returns the longest run of equal values in a list.",
    "Her grandmother's recipe asks for three lemons, a spoon of honey and patience.",
    "Explain why the sky over the desert turns violet shortly after sunset.",
    "The contract ends on 30 June unless either side gives notice in writing.",
    "Translate the last paragraph for a colleague who only reads Portuguese.",
)
N_WORDS = (20, 200, 2000)
N_REPEATS = 400
N_BATCH = 4000


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command and its options."""
    parser = subparsers.add_parser("bench", help="time of a decision, alone and in batches")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--router", type=Path, metavar="FILE", help="a fitted router; default: OMNI_ROUTER, or none")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prints the figures."""
    figures = measure(load_router(router=args.router or Settings.from_env().router_path))
    if args.json:
        print(json.dumps(figures))
        return 0
    print(f"{figures['candidates']} candidates, one core, a full decision with explanation data")
    for n_words, latency in figures["latency_ms"].items():
        print(f"{n_words:>5} words: p50 {latency['p50']:.3f} ms, p95 {latency['p95']:.3f}, p99 {latency['p99']:.3f}")
    print(f"batch: {figures['decisions_per_s']:,.0f} decisions/s on prompts of {figures['batch_words']} words")
    if figures["rss_mb"] is not None:
        print(f"memory: {figures['rss_mb']:.0f} MB")
    return 0


def measure(router: Router, *, n_repeats: int = N_REPEATS, n_batch: int = N_BATCH) -> dict[str, Any]:
    """Latency percentiles in ms by words of the prompt, decisions per second in a batch, memory in MB.

    Every timed prompt is new to the router; "explanation data" is the decision with the parts of its first ten
    candidates.
    """
    rng = np.random.default_rng(0)
    latency = {str(n): _percentiles(router, [_prompt(rng, n) for _ in range(n_repeats)]) for n in N_WORDS}
    batch = [_prompt(rng, N_WORDS[0]) for _ in range(n_batch)]
    start = time.perf_counter()
    router.route_batch(batch)
    seconds = time.perf_counter() - start
    return {
        "candidates": int(router.facts.answers.sum()),
        "latency_ms": latency,
        "decisions_per_s": n_batch / seconds,
        "batch_words": N_WORDS[0],
        "rss_mb": _rss_mb(),
    }


def _percentiles(router: Router, prompts: list[Conversation]) -> dict[str, float]:
    for prompt in prompts[:20]:
        router.route(prompt)
    times = []
    for prompt in prompts:
        start = time.perf_counter()
        decision = router.route(prompt)
        _ = decision.candidates[:10]
        times.append((time.perf_counter() - start) * 1e3)
    p50, p95, p99 = np.percentile(times, [50, 95, 99])
    return {"p50": float(p50), "p95": float(p95), "p99": float(p99)}


def _prompt(rng: np.random.Generator, n_words: int) -> Conversation:
    words: list[str] = []
    while len(words) < n_words:
        words += SENTENCES[rng.integers(len(SENTENCES))].split()
    words = words[:n_words]
    words[rng.integers(n_words)] = str(rng.integers(10**6))
    return Conversation.from_prompt(" ".join(words))


def _rss_mb() -> float | None:
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
