"""The settings of Hypothesis: "quick" unless REFNET_PROFILE or --hypothesis-profile says "thorough"."""

import os

from hypothesis import settings

# The same examples in every run, however slow the machine: a failure is then never a flake.
settings.register_profile("quick", derandomize=True, deadline=None, database=None, max_examples=50)
settings.register_profile("thorough", settings.get_profile("quick"), max_examples=2000)
settings.load_profile(os.environ.get("REFNET_PROFILE", "quick"))
