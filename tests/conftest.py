import pytest
from hypothesis import settings

from tests.scale import FULL

# No deadline: a shared machine may pause for longer than any. What is the same each time here is random in `make fuzz`.
settings.register_profile("shared machine", deadline=None, derandomize=not FULL)
settings.load_profile("shared machine")

LONG = ("test_kills", "test_live", "test_supply_chain", "test_image", "test_contract", "test_ledger_state_machine")
"""Modules whose tests take a minute: what begins last must not be what takes longest."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest. Leave out what takes minutes, unless it is asked for (`make test-faults`)."""
    items.sort(key=lambda item: item.path.stem not in LONG)
    if FULL:
        return
    for item in items:
        if item.get_closest_marker("faults"):
            item.add_marker(pytest.mark.skip(reason="takes minutes: make test-faults"))
