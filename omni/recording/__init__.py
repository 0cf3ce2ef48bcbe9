"""Recordings: real models' real outcomes on the same prompts, in the format that replay reads."""

from omni.recording.load import find_recording, load_recording, recordings_folder, shipped_names
from omni.recording.values import Recording

__all__ = ["Recording", "find_recording", "load_recording", "recordings_folder", "shipped_names"]
