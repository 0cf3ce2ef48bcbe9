"""Tiny recording folders for tests: a valid one from one argument, and a feature maker without an encoder."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from omni.types import Conversation, PromptProfile

CARD = "name: tiny\ntitle: Tiny\nsource: https://example.org\nlicence: MIT\nlanguages: [en]\nscore_meaning: right\n"


class FakeReader:
    """Four numbers per text, by its characters; counts how often it was asked."""

    fingerprint = "fake-4-read"
    feature_fingerprint = "fake-4"

    def __init__(self) -> None:
        self.n_texts = 0

    def read_batch(self, conversations: Sequence[Conversation]) -> list[PromptProfile]:
        self.n_texts += len(conversations)
        return [self._read(conversation.last_user_text) for conversation in conversations]

    @staticmethod
    def _read(text: str) -> PromptProfile:
        row = np.array([text.count("a"), text.count("e"), text.count(" "), len(text)], dtype=np.float32)
        return replace(PromptProfile.typical(input_tokens=len(text) // 4, features=row), language="de")


def tiny_models(names: Sequence[str] = ("small", "large")) -> pd.DataFrame:
    """A pool with listed prices that grow along the names."""
    return pd.DataFrame(
        {
            "model": list(names),
            "model_id": [f"org/{name}" for name in names],
            "open_weight": "true",
            "params_total_b": [2.0 * 4**at for at in range(len(names))],
            "price_in_usd_per_mtok": [0.1 * 4**at for at in range(len(names))],
            "price_out_usd_per_mtok": [0.2 * 4**at for at in range(len(names))],
            "price_basis": "listed",
        }
    )


def tiny_prompts(n_prompts: int = 40) -> pd.DataFrame:
    """Prompts p0 … with texts that differ."""
    return pd.DataFrame(
        {
            "prompt_id": [f"p{at}" for at in range(n_prompts)],
            "prompt": [f"Question number {at}: what is {at} + {at}?" for at in range(n_prompts)],
        }
    )


def tiny_outcomes(n_prompts: int = 40, names: Sequence[str] = ("small", "large")) -> pd.DataFrame:
    """Every model on every prompt, with tokens; later models score more."""
    rows = [
        {
            "prompt_id": f"p{at}",
            "model": name,
            "score": float((at * 7 + where * 5) % 10 < 3 + 5 * where),
            "input_tokens": 10 + at,
            "output_tokens": 100 + 10 * where,
        }
        for at in range(n_prompts)
        for where, name in enumerate(names)
    ]
    return pd.DataFrame(rows)


def write_folder(
    folder: Path,
    *,
    card: str | None = CARD,
    models: pd.DataFrame | None = None,
    prompts: pd.DataFrame | None = None,
    outcomes: pd.DataFrame | None = None,
) -> Path:
    """A valid recording folder, with the given parts in place of the tiny ones."""
    folder.mkdir(parents=True, exist_ok=True)
    if card is not None:
        (folder / "recording.yml").write_text(card, encoding="utf-8")
    (tiny_models() if models is None else models).to_csv(folder / "models.csv", index=False)
    (tiny_prompts() if prompts is None else prompts).to_parquet(folder / "prompts.parquet", index=False)
    (tiny_outcomes() if outcomes is None else outcomes).to_parquet(folder / "outcomes.parquet", index=False)
    return folder


def write_features(folder: Path, prompt_ids: Sequence[str], *, fingerprint: str = "stored-3", value: int = 127) -> None:
    """A features.parquet of two int8 embedding numbers and one signal for each prompt."""
    table = pa.table(
        {
            "prompt_id": list(prompt_ids),
            "embedding": pa.array([[value, -value]] * len(prompt_ids), pa.list_(pa.int8())),
            "signals": pa.array([[0.5]] * len(prompt_ids), pa.list_(pa.float32())),
        }
    )
    pq.write_table(table.replace_schema_metadata({"fingerprint": fingerprint}), folder / "features.parquet")
