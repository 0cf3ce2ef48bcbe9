"""What is kept of recordings, and how a recording is kept from itself."""

import numpy as np
import pytest

from omni.catalog import load_catalog
from omni.errors import OmniError
from omni.quality.abilities import build_abilities
from omni.quality.lineage import describe_models
from omni.quality.transfer import build_transfer, load_transfer, save_transfer, shipped_transfer
from omni.quality.unlabelled import build_unlabelled, gather, solve_heads
from omni.recording import load_recording
from tests.builders import build_recording


@pytest.fixture(scope="module")
def pool():
    """A pool of three catalog models that knows nothing of its outcomes."""
    catalog, transfer = load_catalog(), shipped_transfer()
    ids = ["Qwen/Qwen2.5-7B-Instruct", "Qwen/Qwen2.5-72B-Instruct", "meta-llama/Llama-3.1-8B-Instruct"]
    models = describe_models(ids, ids, [7.6, 72.7, 8.0], {card.model_id: card for card in catalog.models})
    features = load_recording("korbench").features[:40]
    prices = np.array([[0.3, 0.3], [0.4, 0.4], [0.1, 0.1]])
    knowledge = gather(transfer, catalog.models, build_abilities(catalog.models))
    return build_unlabelled(transfer, knowledge, models, prices, (features, np.full(40, np.nan))), features


def test_a_shipped_recording_is_left_out_of_what_it_is_judged_with():
    """Its prompts give it away, alone or mixed with others; strange prompts leave nothing out."""
    transfer = shipped_transfer()
    names = {source.name for source in transfer.sources}
    mixed = load_recording("mixed-zk")
    left = {source.name for source in transfer.without(mixed.features[mixed.is_fit]).sources}
    assert left == names - {"zeroeval", "korbench"}
    strange = np.random.default_rng(0).normal(size=(50, mixed.features.shape[1]))
    assert len(transfer.without(strange).sources) == len(names)


def test_the_sums_survive_writing_and_reading(tmp_path):
    """What is read solves to the same heads."""
    recording = build_recording(120)
    n_embedding = recording.features.shape[1] - 1
    rng = np.random.default_rng(1)
    labels = rng.normal(size=(40, recording.features.shape[1]))
    tasks = ["code", "math", "knowledge", "chat"] * 10
    built = build_transfer([recording], labels, tasks, n_embedding)
    save_transfer(built, tmp_path / "t.safetensors")
    read = load_transfer(tmp_path / "t.safetensors")
    assert read.fingerprint == built.fingerprint
    assert read.sources[0].models == built.sources[0].models
    assert solve_heads(read).difficulty == pytest.approx(solve_heads(built).difficulty, abs=1e-4)


def test_a_broken_file_says_how_to_rebuild_it(tmp_path):
    """The error names the command."""
    (tmp_path / "t.safetensors").write_bytes(b"nothing")
    with pytest.raises(OmniError, match="omni fit"):
        load_transfer(tmp_path / "t.safetensors")


def test_a_pool_without_outcomes_expects_more_of_the_larger_model(pool):
    """Qualities are shares, errors are wide, and costs follow the prices."""
    unlabelled, features = pool
    forecast = unlabelled.predict(features, np.full(len(features), np.nan))
    assert ((forecast.quality > 0) & (forecast.quality < 1)).all()
    assert forecast.quality[:, 1].mean() > forecast.quality[:, 0].mean()
    assert forecast.quality_se.mean() > 0.05
    assert (forecast.cost_usd > 0).all()


def test_a_few_outcomes_move_the_pool(pool):
    """Ten prompts that only one model got right bring it before one it was expected to be behind."""
    unlabelled, features = pool
    scores = np.tile([0.0, 0.0, 1.0], (10, 1))
    tokens = np.full(10, np.nan)
    after = unlabelled.with_outcomes(features[:10], tokens, scores, np.tile([1e-5, 1e-4, 1e-3], (10, 1)))
    assert unlabelled.level[2] < unlabelled.level[0]
    assert after.level[2] > after.level[0]
    assert after.log_cost[2] > after.log_cost[0]
    nothing = unlabelled.with_outcomes(features[:2], tokens[:2], np.full((2, 3), np.nan), None)
    assert nothing is unlabelled


def test_outcomes_as_expected_narrow_the_errors_and_the_chances_spread(pool):
    """Scores that are the expected chances leave the order, shrink the errors, and make the predictions less flat."""
    unlabelled, features = pool
    tokens = np.full(len(features), np.nan)
    before = unlabelled.predict(features, tokens)
    after = unlabelled.with_outcomes(features, tokens, before.worth.clip(0, 1), None)
    assert (after.level_se < unlabelled.level_se).all()
    assert (np.argsort(after.level) == np.argsort(unlabelled.level)).all()
    flat = np.abs(before.quality - 0.5) <= np.abs(before.worth + 0.5 * before.quality_se - 0.5) + 1e-9
    assert flat.all()
