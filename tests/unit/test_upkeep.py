"""What a process does from time to time, on a real ledger."""

import asyncio
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from gateway.config.settings import BackendSettings, Credential, Limits, Settings
from gateway.errors import LedgerUnavailable
from gateway.ledger.base import Ledger
from gateway.ledger.open import open_ledger
from gateway.model.kinds import System
from gateway.telemetry.events import Event, LedgerFailed
from gateway.telemetry.levels import Levels
from gateway.upkeep import Upkeep
from tests.unit.dispatch.rig import HeldClock

HUB = BackendSettings("hub", System.HUB_PROPERTY, "http://hub.test", Credential("none", "none"), Limits("hub"))


class RecordingClock(HeldClock):
    """Remembers for how long it was asked to wait; `asked` tells each time that it was."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float | None] = []
        self.asked = asyncio.Semaphore(0)

    async def wait(self, event: asyncio.Event, seconds: float | None) -> bool:
        self.waits.append(seconds)
        self.asked.release()
        return await super().wait(event, seconds)


class Kept:
    def __init__(self, folder: Path) -> None:
        self.clock = RecordingClock()
        self.events: list[Event] = []
        self.registry = CollectorRegistry()
        self.ledger: Ledger = open_ledger(f"sqlite:///{folder}/ledger.db", self.clock, self.events.append)
        settings = Settings(backends={"hub": HUB})
        self.upkeep = Upkeep(lambda: settings, self.ledger, Levels(self.registry), self.clock, self.events.append)
        self.broken = False
        check = self.ledger.check

        async def unless_broken() -> None:
            if self.broken:
                raise LedgerUnavailable("disk full")
            await check()

        self.ledger.check = unless_broken  # type: ignore[method-assign]

    def relied_upon(self) -> bool:
        return self.upkeep.ledger_works


async def test_a_ledger_that_cannot_be_written_is_noticed_and_so_is_its_return(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.broken = True
    await kept.upkeep.once()
    assert not kept.relied_upon()
    assert kept.events == [LedgerFailed("check", "disk full")]
    kept.broken = False
    await kept.upkeep.once()
    assert kept.relied_upon()
    await kept.ledger.close()


async def test_it_checks_every_five_seconds_every_second_in_trouble_and_at_once_when_there_is_doubt(
    tmp_path: Path,
) -> None:
    kept = Kept(tmp_path)
    loop = asyncio.create_task(kept.upkeep.run())
    async with asyncio.timeout(5):
        await kept.clock.asked.acquire()
        kept.clock.move(5)
        await kept.clock.asked.acquire()
        kept.broken = True
        kept.upkeep.doubt()
        await kept.clock.asked.acquire()
        kept.broken = False
        kept.clock.move(1)
        await kept.clock.asked.acquire()
    assert kept.clock.waits == [5.0, 5.0, 1.0, 5.0]
    loop.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loop
    await kept.ledger.close()


async def test_a_ledger_that_failed_somebody_is_not_relied_upon_until_it_was_checked(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.upkeep.doubt()
    assert not kept.relied_upon()
    await kept.ledger.close()


async def test_it_takes_the_levels_of_every_configured_backend(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    await kept.upkeep.once()
    assert kept.registry.get_sample_value("gateway_cases_pending", {"backend": "hub"}) == 0.0
    assert kept.registry.get_sample_value("gateway_backend_open", {"backend": "hub"}) == 1.0
    await kept.ledger.close()
