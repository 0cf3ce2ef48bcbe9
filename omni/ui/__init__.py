"""The app's page: chat with the reason beside it, comparison, models."""

from omni.ui.page import build_page
from omni.ui.services import Services
from omni.ui.theme import CSS_PATH, build_theme

__all__ = ["CSS_PATH", "Services", "build_page", "build_theme"]
