"""The settings of Hypothesis: "quick" unless REFNET_PROFILE or --hypothesis-profile says "thorough" or "mutants"."""

import os

from hypothesis import Phase, settings

# The same examples in every run, however slow the machine: a failure is then never a flake.
settings.register_profile("quick", derandomize=True, deadline=None, database=None, max_examples=50)
settings.register_profile("thorough", settings.get_profile("quick"), max_examples=2000)
# Of a mutant it is enough that a test fails: no smaller example is looked for.
settings.register_profile("mutants", settings.get_profile("quick"), phases=(Phase.explicit, Phase.generate))
settings.load_profile(os.environ.get("REFNET_PROFILE", "quick"))
