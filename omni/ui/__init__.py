"""The app's page: chat with the reason beside it, comparison, models."""

from omni.ui.page import build_page
from omni.ui.services import Services
from omni.ui.serving import launch_options

__all__ = ["Services", "build_page", "launch_options"]
