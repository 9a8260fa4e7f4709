"""Settings for all tests; being here also puts this folder on the path, so that tests can import `oracle`."""

from hypothesis import settings

# No deadline: shared machines stall. Fixed seeds: a gate must not fail by luck; `--hypothesis-profile=search` looks on.
settings.register_profile("gate", deadline=None, derandomize=True, max_examples=100)
settings.register_profile("search", deadline=None, max_examples=5000)
settings.load_profile("gate")
