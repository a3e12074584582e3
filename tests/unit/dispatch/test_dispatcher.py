"""The loop of one backend, on a real ledger and a held clock."""

import asyncio
from datetime import time
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.config.settings import Circuit, Limits, Retry
from gateway.errors import AnswerUnknown, CredentialMissing, CredentialRefused, LedgerUnavailable, NotSent
from gateway.ledger.base import Claim, ClaimRules
from gateway.model.calls import Answer, UpstreamRequest
from gateway.model.hours import Hours
from gateway.model.kinds import CircuitState, Evidence, Status
from gateway.model.outcomes import Code
from gateway.telemetry.events import CallEnded, CircuitChanged, LedgerFailed
from tests.unit.dispatch.rig import Rig, answer, deleted, rig, script


def request_ids(made: Rig) -> set[object]:
    return {sent["requestId"] for sent in made.channel.sent}


async def test_an_accepted_case_is_sent_and_its_operation_ends(tmp_path: Path) -> None:
    async with rig(tmp_path) as made:
        record = await made.finished(await made.accept("CN1"))
        assert (record.outcome.status, record.outcome.deleted, record.attempts) == (Status.SUCCEEDED, True, 1)
        assert [sent["caseNumber"] for sent in made.channel.sent] == ["CN1"]


async def test_nothing_is_connected_to_before_there_is_something_to_send(tmp_path: Path) -> None:
    async with rig(tmp_path) as made:
        made.clock.move(3600)
        await asyncio.sleep(0.05)
        assert made.channel.ready_for == []


async def test_no_more_calls_are_under_way_than_the_cap_allows(tmp_path: Path) -> None:
    async with rig(tmp_path, limits=Limits("hub", max_in_flight=3), run=False) as made:
        made.channel.hold = asyncio.Event()
        operation_id = await made.accept(*(f"CN{n}" for n in range(10)))
        loop = asyncio.create_task(made.dispatcher.run())
        await made.until(lambda: len(made.channel.sent) == 3)
        await asyncio.sleep(0.02)
        assert made.dispatcher.in_flight == 3
        made.channel.hold.set()
        assert await made.ledger.finished(operation_id, 5)
        made.dispatcher.stop()
        await loop
        assert len(made.channel.sent) == 10


async def test_a_lost_answer_is_followed_by_the_same_request_id_once_the_lease_is_over(tmp_path: Path) -> None:
    lost = AnswerUnknown("read_timeout", "no answer")
    async with rig(tmp_path, script([lost, deleted])) as made:
        operation_id = await made.accept("CN1")
        await made.until(lambda: any(isinstance(event, CallEnded) for event in made.events))
        made.clock.move(60)
        await asyncio.sleep(0.02)
        assert len(made.channel.sent) == 1, "the upstream may still be working on it"
        made.clock.move(61)
        record = await made.finished(operation_id)
        assert (record.outcome.status, record.attempts) == (Status.SUCCEEDED, 2)
        assert len(request_ids(made)) == 1


async def test_a_case_that_is_gone_after_a_lost_answer_is_inferred(tmp_path: Path) -> None:
    lost = AnswerUnknown("read_timeout", "no answer")

    def gone(request: UpstreamRequest) -> Answer:
        found = answer(404, request)
        return replace(found, body=found.body.replace(b'"found":true', b'"found":false'))

    async with rig(tmp_path, script([lost, gone])) as made:
        operation_id = await made.accept("CN1")
        await made.until(lambda: any(isinstance(event, CallEnded) for event in made.events))
        made.clock.move(121)
        outcome = (await made.finished(operation_id)).outcome
        assert (outcome.status, outcome.evidence) == (Status.SUCCEEDED, Evidence.INFERRED)
        assert (outcome.found, outcome.deleted) == (False, None)


async def test_an_internal_error_is_resumed_with_the_same_request_id(tmp_path: Path) -> None:
    async with rig(tmp_path, script([partial(answer, 500), deleted])) as made:
        operation_id = await made.accept("CN1")
        await made.until(lambda: any(isinstance(event, CallEnded) for event in made.events))
        made.clock.move(1.0)
        assert (await made.finished(operation_id)).attempts == 2
        assert len(request_ids(made)) == 1


async def test_a_throttle_stops_the_whole_backend_for_as_long_as_it_says(tmp_path: Path) -> None:
    def throttled(request: UpstreamRequest) -> Answer:
        return answer(429, request, **{"retry-after": "30"})

    async with rig(tmp_path, script([throttled, deleted])) as made:
        first = await made.accept("CN1")
        await made.until(lambda: any(isinstance(event, CallEnded) for event in made.events))
        second = await made.accept("CN2")
        made.clock.move(29)
        await asyncio.sleep(0.02)
        assert len(made.channel.sent) == 1
        made.clock.move(2)
        await made.finished(first)
        await made.finished(second)


async def test_a_refused_credential_fails_one_case_and_keeps_the_others_waiting_until_it_works(tmp_path: Path) -> None:
    refused = CredentialRefused("credential", "no")
    async with rig(tmp_path, script([refused, deleted]), limits=Limits("hub", max_in_flight=1)) as made:
        made.channel.ready_error = refused
        first = await made.accept("CN1")
        record = await made.finished(first)
        assert (record.outcome.status, record.outcome.code) == (Status.FAILED, Code.UPSTREAM_UNAUTHORIZED)
        assert record.attempts == 0
        second = await made.accept("CN2")
        for _ in range(40):
            tries = len(made.channel.ready_for)
            made.clock.move(60)
            await made.until(lambda seen=tries: len(made.channel.ready_for) > seen)  # type: ignore[misc]
        assert (await made.result(second)).outcome.status is Status.PENDING
        made.channel.ready_error = None
        async with asyncio.timeout(5):
            while not await made.ledger.finished(second, 0.01):
                made.clock.move(60)
        assert (await made.result(second)).outcome.status is Status.SUCCEEDED


async def test_an_upstream_that_cannot_be_reached_costs_no_attempts_and_fails_with_the_deadline(tmp_path: Path) -> None:
    async with rig(tmp_path, script([NotSent("connect", "refused")])) as made:
        made.circuit = Circuit(window_calls=1_000)
        record = await made.finished_in_time(await made.accept("CN1"))
        assert (record.outcome.status, record.outcome.code) == (Status.FAILED, Code.UPSTREAM_UNREACHABLE)
        assert record.attempts == 0
        assert len(made.channel.sent) > 10


async def test_an_upstream_that_works_again_is_found_by_a_dry_run_of_what_waits(tmp_path: Path) -> None:
    """While the circuit is open nothing is sent; the call that tests it deletes nothing."""
    broken = script([AnswerUnknown("read", "reset")] * 2 + [NotSent("connect", "refused")] + [deleted])
    async with rig(tmp_path, broken) as made:
        made.circuit = Circuit(window_calls=2, failure_ratio=1.0, open_seconds=60)
        made.retry = Retry(deadline_seconds=1_000_000, backoff_max_seconds=1)
        operation_id = await made.accept("CN1")
        record = await made.finished_in_time(operation_id)

        executed = [sent["execute"] for sent in made.channel.sent]
        assert executed == [True, True, False, False, True]
        assert len({sent["requestId"] for sent in made.channel.sent}) == 3, "a trial has an id of its own"
        assert (record.outcome.status, record.attempts) == (Status.SUCCEEDED, 3)
        assert states(made)[-1] is CircuitState.CLOSED


async def test_a_missing_token_does_not_open_the_circuit(tmp_path: Path) -> None:
    async with rig(tmp_path, script([CredentialMissing("connect", "refused")] * 5 + [deleted])) as made:
        made.circuit = Circuit(window_calls=1, failure_ratio=1.0)
        await made.finished_in_time(await made.accept("CN1"))
        assert states(made) == []


def states(made: Rig) -> list[CircuitState]:
    return [event.state for event in made.events if isinstance(event, CircuitChanged)]


async def test_nothing_is_sent_outside_the_opening_hours_and_the_opening_is_met(tmp_path: Path) -> None:
    async with rig(tmp_path, hours=Hours(time(16), time(8))) as made:  # it is noon
        operation_id = await made.accept("CN1")
        await asyncio.sleep(0.02)
        made.clock.move(4 * 3600 - 1)
        await asyncio.sleep(0.02)
        assert made.channel.sent == []
        assert made.channel.ready_for == []
        made.clock.move(10)
        await made.finished(operation_id)


async def test_a_grant_that_comes_too_late_is_not_used_and_not_lost(tmp_path: Path) -> None:
    async with rig(tmp_path, run=False) as made:
        operation_id = await made.accept("CN1")
        claim, slow = made.ledger.claim, [True]

        async def claim_on_a_slow_disk(rules: ClaimRules) -> Claim:
            granted = await claim(rules)
            if granted.calls and slow:
                slow.clear()
                made.clock.move(0.2)
            return granted

        made.ledger.claim = claim_on_a_slow_disk  # type: ignore[method-assign]
        loop = asyncio.create_task(made.dispatcher.run())
        record = await made.finished(operation_id)
        assert record.attempts == 1, "the late grant was no attempt"
        outcomes = [event.outcome for event in made.events if isinstance(event, CallEnded)]
        assert outcomes[0] == "not_begun"
        made.dispatcher.stop()
        await loop


async def test_an_outcome_is_recorded_however_long_the_ledger_cannot_be_reached(tmp_path: Path) -> None:
    async with rig(tmp_path, run=False) as made:
        operation_id = await made.accept("CN1")
        settle, failures = made.ledger.settle, [LedgerUnavailable("disk full")] * 3

        async def settle_at_last(settlement: object) -> None:
            if failures:
                raise failures.pop()
            await settle(settlement)  # type: ignore[arg-type]

        made.ledger.settle = settle_at_last  # type: ignore[method-assign]
        loop = asyncio.create_task(made.dispatcher.run())
        async with asyncio.timeout(5):
            while not await made.ledger.finished(operation_id, 0.01):
                made.clock.move(10)
        assert len(made.channel.sent) == 1
        assert sum(isinstance(event, LedgerFailed) for event in made.events) == 3
        made.dispatcher.stop()
        await loop


async def test_a_ledger_that_cannot_grant_stops_nothing_for_good(tmp_path: Path) -> None:
    async with rig(tmp_path, run=False) as made:
        operation_id = await made.accept("CN1")
        claim, failures = made.ledger.claim, [LedgerUnavailable("disk full")] * 3

        async def claim_at_last(rules: ClaimRules) -> Claim:
            if failures:
                raise failures.pop()
            return await claim(rules)

        made.ledger.claim = claim_at_last  # type: ignore[method-assign]
        loop = asyncio.create_task(made.dispatcher.run())
        async with asyncio.timeout(5):
            while not await made.ledger.finished(operation_id, 0.01):
                made.clock.move(10)
        assert len(made.channel.sent) == 1
        made.dispatcher.stop()
        await loop


async def test_stopping_begins_nothing_more_and_lets_what_is_under_way_end(tmp_path: Path) -> None:
    async with rig(tmp_path, limits=Limits("hub", max_in_flight=1)) as made:
        made.channel.hold = asyncio.Event()
        first, second = await made.accept("CN1"), await made.accept("CN2")
        await made.until(lambda: len(made.channel.sent) == 1)
        made.dispatcher.stop()
        made.channel.hold.set()
        assert await made.dispatcher.drained(5)
        assert (await made.result(first)).outcome.status is Status.SUCCEEDED
        assert (await made.result(second)).outcome.status is Status.PENDING


async def test_a_fault_of_ours_costs_one_case_its_lease_and_no_slot_for_good(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = [ValueError("a fault of ours")]

    def once_broken(request: UpstreamRequest) -> Answer:
        if broken:
            raise broken.pop()
        return deleted(request)

    async with rig(tmp_path, once_broken, limits=Limits("hub", max_in_flight=1)) as made:
        first = await made.accept("CN1")
        await made.until(lambda: "a fault of ours" in caplog.text)
        assert made.dispatcher.in_flight == 0
        async with asyncio.timeout(5):
            while not await made.ledger.finished(first, 0.01):
                made.clock.move(5)
        assert len(request_ids(made)) == 1, "it is resumed with its own id, since it may have been sent"


async def test_a_call_lost_in_an_outage_longer_than_the_deadline_is_still_resumed(tmp_path: Path) -> None:
    async with rig(tmp_path, run=False) as made:
        operation_id = await made.accept("CN1")
        await made.ledger.claim(made.dispatcher._rules(1))  # and then the process dies
        made.clock.move(86_400)
        loop = asyncio.create_task(made.dispatcher.run())
        async with asyncio.timeout(5):
            while not await made.ledger.finished(operation_id, 0.01):
                made.clock.move(1)
        assert (await made.result(operation_id)).outcome.status is Status.SUCCEEDED
        made.dispatcher.stop()
        await loop
