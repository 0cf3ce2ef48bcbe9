"""python -m omni route: which model would answer a prompt, and why."""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO, cast

from omni.caps import MAX_PROMPT_CHARS
from omni.commands.batch import run_batch
from omni.config import Settings
from omni.conversations import parse_messages
from omni.errors import InputError
from omni.evidence import Evidence
from omni.explain import explain
from omni.policy import PRESETS, dial_weights
from omni.references import ReferenceChoice, load_references
from omni.router import load_router
from omni.types import Conversation, Decision, Preferences, Preset, Weights


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command and its options."""
    parser = subparsers.add_parser("route", help="which model would answer, and why")
    parser.add_argument("prompt", nargs="?", help="the prompt; - reads it from standard input")
    parser.add_argument("--json", action="store_true", help="the whole decision as JSON")
    parser.add_argument("--prefer", metavar="PRESET", help=f"{', '.join(PRESETS)}; default: balanced")
    parser.add_argument("--max-cost", metavar="USD", help="ceiling for the expected cost of this answer")
    parser.add_argument(
        "--allow", action="append", default=[], metavar="GLOB", help="only models that match; repeatable"
    )
    parser.add_argument("--deny", action="append", default=[], metavar="GLOB", help="no model that matches; repeatable")
    parser.add_argument("--messages", metavar="FILE.json", help="an OpenAI-style message list, or a whole request")
    parser.add_argument(
        "--batch", metavar="FILE.jsonl|-", help="a line of JSON each, with prompt or messages; answers a line each"
    )
    parser.add_argument("--router", type=Path, metavar="FILE", help="a fitted router; default: OMNI_ROUTER, or none")
    parser.add_argument("--quality-per-usd", type=float, metavar="X", help="quality (0..1) given up for 1 USD less")
    parser.add_argument("--quality-per-s", type=float, metavar="Y", help="quality (0..1) given up for 1 s less")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prints the decision.

    Raises:
        InputError: no prompt, both a prompt and a file, an unreadable file, an unknown preset, a bad ceiling.
    """
    preferences = Preferences(
        preset=_preset(args.prefer or "balanced"),
        weights=_weights(args),
        max_cost_usd=_ceiling(args.max_cost),
        allow=tuple(args.allow),
        deny=tuple(args.deny),
    )
    settings = Settings.from_env()
    if args.batch is not None:
        if args.prompt is not None or args.messages is not None:
            raise InputError("--batch reads its prompts from the file; leave out the prompt and --messages.")
        with _lines_of(args.batch) as source:
            run_batch(load_router(settings.policy_path, router=args.router or settings.router_path), preferences,
                      source, sys.stdout)  # fmt: skip
        return 0
    conversation = _conversation(args.prompt, args.messages)
    router = load_router(settings.policy_path, router=args.router or settings.router_path)
    decision = router.route(conversation, preferences)
    evidence = router.evidence(decision)
    explanation = explain(decision, router.catalog, evidence)
    references = load_references(router.reader.features).choices(decision)
    if args.json:
        body = decision_to_json(decision, explanation.to_text(), references, evidence)
        print(json.dumps(body, ensure_ascii=False, indent=1))
    else:
        print(explanation.to_text())
        for choice in references:
            print(f"{choice.policy} would have taken {choice.model_id} (route {choice.route}).")
        for candidate in decision.candidates[:10]:
            cost = "-" if candidate.cost_usd is None else f"{candidate.cost_usd:.6f}"
            wait = "-" if candidate.latency_s is None else f"{candidate.latency_s:.1f}"
            print(
                f"{candidate.rank:3}  {candidate.model_id:52}  utility {candidate.utility:6.3f}  "
                f"quality {candidate.quality:.3f} ± {candidate.quality_se:.3f}  USD {cost}  {wait} s"
            )
    return 0


def _weights(args: argparse.Namespace) -> Weights | None:
    """The weights named by dials; None = the preset's."""
    if args.quality_per_usd is None and args.quality_per_s is None:
        return None
    if args.prefer is not None:
        raise InputError(
            "--prefer was given beside --quality-per-usd or --quality-per-s; give the preset or the weights."
        )
    return dial_weights(quality_per_usd=args.quality_per_usd or 0.0, quality_per_s=args.quality_per_s or 0.0)


def _lines_of(name: str) -> AbstractContextManager[TextIO]:
    if name == "-":
        return nullcontext(sys.stdin)
    try:
        return Path(name).open(encoding="utf-8")
    except OSError as error:
        raise InputError(f"--batch: {name!r} cannot be read ({error.strerror or error}); give a JSONL file.") from error


def decision_to_json(
    decision: Decision,
    explanation: str,
    references: Sequence[ReferenceChoice] = (),
    evidence: Evidence | None = None,
) -> dict[str, Any]:
    """The decision as plain values; unknown figures are null. `evidence` is null where public benchmarks decide."""
    profile = decision.profile
    return {
        "decision_id": decision.decision_id,
        "catalog_version": decision.catalog_version,
        "router": decision.router.label,
        "parameters_version": decision.parameters_version,
        "profile": {
            "language": profile.language,
            "script": profile.script,
            "tasks": {task.value: share for task, share in profile.tasks.items()},
            "difficulty": profile.difficulty,
            "input_tokens": profile.input_tokens,
            "privacy": list(profile.privacy_kinds),
            "safety": profile.safety.value,
            "n_images": profile.n_images,
            "n_turns": profile.n_turns,
        },
        "chosen": decision.chosen.model_id,
        "reference": decision.reference_model_id,
        "candidates": [
            {
                "model_id": candidate.model_id,
                "rank": candidate.rank,
                "utility": candidate.utility,
                "parts": dict(candidate.parts),
                "quality": candidate.quality,
                "quality_se": candidate.quality_se,
                "quality_parts": dict(candidate.quality_parts),
                "cost_usd": candidate.cost_usd,
                "cost_basis": candidate.cost_basis,
                "latency_s": candidate.latency_s,
                "latency_basis": candidate.latency_basis,
            }
            for candidate in decision.candidates
        ],
        "excluded": [
            {"model_id": exclusion.model_id, "reason": exclusion.reason.value, "detail": exclusion.detail}
            for exclusion in decision.excluded
        ],
        "references": [asdict(choice) for choice in references],
        "evidence": None if evidence is None else evidence.to_json(),
        "explanation": explanation,
    }


def _conversation(prompt: str | None, messages_file: str | None) -> Conversation:
    if messages_file is not None:
        if prompt is not None:
            raise InputError("Both a prompt and --messages were given; give one of them.")
        return parse_messages(_read_text(Path(messages_file)), where=messages_file)
    if prompt is None:
        raise InputError('No prompt was given; write it in quotes, for example: python -m omni route "Hello".')
    return Conversation.from_prompt(sys.stdin.read(MAX_PROMPT_CHARS + 1) if prompt == "-" else prompt)


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({type(error).__name__}); give a UTF-8 JSON file.") from error


def _preset(name: str) -> Preset:
    if name not in PRESETS:
        raise InputError(f"--prefer is {name!r}; expected one of {', '.join(PRESETS)}.")
    return cast(Preset, name)


def _ceiling(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        ceiling = float(text)
    except ValueError:
        ceiling = math.nan
    if not (math.isfinite(ceiling) and ceiling > 0):
        raise InputError(f"--max-cost is {text!r}; expected a positive number of US dollars, for example 0.002.")
    return ceiling
