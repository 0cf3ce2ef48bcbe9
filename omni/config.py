"""Settings from the environment; the only reader of os.environ."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from omni.errors import InputError

DATA_DIR = Path(__file__).resolve().parent.parent / "data"
HF_ROUTER_URL = "https://router.huggingface.co/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where the app listens and stores, and which model servers it may use."""

    host: str
    port: int
    db_path: Path
    base_url: str | None
    """Any OpenAI-compatible server; None = not set."""
    api_key: str | None = field(repr=False)
    hf_token: str | None = field(repr=False)
    in_space: bool

    @classmethod
    def from_env(cls) -> "Settings":
        """Reads HF_TOKEN, OMNI_BASE_URL, OMNI_API_KEY, OMNI_HOST, OMNI_PORT, OMNI_DB and SPACE_ID.

        Raises:
            InputError: OMNI_PORT is not a port number.
        """
        in_space = bool(os.environ.get("SPACE_ID"))
        port = os.environ.get("OMNI_PORT") or "7860"
        if not port.isdigit() or not 0 < int(port) < 65536:
            raise InputError(f"OMNI_PORT is {port!r}; expected 1 to 65535. Unset it or set for example 7860.")
        return cls(
            host=os.environ.get("OMNI_HOST") or ("0.0.0.0" if in_space else "127.0.0.1"),
            port=int(port),
            db_path=Path(os.environ.get("OMNI_DB") or "omni.duckdb"),
            base_url=os.environ.get("OMNI_BASE_URL") or None,
            api_key=os.environ.get("OMNI_API_KEY") or None,
            hf_token=os.environ.get("HF_TOKEN") or None,
            in_space=in_space,
        )
