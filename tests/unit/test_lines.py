"""The end of a line: what the ledger is about to grant belongs to it."""

import asyncio
from pathlib import Path

import pytest

from gateway.dispatch.means import Rules
from gateway.ledger.base import Claim, ClaimRules
from gateway.lines import Line
from gateway.model.kinds import Status
from tests.unit.dispatch.rig import Rig, rig


def line_of(made: Rig) -> Line:
    """A line that runs; the ledger tells it of what may be due."""
    rules = Rules(made.settings, made.retry, made.circuit)
    line = Line(rules, made.channel, made.ledger, made.clock, made.events.append, lambda _line: [])
    made.ledger.subscribe(lambda _backend, cases: line.dispatcher.hint(cases))
    line.start(lambda error: pytest.fail(str(error)))
    return line


async def test_a_call_that_is_granted_while_a_drain_begins_is_waited_for(tmp_path: Path) -> None:
    """If only the calls are waited for that were there when it began, this one is given up, and its outcome unknown."""
    async with rig(tmp_path, run=False) as made:
        claim, granted, go_on = made.ledger.claim, asyncio.Event(), asyncio.Event()

        async def slow_claim(rules: ClaimRules) -> Claim:
            given = await claim(rules)
            if given.calls:
                granted.set()
                await go_on.wait()
            return given

        made.ledger.claim = slow_claim  # type: ignore[method-assign]
        line = line_of(made)
        operation_id = await made.accept("CN1")
        await asyncio.wait_for(granted.wait(), 5)

        drained = asyncio.create_task(line.drain(5))
        await asyncio.sleep(0)
        go_on.set()
        assert await drained
        await line.close()

        assert (await made.result(operation_id)).outcome.status is Status.SUCCEEDED


async def test_a_ledger_that_gives_no_answer_holds_a_drain_up_no_longer_than_it_may_take(tmp_path: Path) -> None:
    async with rig(tmp_path, run=False) as made:
        asked = asyncio.Event()

        async def no_answer(rules: ClaimRules) -> Claim:
            del rules
            asked.set()
            await asyncio.Event().wait()
            raise AssertionError

        made.ledger.claim = no_answer  # type: ignore[method-assign]
        line = line_of(made)
        await asyncio.wait_for(asked.wait(), 5)

        async with asyncio.timeout(5):
            assert not await line.drain(0.01)
            await line.close()
