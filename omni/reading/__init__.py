"""Reading: a conversation to a PromptProfile. Pure; files are read once by the load functions."""

from omni.reading.features import FeatureMaker, load_feature_maker

__all__ = ["FeatureMaker", "load_feature_maker"]
