"""What keeping to a conversation's model saves in switches, and what it costs in quality.

Conversations are made of recorded prompts. The same turns are routed three ways by the same predictions of the router
fitted on the recording: anew on every turn, with the live router's stickiness, and by the first turn alone. A turn's
quality is the recorded score of the model that got it. The requests of a tool loop share the prompt that began it, as
the router reads what the person asked and not what tools bring.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from evals.arena import Arena, build_arena
from evals.policies.omni import columns_of, served_router
from evals.results import Interval
from evals.stats import MIN_GROUPS, group_sums, percentile_interval, ratio, resample_weights
from omni.errors import InputError
from omni.policy import PRESETS
from omni.recording import Recording, load_recording
from omni.sessions import CACHE_SAVING, Session, after_answer, stick, switch_part
from omni.types import Conversation, Message, Preset, Weights

Way = Literal["per turn", "sticky", "first model kept"]
WAYS: tuple[Way, ...] = ("per turn", "sticky", "first model kept")
N_TURNS = 20_000
MEAN_TURNS = 6.0
"""Of a conversation: more than public chat logs have (2 to 2.5), so that there is something to keep to."""
SAME_TOPIC = 0.8
"""Chance that the next prompt is of the same category."""
TOOL_LOOP, MEAN_STEPS = 0.15, 2.5
"""Chance that a person's turn starts a tool loop, and the loop's mean number of further requests."""
USUAL_OUTPUT_TOKENS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One request of a conversation."""

    row: int
    """Of the recording's test prompts."""
    is_in_loop: bool
    """True when it brings a tool's answer back, for the question of the turn before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One way through all conversations."""

    way: Way
    n_switches: int
    """Turns answered by another model than the turn before."""
    n_switches_in_loop: int
    quality: float | None
    """Mean recorded score over the turns that all ways have a score for."""
    cost_usd: float | None
    """Mean per turn: the recorded cost, and the conversation so far at the input price, less what a cache spares."""
    n_scored: int
    n_failed: int
    """Turns whose model has no recorded score."""
    difference: float | None
    """Of quality, less that of routing per turn."""
    interval: Interval | None
    """Paired, over groups of recorded prompts; None with too few of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """The figures of one recording."""

    recording: str
    preset: Preset
    n_models: int
    n_conversations: int
    n_turns: int
    n_in_loop: int
    outcomes: tuple[Outcome, ...]

    @property
    def share_of_switches(self) -> float | None:
        """Switches of the sticky way per switch of routing per turn; None when that never switches."""
        per_turn, sticky = self.outcomes[0], self.outcomes[1]
        return sticky.n_switches / per_turn.n_switches if per_turn.n_switches else None


@dataclass(frozen=True, slots=True)
class _Card:
    price_in_usd_per_mtok: float | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _World:
    """What is expected and what was recorded, (n_prompts, n_models) unless said otherwise."""

    models: tuple[str, ...]
    quality: np.ndarray
    """Expected, less the penalty for weak evidence."""
    cost_usd: np.ndarray
    """Expected, without the conversation so far; 0 when no costs are known."""
    price_in: np.ndarray
    """(n_models,) USD per token; NaN = unknown."""
    cards: tuple[_Card, ...]
    scores: np.ndarray
    costs_usd: np.ndarray
    input_tokens: np.ndarray
    """(n_prompts,)."""
    output_tokens: np.ndarray
    weights: Weights


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Walk:
    """The picks of one way, turn by turn over all conversations."""

    picks: np.ndarray
    switched: np.ndarray
    cost_usd: np.ndarray


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("recordings", nargs="*", default=["mixed-zk"], metavar="RECORDING", help="default: mixed-zk")
    parser.add_argument("--turns", type=int, default=N_TURNS, metavar="N", help=f"default: {N_TURNS:,}")
    parser.add_argument("--prefer", default="balanced", metavar="PRESET", help=", ".join(PRESETS))
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the conversations; default: 0")
    parser.add_argument("--json", action="store_true")


def run(args: argparse.Namespace) -> int:
    """Prints the figures of each recording.

    Raises:
        InputError: an unknown preset, or fewer than one turn.
    """
    if args.prefer not in PRESETS:
        raise InputError(f"--prefer is {args.prefer!r}; expected one of {', '.join(PRESETS)}.")
    if args.turns < 1 or args.seed < 0:
        raise InputError(f"--turns is {args.turns!r} and --seed {args.seed!r}; expected at least 1 and 0.")
    found = []
    for name in args.recordings:
        simulation = simulate(load_recording(name), n_turns=args.turns, preset=args.prefer, seed=args.seed)
        found.append(asdict(simulation) | {"share_of_switches": simulation.share_of_switches})
        if not args.json:
            print("\n".join(to_lines(simulation)), flush=True)
    if args.json:
        print(json.dumps(found))
    return 0


def simulate(recording: Recording, *, n_turns: int = N_TURNS, preset: Preset = "balanced", seed: int = 0) -> Simulation:
    """Fits the router on the recording's fit side and walks through conversations made of its test side."""
    arena = build_arena(recording, seed=seed)
    world = _build_world(arena, PRESETS[preset])
    topics = np.array(["" if name is None else str(name) for name in arena.categories], dtype=object)
    conversations = draw_conversations(topics, n_turns, np.random.default_rng(seed))
    rows = np.array([turn.row for turns in conversations for turn in turns])
    in_loop = np.array([turn.is_in_loop for turns in conversations for turn in turns])
    walks = [_walk(world, conversations, way) for way in WAYS]
    scores = np.array([world.scores[rows, walk.picks] for walk in walks])
    weights = _resample(arena, seed)
    outcomes = tuple(
        _outcome(way, walk, scores, number, in_loop, arena.groups[rows], weights)
        for number, (way, walk) in enumerate(zip(WAYS, walks, strict=True))
    )
    return Simulation(
        recording=recording.name,
        preset=preset,
        n_models=len(world.models),
        n_conversations=len(conversations),
        n_turns=len(rows),
        n_in_loop=int(in_loop.sum()),
        outcomes=outcomes,
    )


def draw_conversations(topics: np.ndarray, n_turns: int, rng: np.random.Generator) -> list[list[Turn]]:
    """Conversations with `n_turns` turns in all; a prompt is asked at most once in each while its topic has others.

    Args:
        topics: (n_prompts,) labels.
    """
    of_topic = {topic: np.flatnonzero(topics == topic) for topic in sorted(set(topics))}
    conversations: list[list[Turn]] = []
    left = n_turns
    while left:
        length = min(left, int(rng.geometric(1 / MEAN_TURNS)))
        conversations.append(_draw_conversation(topics, of_topic, length, rng))
        left -= length
    return conversations


def to_lines(simulation: Simulation) -> Sequence[str]:
    """The figures as text."""
    lines = [
        f"{simulation.recording}, {simulation.preset}: {simulation.n_turns:,} turns in "
        f"{simulation.n_conversations:,} conversations, {simulation.n_in_loop:,} inside tool loops, "
        f"{simulation.n_models} models",
        f"{'':18} {'switches':>9} {'in loops':>9} {'quality':>8} {'against per turn':>24} {'USD/1,000':>10}",
    ]
    for outcome in simulation.outcomes:
        interval = outcome.interval
        shown = f"[{interval.lo:+.4f}, {interval.hi:+.4f}]" if interval else ""
        difference = "" if outcome.difference is None else f"{outcome.difference:+.4f} {shown}"
        quality = "-" if outcome.quality is None else f"{outcome.quality:.4f}"
        cost = "-" if outcome.cost_usd is None else f"{1000 * outcome.cost_usd:.4f}"
        lines.append(
            f"{outcome.way:18} {outcome.n_switches:>9,} {outcome.n_switches_in_loop:>9,} {quality:>8} "
            f"{difference:>24} {cost:>10}"
        )
    share = simulation.share_of_switches
    if share is not None:
        lines.append(f"sticky switches {share:.1%} as often as routing per turn")
    return lines


def _draw_conversation(
    topics: np.ndarray, of_topic: dict[str, np.ndarray], length: int, rng: np.random.Generator
) -> list[Turn]:
    turns: list[Turn] = []
    said: set[int] = set()
    topic, steps = str(rng.choice(topics)), 0
    for _ in range(length):
        if steps:
            steps -= 1
            turns.append(Turn(row=turns[-1].row, is_in_loop=True))
            continue
        if turns and rng.random() > SAME_TOPIC:
            topic = str(rng.choice(topics))
        rows = of_topic[topic]
        row = int(rng.choice(rows))
        if row in said:
            row = next((int(other) for other in rng.permutation(rows) if int(other) not in said), row)
        said.add(row)
        turns.append(Turn(row=row, is_in_loop=False))
        if rng.random() < TOOL_LOOP:
            steps = int(rng.geometric(1 / MEAN_STEPS))
    return turns


def expect(arena: Arena) -> tuple[np.ndarray, np.ndarray]:
    """(n_test, n_models) quality, and cost in USD, 0 where none is known.

    The only place where this study meets the router.
    """
    router = served_router(arena.fit)
    order = np.argsort(columns_of(arena.fit, router))
    estimate = router.estimate(arena.test.prompts.profiles)
    return estimate.quality[:, order], np.nan_to_num(estimate.cost_usd[:, order])


def _build_world(arena: Arena, weights: Weights) -> _World:
    quality, cost_usd = expect(arena)
    outcomes, pool = arena.outcomes, arena.pool
    prices = arena.recording.models["price_in_usd_per_mtok"].to_numpy(float)[pool]
    lengths, read = outcomes.output_tokens[:, pool], outcomes.input_tokens
    return _World(
        models=arena.fit.models,
        quality=quality,
        cost_usd=cost_usd,
        price_in=prices / 1e6,
        cards=tuple(_Card(None if np.isnan(price) else float(price)) for price in prices),
        scores=arena.test.scores,
        costs_usd=np.full_like(quality, np.nan) if arena.test.costs_usd is None else arena.test.costs_usd,
        input_tokens=np.nan_to_num(ratio(np.nansum(read, axis=1), np.isfinite(read).sum(axis=1))),
        output_tokens=np.where(np.isnan(lengths), USUAL_OUTPUT_TOKENS, lengths),
        weights=weights,
    )


def _walk(world: _World, conversations: Sequence[Sequence[Turn]], way: Way) -> _Walk:
    picks, switched, costs = [], [], []
    for turns in conversations:
        session = Session()
        for turn in turns:
            before = None if session.model_id is None else world.models.index(session.model_id)
            pick = _pick(world, turn, session, before, way)
            picks.append(pick)
            switched.append(before not in (None, pick))
            read_usd = session.cached_tokens * world.price_in[pick] * (1 - CACHE_SAVING * (before == pick))
            costs.append(world.costs_usd[turn.row, pick] + read_usd)
            session = after_answer(
                session,
                _conversation(turn, session),
                model_id=world.models[pick],
                input_tokens=session.cached_tokens + int(world.input_tokens[turn.row]),
                output_tokens=int(world.output_tokens[turn.row, pick]),
            )
    return _Walk(picks=np.array(picks), switched=np.array(switched), cost_usd=np.array(costs))


def _pick(world: _World, turn: Turn, session: Session, before: int | None, way: Way) -> int:
    if before is not None and way == "first model kept":
        return before
    cost = world.cost_usd[turn.row] + session.cached_tokens * world.price_in
    utility = world.quality[turn.row] - world.weights.quality_per_usd * cost
    if before is not None and way == "sticky":
        sticky = stick(session, _conversation(turn, session), world.weights, world.cards[before])
        if sticky is not None and sticky.is_locked:
            return before
        if sticky is not None:
            utility = utility + switch_part(np.ones((1, len(cost)), dtype=bool), before, sticky.switch_cost)[0]
    return int(np.argmax(utility))


def _conversation(turn: Turn, session: Session) -> Conversation:
    """The end of the conversation as the live router would be handed it: its roles, without its words."""
    asked = Message(role="user", text="")
    if session.model_id is None:
        return Conversation(messages=(asked,))
    answered = Message(role="assistant", text="", n_tool_calls=int(turn.is_in_loop))
    return Conversation(messages=(asked, answered, Message(role="tool", text="") if turn.is_in_loop else asked))


def _resample(arena: Arena, seed: int) -> np.ndarray | None:
    return resample_weights(arena.n_groups, seed=seed) if arena.n_groups >= MIN_GROUPS else None


def _outcome(
    way: Way,
    walk: _Walk,
    scores: np.ndarray,
    number: int,
    in_loop: np.ndarray,
    groups: np.ndarray,
    weights: np.ndarray | None,
) -> Outcome:
    """The figures of the way in row `number` of `scores` (n_ways, n_turns); the first is routing per turn."""
    known = np.isfinite(scores).all(axis=0)
    interval = None
    if number and weights is not None and known.any():
        gains = np.where(known, scores[number] - scores[0], 0.0)
        sums = group_sums(np.stack([gains, known.astype(float)]), groups, weights.shape[1])
        interval = percentile_interval(ratio(weights @ sums[0], weights @ sums[1]))
    means = scores[:, known].mean(axis=1) if known.any() else None
    costs = walk.cost_usd
    return Outcome(
        way=way,
        n_switches=int(walk.switched.sum()),
        n_switches_in_loop=int((walk.switched & in_loop).sum()),
        quality=None if means is None else float(means[number]),
        cost_usd=float(costs.mean()) if np.isfinite(costs).all() else None,
        n_scored=int(np.isfinite(scores[number]).sum()),
        n_failed=int(np.isnan(scores[number]).sum()),
        difference=None if means is None or not number else float(means[number] - means[0]),
        interval=interval,
    )
