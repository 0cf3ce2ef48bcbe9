"""The shipped catalog as it is read, and small broken catalogs written to a folder of the test."""

import csv
import json
import shutil
from datetime import date
from pathlib import Path

import pytest

from omni.catalog import Catalog, load_catalog
from omni.config import DATA_DIR
from omni.errors import CatalogError

SHIPPED = DATA_DIR / "catalog"
MINI = {
    "catalog.yml": "compiled: 2026-01-31\n",
    "models.csv": (
        "model_id,role,variant_of,params_total_b,params_active_b,params_source,context_tokens,context_source,"
        "price_in_usd_per_mtok,price_out_usd_per_mtok,price_source,price_as_of\n"
        "acme/base,chat,,8,,model name,4096,card,0.1,0.2,list,2026-01-02\n"
        "acme/base-fp8,chat,acme/base,,,,,,,,,\n"
    ),
    "prices.csv": (
        "model_id,provider,provider_model_id,price_in_usd_per_mtok,price_out_usd_per_mtok,context_tokens,as_of,source\n"
        "acme/base,cloud,base,0.1,0.2,4096,2026-01-02,list\n"
    ),
    "benchmark_index.csv": "benchmark,category,unit,higher_is_better\nquiz,math,%,true\n",
    "benchmarks.csv": (
        "model_id,benchmark,variant,score,score_low,score_high,n_votes,as_of,source_id\n"
        "acme/base,quiz,,61.5,,,,2026-01-02,quiz-1\n"
    ),
    "sources.csv": "source_id,repository,commit,path,reported_at,date_note\nquiz-1,acme/quiz,0123456789,all.csv,,\n",
    "speed.csv": (
        "model_id,provider,variant,output_tokens_per_s,time_to_first_token_s,n_days,as_of,source\n"
        "acme/base,median,low,40,0.5,1,2026-01-01,timer\n"
        "acme/base,median,low,50,0.4,1,2026-01-02,timer\n"
        "acme/base,median,high,70,0.6,1,2026-01-02,timer\n"
        "acme/base,cloud,,900,0.1,1,2026-01-03,timer\n"
    ),
}


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


@pytest.fixture
def mini(tmp_path: Path) -> Path:
    for name, text in MINI.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def edit(folder: Path, name: str, old: str, new: str) -> Path:
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return folder


def test_shipped_catalog_has_over_200_models_that_can_chat(catalog: Catalog) -> None:
    """Guard models are listed beside at least 200 chat, code and vision models, sorted by id."""
    ids = [card.model_id for card in catalog.models]
    assert ids == sorted(ids)
    assert sum(card.role in ("chat", "code", "vision") for card in catalog.models) >= 200
    assert any(card.role == "guard" for card in catalog.models)


def test_every_shipped_figure_has_a_source(catalog: Catalog) -> None:
    """Scores, prices, speeds and each known field say where they are from."""
    fields = "release_date params_total_b params_active_b context_tokens max_output_tokens supports_tools license"
    assert len(catalog.models) > 200
    for card in catalog.models:
        assert all(score.source for score in card.scores)
        assert all(price.source and price.as_of for price in card.prices)
        known = [name for name in fields.split() if getattr(card, name) is not None]
        assert not [name for name in known if not card.sources.get(name)], card.model_id
        assert (card.price_basis is None) == ("price_in_usd_per_mtok" not in card.sources)


def test_unknown_is_none_and_never_zero(catalog: Catalog) -> None:
    """No price, size, window or speed of the shipped catalog is 0."""
    for card in catalog.models:
        figures = [card.params_total_b, card.context_tokens, card.price_in_usd_per_mtok, card.output_tokens_per_s]
        figures += [price.in_usd_per_mtok for price in card.prices]
        assert all(figure is None or figure > 0 for figure in figures)
    assert catalog.get("CohereLabs/tiny-aya-earth").price_basis is None


def test_shipped_quantised_copy_takes_scores_from_its_base(catalog: Catalog) -> None:
    """GLM-4.6-FP8 has the scores of GLM-4.6, each marked with whose it is."""
    copy, base = catalog.get("zai-org/GLM-4.6-FP8"), catalog.get("zai-org/GLM-4.6")
    assert len(copy.scores) == len(base.scores) > 50
    assert {score.inherited_from for score in copy.scores} == {base.model_id}
    assert {"scores", "price_in_usd_per_mtok", "supports_tools"} <= copy.inherited
    assert copy.price_out_usd_per_mtok == base.price_out_usd_per_mtok
    assert "inherited from zai-org/GLM-4.6" in copy.sources["price_in_usd_per_mtok"]


def test_model_that_nobody_lists_gets_an_estimated_price(catalog: Catalog) -> None:
    """Apertus 70B has a size and no listed price: its price is an estimate and says so."""
    card = catalog.get("swiss-ai/Apertus-v1.5-70B")
    assert card.price_basis == "estimated"
    assert not card.prices
    assert "estimated" in card.sources["price_out_usd_per_mtok"]


def test_find_of_an_unknown_model_gives_none(catalog: Catalog) -> None:
    """Servers also offer models that nobody described here; that is no error."""
    assert catalog.find("no/such-model") is None
    assert catalog.find("Qwen/Qwen3-8B") is catalog.get("Qwen/Qwen3-8B")


def test_get_of_an_unknown_model_lists_near_names(catalog: Catalog) -> None:
    """A misspelled id is answered with the id that was meant."""
    with pytest.raises(CatalogError, match=r"'qwen/qwen3-32'.*Qwen/Qwen3-32B"):
        catalog.get("qwen/qwen3-32")


def test_attributions_name_both_sources_that_ask_for_it(catalog: Catalog) -> None:
    """Artificial Analysis and LMArena are named in the lines to show."""
    assert "Artificial Analysis" in "".join(catalog.attributions)
    assert "CC-BY-4.0" in "".join(catalog.attributions)


def test_version_is_the_compiled_day_and_a_content_hash(mini: Path) -> None:
    """A changed cell changes the version, other line endings do not."""
    version = load_catalog(mini).version
    models = mini / "models.csv"
    models.write_bytes(models.read_bytes().replace(b"\n", b"\r\n"))
    assert load_catalog(mini).version == version
    assert version.startswith("2026-01-31-")
    assert len(version) == len("2026-01-31-") + 8
    assert load_catalog(edit(mini, "models.csv", "4096", "8192")).version != version


def test_adding_a_model_is_one_row(tmp_path: Path) -> None:
    """One more line in the shipped models.csv is one more card, with an estimated price from its size."""
    folder = shutil.copytree(SHIPPED, tmp_path / "catalog")
    header = (folder / "models.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
    cells = {"model_id": "acme/new-14b", "role": "chat", "params_total_b": "14", "params_source": "model name"}
    with (folder / "models.csv").open("a", encoding="utf-8") as file:
        file.write(",".join(cells.get(column, "") for column in header) + "\n")
    loaded = load_catalog(folder)
    card = loaded.get("acme/new-14b")
    assert len(loaded.models) == len(load_catalog().models) + 1
    assert (card.owner, card.display_name, card.price_basis) == ("acme", "new-14b", "estimated")
    assert card.scores == ()
    assert card.context_tokens is None


def test_copy_inherits_missing_fields_and_names_them(mini: Path) -> None:
    """The copy's size, window, price and speed are its base's; its provider rows stay empty."""
    copy = load_catalog(mini).get("acme/base-fp8")
    assert (copy.params_total_b, copy.context_tokens, copy.price_in_usd_per_mtok) == (8, 4096, 0.1)
    assert {"params_total_b", "context_tokens", "price_in_usd_per_mtok", "output_tokens_per_s"} <= copy.inherited
    assert (copy.price_basis, copy.prices, copy.speeds) == ("listed", (), ())


def test_own_score_of_a_copy_stays(mini: Path) -> None:
    """A score measured on the copy itself is not replaced by its base's."""
    with (mini / "benchmarks.csv").open("a", encoding="utf-8") as file:
        file.write("acme/base-fp8,quiz,,60,,,,2026-01-02,quiz-1\n")
    (score,) = load_catalog(mini).get("acme/base-fp8").scores
    assert (score.score, score.inherited_from, score.as_of) == (60, None, date(2026, 1, 2))


def test_score_carries_what_its_benchmark_says(mini: Path) -> None:
    """Category, unit, direction and source come from the index and the list of sources."""
    (score,) = load_catalog(mini).get("acme/base").scores
    assert (score.category, score.unit, score.higher_is_better) == ("math", "%", True)
    assert score.source == "acme/quiz@0123456:all.csv"


def test_speed_is_the_newest_median_over_providers(mini: Path) -> None:
    """Two settings of the newest day are joined by their median; a provider's own figure is kept beside it."""
    card = load_catalog(mini).get("acme/base")
    assert card.output_tokens_per_s == 60
    assert card.time_to_first_token_s == 0.5
    assert {speed.provider for speed in card.speeds} == {"median", "cloud"}


def test_price_is_the_median_of_listed_ones_when_none_is_stated(mini: Path) -> None:
    """Without a reference price in models.csv the rows of prices.csv give it, with their newest day."""
    edit(mini, "models.csv", "0.1,0.2,list,2026-01-02", ",,,")
    edit(mini, "prices.csv", "acme/base,cloud", "acme/base,other,base,0.3,0.6,,2026-01-09,list\nacme/base,cloud")
    card = load_catalog(mini).get("acme/base")
    assert (card.price_in_usd_per_mtok, card.price_out_usd_per_mtok) == pytest.approx((0.2, 0.4))
    assert card.price_basis == "listed"
    assert card.sources["price_in_usd_per_mtok"] == "median of 2 providers (2026-01-09)"


def test_a_stated_price_counts_before_listed_ones(mini: Path) -> None:
    """Input and output as models.csv has them, with where and when they were read."""
    card = load_catalog(mini).get("acme/base")
    assert (card.price_in_usd_per_mtok, card.price_out_usd_per_mtok) == (0.1, 0.2)
    assert card.sources["price_out_usd_per_mtok"] == "list (2026-01-02)"
    assert {price.provider for price in card.prices} == {"cloud"}


def test_every_stated_price_of_the_shipped_catalog_is_the_models_price(catalog: Catalog) -> None:
    """Six dozen models have one; both of its figures reach the card."""
    with (DATA_DIR / "catalog" / "models.csv").open(encoding="utf-8", newline="") as file:
        stated = {
            row["model_id"]: (float(row["price_in_usd_per_mtok"]), float(row["price_out_usd_per_mtok"]))
            for row in csv.DictReader(file)
            if row["price_in_usd_per_mtok"]
        }
    cards = {model_id: catalog.get(model_id) for model_id in stated}
    assert len(stated) > 60
    assert {name: (card.price_in_usd_per_mtok, card.price_out_usd_per_mtok) for name, card in cards.items()} == stated
    assert {card.price_basis for card in cards.values()} == {"listed"}


def test_few_listed_prices_leave_the_unlisted_unknown(mini: Path) -> None:
    """With one listed price there is nothing to fit, so an unlisted model has no price."""
    with (mini / "models.csv").open("a", encoding="utf-8") as file:
        file.write("acme/other,chat,,8,,model name,,,,,,\n")
    loaded = load_catalog(mini)
    assert loaded.price_fit is None
    assert loaded.get("acme/other").price_in_usd_per_mtok is None


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (
            "models.csv",
            "acme/base-fp8,chat",
            "acme/base,chat",
            r"row 3, column model_id: found 'acme/base'.*row 2",
        ),
        (
            "models.csv",
            "chat,acme/base,",
            "chat,acme/bass,",
            r"column variant_of: found 'acme/bass'.*near: acme/base",
        ),
        ("models.csv", "acme/base,", "acme,", r"column model_id: found 'acme', expected .* repository id, owner/name"),
        ("models.csv", "acme/base,chat", "acme/base,poet", r"row 2, column role: found 'poet', expected 'chat'"),
        ("models.csv", "2026-01-02", "2026-13-02", r"row 2, column price_as_of: found '2026-13-02', expected a day"),
        ("models.csv", "4096,card", "4096,", r"row 2, column context_source: found None.*source of context_tokens"),
        ("models.csv", "0.1,0.2,list", ",0.2,list", r"row 2, column price_out_usd_per_mtok: found 0.2.*both prices"),
        ("models.csv", "list,2026-01-02", "list,", r"row 2, column price_as_of: found None, expected the day"),
        ("models.csv", ",8,,model", ",8,9,model", r"row 2, column params_active_b: found 9.0, expected at most"),
        ("models.csv", "model_id,role", "model_id,rolle", r"models.csv row 1: missing columns \['role'\].*'rolle'"),
        ("models.csv", "acme/base-fp8,", "acme/base-fp8,,", r"models.csv row 3: 13 cells, expected 12"),
        ("prices.csv", "acme/base,", "acme/bose,", r"prices.csv row 2, column model_id: found 'acme/bose'.*models.csv"),
        (
            "prices.csv",
            "0.1,0.2",
            "-1,0.2",
            r"row 2, column price_in_usd_per_mtok: found '-1', expected greater",
        ),
        ("prices.csv", "0.1,0.2", "0.1,", r"row 2, column price_out_usd_per_mtok: found None, expected a value"),
        (
            "benchmarks.csv",
            "61.5",
            "good",
            r"row 2, column score: found 'good', expected a valid number",
        ),
        ("benchmarks.csv", "61.5", "nan", r"benchmarks.csv row 2, column score: found 'nan', expected a finite number"),
        ("benchmarks.csv", ",quiz,", ",quizz,", r"benchmark: found 'quizz'.*benchmark_index.csv \(near: quiz\)"),
        ("benchmarks.csv", "quiz-1", "quiz-9", r"column source_id: found 'quiz-9'.*sources.csv"),
        (
            "benchmarks.csv",
            "61.5,,",
            "61.5,62,63",
            r"row 2, column score: found 61.5.*score_low and score_high",
        ),
        ("benchmark_index.csv", "true", "up", r"row 2, column higher_is_better: found 'up', expected a valid boolean"),
        (
            "benchmark_index.csv",
            "math",
            "maths",
            r"row 2, column category: found 'maths', expected agentic, .*multilingual:",
        ),
        (
            "speed.csv",
            "2026-01-03",
            "soon",
            r"row 5, column as_of: found 'soon', expected a day as YYYY-MM-DD",
        ),
        ("catalog.yml", "2026-01-31", "lately", r"catalog.yml cannot be used.*compiled: 2026-01-31"),
    ],
)
def test_broken_cell_is_refused_with_its_place(mini: Path, name: str, old: str, new: str, message: str) -> None:
    """The message names file, row, column, value and what was expected."""
    with pytest.raises(CatalogError, match=message):
        load_catalog(edit(mini, name, old, new))


def test_row_numbers_count_blank_lines(mini: Path) -> None:
    """A blank line is skipped, and rows after it keep their number in the file."""
    edit(mini, "speed.csv", "acme/base,cloud", "\nacme/none,cloud")
    with pytest.raises(CatalogError, match=r"speed.csv row 6, column model_id: found 'acme/none'"):
        load_catalog(mini)


def test_missing_file_is_named(mini: Path) -> None:
    """A catalog without prices.csv says which file cannot be read."""
    (mini / "prices.csv").unlink()
    with pytest.raises(CatalogError, match=r"prices\.csv cannot be read"):
        load_catalog(mini)


@pytest.mark.parametrize(("name", "n_routes"), [("routes_34.json", 34), ("routes_3.json", 3)])
def test_route_policies_name_models_and_hold_no_sentences(name: str, n_routes: int) -> None:
    """Each route has a primary model and fallbacks as repository ids, and nothing else."""
    routes = json.loads((SHIPPED / name).read_text(encoding="utf-8"))["routes"]
    assert len(routes) == n_routes
    for route in routes:
        assert set(route) == {"route", "primary_model", "fallback_models"}
        assert all(model_id.count("/") == 1 for model_id in [route["primary_model"], *route["fallback_models"]])


def test_catalog_without_models_is_refused(mini: Path) -> None:
    """A models.csv of a header alone is not a catalog."""
    header = MINI["models.csv"].splitlines()[0]
    for name in ("prices.csv", "benchmarks.csv", "speed.csv"):
        (mini / name).write_text(MINI[name].splitlines()[0] + "\n", encoding="utf-8")
    (mini / "models.csv").write_text(header + "\n", encoding="utf-8")
    with pytest.raises(CatalogError, match=r"models\.csv has a header and no rows"):
        load_catalog(mini)
