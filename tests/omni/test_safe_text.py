"""Text from outside as words: Markdown that only formats, HTML, charts, tables."""

import random
import re
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni.safe_text import (
    escape_cell,
    escape_cells,
    escape_html,
    escape_labels,
    escape_markdown,
    to_raw_text,
    to_safe_markdown,
)
from tests.attacker import ATTACKS

FORMATTED = [text.format(url="https://evil.example.net", host="evil.example.net", port="9") for text in ATTACKS]
SIGNS = (
    *(
        "```",
        "~~~",
        "`",
        "``",
        "\n",
        "\n\n",
        "- ",
        "1. ",
        "10. ",
        "> ",
        "    ",
        "  ",
        "<img src=x>",
        "<b>",
        "</b>",
        "<",
    ),
    *("![", "[", "](", ")", "]:", "http://h.org/a", "www.h.org", "javascript:x", "$$", "|", "|---|", "**", "_", "~~"),
    *(
        "\\",
        "&#60;",
        "&lt;",
        "x",
        " ",
        '"',
        "'",
        "!",
        "mermaid",
        "html",
        "\t",
        "#",
        "é",
        "\ufeff",
        "(",
        "]",
        "\u2028",
        "\x85",
        "\xa0",
        "\x0b",
        "@",
    ),
)


def _outside_code(shown: str) -> str:
    """What is no code by CommonMark, a reader that was written by others."""
    from markdown_it import MarkdownIt

    tokens = MarkdownIt("commonmark").enable("table").parse(shown)
    found: list[str] = []
    stack = list(tokens)
    while stack:
        token = stack.pop()
        stack += token.children or []
        if token.type in ("html_block", "html_inline", "image"):
            found.append(f"{token.type}: {token.content}")
        if token.type == "link_open" and not re.match(r"(https?|ftp|mailto):", str(token.attrs["href"])):
            found.append(f"link: {token.attrs['href']}")
    return "\n".join(found)


@pytest.mark.parametrize("text", FORMATTED)
def test_an_attack_becomes_words(text: str) -> None:
    """No element, picture or address that acts is left, and the text itself comes back."""
    shown = to_safe_markdown(text)
    assert _outside_code(shown.replace("$$", "")) == ""
    assert to_raw_text(shown) == text


@given(st.lists(st.sampled_from(SIGNS), max_size=30).map("".join))
def test_no_mixture_of_signs_makes_an_element(text: str) -> None:
    """Whatever signs follow each other: words, and every one of them comes back."""
    shown = to_safe_markdown(text)
    assert _outside_code(re.sub(r"\$\$[\s\S]+?\$\$", "F", shown)) == ""
    assert to_raw_text(shown) == text.replace("\ufeff", "")


@pytest.mark.parametrize("text", FORMATTED)
def test_a_beginning_is_as_safe_as_the_whole(text: str) -> None:
    """An answer that streams is safe after every piece."""
    for end in range(1, len(text)):
        assert _outside_code(to_safe_markdown(text[:end]).replace("$$", "")) == ""


@pytest.mark.parametrize(
    "text",
    [
        "A *word*, **bold**, ~5 ms, `code<T>` and 1 < 2.",
        "~~gone~~ and kept",
        "```html\n<div class='x'>\n```",
        "1. one\n   ```py\n   a<b>c\n   ```\n2. two",
        "- a\n  - b\n    ```ts\n    Map<K, V>[0](x)\n    ```",
        "| a | b |\n|:--|--:|\n| `x<y>` | 2 |",
        "# Title\n\n> quote\n\n---\n\n- [ ] open\n- [x] done",
        "see https://example.org/a_(b)?c=d&e=f and www.example.org",
        "$$\\frac{a}{b}$$ and $x$ and \\(y\\)",
        "arr[0] and f(x)[1] and [note] (aside)",
    ],
)
def test_ordinary_markdown_stays_as_it_is(text: str) -> None:
    """Nothing is changed where nothing acts."""
    assert to_safe_markdown(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[docs](https://example.org/a)", "[docs](https://example.org/a) (example.org)"),
        ("[docs](http://Example.org:80/a)", "[docs](http://Example.org:80/a) (example.org:80)"),
        ("[`f`](https://a.org)", "[`f`](https://a.org) (a.org)"),
        ("[mail](mailto:jo@a.org)", "[mail](mailto:jo@a.org) (jo@a.org)"),
        ("[https://a.org/](https://a.org/)", "[https://a.org/](https://a.org/)"),
        ("[x](https://google.com@evil.org/)", "[x]&#40;https:/​/google.com@evil.org/)"),
        ("[x](https://аpple.com)", "[x]&#40;https:/​/аpple.com)"),
        ("[x](/local)", "[x]&#40;/local)"),
        ("![alt](https://a.org/b)", "!&#91;alt&#93;&#40;https://a.org/b)"),
        ("a<b> c", "a&#60;b> c"),
    ],
)
def test_a_link_is_shown_with_its_host_or_not_at_all(text: str, shown: str) -> None:
    """Web and mail addresses in plain letters are links; everything else is text."""
    assert to_safe_markdown(text).replace("\ufeff", "") == shown.replace("​", "")


def test_what_a_person_writes_like_our_own_signs_comes_back() -> None:
    """Codes of signs in a prompt stay codes."""
    for text in ("What is &#60; in HTML? `&#60;` and &lt;", "```\n&#91;\n```", "&amp;#60;"):
        assert to_raw_text(to_safe_markdown(text)) == text


def test_long_hostile_texts_take_no_time() -> None:
    """No input makes the search for code or links slow."""
    begun = time.perf_counter()
    for sign in ("[", "](", "<", "`", "![[", "http://", "[a](", "- ", "$$", "&#", "> ", "(a)", "~~~\n", "    `", "a@"):
        to_raw_text(to_safe_markdown(sign * 20_000))
    to_safe_markdown(("@" * 20_000 + " x`y`\n") * 2)
    assert time.perf_counter() - begun < 10


def test_words_in_html_are_one_line_without_tags() -> None:
    """An empty line would begin Markdown in the chat."""
    assert escape_html('<b>\n\n![x](y) "z"') == "&lt;b&gt; ![x](y) &quot;z&quot;"


def test_words_in_markdown_format_nothing() -> None:
    """Tags, links, pictures and addresses are signs."""
    for text in ("<img src=x>", "![a](b)", "[a](http://b.org)", "http://b.org", "www.b.org", "a@b.org", "**b** $$x$$"):
        assert not re.search(r"[<\[\]*$@:]|www\.", escape_markdown(text))
    assert escape_markdown("Farel, 3.5 %") == "Farel, 3.5 %"


@pytest.mark.parametrize(
    "cell", ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3+cmd|x", "\t=1", '=HYPERLINK("http://x")']
)
def test_a_cell_is_no_formula(cell: str) -> None:
    """A spreadsheet shows it as text."""
    assert escape_cell(cell) == f"'{cell}"


@pytest.mark.parametrize(
    "cell", ["-", "+1.5", "-3.25", "−2", "+16.6 to +17.9", "Qwen/Qwen3-8B", "", None, 3.5, "a=b", "–"]
)
def test_other_cells_stay(cell: object) -> None:
    """Numbers, dashes and names are what they were."""
    assert escape_cell(cell) == cell


def test_a_table_is_safe_in_names_and_cells() -> None:
    """Column names count, numbers stay numbers."""
    table = escape_cells(pd.DataFrame({"=x": ["=y", "z"], "n": [-1.0, 2.0]}))
    assert list(table) == ["'=x", "n"]
    assert list(table["'=x"]) == ["'=y", "z"]
    assert table["n"].dtype == np.float64


def test_a_chart_keeps_line_breaks_and_nothing_else() -> None:
    """Names in labels are words."""
    labels = escape_labels({"text": ["a<br><b>c</b>", "<a href='http://x'>y</a>"], "y": np.array(["<span style=x>"])})
    assert labels["text"] == ["a<br><b>c</b>", "&lt;a href='http://x'>y&lt;/a>"]
    assert list(labels["y"]) == ["&lt;span style=x>"]


def test_random_pieces_of_attacks_make_no_element() -> None:
    """Attacks cut and joined anywhere."""
    chance = random.Random(7)
    for _ in range(400):
        pieces = [chance.choice(FORMATTED) for _ in range(4)]
        text = "".join(piece[chance.randrange(len(piece)) :] for piece in pieces)
        shown = re.sub(r"\$\$[\s\S]+?\$\$", "F", to_safe_markdown(text))
        assert _outside_code(shown) == "", text
