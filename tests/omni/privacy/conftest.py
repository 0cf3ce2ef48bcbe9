"""Settings of the property tests."""

from hypothesis import settings

# no time limit on slow machines, nothing written beside the sources
settings.register_profile("omni", deadline=None, database=None)
settings.load_profile("omni")
