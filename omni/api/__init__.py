"""The OpenAI-compatible server: any OpenAI client may use Omni by its address."""

from omni.api.guard import Guard
from omni.api.mount import mount_api
from omni.api.server import create_api

__all__ = ["Guard", "create_api", "mount_api"]
