"""The catalog as a table and a card."""

import pytest

from omni.types import ModelCard
from omni.ui.model_views import ModelFilter, catalog_table, model_card_html, standings
from tests.omni.ui.builders import a_card, a_score


def _cards(n: int = 5) -> list[ModelCard]:
    return [a_card(f"org/M{row}", scores=(a_score(score=float(row)),)) for row in range(n)]


def test_standing_is_the_share_of_models_behind() -> None:
    """Of five models the best stands at 100, the middle at 50, the last at 0."""
    found = standings(_cards(), "math")
    assert [found[f"org/M{row}"][0] for row in (0, 2, 4)] == [0.0, 50.0, 100.0]


def test_lower_is_better_turns_the_order() -> None:
    """A benchmark where lower is better ranks the other way."""
    cards = [a_card(f"org/M{row}", scores=(a_score(score=float(row), higher_is_better=False),)) for row in range(5)]
    assert standings(cards, "math")["org/M0"][0] == 100.0


def test_small_boards_do_not_count() -> None:
    """A benchmark with fewer than five models says nothing about a standing."""
    assert standings(_cards(4), None) == {}


def test_the_table_is_sorted_by_standing() -> None:
    """Best first; a model without a benchmark comes last."""
    table = catalog_table([*_cards(), a_card("org/A-none", scores=())], ModelFilter(task="math"))
    assert table["Model"].iloc[0] == "org/M4"
    assert table["Model"].iloc[-1] == "org/A-none"


@pytest.mark.parametrize(
    "wanted",
    [
        ModelFilter(search="zzz"),
        ModelFilter(licence="mit"),
        ModelFilter(max_params_b=9),
        ModelFilter(needs_images=True),
    ],
)
def test_filters_leave_out_what_does_not_fit(wanted: ModelFilter) -> None:
    """Each filter alone removes a 70B text model under Apache-2.0."""
    assert catalog_table([a_card()], wanted).empty


def test_search_takes_words_in_any_order() -> None:
    """Every word must be somewhere in the names."""
    assert len(catalog_table([a_card()], ModelFilter(search="70b ORG"))) == 1


def test_the_card_names_sources() -> None:
    """Each figure comes with where it is from."""
    html = model_card_html(a_card())
    assert "example.org/board" in html
    assert "2026-08-01" in html
    assert "Prices per million tokens: none published" in html


def test_models_that_tie_share_the_places_between_them() -> None:
    """Two at the top of five stand in the middle of the last two places."""
    cards = [a_card(f"org/M{row}", scores=(a_score(score=float(min(row, 3))),)) for row in range(5)]
    found = standings(cards, "math")
    assert [found[f"org/M{row}"][0] for row in range(5)] == [0.0, 25.0, 50.0, 87.5, 87.5]
