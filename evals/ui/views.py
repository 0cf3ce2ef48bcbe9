"""From a replay to what the benchmark tab shows: the verdict in words, tiles, tables. Pure; no page, no store."""

from typing import NamedTuple

import pandas as pd

from evals.charts import style
from evals.results import PRESET, Interval, PolicySummary, ReplayResult
from evals.ui import text
from omni.safe_text import escape_cells, escape_html, escape_markdown

CONTROLS = ("mixture", "best_single", "oracle")
ROUTERS = ("omni", "omni_public", "ridge", "knn", "kmeans", "matrix_factorisation", "task_table")
"""Who the verdict is about: the first of these in the run."""
N_MISSES_SHOWN = 200
_PLAIN_FIGURES = ("calibration_error", "router_arena", "p_value", "n_for_80_power", "routing_us", "fit_s",
                  "n_scored", "n_failed", "n_total")  # fmt: skip
_MISS_COLUMNS = ["Prompt", "Picked", "Score", "Best", "Its score", "Category"]


class Tile(NamedTuple):
    """One figure on top of the page."""

    value: str
    label: str
    detail: str


class Misses(NamedTuple):
    """Picks that another model would have beaten."""

    caption: str
    rows: pd.DataFrame


def router_of(result: ReplayResult) -> PolicySummary | None:
    """The routing policy that the verdict is about; None when the run has none."""
    return next((result.summaries[name] for name in ROUTERS if name in result.summaries), None)


def verdict(result: ReplayResult) -> str:
    """One answer and its evidence: does routing beat the mixture and the best fixed model at equal cost here?"""
    router = router_of(result)
    if router is None:
        return text.NO_ROUTER
    gain, against = router.equal_cost_gain, router.intervals.get("difference")
    over_mixture = _sign(gain.mean, gain.interval)
    over_single = _sign(_difference(result, router), against)
    answer = _answer(over_mixture, over_single)
    mixture = _mixture_clause(result, router, over_mixture)
    sentence = f"{mixture}, and {_single_clause(result, router, over_single)}; "
    sentence += text.COUNT.format(n=router.n_scored) + "."
    if over_single == 0 and router.n_for_80_power and router.n_for_80_power > router.n_scored:
        sentence += " " + text.POWER.format(n=router.n_for_80_power)
    return f"{answer} {sentence}"


def tiles(result: ReplayResult) -> list[Tile]:
    """The router's figures that matter most; a dash where unknown."""
    router = router_of(result)
    if router is None:
        return []
    gain, worst = router.equal_cost_gain, router.worst_slice
    worst_tile = [] if worst is None else [
        Tile(f"{style.points(worst.difference)} pts", text.TILE_WORST.format(category=worst.category),
             style.points_range(worst.lo, worst.hi))
    ]  # fmt: skip
    return [
        Tile(f"{style.points(gain.mean)} pts", text.TILE_GAIN, style.points_range(gain.lo, gain.hi)),
        Tile(f"{style.points(_difference(result, router))} pts", text.TILE_DIFFERENCE,
             _range(router.intervals.get("difference"))),
        Tile(style.percent(router.cost_to_match, 0), text.TILE_MATCH, _percents(router.intervals.get("cost_to_match"))),
        Tile(style.percent(router.gap_closed, 0), text.TILE_GAP, _percents(router.intervals.get("gap_closed"))),
        *worst_tile,
        Tile(_microseconds(router.routing_us), text.TILE_ROUTING, ""),
    ]  # fmt: skip


def verdict_html(result: ReplayResult) -> str:
    """The verdict and its tiles."""
    answer, _, evidence = verdict(result).partition(". ")
    boxes = "".join(
        f'<div class="bench-tile"><b>{escape_html(tile.value)}</b><span>{escape_html(tile.label)}</span>'
        f"<small>{escape_html(tile.detail)}</small></div>"
        for tile in tiles(result)
    )
    lead = f"<strong>{escape_html(answer)}.</strong> {escape_html(evidence)}" if evidence else escape_html(answer)
    failed = "".join(
        f"<p>{escape_html(text.FAILED_POLICY.format(policy=style.label_of(item.policy), reason=item.reason))}</p>"
        for item in result.failures
        if item.prompt_id is None
    )
    return f'<div class="bench-verdict" role="status"><p>{lead}</p><div class="bench-tiles">{boxes}</div>{failed}</div>'


def empty_html() -> str:
    """What will stand here after a replay."""
    steps = "".join(f"<li>{escape_html(step)}</li>" for step in text.EMPTY_STEPS)
    return f'<div class="bench-empty"><b>{escape_html(text.EMPTY_TITLE)}</b><ol>{steps}</ol></div>'


def progress_html(share: float, what: str) -> str:
    """A progress bar with what is being done; `share` 0..1."""
    percent = round(100 * min(1.0, max(0.0, share)))
    label = escape_html(what)
    return (
        f'<div class="bench-progress"><progress max="100" value="{percent}" aria-label="{label}"></progress>'
        f"<span>{percent} % · {label}</span></div>"
    )


def status_html(sentence: str) -> str:
    """A sentence in the place of the progress bar."""
    return f'<div class="bench-progress"><span>{escape_html(sentence)}</span></div>'


def figures(result: ReplayResult) -> pd.DataFrame:
    """One row a policy, numbers as they are (shares 0..1, USD, seconds), unknown = NaN; for the exports."""
    rows = []
    for name in [*style.drawing_order(list(result.summaries)), *filter(style.is_single, result.summaries)]:
        item = result.summaries[name]
        gain, worst, (lo, hi) = item.equal_cost_gain, item.worst_slice, item.intervals.get("quality") or (None, None)
        row: dict[str, object] = {"recording": result.recording, "policy": name, "setting": item.setting}
        row |= {"quality": item.quality, "quality_lo": lo, "quality_hi": hi}
        row |= {"cost_usd_per_1k": item.cost_usd_per_1k, "latency_s": item.latency_s, **_waits_of(result, name)}
        row |= {"equal_cost_gain": gain.mean, "equal_cost_gain_lo": gain.lo, "equal_cost_gain_hi": gain.hi}
        row |= {"equal_cost_gain_n_budgets": gain.n_budgets}
        row |= {f"gain_at_{percent}": value for percent, value in gain.at.items()}
        row |= {figure: getattr(item, figure) for figure in ("aiq", "cost_to_match", "gap_closed")}
        row |= {"worst_category": worst and worst.category, "worst_difference": worst and worst.difference}
        row |= {figure: getattr(item, figure) for figure in _PLAIN_FIGURES}
        rows.append(row)
        rows += [
            {"recording": result.recording, "policy": name, "setting": f"{PRESET}{preset}", **values}
            for preset, values in result.presets_of(name).items()
        ]
    return pd.DataFrame(rows)


def figures_view(result: ReplayResult) -> pd.DataFrame:
    """The table of figures as a visitor reads it; a dash = unknown."""
    rows = []
    for name in style.drawing_order(list(result.summaries)):
        item = result.summaries[name]
        gain, worst = item.equal_cost_gain, item.worst_slice
        rows.append(
            {
                "Policy": style.label_of(name),
                "Score": style.percent(item.quality),
                "95 %": _percents(item.intervals.get("quality")) or style.DASH,
                "USD per 1,000": style.usd(item.cost_usd_per_1k),
                "Seconds": style.seconds(item.latency_s),
                **_waits_view(result, name),
                "Gain, points": style.points(gain.mean),
                "Gain, 95 %": style.points_range(gain.lo, gain.hi),
                "Mean height": style.percent(item.aiq),
                "Cost to match": style.percent(item.cost_to_match, 0),
                "Gap closed": style.percent(item.gap_closed, 0),
                "Worst category": style.DASH if worst is None else f"{worst.category} {style.points(worst.difference)}",
                "Calibration error": style.percent(item.calibration_error),
                "Arena score": style.percent(item.router_arena),
                "p (Holm)": _p_value(item.p_value),
                "Routing": _microseconds(item.routing_us),
                "Scored": f"{item.n_scored:,}",
                "Failed": f"{item.n_failed:,}",
                "Total": f"{item.n_total:,}",
            }
        )
        rows += _preset_rows(result, name, list(rows[-1]))
    return escape_cells(pd.DataFrame(rows))


def _preset_rows(result: ReplayResult, policy: str, columns: list[str]) -> list[dict[str, str]]:
    """What each preset of the Chat gives and costs; figures that a preset does not have are dashes."""
    return [
        dict.fromkeys(columns, style.DASH)
        | {
            "Policy": f"{style.label_of(policy)}: {style.setting_of(PRESET + preset).removeprefix('preset ')}",
            "Score": style.percent(values["quality"]),
            "USD per 1,000": style.usd(values["cost_usd_per_1k"]),
            "Seconds": style.seconds(values["latency_s"]),
            "Scored": style.DASH if values["n_scored"] is None else f"{values['n_scored']:,.0f}",
        }
        for preset, values in result.presets_of(policy).items()
    ]


def _waits_of(result: ReplayResult, policy: str) -> dict[str, float | None]:
    """Recorded seconds at full quality; nothing for a recording that timed no answer."""
    if result.waits.empty:
        return {}
    rows = result.waits[(result.waits["policy"] == policy) & result.waits["is_headline"].astype(bool)]
    mean, p95, n_timed = (None, None, 0) if rows.empty else rows.iloc[0][["mean_s", "p95_s", "n_timed"]]
    return {"latency_mean_s": mean, "latency_p95_s": p95, "n_timed": n_timed}


def _waits_view(result: ReplayResult, policy: str) -> dict[str, str]:
    waits = _waits_of(result, policy)
    if not waits:
        return {}
    return {
        "Mean wait": style.seconds(waits["latency_mean_s"]),
        "95 % within": style.seconds(waits["latency_p95_s"]),
        "Timed": f"{waits['n_timed']:,}",
    }


def singles_view(result: ReplayResult) -> pd.DataFrame:
    """The single models on the test side, best first."""
    rows = [
        {
            "Model": row.model,
            "Score": style.percent(row.quality),
            "95 %": _percents(_pair(row.lo, row.hi)) or style.DASH,
            "USD per 1,000": style.usd(row.cost_usd_per_1k),
            "Price": row.price_basis if isinstance(row.price_basis, str) else style.DASH,
            "Seconds": style.seconds(row.latency_s),
            "On the mixture's line": "yes" if row.on_envelope else "",
            "Scored": f"{row.n_scored:,}",
        }
        for row in result.singles.sort_values(["quality", "model"], ascending=[False, True]).itertuples(index=False)
    ]
    return escape_cells(pd.DataFrame(rows))


def misses(result: ReplayResult, policy: str, categories: pd.Series | None) -> Misses:
    """Prompts on which another model would have scored more than `policy`'s pick, the greatest loss first.

    Args:
        categories: category by prompt_id; None = unknown.
    """
    table, label = result.picks(), style.label_of(policy)
    table = table[table["score"].notna()].set_index("prompt_id")
    ours, best = (table.loc[table["policy"] == name, ["model", "score"]] for name in (policy, "oracle"))
    both = ours.join(best, how="inner", rsuffix="_best")
    missed = both[both["score_best"] > both["score"] + 1e-9]
    if missed.empty:
        return Misses(text.NO_MISSES.format(policy=escape_markdown(label)), pd.DataFrame(columns=_MISS_COLUMNS))
    caption = (
        text.CAPTION_MISSES.format(policy=escape_markdown(label), n_missed=len(missed), n_scored=len(both))
        + text.MISSES_NOTE
    )
    missed = missed.assign(lost=missed["score_best"] - missed["score"]).reset_index()
    missed = missed.sort_values(["lost", "prompt_id"], ascending=[False, True], kind="stable").head(N_MISSES_SHOWN)
    if len(missed) == N_MISSES_SHOWN:
        caption += text.CAPTION_MISSES_CUT.format(n_shown=len(missed))
    named = missed["prompt_id"].map({} if categories is None else categories)
    rows = {
        "Prompt": missed["prompt_id"],
        "Category": named.astype(object).where(named.notna(), style.DASH),
        "Picked": missed["model"],
        "Score": [f"{value:.2f}" for value in missed["score"]],
        "Best": missed["model_best"],
        "Its score": [f"{value:.2f}" for value in missed["score_best"]],
    }
    return Misses(caption, escape_cells(pd.DataFrame(rows, columns=_MISS_COLUMNS).reset_index(drop=True)))


def comparison(first: ReplayResult, second: ReplayResult) -> pd.DataFrame:
    """Two runs side by side, one row a policy of either."""
    names = style.drawing_order(list({**first.summaries, **second.summaries}))
    rows = []
    for name in names:
        items = [run.summaries.get(name) for run in (first, second)]
        scores = [None if item is None else item.quality for item in items]
        gains = [None if item is None else item.equal_cost_gain.mean for item in items]
        row = {"Policy": style.label_of(name), "Score A": style.percent(scores[0]), "Score B": style.percent(scores[1])}
        row |= {"Difference": style.points(_minus(scores[1], scores[0]))}
        row |= {"Gain A": style.points(gains[0]), "Gain B": style.points(gains[1])}
        rows.append(row | {"Gain difference": style.points(_minus(gains[1], gains[0]))})
    return escape_cells(pd.DataFrame(rows))


def _answer(over_mixture: int | None, over_single: int | None) -> str:
    """Yes needs both; unknown counts as not known, not as no."""
    known = [sign for sign in (over_mixture, over_single) if sign is not None]
    if not known:
        return text.VERDICT_UNKNOWN
    if len(known) == 2 and min(known) == 1:
        return text.VERDICT_YES
    if min(known) == -1 or max(known) < 1:
        return text.VERDICT_NO
    return text.VERDICT_PARTLY


def _mixture_clause(result: ReplayResult, router: PolicySummary, sign: int | None) -> str:
    gain, label = router.equal_cost_gain, style.label_of(router.policy)
    if result.nothing_to_trade:
        return text.NOTHING_TO_TRADE.format(model=style.short_name(result.best_single, 40))
    if sign is None:
        return (text.UNKNOWN_COSTS if result.cost_basis is None else text.UNKNOWN_GAIN).format(policy=label)
    interval = text.INTERVAL.format(range=style.points_range(gain.lo, gain.hi))
    if 0 < gain.n_budgets < len(gain.at):
        interval += f", {text.FEW_BUDGETS.format(n=gain.n_budgets, n_all=len(gain.at))}"
    if sign == 0:
        return f"{text.LEVEL_WITH_MIXTURE.format(policy=label, gain=style.points(gain.mean))}, {interval})"
    clause = text.OVER_MIXTURE if sign > 0 else text.UNDER_MIXTURE
    return f"{clause.format(policy=label, gain=style.points(abs(gain.mean or 0)).lstrip('+'))} ({interval})"


def _single_clause(result: ReplayResult, router: PolicySummary, sign: int | None) -> str:
    clause = {1: text.OVER_SINGLE, -1: text.UNDER_SINGLE}.get(sign or 0, text.LEVEL_WITH_SINGLE)
    value = _difference(result, router)
    shown = style.points(value) if not sign else style.points(abs(value or 0)).lstrip("+")
    interval = _range(router.intervals.get("difference"))
    return clause.format(model=style.short_name(result.best_single, 40), difference=shown, range=interval)


def _difference(result: ReplayResult, router: PolicySummary) -> float | None:
    """Router less best single model at full quality; of a run kept by an earlier version, the difference of means."""
    best = result.summaries.get("best_single")
    return _minus(router.quality, best.quality if best else None) if router.difference is None else router.difference


def _sign(middle: float | None, interval: Interval | None) -> int | None:
    """1 = above 0, -1 = below 0, 0 = the interval holds 0 or is not known; None = nothing is known."""
    if not style.is_known(middle):
        return None
    if interval is None:
        return 0
    return 1 if interval.lo > 0 else -1 if interval.hi < 0 else 0


def _pair(lo: float | None, hi: float | None) -> Interval | None:
    return Interval(lo, hi) if lo is not None and hi is not None and style.is_known(lo) and style.is_known(hi) else None


def _minus(value: float | None, other: float | None) -> float | None:
    return None if value is None or other is None else value - other


def _range(interval: Interval | None) -> str:
    return style.DASH if interval is None else style.points_range(interval.lo, interval.hi)


def _percents(interval: Interval | None) -> str:
    return "" if interval is None else f"{100 * interval.lo:.0f} to {100 * interval.hi:.0f} %".replace("-", "−")


def _p_value(value: float | None) -> str:
    if value is None:
        return style.DASH
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _microseconds(value: float | None) -> str:
    if value is None:
        return style.DASH
    return f"{value:.0f} µs" if value < 1000 else f"{value / 1000:.1f} ms"
