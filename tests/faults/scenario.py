"""One run: callers at work, a gateway that is killed again and again, and what is found when it may end its work."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random

from msgspec import Struct

from tests.api.configuration import JOB_KEY, Change

from .callers import Callers
from .ledger_reader import LedgerReader
from .oracle import objections
from .oracle.records import Asked, Record, read_history
from .points import ANY_TIME, STANDSTILL
from .processes import Site, site

TIMEOUT_SECONDS, LINGER_SECONDS = 0.9, 0.6
PROMPT_SECONDS = 0.4
"""An answer that comes so soon is in time for a gateway with TIMEOUT_SECONDS, on a machine under load too."""
REACHED_SECONDS = 30.0
"""A point that is not reached in this time is none."""
CALM_SECONDS = 2.0
"""So long callers go on after the last death: what is known for sure is more, and may not be done again."""
STUBBORN_SECONDS = 20.0
"""After so long without callers, the upstreams mend: a case that fails each of its calls may be all that there is to
test an open circuit with, and then it waits."""
END_SECONDS = 90.0
RULES: Change = {
    "retry": {
        "max_attempts": 4,
        "deadline_seconds": 30,
        "budget_ratio": 1,
        "backoff_base_seconds": 0.02,
        "backoff_max_seconds": 0.1,
    },
    "circuit": {"window_calls": 1000, "failure_ratio": 1, "open_seconds": 0.5},
    **{f"limits.{group}.max_in_flight": 10 for group in ("hub", "claimshop", "ecm")},
    **{f"backends.{name}.timeout_seconds": TIMEOUT_SECONDS for name in ("hub-dk", "claimshop-dk", "ecm")},
    **{f"backends.{name}.linger_seconds": LINGER_SECONDS for name in ("hub-dk", "claimshop-dk", "ecm")},
}
"""Leases of a second and a half. Neither circuit nor retry budget keeps anything waiting among so many faults."""
GUARDED: Change = {
    "circuit": {"window_calls": 20, "failure_ratio": 0.5, "open_seconds": 0.3},
    "retry": {**dict(RULES["retry"]), "budget_ratio": 0.1},  # type: ignore[call-overload]
}
"""The same with a circuit and a retry budget that work, and are in the way of every backend before long."""
SWITCHES = {
    "hub": {"latencySeconds": 0.04},
    "claimshop": {"latencySeconds": 0.04, "simultaneous": None},
    "ecm": {"latencySeconds": 0.04},
}


class Death(Struct, frozen=True):
    """Where and when the gateway died, and since when it stood still if it did before that, in epoch seconds."""

    point: str
    at: float
    stopped_at: float


class Outcome(Struct, frozen=True):
    """What a run was, and what speaks against it."""

    store: str
    deaths: list[Death]
    record: Record
    objections: list[str]


async def run(
    folder: Path, store: str, place: Path | str, kills: list[str], seed: int, *, guarded: bool = False
) -> Outcome:
    """Kill the gateway once at any time and then at each of `kills`, over the ledger at `place` (a file, or a URL)."""
    random = Random(seed)  # noqa: S311 - reproducible, as far as the machine allows
    change = {**RULES, **(GUARDED if guarded else {}), **({} if isinstance(place, Path) else {"store.url": place})}
    async with site(folder, change, "tests.faults.killable") as here:
        await here.ask_sandbox("PUT", "/switches", json=SWITCHES)
        reader = LedgerReader(place)
        callers = Callers(here.url, JOB_KEY, random, f"s{seed}")
        async with _at_work(callers, reader):
            deaths = [await _killed_from_outside(here, random)]
            deaths += [await _killed(here, folder / "kills.log", point, random) for point in kills]
            await here.start_gateway()
            await asyncio.sleep(CALM_SECONDS)
        if not await all_ended(reader, STUBBORN_SECONDS):
            await here.ask_sandbox("PUT", "/switches", json={**SWITCHES, "magic": False})
            await all_ended(reader, END_SECONDS)
        record = await record_of(
            here, reader, callers.asked, [time for death in deaths for time in (death.stopped_at, death.at)]
        )
        assert await here.gateway.end(signal.SIGTERM) == 0
    met = zip(kills, deaths[1:], strict=True)
    missed = [f"{wanted} was not reached" for wanted, death in met if wanted != death.point]
    return Outcome(store, deaths, record, [*objections(record), *callers.surprises, *missed])


async def all_ended(reader: LedgerReader, seconds: float) -> bool:
    """Whether every operation and call has, within `seconds`; if none ever do, the oracle will have a word to say."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while await asyncio.to_thread(reader.unended):  # noqa: ASYNC110 - it is asked of a database
                await asyncio.sleep(0.05)
            return True
    return False


async def record_of(here: Site, reader: LedgerReader, asked: list[Asked], kills: list[float]) -> Record:
    """What the oracle needs, of a gateway that has nothing more to do."""
    ledger = reader.read()
    async with here.caller() as http:
        answers = [await http.get(f"/v1/operations/{row['id']}") for row in ledger.operations]
    return Record(
        history=read_history((await here.ask_sandbox("GET", "/history"))["items"]),
        ledger=ledger,
        asked=asked,
        told={row["id"]: answer.json() for row, answer in zip(ledger.operations, answers, strict=True)},
        kills=kills,
        lease_seconds=TIMEOUT_SECONDS + LINGER_SECONDS,
        prompt_seconds=PROMPT_SECONDS,
    )


@asynccontextmanager
async def _at_work(callers: Callers, reader: LedgerReader) -> AsyncIterator[None]:
    """Within the block callers ask; at its end they have been answered, or are a surprise."""
    looking = asyncio.create_task(_look(callers, reader))
    asking = asyncio.create_task(callers.run())
    try:
        yield
        callers.stop.set()
        ended, unanswered = await asyncio.wait((asking,), timeout=END_SECONDS)
        callers.surprises += ["callers: some never got an answer"] * len(unanswered)
        for task in ended:
            task.result()
    finally:
        for task in (looking, asking):
            task.cancel()
        await asyncio.gather(looking, asking, return_exceptions=True)


async def _look(callers: Callers, reader: LedgerReader) -> None:
    while True:
        callers.unended = await asyncio.to_thread(reader.unended)
        await asyncio.sleep(0.2)


async def _killed(here: Site, log_file: Path, point: str, random: Random) -> Death:
    """Start the gateway and have it die at `point`; at any time, if it does not get there."""
    if point in {ANY_TIME, STANDSTILL}:
        here.gateway.start()
        return await _killed_from_outside(here, random, standstill=point == STANDSTILL)
    most = 1 if point.startswith("check") else 4
    here.gateway.start({"GATEWAY_KILL": f"{point}:{random.randint(1, most)}", "GATEWAY_KILL_LOG": str(log_file)})
    code = await here.gateway.ended(REACHED_SECONDS)
    if code is None:
        return await _killed_from_outside(here, random)
    assert code == -signal.SIGKILL, f"the gateway ended by itself, with {code}"
    return _last_death(log_file)


def _last_death(log_file: Path) -> Death:
    point, at = log_file.read_text(encoding="ascii").splitlines()[-1].split()
    return Death(point, float(at), float(at))


async def _killed_from_outside(here: Site, random: Random, *, standstill: bool = False) -> Death:
    await asyncio.sleep(random.uniform(0.3, 2.0))
    stopped_at = time.time()
    if standstill:
        await here.gateway.stand_still(TIMEOUT_SECONDS + LINGER_SECONDS + random.uniform(0.0, 1.0))
        await asyncio.sleep(random.uniform(0.3, 1.0))
    at = time.time()
    assert await here.gateway.end(signal.SIGKILL) == -signal.SIGKILL
    return Death(STANDSTILL if standstill else ANY_TIME, at, stopped_at)
