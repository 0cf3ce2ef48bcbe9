"""The app in a real browser, with the real catalog and a scripted model server."""

import re
import socket
from base64 import b64decode
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from tests.conftest import run_app
from tests.upstream import Step, Upstream

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from omni.router import Router

pytestmark = [
    pytest.mark.browser,
    # Gradio's launch leaves sockets to the garbage collector (6.31).
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
PROMPT = "Write a Python function that reverses a linked list."
DOT = b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
"""A PNG of one pixel."""
NARROW = {"width": 390, "height": 844}


def _ask(page: "Page", prompt: str = PROMPT) -> None:
    page.locator("#prompt textarea").fill(prompt)
    page.keyboard.press("Enter")


def _chosen(page: "Page") -> str:
    return page.locator("#chosen-model").inner_text()


def _open(page: "Page", url: str, theme: str = "light") -> None:
    page.goto(f"{url}?__theme={theme}")
    page.wait_for_selector("#prompt textarea:enabled")


def _is_wider_than_window(page: "Page") -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


def test_a_prompt_is_routed_and_explained_without_a_provider(page: "Page", offline_app: str) -> None:
    """Type, read the reason, the task, the candidates, the picture, who was left out, and another preset."""
    _open(page, offline_app)
    assert "No model server connected" in page.locator("#status").inner_text()
    _ask(page)
    page.wait_for_selector("#chosen-model")
    assert "/" in _chosen(page)
    assert "coding" in page.locator("#reading").inner_text()
    assert "OMNI_BASE_URL" in page.locator("#chatbot").inner_text()
    page.wait_for_selector("#candidates [data-testid='cell-0-1']")
    assert page.locator("#candidates [data-testid='cell-0-1']").inner_text().strip() == _chosen(page).rpartition("/")[2]
    page.get_by_role("tab", name="Picture").click()
    # Bars of a part that is 0 have no width: wait for one that has.
    page.wait_for_function(
        "[...document.querySelectorAll('#contributions .bars path')].some(bar => bar.getBBox().width > 1)"
    )
    page.get_by_role("tab", name="Left out").click()
    page.locator("#why-not input, #why-not textarea").fill("guard")
    page.wait_for_function("document.querySelector('#excluded').innerText.toLowerCase().includes('guard')")
    page.get_by_role("tab", name="What if").click()
    page.locator("#what-if-preset label", has_text="Cheapest").click()
    page.wait_for_selector("#what-if table")


def test_an_answer_streams_with_its_receipt(page: "Page", connected_app: str, upstream: Upstream) -> None:
    """The first words are there while the server still writes; then expected and actual figures stand below."""
    upstream.script("*", Step(text="Walk the list once.", hold="more", usage=(11, 22)))
    _open(page, connected_app)
    assert "2 catalog models ready" in page.locator("#status").inner_text()
    _ask(page)
    page.wait_for_function("document.querySelector('#chatbot').innerText.includes('Walk')")
    assert "Walk the list" not in page.locator("#chatbot").inner_text()
    upstream.release("more")
    page.wait_for_function("document.querySelector('#chatbot').innerText.includes('22 tokens')")
    shown = page.locator("#chatbot").inner_text()
    assert "Walk the list once." in shown
    assert _chosen(page) in shown
    assert upstream.requests[0]["model"] == _chosen(page)


def test_stop_keeps_the_text_and_the_next_prompt_works(page: "Page", connected_app: str, upstream: Upstream) -> None:
    """Stop closes the stream at the server; the next turn carries what came."""
    upstream.script("*", Step(text="Once upon a time", hold="never"), Step(text="Second answer."))
    _open(page, connected_app)
    _ask(page, "Tell me a story.")
    page.wait_for_function("document.querySelector('#chatbot').innerText.includes('Once')")
    page.locator("#prompt .stop-button").click()
    page.wait_for_function("document.querySelector('#chatbot').innerText.includes('Stopped by you')")
    assert upstream.disconnected.wait(5)
    page.wait_for_selector("#prompt textarea:enabled")
    _ask(page, "Go on.")
    page.wait_for_function("document.querySelector('#chatbot').innerText.includes('Second answer.')")
    assert [message["content"] for message in upstream.requests[1]["messages"]] == [
        "Tell me a story.",
        "Once",
        "Go on.",
    ]


def _says(page: "Page", words: str, where: str = "#chatbot") -> None:
    page.wait_for_function("([s, w]) => document.querySelector(s)?.innerText.includes(w)", arg=[where, words])


def test_an_answer_that_breaks_off_is_continued_by_the_next_model_and_judged(
    page: "Page", connected_app: str, upstream: Upstream
) -> None:
    """The half answer stays, another model answers below it, a thumb is confirmed, and the status page tells of it."""
    upstream.script("*", Step(text="Half of an answer", cut=True), Step(text="A whole answer.", usage=(11, 22)))
    _open(page, connected_app)
    _ask(page)
    _says(page, "broke off")
    page.locator("#continue").click()
    _says(page, "for 2 answers")
    first, second = (request["model"] for request in upstream.requests)
    assert first != second
    assert upstream.requests[0]["messages"] == upstream.requests[1]["messages"]
    assert "Half of" in page.locator("#chatbot").inner_text()
    page.locator("#chatbot button[aria-label='Like']").last.click()
    _says(page, f"counts for {second.rpartition('/')[2]}", "#chat-note")
    page.get_by_role("tab", name="Status").click()
    _says(page, "1 lost connection", "#servers")
    _says(page, second, "#status-models")


def test_private_data_is_replaced_on_the_way_and_the_chat_kept_in_the_browser(
    page: "Page", connected_app: str, upstream: Upstream
) -> None:
    """The panel warns before sending, the server sees a placeholder, a new tab has the chat, and clearing ends that."""
    upstream.script("*", Step(text="I wrote to [EMAIL_1] for you."))
    _open(page, connected_app)
    page.locator("#privacy button").first.click()
    page.get_by_label("With placeholders").check()
    page.locator("#keep-history input").check()
    page.locator("#prompt textarea").fill("Write to jo@example.org")
    _says(page, "1 e-mail address · replaced before going", "#privacy")
    page.keyboard.press("Enter")
    _says(page, "I wrote to jo@example.org for you.")
    assert upstream.requests[0]["messages"][0]["content"] == "Write to [EMAIL_1]"
    page.wait_for_function("localStorage.getItem('omni-chat')?.length > 200")
    # a second tab of the browser: reloading this one makes Gradio write an error for the connection that ends (6.31)
    second = page.context.new_page()
    _open(second, connected_app)
    _says(second, "I wrote to jo@example.org for you.")
    second.locator("#privacy button").first.click()
    second.locator("#forget-history").click()
    _says(second, "Cleared.", "#chat-note")
    third = page.context.new_page()
    _open(third, connected_app)
    third.wait_for_selector("#chatbot button.example")


def test_a_picture_leaves_only_models_that_read_images(page: "Page", offline_app: str, tmp_path: Path) -> None:
    """An attached picture is read, and text-only models are left out for it."""
    picture = tmp_path / "dot.png"
    picture.write_bytes(DOT)
    _open(page, offline_app)
    page.locator("#prompt input[type=file]").set_input_files(picture)
    page.wait_for_selector("#prompt .thumbnail-item, #prompt img")
    _ask(page, "What is in this picture?")
    page.wait_for_selector("#chosen-model")
    assert "picture" in page.locator("#reading .chips").inner_text()
    page.get_by_role("tab", name="Left out").click()
    assert "do not read images" in page.locator("#excluded").inner_text()


def test_an_example_starts_a_chat(page: "Page", offline_app: str) -> None:
    """The empty page offers prompts in several languages; a click sends one."""
    _open(page, offline_app)
    page.locator("#chatbot button.example").nth(1).click()
    page.wait_for_selector("#chosen-model")
    assert "German" in page.locator("#reading").inner_text()


def test_both_sides_of_a_comparison_stream(page: "Page", connected_app: str, upstream: Upstream) -> None:
    """Two models answer one prompt, each with cost, times and tokens under its name."""
    upstream.script("*", Step(text="A first.", usage=(3, 41)), Step(text="A second.", usage=(3, 42)))
    _open(page, connected_app)
    page.get_by_role("tab", name="Compare").click()
    page.locator("#compare-prompt textarea").fill("Say something.")
    page.locator("#compare-run").click()
    for side in ("left", "right"):
        page.wait_for_function(f"/4[12] tokens/.test(document.querySelector('#compare-{side}-facts').innerText)")
    facts = page.locator("#compare-left-facts").inner_text()
    assert re.search(r"cost\s+\$", facts)
    assert "first word" in facts
    page.wait_for_selector("#compare-run:visible")


def test_the_catalog_is_searched_and_a_card_opens(page: "Page", offline_app: str) -> None:
    """Search narrows the table; a row opens the model's card with sources."""
    _open(page, offline_app)
    page.get_by_role("tab", name="Models").click()
    page.locator("#models-search textarea, #models-search input").fill("glm-4.6")
    page.wait_for_function(
        "document.querySelector('#models-table [data-testid=\"cell-0-0\"]')?.innerText.includes('GLM-4.6')"
    )
    page.locator("#models-table [data-testid='cell-0-0']").click()
    page.wait_for_selector("#model-card h2.model")
    assert "GLM-4.6" in page.locator("#model-card h2.model").inner_text()
    assert "Benchmarks" in page.locator("#model-card").inner_text()


def test_the_router_of_a_replay_decides_in_the_chat_and_one_click_goes_back(page: "Page", offline_app: str) -> None:
    """Replay, use its router, read on what evidence it chose, and return; other visitors keep public benchmarks."""
    _open(page, offline_app)
    _says(page, "Router: Public benchmarks", "#router-chip")
    assert not page.locator("#router-back").is_visible()
    page.get_by_role("tab", name="Benchmark").click()
    page.locator("#bench-recording input").click()
    page.locator("[role=option]", has_text="Shaberi").first.click()
    page.wait_for_function("document.querySelector('#bench-facts').innerText.includes('Japanese')")
    page.locator("#bench-replay").click()
    page.locator("#bench-gain .main-svg").first.wait_for(timeout=60_000)
    page.locator("#bench-use").click()
    page.wait_for_selector("#prompt textarea:visible", timeout=60_000)
    _says(page, "Fitted on shaberi", "#router-chip")
    title = page.locator("#router-chip").get_attribute("title") or ""
    assert re.search(
        r"Fitted on shaberi, \d+ prompts [0-9a-f]{16} \d{4}-\d\d-\d\d\. \d+ models, no server connected", title
    )
    _ask(page, "日本の首都はどこですか。")
    _says(page, "most similar prompts", "#why")
    page.locator("#why summary", has_text="How the expected quality adds up").click()
    page.locator("#why summary", has_text="Most similar recorded prompts").click()
    assert page.locator("#why .evidence tr").count() > 6
    assert "Router: Fitted on shaberi" in page.locator("#why").inner_text()
    second = page.context.new_page()
    _open(second, offline_app)
    assert "Public benchmarks" in second.locator("#router-chip").inner_text()
    second.close()
    page.locator("#router-back").click()
    _says(page, "Router: Public benchmarks", "#router-chip")
    _ask(page)
    _says(page, "public benchmark score", "#why")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_is_wider_than_a_phone(page: "Page", offline_app: str, theme: str) -> None:
    """At 390 px no tab scrolls sideways, in both themes."""
    page.set_viewport_size(NARROW)
    _open(page, offline_app, theme)
    _ask(page)
    page.wait_for_selector("#candidates [data-testid='cell-0-1']")
    assert not _is_wider_than_window(page)
    for name in ("Compare", "Models", "Status", "Benchmark"):
        page.get_by_role("tab", name=name).click()
        page.wait_for_selector(f"#tab-{name.lower()}:visible")
        assert not _is_wider_than_window(page), name


def test_a_client_cannot_call_the_paid_handlers_by_name(offline_app: str) -> None:
    """The app offers no endpoint of its chat to other programs."""
    from gradio_client import Client

    client = Client(offline_app, verbose=False)
    try:
        named = client.view_api(return_format="dict")["named_endpoints"]
        assert not [name for name in named if re.search("send|answer|compare|retry", name)]
    finally:
        client.close()


def test_a_busy_port_is_one_plain_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The app says which port is taken and what to do, and ends with 2."""
    import app

    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        monkeypatch.setenv("OMNI_PORT", str(holder.getsockname()[1]))
        monkeypatch.setenv("OMNI_DB", str(tmp_path / "x.duckdb"))
        assert app.main() == 2
    assert "is in use" in capsys.readouterr().err


def test_a_store_that_cannot_be_opened_is_said_on_the_page(router: "Router", tmp_path: Path) -> None:
    """The app starts without a store and names the reason."""
    (tmp_path / "broken.duckdb").write_text("not a database")
    with run_app(router, db_path=tmp_path / "broken.duckdb") as url, urlopen(url) as reply:
        assert "Figures are not kept" in reply.read().decode()
