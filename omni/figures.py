"""Numbers as a reader wants them. Unknown is a dash."""

DASH = "—"


def format_usd(usd: float | None) -> str:
    """Dollars with two significant digits below a cent: $0.00031, $0.12, $3.40."""
    if usd is None:
        return DASH
    if usd == 0:
        return "$0"
    if usd >= 0.1:
        return f"${usd:,.2f}"
    decimals = 4
    while round(usd, decimals) * 10**decimals < 10 and decimals < 9:
        decimals += 1
    return f"${usd:.{decimals}f}"


def format_percent(share: float | None) -> str:
    """A share of 0..1: 7 %, 94 %."""
    return DASH if share is None else f"{100 * share:.0f} %"


def format_quality(quality: float, se: float, *, small: bool = False) -> str:
    """Expected share of good answers with its standard error, in percent; `small` sets the error in small type."""
    error = f"± {100 * se:.0f}" if se >= 0.01 else f"± {100 * se:.1f}"
    return f"{format_percent(quality)} <small>{error}</small>" if small else f"{format_percent(quality)} {error}"


def format_seconds(seconds: float | None) -> str:
    """0.42 s, 3.1 s, 12 s, 2 min 5 s."""
    if seconds is None:
        return DASH
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if round(seconds) < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def format_count(number: float | None) -> str:
    """Thousands separated, without decimals."""
    return DASH if number is None else f"{number:,.0f}"


def format_size(billions: float | None) -> str:
    """Parameters in billions: 0.6B, 8B, 1T."""
    if billions is None:
        return DASH
    return f"{billions / 1000:g}T" if billions >= 1000 else f"{billions:g}B"


def format_window(tokens: int | None) -> str:
    """A context window: 8k, 128k, 1M."""
    if tokens is None:
        return DASH
    if tokens >= 1_000_000:
        return f"{tokens / 1_000_000:.3g}M"
    return f"{tokens / 1000:.0f}k" if tokens >= 1000 else str(tokens)


def short_name(model_id: str) -> str:
    """The part of a model's id after its owner."""
    return model_id.rpartition("/")[2]
