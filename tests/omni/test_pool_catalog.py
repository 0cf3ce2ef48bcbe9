"""The models of a recording as a catalog."""

from omni.catalog import Catalog
from omni.catalog.pool import PoolModel, candidate_ids, pool_catalog
from omni.policy import candidate_facts
from tests.omni.cards import model_card

CATALOG = Catalog(models=(model_card("org/known", context_tokens=8_000), model_card("org/other")), version="test")


def pool_model(name: str, model_id: str | None = None, **changes: object) -> PoolModel:
    figures = {
        "params_total_b": 7.0,
        "price_in_usd_per_mtok": 0.3,
        "price_out_usd_per_mtok": 0.9,
        "price_basis": "estimated",
        "longest_input_tokens": 500,
    } | changes
    return PoolModel(name=name, model_id=model_id, **figures)  # type: ignore[arg-type]


def test_a_model_is_called_by_its_hub_id_where_that_is_clear():
    """Two ways to run one model keep their names, and so does a model without an id."""
    models = [
        pool_model("big", "org/known"),
        pool_model("thinking", "org/twice"),
        pool_model("plain", "org/twice"),
        pool_model("homemade"),
    ]
    assert candidate_ids(models) == ("org/known", "thinking", "plain", "homemade")


def test_public_facts_are_kept_and_the_recordings_prices_count():
    """Licence and window are the catalog's; the price is the one that recorded costs rest on."""
    card = pool_catalog([pool_model("big", "org/known")], CATALOG).get("org/known")
    assert (card.license, card.context_tokens, card.supports_tools) == ("Apache 2.0", 8_000, True)
    assert (card.price_in_usd_per_mtok, card.price_out_usd_per_mtok, card.price_basis) == (0.3, 0.9, "estimated")


def test_a_model_that_the_catalog_lacks_is_known_by_name_and_size():
    """What nothing states stays unknown, and it may be chosen."""
    pool = pool_catalog([pool_model("homemade", params_total_b=3.0)], CATALOG)
    card = pool.get("homemade")
    assert (card.params_total_b, card.license, card.release_date, card.supports_tools) == (3.0, None, None, None)
    assert candidate_facts(pool.models).answers.tolist() == [True]


def test_a_window_is_at_least_what_was_recorded_to_fit():
    """20,000 tokens that were answered widen a stated window, and an unknown one; short prompts narrow none."""
    long, short = {"longest_input_tokens": 20_000}, {"longest_input_tokens": 100}
    wide = pool_catalog([pool_model("big", "org/known", **long), pool_model("homemade", **long)], CATALOG)
    assert [card.context_tokens for card in wide.models] == [21_024, 21_024]
    narrow = pool_catalog([pool_model("big", "org/known", **short), pool_model("homemade", **short)], CATALOG)
    assert {card.model_id: card.context_tokens for card in narrow.models} == {"org/known": 8_000, "homemade": None}


def test_one_of_several_ways_to_run_a_model_shows_its_own_name():
    """And says which model it is a way to run."""
    models = [pool_model("known (think)", "org/known"), pool_model("known (nothink)", "org/known")]
    cards = pool_catalog(models, CATALOG).models
    assert [(card.model_id, card.display_name, card.variant_of) for card in cards] == [
        ("known (nothink)", "known (nothink)", "org/known"),
        ("known (think)", "known (think)", "org/known"),
    ]


def test_another_pool_is_another_version():
    """The catalog's version names the pool, whatever its order."""
    one, two = pool_model("a"), pool_model("b")
    assert pool_catalog([one, two], CATALOG).version == pool_catalog([two, one], CATALOG).version
    assert pool_catalog([one], CATALOG).version != pool_catalog([two], CATALOG).version
