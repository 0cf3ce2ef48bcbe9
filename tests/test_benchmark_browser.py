"""The benchmark tab in a real browser: replay, verdict, pictures, files, earlier runs, and names that try to act."""

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr
import pandas as pd
import pytest

from evals.results import ReplayResult
from evals.store import save_run
from evals.ui import build_benchmark_tab, text
from omni.store import Store, open_store
from tests.attacker import run_attacker
from tests.evals.replay_results import CATEGORIES, MODELS, make_result
from tests.upstream import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::ResourceWarning")]

RECORDING = "Shaberi"
PICTURES = {
    text.TAB_GAIN: "gain",
    text.TAB_COST: "cost",
    text.TAB_LATENCY: "latency",
    text.TAB_CATEGORIES: "categories",
    text.TAB_CALIBRATION: "calibration",
    text.TAB_DESTINATIONS: "destinations",
}


@contextmanager
def _run_tab(store: Store) -> Iterator[str]:
    """The tab alone on a free port."""

    async def build() -> gr.Blocks:
        with gr.Blocks(analytics_enabled=False) as demo:
            build_benchmark_tab(store)
        return demo

    with ThreadPoolExecutor(max_workers=1) as aside:  # the browser's loop runs in this thread
        demo = aside.submit(lambda: asyncio.run(build())).result()
    demo.queue(default_concurrency_limit=8)
    _, address, _ = demo.launch(
        server_name="127.0.0.1", server_port=free_port(), prevent_thread_lock=True, quiet=True, run_history=False
    )
    yield address
    demo.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The tab with a store of its own; shared, so that one replay serves all tests."""
    with open_store(tmp_path_factory.mktemp("store") / "runs.duckdb") as store, _run_tab(store) as address:
        yield address


def _open(page: "Page", address: str) -> None:
    page.goto(address)
    page.wait_for_function("document.querySelector('#bench-facts')?.innerText.includes('prompts')")


def _replay(page: "Page") -> None:
    page.locator("#bench-recording input").click()
    page.locator("[role=option]", has_text=RECORDING).first.click()
    page.wait_for_function("document.querySelector('#bench-facts').innerText.includes('Japanese')")
    page.locator("#bench-replay").click()
    page.locator("#bench-gain .main-svg").first.wait_for(timeout=60_000)


def _tab(page: "Page", name: str) -> None:
    """Opens an inner tab, also when the window is too narrow to show all."""
    button = page.locator("#bench-tabs button[role=tab]:visible", has_text=name)
    if button.count() == 0:
        page.locator("#bench-tabs .overflow-menu > button").click()
        button = page.locator("#bench-tabs .overflow-dropdown button", has_text=name)
    button.first.click()


def test_replay_shows_a_verdict_and_draws(address: str, page: "Page") -> None:
    """One click gives a sentence with n and interval, and every picture draws when its tab is opened."""
    _open(page, address)
    _replay(page)
    said = page.locator("#bench-verdict").inner_text()
    assert re.match(r"\s*(Yes|No|Partly)\. (At equal cost )?omni ", said)
    assert re.search(r"95 % interval .+; n = \d+ test prompts", said)
    for name, picture in PICTURES.items():
        _tab(page, name)
        page.locator(f"#bench-{picture} .main-svg").first.wait_for()
    assert page.locator("#bench-destinations .bars path").count() > 5


def test_figures_are_shown_and_downloaded(address: str, page: "Page", tmp_path: Path) -> None:
    """The CSV file holds the policies of the table; wrong picks are listed."""
    _open(page, address)
    _replay(page)
    _tab(page, text.TAB_FIGURES)
    page.locator("#bench-figures [data-testid^=cell]", has_text="ridge").first.wait_for()
    button = page.locator("#bench-download-0")
    page.wait_for_function("!document.querySelector('#bench-download-0').disabled")
    with page.expect_download() as started:
        button.click()
    started.value.save_as(tmp_path / "figures.csv")
    table = pd.read_csv(tmp_path / "figures.csv")
    assert {"omni", "mixture", "best_single", "oracle", "ridge"} <= set(table["policy"])
    assert table["n_scored"].gt(0).all()
    _tab(page, text.TAB_MISSES)
    page.locator("#bench-misses [data-testid^=cell]", has_text="shaberi-").first.wait_for()


def test_an_earlier_run_opens_again(address: str, page: "Page") -> None:
    """After a reload the run is in the list and shows the same verdict."""
    _open(page, address)
    _replay(page)
    said = page.locator("#bench-verdict").inner_text()
    page.reload()
    _open(page, address)
    page.locator("#bench-earlier > button").click()
    page.locator("#bench-picked input").click()
    page.locator("[role=option]", has_text="shaberi").first.click()
    page.keyboard.press("Escape")
    page.locator("#bench-open").click()
    page.locator("#bench-gain .main-svg").first.wait_for()
    assert page.locator("#bench-verdict").inner_text() == said
    assert "Opened the run of" in page.locator("#bench-progress").inner_text()


def test_a_phone_scrolls_in_one_direction(address: str, page: "Page") -> None:
    """At 390 px nothing is wider than the screen, and every tab can be reached."""
    page.set_viewport_size({"width": 390, "height": 844})
    _open(page, address)
    _replay(page)
    for name in (text.TAB_COST, text.TAB_FIGURES, text.TAB_GAIN):
        _tab(page, name)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_unusable_choice_is_said_in_words(address: str, page: "Page") -> None:
    """Compare without two runs is a sentence, not a stack trace."""
    _open(page, address)
    _replay(page)
    page.locator("#bench-earlier > button").click()
    page.locator("#bench-compare").click()
    page.get_by_text("Choose exactly two runs").first.wait_for()


def _renamed(url: str) -> ReplayResult:
    """A run whose models and categories carry elements, links, pictures and formulas in their names."""
    result = make_result()
    loads = f"<img src={url}/x onerror=\"document.title='taken'\"><a href='{url}/a'>go</a>![x]({url}/p)"
    names = {name: f"=HYPERLINK(1){at} {loads}" for at, name in enumerate((*MODELS, *CATEGORIES))}
    tables = {
        field: getattr(result, field).replace(names) for field in ("choices", "singles", "per_category", "points")
    }
    return replace(result, best_single=names[result.best_single], title=loads, **tables)


def test_names_in_a_recording_cannot_act(page: "Page", tmp_path: Path) -> None:
    """Verdict, pictures, tables and files show them as words."""
    with run_attacker() as attacker, open_store(tmp_path / "runs.duckdb") as store:
        save_run(store, _renamed(attacker.url))
        with _run_tab(store) as address:
            _open(page, address)
            page.locator("#bench-earlier > button").click()
            page.locator("#bench-picked input").click()
            page.locator("[role=option]", has_text="toy").first.click()
            page.keyboard.press("Escape")
            page.locator("#bench-open").click()
            page.locator("#bench-gain .main-svg").first.wait_for()
            for name, picture in PICTURES.items():
                _tab(page, name)
                page.locator(f"#bench-{picture} .main-svg").first.wait_for()
            _tab(page, text.TAB_FIGURES)
            page.wait_for_function("!document.querySelector('#bench-download-2').disabled")
            with page.expect_download() as started:
                page.locator("#bench-download-2").click()
            started.value.save_as(tmp_path / "picks.csv")
            _tab(page, text.TAB_MISSES)
            page.locator("#bench-misses [data-testid^=cell]").first.wait_for()
            acting = "#benchmark img[src*='/x'], #benchmark [onerror], #benchmark a[href*='/a'], #benchmark svg a"
            assert page.locator(acting).count() == 0
            assert page.title() != "taken"
            page.wait_for_timeout(300)
        assert attacker.asked == []
    picks = pd.read_csv(tmp_path / "picks.csv")
    assert picks["model"].dropna().str.startswith("'=HYPERLINK").any()
    assert not picks["model"].dropna().str.startswith("=").any()
