"""Which catalog model a served name is taken for, with the shipped catalog."""

import pytest

from omni.catalog import Catalog, load_catalog
from omni.gateway import ServedModel, match_served
from omni.gateway.matching import How


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    """The shipped one."""
    return load_catalog()


def match(catalog: Catalog, *served: ServedModel) -> dict[str, tuple[str, How]]:
    sizes_b = {card.model_id: card.params_total_b for card in catalog.models if card.params_total_b}
    found = match_served(served, [card.model_id for card in catalog.models], sizes_b)
    return {model_id: (entry.served_name, entry.how) for model_id, entry in found.items()}


@pytest.mark.parametrize(
    ("name", "model_id", "how"),
    [
        ("Qwen/Qwen3-8B", "Qwen/Qwen3-8B", How.EXACT),
        ("qwen3-8b:latest", "Qwen/Qwen3-8B", How.EXACT),
        ("llama3.1:8b", "meta-llama/Llama-3.1-8B-Instruct", How.NAME),
        ("llama3.1:8b-instruct-q4_K_M", "meta-llama/Llama-3.1-8B-Instruct", How.NAME),
        ("Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf", "meta-llama/Llama-3.1-8B-Instruct", How.NAME),
        ("unsloth/gemma-3-27b-it-GGUF", "google/gemma-3-27b-it", How.NAME),
        ("/models/Qwen3-30B-A3B-Instruct-2507-UD-Q4_K_XL.gguf", "Qwen/Qwen3-30B-A3B-Instruct-2507", How.NAME),
        ("Qwen3-32B-AWQ", "Qwen/Qwen3-32B", How.NAME),
        ("phi4:14b", "microsoft/phi-4", How.NAME),
        ("gpt-oss:20b", "openai/gpt-oss-20b", How.NAME),
        ("GLM-4.6-Q4_K_M.gguf", "zai-org/GLM-4.6", How.NAME),
        ("qwen3:30b", "Qwen/Qwen3-30B-A3B", How.SIZE),
        ("deepseek-r1:70b", "deepseek-ai/DeepSeek-R1-Distill-Llama-70B", How.SIZE),
        ("mistral-small3.2:24b", "mistralai/Mistral-Small-3.2-24B-Instruct-2506", How.SIZE),
    ],
)
def test_local_names_are_recognised(catalog: Catalog, name: str, model_id: str, how: How) -> None:
    """Tags, quantisations and file names mean the model; a shorter name of that size means the nearest one."""
    assert match(catalog, ServedModel(name=name)) == {model_id: (name, how)}


@pytest.mark.parametrize(
    "name", ["my-own-model", "default", "8b", "nomic-embed-text:latest", "qwen3:0.6b", "llama3.2", "gpt-oss:120b-cloud"]
)
def test_what_is_not_known_is_not_guessed(catalog: Catalog, name: str) -> None:
    """Another model, another size, or a name that fits several."""
    assert match(catalog, ServedModel(name=name)) == {}


def test_no_quantised_file_of_one_model_is_taken_for_another(catalog: Catalog) -> None:
    """Every model of the catalog under a file's name is itself or its unquantised self, or is not recognised."""
    assert len(catalog.models) > 200
    for card in catalog.models:
        name = card.model_id.rpartition("/")[2]
        for found in match(catalog, ServedModel(name=f"{name}-Q4_K_M.gguf")):
            is_itself = card.model_id.startswith(found) or found == card.variant_of
            assert is_itself or _are_copies(found, card.model_id), f"{name} was taken for {found}"


def _are_copies(one: str, two: str) -> bool:
    """Whether two ids are the same but for how the model is quantised."""
    forms = ("-bf16", "-fp8", "-nvfp4", "-w4a4", "-awq-4bit", "-gguf")
    bare = {
        next((id_.removesuffix(form) for form in forms if id_.endswith(form)), id_)
        for id_ in (one.lower(), two.lower())
    }
    return len(bare) == 1


def test_a_counted_size_helps_a_name_without_one(catalog: Catalog) -> None:
    """llama.cpp counts the parameters of what it has loaded."""
    served = ServedModel(name="llama3.2", params_b=3.21)
    assert match(catalog, served) == {"meta-llama/Llama-3.2-3B-Instruct": ("llama3.2", How.NAME)}


def test_the_better_match_is_kept(catalog: Catalog) -> None:
    """A server that has both the model and a cousin of it offers the model."""
    names = ["qwen3-8b-q4_K_M", "Qwen3-8B", "Qwen/Qwen3-8B"]
    for order in (names, names[::-1]):
        assert match(catalog, *(ServedModel(name=name) for name in order)) == {
            "Qwen/Qwen3-8B": ("Qwen/Qwen3-8B", How.EXACT)
        }
