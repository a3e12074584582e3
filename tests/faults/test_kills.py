"""The gateway dies at every interesting instant, and again (CONTRACT.md section 2, promises 1, 2 and 3)."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from random import Random, randrange

from tests.postgres import Database
from tests.scale import FULL

from . import summary
from .points import ANY_TIME, STANDSTILL, Store, points
from .scenario import Outcome, run

ROUNDS = 10 if FULL else 1
"""How often each injection point has its turn on each store; a run kills at each of them once, in an order of its own,
and a few times from outside."""
FROM_OUTSIDE = 3 if FULL else 1
SEED = 20_261_126
"""Of the one round of `make test`: the plan is the same each time, and what comes of it is still up to the machine."""


async def test_nothing_is_lost_doubled_or_misjudged_wherever_the_gateway_is_killed(tmp_path: Path) -> None:
    """With one of these faults put into the code it fails, by the rules named:

    - SQLite's group commit answers and wakes before COMMIT: `granted_before`, `nothing_lost`, and callers who get 404;
    - a resumption makes a new request id: `one_request_id`, `one_request_id_a_request`, `remarks`;
    - ClaimShop gets the same deletion again without a probe: `probed_before_repeated`;
    - a call that is lost with its process counts as never sent: `probed_before_repeated`, `results`;
    - lost calls are not looked for: `nothing_left_behind`, `everything_ended`, `results`;
    - the idempotency key is not written down: `nothing_doubled`, `granted_before`, `results`;
    - a cancellation leaves what waits: `never_after_cancel`;
    - a retry takes what succeeded, too: `never_after_success`, `results`;
    - the queue is not counted down: `nothing_left_behind`;
    - two operations do not exclude each other at one case: `one_at_a_time`.
    """
    seed = randrange(1_000_000) if FULL else SEED  # noqa: S311 - printed; the names of all requests begin with it
    print(f"seed {seed}")  # noqa: T201 - to run it again
    outcomes = [
        outcome
        for number in range(ROUNDS)
        for outcome in await asyncio.gather(
            on_sqlite(tmp_path / f"sqlite{number}", seed + number, guarded=number % 2 == 0),
            on_postgresql(tmp_path / f"postgresql{number}", seed + number, guarded=number % 2 == 1),
        )
    ]
    summary.write("kills", {"seed": seed, **summary.summary(outcomes)})

    found = [f"{outcome.store}: {objection}" for outcome in outcomes for objection in outcome.objections]
    assert not found, "\n".join(found[:20])


def on_sqlite(folder: Path, seed: int, *, guarded: bool) -> Coroutine[None, None, Outcome]:
    folder.mkdir()
    return run(folder, "sqlite", folder / "gateway.db", plan("sqlite", seed), seed, guarded=guarded)


def on_postgresql(folder: Path, seed: int, *, guarded: bool) -> Coroutine[None, None, Outcome]:
    folder.mkdir()
    return run(folder, "postgresql", Database().url, plan("postgresql", seed), seed, guarded=guarded)


def plan(store: Store, seed: int) -> list[str]:
    """Every point once, and a few times no point, in a random order."""
    every = [*points(store), *[ANY_TIME, STANDSTILL] * FROM_OUTSIDE]
    return Random(seed).sample(every, len(every))  # noqa: S311 - reproducible
