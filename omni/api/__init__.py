"""The OpenAI-compatible server: any OpenAI client may use Omni by its address."""

from omni.api.mount import mount_api
from omni.api.server import create_api
from omni.api.services import Guard, Services

__all__ = ["Guard", "Services", "create_api", "mount_api"]
