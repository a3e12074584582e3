"""Every implementation of `Ledger`, by name: where the ledger of a test is, and how it is opened."""

from collections.abc import Callable, Mapping
from pathlib import Path

from gateway.ledger.base import Ledger
from gateway.ledger.open import open_ledger
from gateway.telemetry.events import Observer
from tests.clock import ManualClock

Place = Callable[[ManualClock, Observer], Ledger]
"""Opens the ledger of one test; a second time after it was closed, with all that was written."""


def sqlite(folder: Path) -> Place:
    """A file in the test's own folder."""
    return lambda clock, observer: open_ledger("sqlite:///ledger.db", clock, observer, folder=folder)


PLACES: Mapping[str, Callable[[Path], Place]] = {"sqlite": sqlite}
