"""What a process does from time to time, on a real ledger."""

import asyncio
from datetime import time
from pathlib import Path

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from gateway.config.settings import BackendSettings, Credential, Limits, Retry, Settings
from gateway.errors import LedgerUnavailable
from gateway.ledger.base import Again, CallSettlement, CaseSettlement, ClaimRules, Ledger, Pause
from gateway.ledger.budget import CAPACITY
from gateway.ledger.open import open_ledger
from gateway.model.cases import Case, Identifier
from gateway.model.hours import SECOND, Hours
from gateway.model.kinds import IdentifierType, Kind, Status, System
from gateway.model.operations import NewOperation
from gateway.model.outcomes import CaseOutcome, Code
from gateway.telemetry.events import Event, LedgerFailed
from gateway.telemetry.instruments import Instruments
from gateway.telemetry.levels import CertificateEnds, Levels
from gateway.upkeep import Upkeep
from tests.tables import put_tables
from tests.unit.dispatch.rig import NOON, HeldClock

HUB = BackendSettings("hub", System.HUB_PROPERTY, "http://hub.test", Credential("none", "none"), Limits("hub"))


FOUR_TO_EIGHT = Hours(time(16), time(8))


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
    def __init__(self, folder: Path, hub: BackendSettings = HUB) -> None:
        self.clock = RecordingClock()
        self.events: list[Event] = []
        self.registry = CollectorRegistry()
        put_tables(folder / "ledger.db")
        self.ledger: Ledger = open_ledger(f"sqlite:///{folder}/ledger.db", self.clock, self.events.append)
        settings = Settings(backends={"hub": hub})
        self.upkeep = Upkeep(
            lambda: settings,
            self.ledger,
            Levels(Instruments(self.registry)),
            self.clock,
            self.events.append,
            lambda _: CertificateEnds({"scalepoint": 1_800_000_000.0}, 1_900_000_000.0, {"hub": 1_700_000_000.0}),
        )
        self.broken = False
        check = self.ledger.check

        async def unless_broken() -> None:
            if self.broken:
                raise LedgerUnavailable("disk full")
            await check()

        self.ledger.check = unless_broken  # type: ignore[method-assign]

    def level(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"gateway_{name}", {"backend": "hub", **labels})

    async def accept(self, count: int) -> None:
        cases = tuple(Case(Identifier(IdentifierType.CASE_NUMBER, f"CN{number}")) for number in range(count))
        new = NewOperation(
            caller="c",
            kind=Kind.CASE_DELETION,
            tenant="acme",
            backend="hub",
            system=System.HUB_PROPERTY,
            upstream_tenant="acme",
            execute=True,
            cases=cases,
            fingerprint="f",
        )
        await self.ledger.accept(new, max_queued_cases=1_000)

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


async def test_a_queue_s_age_is_told_in_time_and_in_open_time_and_so_is_its_end(tmp_path: Path) -> None:
    """Noon, closed until 16:00; 60 calls a minute: 120 cases take two minutes from then on."""
    hub = replace(HUB, hours=FOUR_TO_EIGHT, limits=Limits("hub", None, 60, None), timeout_seconds=60.0)
    kept = Kept(tmp_path, hub)
    await kept.accept(120)
    await kept.upkeep.once()
    assert kept.level("backend_open") == kept.level("backend_schedule_open") == 0.0
    assert kept.level("backend_opens_timestamp_seconds") == NOON / SECOND + 4 * 3_600
    assert kept.level("queue_empty_seconds") == pytest.approx(4 * 3_600 + 120, abs=10)
    assert kept.level("oldest_pending_open_seconds") == 0.0

    kept.clock.move(5 * 3_600)
    await kept.upkeep.once()
    assert kept.level("backend_open") == kept.level("backend_schedule_open") == 1.0
    assert kept.level("backend_opens_timestamp_seconds") is None
    assert kept.level("oldest_pending_seconds") == kept.level("oldest_due_seconds") == pytest.approx(5 * 3_600, abs=1)
    assert kept.level("oldest_pending_open_seconds") == pytest.approx(3_600, abs=1)
    assert kept.level("backend_opening_window_seconds") == 16 * 3_600
    await kept.ledger.close()


async def test_a_case_that_waits_for_its_retry_is_due_once_the_retry_may_be_sent(tmp_path: Path) -> None:
    """At its time while the retry budget can pay for it; else not before the backend was left alone for long enough."""
    kept = Kept(tmp_path)
    await kept.accept(12)
    retry = Retry(backoff_max_seconds=60.0)
    rules = ClaimRules("hub", HUB.limits, None, 12, 1, 60.0, 60.0, retry)

    async def fail_what_is_due() -> int:
        calls = (await kept.ledger.claim(rules)).calls
        for call in calls:
            (case,) = call.cases
            settled = CaseSettlement(
                case.position, CaseOutcome(Status.PENDING), Again("act", 10.0), met=Code.UPSTREAM_ERROR
            )
            await kept.ledger.settle(CallSettlement(call, True, True, "500", (settled,)))
        return len(calls)

    assert await fail_what_is_due() == 12
    kept.clock.move(40)
    await kept.upkeep.once()
    assert kept.level("oldest_due_seconds") == pytest.approx(30, abs=1)

    assert await fail_what_is_due() == CAPACITY
    kept.clock.move(40)
    await kept.upkeep.once()
    assert kept.level("oldest_due_seconds") == 0.0
    kept.clock.move(40)
    await kept.upkeep.once()
    assert kept.level("oldest_due_seconds") == pytest.approx(20, abs=1)
    await kept.ledger.close()


async def test_an_upstream_that_says_it_is_closed_is_closed_within_its_hours(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    await kept.accept(1)
    rules = ClaimRules("hub", HUB.limits, None, 1, 1, 60.0, 60.0, Retry())
    (call,) = (await kept.ledger.claim(rules)).calls
    outcome = CaseOutcome(Status.PENDING)
    settled = CaseSettlement(0, outcome, Again("act", 600.0), met=Code.UPSTREAM_CLOSED)
    pause = Pause(600.0, Code.UPSTREAM_CLOSED, closed=True)
    await kept.ledger.settle(CallSettlement(call, True, True, "503", (settled,), pause))
    await kept.upkeep.once()
    assert (kept.level("backend_open"), kept.level("backend_schedule_open")) == (0.0, 1.0)
    assert kept.level("backend_paused_seconds", reason="upstream_closed") == pytest.approx(600.0, abs=1)
    assert kept.level("backend_paused_seconds", reason="upstream_throttled") == 0.0
    await kept.ledger.close()


async def test_it_shows_when_certificates_expire(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    await kept.upkeep.once()
    name, labels = "gateway_certificate_expires_timestamp_seconds", {"credential": "scalepoint"}
    assert kept.registry.get_sample_value(name, labels) == 1_800_000_000.0
    tls = {("listener", ""): 1_900_000_000.0, ("backend", "hub"): 1_700_000_000.0}
    for (side, backend), end in tls.items():
        name, labels = "gateway_tls_certificate_expires_timestamp_seconds", {"side": side, "backend": backend}
        assert kept.registry.get_sample_value(name, labels) == end
    await kept.ledger.close()
