"""Faults that were once not noticed: swapped words, fields, signs and units. Each names a text and what replaces it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedFault:
    """A text that stands once in a file, and the wrong one."""

    what: str
    path: str
    old: str
    new: str


def _fault(what: str, path: str, old: str, new: str) -> NamedFault:
    return NamedFault(what=what, path=path, old=old, new=new)


NAMED_FAULTS = (
    _fault("better and worse swapped", "omni/explain.py", '(("better", better), ("worse", worse))',
           '(("worse", better), ("better", worse))'),
    _fault("raise and lower swapped", "omni/explain.py", '"raise" if gained > 0 else "lower"',
           '"lower" if gained > 0 else "raise"'),
    _fault("gives back and takes away swapped", "omni/explain.py", '"gives it back" if held > 0 else "takes away"',
           '"takes away" if held > 0 else "gives it back"'),
    _fault("a fresh decision moves on from None", "omni/explain.py", "    elif stays is not None:", "    else:"),
    _fault("prefer_safe subtracts", "omni/router.py", "for ruling in rulings]) * self.facts.safety",
           "for ruling in rulings]) * -self.facts.safety"),
    _fault("the least safe rank highest", "omni/policy.py", "(ordered.index(value) + 1) / len(ordered)",
           "1 - ordered.index(value) / len(ordered)"),
    _fault("lower is better ignored for safety", "omni/policy.py",
           "score.score if score.higher_is_better else -score.score",
           "score.score"),
    _fault("stated prices ignored", "omni/catalog/cards.py",
           "if row.price_in_usd_per_mtok is not None and row.price_out_usd_per_mtok is not None:", "if False:"),
    _fault("stated prices swapped", "omni/catalog/cards.py",
           "pair = PricePair(row.price_in_usd_per_mtok, row.price_out_usd_per_mtok)",
           "pair = PricePair(row.price_out_usd_per_mtok, row.price_in_usd_per_mtok)"),
    _fault("long context negated", "omni/quality/public.py", "parts[3, row] = self._extras[LONG_CONTEXT]",
           "parts[3, row] = -self._extras[LONG_CONTEXT]"),
    _fault("load negated in the expected time", "omni/quality/latency.py", "1 + figures.in_flight / CROWD",
           "1 - figures.in_flight / CROWD"),
    _fault("load negated in the order of providers", "omni/gateway/outlook.py", "(1 + sight.in_flight / CROWD)",
           "(1 - sight.in_flight / CROWD)"),
    _fault("expected cost x 1,000 in the receipt", "omni/ui/receipts.py", "format_usd(self.expected.cost_usd)",
           "format_usd(1000 * (self.expected.cost_usd or 0))"),
    _fault("first word as total in the receipt", "omni/ui/receipts.py", "format_seconds(answer.total_s)",
           "format_seconds(answer.time_to_first_token_s)"),
    _fault("total as first word in the receipt", "omni/ui/receipts.py",
           "first = format_seconds(answer.time_to_first_token_s)", "first = format_seconds(answer.total_s)"),
    _fault("gain_lo and gain_hi swapped in the export", "evals/report.py", '"gain_lo": gain.lo, "gain_hi": gain.hi',
           '"gain_lo": gain.hi, "gain_hi": gain.lo'),
    _fault("both ends swapped in the export", "evals/report.py", 'line[f"{figure}_lo"], line[f"{figure}_hi"]',
           'line[f"{figure}_hi"], line[f"{figure}_lo"]'),
    _fault("gain_lo and gain_hi swapped in the store", "evals/store.py", '"gain_lo": gain.lo, "gain_hi": gain.hi',
           '"gain_lo": gain.hi, "gain_hi": gain.lo'),
    _fault("gain ends swapped in the page's export", "evals/ui/views.py",
           '"equal_cost_gain_lo": gain.lo, "equal_cost_gain_hi": gain.hi',
           '"equal_cost_gain_lo": gain.hi, "equal_cost_gain_hi": gain.lo'),
    _fault("gain ends swapped in the page's table", "evals/ui/views.py",
           '"Gain, 95 %": style.points_range(gain.lo, gain.hi)', '"Gain, 95 %": style.points_range(gain.hi, gain.lo)'),
    _fault("cost bounds swapped", "evals/tables.py", "cost_lo, cost_hi = _intervals", "cost_hi, cost_lo = _intervals"),
    _fault("score bounds swapped", "evals/tables.py", "lo, hi = _intervals(arms.resampled_quality",
           "hi, lo = _intervals(arms.resampled_quality"),
    _fault("two runs' scores swapped", "evals/ui/views.py",
           '"Score A": style.percent(scores[0]), "Score B": style.percent(scores[1])',
           '"Score A": style.percent(scores[1]), "Score B": style.percent(scores[0])'),
    _fault("two runs' gains swapped", "evals/ui/views.py",
           '"Gain A": style.points(gains[0]), "Gain B": style.points(gains[1])',
           '"Gain A": style.points(gains[1]), "Gain B": style.points(gains[0])'),
    _fault("difference of two runs turned around", "evals/ui/views.py", "_minus(scores[1], scores[0])",
           "_minus(scores[0], scores[1])"),
    _fault("quality_se stored as quality", "omni/store.py",
           '"quality": chosen.quality,', '"quality": chosen.quality_se,'),
    _fault("quality stored as quality_se", "omni/store.py", '"quality_se": chosen.quality_se,',
           '"quality_se": chosen.quality,'),
    _fault("cost stored as seconds", "omni/store.py",
           '"latency_s": chosen.latency_s,', '"latency_s": chosen.cost_usd,'),
    _fault("events without a bound", "omni/api/events.py", "if self._n_bytes > MAX_EVENT_BYTES:", "if False:"),
    _fault("answers without a bound", "omni/api/reply.py", "if self._n_bytes > MAX_ANSWER_BYTES:", "if False:"),
    _fault("an area code in brackets is no phone", "omni/reading/private/numbers.py", r"|\(\d{2,4}\)|", "|"),
    _fault("the bracket before an area code is left", "omni/reading/private/numbers.py", 'text[start - 1] in "+("',
           'text[start - 1] in "+"'),
)  # fmt: skip
"""What changes on purpose must change here, too: a text that is no longer found stops the run."""
