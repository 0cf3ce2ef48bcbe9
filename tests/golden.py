"""Decisions as they are meant to be: `python -m tests.golden --write` writes them anew after a change on purpose.

What the file holds is compared, so read its difference before it is committed.
"""

import argparse
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from evals.replay import replay
from evals.results import PolicySummary
from omni.catalog import load_catalog
from omni.reading import shipped_reader
from omni.router import Router, fitted_router, load_router
from omni.types import Conversation, Decision, Preferences, Preset
from tests.builders import build_recording
from tests.omni.fitted_routers import POEMS, SUMS, a_fitted_router

FILE = Path(__file__).with_name("golden.json")
N_DIGITS = 4
"""Decimals of shares and points, digits of costs and seconds; costs are in USD per 1,000 answers."""
POLICIES = ("best_single", "mixture", "task_table", "knn", "ridge", "omni", "oracle", "single:model-c")
_LEFT_OUT = ("fit_s", "routing_us", "routing_batch_us", "params", "latency_s")
LONG_TEXT = "The harbour master wrote down every ship, its cargo and the hour at which it came in. " * 900
PUBLIC: tuple[tuple[str, Preset], ...] = (
    ("Write a Python function that merges two sorted lists without using sort().", "balanced"),
    ("Write a Python function that merges two sorted lists without using sort().", "cheap"),
    ("Fix this: for (i = 0; i <= n; i++) sum += a[i]; // reads one past the end", "quality"),
    ("Our Postgres query over 40 million rows takes nine seconds; here is the plan: Seq Scan on orders. Why?", "fast"),
    ("Prove that there are infinitely many primes of the form 4k + 3.", "quality"),
    ("Prove that there are infinitely many primes of the form 4k + 3.", "balanced"),
    ("What is 17 * 23?", "cheap"),
    ("A train leaves at 9:40 and needs 95 minutes. When does it arrive?", "fast"),
    ("Three boxes are labelled wrongly; you may take one ball from one box. Which one do you open?", "balanced"),
    ("Which river flows through Vienna, Budapest and Belgrade?", "balanced"),
    ("Which river flows through Vienna, Budapest and Belgrade?", "cheap"),
    ("Explain the difference between mitosis and meiosis to a 15-year-old.", "balanced"),
    ("Write a sonnet about a lighthouse that is switched off for good.", "quality"),
    ("Write a sonnet about a lighthouse that is switched off for good.", "balanced"),
    ("Summarise in two sentences: the council voted 7 to 2 to close the old bridge until spring.", "fast"),
    ("Übersetze ins Englische: Der Schlüssel liegt unter dem dritten Blumentopf.", "balanced"),
    ("Erkläre den Unterschied zwischen Mahnung und Inkasso.", "balanced"),
    ("Escribe un correo breve para pedir un día libre el viernes.", "cheap"),
    ("请用三句话解释什么是通货膨胀。", "balanced"),
    ("日本の四季について短い詩を書いてください。", "quality"),
    ("Answer in JSON with the keys name, year and city: Marie Curie was born in Warsaw in 1867.", "balanced"),
    ("Hi there! How are you today?", "balanced"),
    ("I have chest pain and take 20 mg of medication, should I worry?", "balanced"),
    (LONG_TEXT + "How many ships does the text name?", "balanced"),
)
FITTED: tuple[tuple[str, Preset], ...] = (
    (SUMS.format(n=911, m=88), "balanced"),
    (SUMS.format(n=911, m=88), "quality"),
    (SUMS.format(n=911, m=88), "cheap"),
    (SUMS.format(n=7, m=6), "fast"),
    (POEMS.format(n=4, m=1700), "balanced"),
    (POEMS.format(n=4, m=1700), "quality"),
    (POEMS.format(n=4, m=1700), "cheap"),
    (POEMS.format(n=31, m=2), "fast"),
    ("Write a Python function that merges two sorted lists without using sort().", "balanced"),
    ("Which river flows through Vienna, Budapest and Belgrade?", "balanced"),
    ("Was ist 12 plus 30? Nur die Zahl bitte.", "balanced"),
    ("日本の四季について短い詩を書いてください。", "quality"),
)


def routers() -> dict[str, Router]:
    """The shipped router, and a small one that was fitted on made-up outcomes."""
    fitted = fitted_router(a_fitted_router(), load_catalog(), shipped_reader())
    return {"public": load_router(), "fitted": fitted}


def decide(router: Router, asked: Iterable[tuple[str, Preset]]) -> list[dict[str, Any]]:
    """One row a prompt, as the file has it."""
    return [
        to_row(prompt, router.route(Conversation.from_prompt(prompt), Preferences(preset=preset)))
        for prompt, preset in asked
    ]


def to_row(prompt: str, decision: Decision) -> dict[str, Any]:
    """What is compared of a decision."""
    chosen, second = decision.candidates[:2]
    card = {"cost_basis": chosen.cost_basis, "latency_basis": chosen.latency_basis}
    return {
        "prompt": prompt if len(prompt) < 200 else f"{prompt[:80]}… {len(prompt)} characters",
        "preset": decision.preferences.preset,
        "chosen": chosen.model_id,
        "runner_up": second.model_id,
        "reference": decision.reference_model_id,
        "n_candidates": len(decision.candidates),
        "input_tokens": chosen.input_tokens,
        "output_tokens": round(chosen.output_tokens, 1),
        "quality": round(chosen.quality, N_DIGITS),
        "quality_se": round(chosen.quality_se, N_DIGITS),
        "cost_usd_per_1k": _rounded(chosen.cost_usd, 1000),
        "latency_s": _rounded(chosen.latency_s),
        **card,
        "lead": round(chosen.utility - second.utility, N_DIGITS),
        "parts": {name: round(value, N_DIGITS) for name, value in chosen.parts.items()},
        "quality_parts": {name: round(value, N_DIGITS) for name, value in chosen.quality_parts.items()},
    }


def replayed() -> dict[str, dict[str, Any]]:
    """Figures of a replay of a made-up recording, by policy; no times."""
    result = replay(build_recording(200, n_groups=120, missing=0.03), list(POLICIES), seed=5)
    return {name: to_figures(summary) for name, summary in result.summaries.items()}


def to_figures(summary: PolicySummary) -> dict[str, Any]:
    """What is compared of a policy: all figures but times and settings chosen on the fit side."""
    figures = {name: value for name, value in asdict(summary).items() if name not in _LEFT_OUT}
    return json.loads(json.dumps(figures), parse_float=lambda text: round(float(text), N_DIGITS))


def _rounded(value: float | None, factor: float = 1.0) -> float | None:
    """Four digits, wherever the point stands."""
    return None if value is None else float(f"{factor * value:.{N_DIGITS}g}")


def main() -> int:
    """Writes the file, or says which decisions differ from it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write tests/golden.json anew")
    is_writing = parser.parse_args().write
    made = {name: decide(router, {"public": PUBLIC, "fitted": FITTED}[name]) for name, router in routers().items()}
    if is_writing:
        lines = [
            f'"{name}": [\n' + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]"
            for name, rows in made.items()
        ]
        rows = [f"{json.dumps(name)}: {json.dumps(figures)}" for name, figures in replayed().items()]
        lines.append('"replay": {\n' + ",\n".join(rows) + "\n}")
        FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
        return 0
    kept = json.loads(FILE.read_text(encoding="utf-8"))
    if kept["replay"] != replayed():
        print("the figures of the replay")
    different = [row["prompt"] for name in made for row, old in zip(made[name], kept[name], strict=True) if row != old]
    print("\n".join(different) or "every decision is as the file has it")
    return int(bool(different) or kept["replay"] != replayed())


if __name__ == "__main__":
    raise SystemExit(main())
