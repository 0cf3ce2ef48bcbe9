"""A replay's figures as plain text and as one table for CSV or Parquet."""

from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import wrap

import pandas as pd

from evals.metrics import BUDGET_PERCENTS
from evals.results import SINGLE, PolicySummary, ReplayResult
from omni.errors import InputError, StoreError
from omni.safe_text import escape_cells

DASH = "-"
LINE_LENGTH = 120
UNEVEN_SHARE = 0.02
"""Share of test prompts a model of the pool may lack before the report cautions."""


def to_text(result: ReplayResult, *, with_singles: bool = False) -> str:
    """The verdict as lines of at most 120 characters: what was run, one row a policy, and how to read them."""
    head = [
        f"{result.recording}: {result.title}",
        f"fitted on {result.n_fit:,} prompts, judged on {result.n_test:,}; best single model (chosen on fit): "
        f"{result.best_single}; costs: {result.cost_basis or 'unknown'}; seed {result.seed}",
        "",
    ]
    if result.run_id:
        head.insert(1, f"run {result.run_id}")
    shown = [one for name, one in result.summaries.items() if with_singles or not name.startswith("single:")]
    lines = [_COLUMNS, *(_row(summary) for summary in shown)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(_COLUMNS))]
    table = ["  ".join(_pad(line, widths)).rstrip() for line in lines]
    broken = [f"{failure.policy} failed: {failure.reason}" for failure in result.failures if failure.prompt_id is None]
    notes = [
        *_presets(result),
        *_LEGEND,
        *_budgets(shown),
        *_about_recording(result),
        *_waits(result),
        *_left_out(result),
    ]
    return "\n".join([*head, *table, "", *notes, *_cautions(result), *broken])


_COLUMNS = ("policy", "quality", "USD/1k", "gain at equal cost", "AIQ", "match", "gap", "worst slice", "scored", "us")
_LEGEND = (
    "quality: % of full score. gain: points over the mixture of single models at equal cost, mean over budgets of",
    "10 to 100 % of the best single model's cost, with its 95 % interval. match: share of the best single model's cost",
    "that reaches its quality. gap: share of the way from the best single model to the oracle. us: microseconds to",
    "route one prompt. A dash is unknown or undefined. Every policy, a single model too, may send part of the prompts",
    "to the cheapest single model instead.",
)
NOTHING_TO_TRADE = "Nothing to trade: the best single model is also the cheapest."


def _presets(result: ReplayResult) -> list[str]:
    """What the presets of the chat give and cost, one row each; nothing where no policy has presets."""
    lines = []
    for policy in result.summaries:
        for preset, figures in result.presets_of(policy).items():
            seconds = _shown(figures["latency_s"], "{:.1f} s")
            quality, cost = _shown(figures["quality"], "{:.1f}", 100), _shown(figures["cost_usd_per_1k"], "{:.3g}")
            lines.append(f"  {policy:<20}  {preset:<9}  quality {quality:>5}  USD/1k {cost:>8}  {seconds:>8}")
    return ["Presets of the chat:", *lines, ""] if lines else []


def figures_table(result: ReplayResult) -> pd.DataFrame:
    """One row a policy with every figure and its interval; unknown is null."""
    lines = []
    for summary in result.summaries.values():
        gain, worst = summary.equal_cost_gain, summary.worst_slice
        line: dict[str, object] = {"recording": result.recording, "run_id": result.run_id, "seed": result.seed}
        line |= {"n_fit": result.n_fit, "n_test": result.n_test, "policy": summary.policy, "setting": summary.setting}
        for figure in ("quality", "cost_usd_per_1k", "aiq", "cost_to_match", "gap_closed", "difference"):
            pair = summary.intervals.get(figure)
            line[figure] = getattr(summary, figure)
            line[f"{figure}_lo"], line[f"{figure}_hi"] = pair or (None, None)
        line |= {"gain_mean": gain.mean, "gain_lo": gain.lo, "gain_hi": gain.hi, "gain_n_budgets": gain.n_budgets}
        line |= {f"gain_at_{percent}": gain.at.get(str(percent)) for percent in BUDGET_PERCENTS}
        line |= {"worst_slice": worst and worst.category, "worst_slice_difference": worst and worst.difference}
        line |= {"worst_slice_lo": worst and worst.lo, "worst_slice_hi": worst and worst.hi}
        for figure in ("latency_s", "calibration_error", "router_arena", "p_value", "n_for_80_power", "n_scored",
                       "n_failed", "n_total", "fit_s", "routing_us", "routing_batch_us"):  # fmt: skip
            line[figure] = getattr(summary, figure)
        lines.append(line)
    return pd.DataFrame(lines)


def decisions_table(result: ReplayResult) -> pd.DataFrame:
    """prompt_id, policy, setting, model: every pick at every setting; model is null where none could be picked."""
    return result.choices[["prompt_id", "policy", "setting", "model"]]


def export_table(table: pd.DataFrame, path: Path) -> None:
    """Writes a table as CSV or Parquet, by the file's ending.

    Raises:
        InputError: another ending.
        StoreError: the file cannot be written.
    """
    writers: dict[str, Callable[[], None]] = {
        ".csv": lambda: escape_cells(table).to_csv(path, index=False),
        ".parquet": lambda: table.to_parquet(path, index=False),
    }
    if path.suffix.lower() not in writers:
        raise InputError(f"cannot write {str(path)!r}; expected a name that ends in .csv or .parquet.")
    try:
        writers[path.suffix.lower()]()
    except OSError as error:
        raise StoreError(f"cannot write {str(path)!r}: {error.strerror or error}. Name another file.") from error


def _row(summary: PolicySummary) -> tuple[str, ...]:
    gain, worst = summary.equal_cost_gain, summary.worst_slice
    interval = "" if gain.interval is None else " [{:+.1f}, {:+.1f}]".format(*(100 * end for end in gain.interval))
    return (
        summary.policy,
        _shown(summary.quality, "{:.1f}", 100),
        _shown(summary.cost_usd_per_1k, "{:.3g}"),
        DASH if gain.mean is None else f"{100 * gain.mean:+.2f}{interval}",
        _shown(summary.aiq, "{:.1f}", 100),
        _shown(summary.cost_to_match, "{:.0f} %", 100),
        _shown(summary.gap_closed, "{:+.0f} %", 100),
        DASH if worst is None else f"{100 * worst.difference:+.1f} {worst.category[:18]}",
        f"{summary.n_scored:,}/{summary.n_total:,}",
        _shown(summary.routing_us, "{:,.0f}"),
    )


def _budgets(shown: Sequence[PolicySummary]) -> list[str]:
    """Which gains are means over fewer budgets than the legend says."""
    partial: dict[str, list[str]] = {}
    for summary in shown:
        gain = summary.equal_cost_gain
        if 0 < gain.n_budgets < len(gain.at):
            partial.setdefault(f"{gain.n_budgets} of {len(gain.at)}", []).append(summary.policy)
    lines = []
    for budgets, names in partial.items():
        lines += wrap(f"Gain over {budgets} budgets, as the lower ones buy nothing: {', '.join(names)}.", LINE_LENGTH)
    return lines


def _about_recording(result: ReplayResult) -> list[str]:
    """What limits every policy here: nothing to trade, or a gap that luck makes."""
    lines = [NOTHING_TO_TRADE] if result.nothing_to_trade else []
    if result.repeatable_gap is not None:
        lines.append(f"{result.repeatable_gap:.0%} of the gap to the oracle repeats when the answers are drawn again.")
    return lines


def _waits(result: ReplayResult) -> list[str]:
    """Recorded seconds of the policies at full quality; nothing where none were recorded."""
    rows = result.waits[result.waits["is_headline"].astype(bool) & ~result.waits["policy"].str.startswith(SINGLE)]
    if rows.empty:
        return []
    return ["Recorded seconds per answer at full quality, mean / 95 % within (timed picks):"] + [
        f"  {row.policy:20} {row.mean_s:.2f} / {row.p95_s:.2f} ({row.n_timed:,} of {row.n_scored:,})"
        for row in rows.itertuples(index=False)
    ]


def _left_out(result: ReplayResult) -> list[str]:
    left_out = result.spec.get("left_out") or {}
    if not left_out:
        return []
    return [f"Not routed to: {', '.join(f'{model} ({reason})' for model, reason in left_out.items())}."]


def _cautions(result: ReplayResult) -> list[str]:
    """What came up when the recording was read, then what its gaps mean for the figures."""
    return [f"Caution: {sentence}" for sentence in result.spec.get("cautions") or []] + _uneven(result)


def _uneven(result: ReplayResult) -> list[str]:
    """A warning when models are scored on clearly different prompts: means over them do not compare like with like."""
    pool = result.singles[result.singles["model"].isin(result.spec.get("pool") or [])]
    gaps = pool[pool["n_failed"] > UNEVEN_SHARE * result.n_test]
    if gaps.empty:
        return []
    named = [f"{row['model']} {row['n_scored']:,}" for _, row in gaps.head(3).iterrows()]
    more = f" and {len(gaps) - 3} more" if len(gaps) > 3 else ""
    return [
        f"Caution: scored on part of the {result.n_test:,} test prompts only: {', '.join(named)}{more}. Figures that",
        "involve them rest on other prompts than the rest; check on the prompts that all models have.",
    ]


def _shown(value: float | None, form: str, factor: float = 1.0) -> str:
    return DASH if value is None else form.format(value * factor)


def _pad(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [
        cell.rjust(width) if at else cell.ljust(width)
        for at, (cell, width) in enumerate(zip(line, widths, strict=True))
    ]
