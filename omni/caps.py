"""How much one request may hold, and how much of this process one visitor may use: every cap, once, with its unit."""

from collections.abc import Sequence

from omni.errors import CapExceeded

MAX_BODY_BYTES = 32_000_000
"""Of one request: pictures come inside it."""
MAX_UNREAD_BODIES_PER_VISITOR = 256
"""Requests that have not arrived whole."""
MAX_UNREAD_BYTES_PER_VISITOR = 256_000_000
"""What has arrived of them."""
MAX_UNREAD_BYTES = 1_000_000_000
"""The same for all visitors together."""
MAX_DEPTH = 100
"""Lists and objects inside each other in a request: a schema of a tool needs about three a level."""
MAX_VALUES = 200_000
"""JSON values in a request. A conversation of 2,048 messages with 512 tools has about 80,000."""
MAX_MESSAGES = 2_048
"""Messages of a conversation, as at OpenAI."""
MAX_PARTS = 4_096
"""Parts of the contents of all messages together."""
MAX_TOOLS = 512
"""Tools of a request."""
MAX_PATTERNS = 100
"""Patterns in one list. Each is compared with every model of the catalog."""
MAX_PATTERN_CHARS = 300
"""Characters of one pattern."""
MAX_PATTERNS_CHARS = 8_000
"""Characters of all patterns in one list together."""
MAX_PROMPT_CHARS = 4_000_000
"""Characters of a conversation. About a million tokens: more than any window in the catalog."""
MAX_RUNNING = 512
"""Answers under way at once, page and API together; `OMNI_MAX_RUNNING` sets another number."""
MAX_PAGE_VALUES = 20_000
"""JSON values in a request of the page, which Gradio parses on the thread that serves: 500 turns have about 15,000."""
MAX_CALLS = 1_024
"""Calls of the page that wait or run; answers under way are among them."""
MAX_CALLS_PER_VISITOR = 128
"""The same for one address: a class of thirty behind one address has four each."""
CALLS_PER_S_PER_VISITOR = 10.0
"""Calls of the page that one address may make in the long run; a prompt takes about eight, and each 15 ms of a core."""
CALLS_PER_BURST = 10.0
"""Calls that one address may make at once after a while without any; more wait for up to `MAX_CALL_WAIT_S`."""
MAX_CALL_WAIT_S = 10.0
"""Seconds: a call of an address that would wait longer is refused."""
BYTES_PER_CALL = 250_000
"""A larger call counts as one more for each of these."""
MAX_REPLAYS_PER_VISITOR = 2
"""Replays and fits of the Benchmark tab that wait or run."""


def share_of(max_running: int) -> int:
    """How many of the answers under way one visitor may have where the operator sets no number: half, rounded up."""
    return (max_running + 1) // 2


def check_length(name: str, values: Sequence[object], at_most: int, *, unit: str = "entries") -> None:
    """Whether a list or a text keeps to its cap.

    Args:
        name: as the sender knows it, such as "messages".

    Raises:
        CapExceeded: it has more; names the cap and the length.
    """
    check_number(name, len(values), at_most, unit=unit)


def check_number(name: str, n: int, at_most: int, *, unit: str = "entries") -> None:
    """The same for a number that was counted elsewhere."""
    if n > at_most:
        raise CapExceeded(f"{name}: {n:,} {unit}; {at_most:,} at most. Send fewer.", name=name)


def check_patterns(name: str, patterns: Sequence[str]) -> None:
    """Whether a list of globs is short enough to be compared with every model.

    Raises:
        CapExceeded: too many patterns, one too long, or too many characters in all.
    """
    check_length(name, patterns, MAX_PATTERNS, unit="patterns")
    for place, pattern in enumerate(patterns):
        check_length(f"{name}.{place}", pattern, MAX_PATTERN_CHARS, unit="characters")
    check_number(name, sum(map(len, patterns)), MAX_PATTERNS_CHARS, unit="characters")
