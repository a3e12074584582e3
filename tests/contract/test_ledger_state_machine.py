"""Whatever is asked of a ledger in whatever order, its promises hold, and everything comes to an end."""

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from msgspec import Struct

from gateway.config.settings import Limits
from gateway.ledger.base import Accepted, Again, CallSettlement, CaseSettlement, QueueFull
from gateway.model.calls import Call, GrantedCase
from gateway.model.cases import Case
from gateway.model.hours import SECOND
from gateway.model.kinds import Kind, Purpose, Status, System
from gateway.model.merge import case_over_items
from gateway.model.operations import CaseRecord, Operation
from gateway.model.outcomes import CaseOutcome, Code, ItemOutcome, error, merged_status
from gateway.model.receipts import Receipt
from tests.clock import ManualClock
from tests.contract.desk import (
    LEASE_SECONDS,
    NOT_FOUND,
    PENDING,
    RESUMABLE,
    STILL_THERE,
    SUCCEEDED,
    THROTTLED,
    UNKNOWN,
    Desk,
    ecm_case,
    numbers,
)
from tests.contract.places import PLACES

T = TypeVar("T")


class Backend(Struct, frozen=True):
    """A backend of the machine; `a` and `b` are one upstream under two names."""

    name: str
    system: System
    limits: Limits
    cases_per_call: int = 1


HUB = Limits("hub", per_second=4, per_minute=20, max_in_flight=3)
BACKENDS = {
    "a": Backend("a", System.HUB_PROPERTY, HUB),
    "b": Backend("b", System.HUB_PROPERTY, HUB),
    "shop": Backend("shop", System.CLAIMSHOP, Limits("shop", per_minute=15)),
    "ecm": Backend("ecm", System.ORACLE_ECM, Limits("ecm", max_in_flight=2), cases_per_call=2),
}
TENANTS = {"one": "upstream", "two": "upstream", "three": "elsewhere"}
ITEM_WORDS = (Status.SUCCEEDED, Status.FAILED, Status.UNKNOWN, Status.PENDING)
NOW = 0.0

backends = st.sampled_from(sorted(BACKENDS))
identifiers = st.lists(st.sampled_from(["C1", "C2", "C3", "C4", "C5"]), min_size=1, max_size=5, unique=True)


class Hold(Struct):
    """What a granted call keeps from others, until it is known how it ended or its lease is over."""

    call: Call
    keys: frozenset[tuple[str, str, str]]
    group: str
    until: int


class Ending(Struct, frozen=True):
    """How a call is settled; of an ECM call each item gets one of `words` in turn."""

    outcome: CaseOutcome
    again: Again | None = None
    sent: bool = True
    answered: bool = True


ENDINGS = (
    Ending(SUCCEEDED),
    Ending(NOT_FOUND),
    Ending(UNKNOWN),
    Ending(UNKNOWN, answered=False),
    Ending(UNKNOWN, Again("act", 2.0, failure=True), answered=False),
    Ending(THROTTLED, Again("act", 3.0)),
    Ending(RESUMABLE, Again("act", NOW, failure=True)),
    Ending(RESUMABLE),
    Ending(NOT_FOUND, sent=False, answered=False),
    Ending(PENDING, Again("act", NOW), sent=False, answered=False),
)
ECM_ENDINGS = tuple(ending for ending in ENDINGS if ending.outcome is not RESUMABLE)
PROBE_ENDINGS = (
    Ending(STILL_THERE, Again("act", NOW)),
    Ending(NOT_FOUND),
    Ending(UNKNOWN, Again("probe", 1.0), answered=False),
    Ending(UNKNOWN),
)


class Machine(RuleBasedStateMachine):
    """Knows what was granted and settled, and holds the ledger to it."""

    place_in = staticmethod(PLACES["sqlite"])

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.operations: dict[str, bool] = {}
        self.shown: dict[tuple[str, int], Status] = {}
        self.under_way: list[Call] = []
        self.over: list[Call] = []
        self.holds: list[Hold] = []
        self.grants: dict[str, list[int]] = {}

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @initialize()
    def open(self) -> None:
        async def opened() -> Desk:
            return Desk(self.place_in(self.folder), ManualClock())

        self.desk = self.do(opened())

    # What callers do

    @rule(backend=backends, tenant=st.sampled_from(sorted(TENANTS)), names=identifiers, execute=st.booleans(),
          key=st.none() | st.sampled_from(["k1", "k2"]))  # fmt: skip
    def accept(self, backend: str, tenant: str, names: list[str], key: str | None, *, execute: bool) -> None:
        system = BACKENDS[backend].system
        request: dict[str, Any] = {
            "tenant": tenant, "backend": backend, "system": system, "key": key,
            "fingerprint": f"{backend} {tenant} {names} {execute}",
        }  # fmt: skip
        if system is System.ORACLE_ECM:
            cases: tuple[Case, ...] = tuple(ecm_case(name, "I1", "I2") for name in names)
            request |= {"kind": Kind.EXTERNAL_ENTITY_REMOVAL, "upstream_tenant": "", "execute": True}
        else:
            cases = numbers(*names)
            request |= {"upstream_tenant": TENANTS[tenant], "execute": execute}
        answer = self.do(self.desk.offer(cases, **request))
        if isinstance(answer, Accepted):
            self.operations.setdefault(answer.operation_id, False)

    @precondition(lambda self: self.operations)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        operation_id = data.draw(st.sampled_from(sorted(self.operations)))
        self.do(self.desk.ledger.cancel(operation_id))
        self.operations[operation_id] = self.do(self.desk.operation(operation_id)).cancelled_at is not None

    @precondition(lambda self: self.operations)
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        operation_id = data.draw(st.sampled_from(sorted(self.operations)))
        self.do(self.desk.ledger.retry(operation_id))
        self.operations[operation_id] = self.do(self.desk.operation(operation_id)).cancelled_at is not None

    # What dispatchers do

    @rule(backend=backends, slots=st.integers(0, 6))
    def claim(self, backend: str, slots: int) -> None:
        self.claimed(BACKENDS[backend], slots)

    def claimed(self, backend: Backend, slots: int) -> int | None:
        claim = self.do(
            self.desk.claim(slots, backend=backend.name, limits=backend.limits, cases_per_call=backend.cases_per_call)
        )
        assert len(claim.calls) <= slots
        for call in claim.calls:
            self.grant(call, backend, claim.now)
        for lost in claim.lost:
            assert any(lost.id == call.id for call in self.under_way)
        return claim.ask_again_at

    def grant(self, call: Call, backend: Backend, now: int) -> None:
        assert len({case.position for case in call.cases}) == len(call.cases) <= backend.cases_per_call
        assert all(self.shown[call.operation_id, case.position] is Status.PENDING for case in call.cases)
        assert call.purpose is Purpose.PROBE or not self.operations[call.operation_id]
        assert all(case.items or not case.earlier_items for case in call.cases)
        keys = frozenset((backend.limits.name, call.upstream_tenant, case.identifier.value) for case in call.cases)
        held = [hold for hold in self.holds if hold.until > now and hold.group == backend.limits.name]
        assert not any(hold.keys & keys for hold in held)
        cap = backend.limits.max_in_flight
        assert cap is None or len(held) < cap
        until = call.granted_at + round(LEASE_SECONDS * SECOND)
        self.holds.append(Hold(call, keys, backend.limits.name, until))
        self.count(backend.limits, call.granted_at)
        self.under_way.append(call)

    def count(self, limits: Limits, now: int) -> None:
        grants = self.grants.setdefault(limits.name, [])
        grants.append(now)
        for most, length in ((limits.per_second, SECOND), (limits.per_minute, 60 * SECOND)):
            assert most is None or sum(instant > now - length for instant in grants) <= most

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        call = data.draw(st.sampled_from(self.under_way))
        self.under_way.remove(call)
        self.over.append(call)
        self.tell(call, data)

    @precondition(lambda self: self.over)
    @rule(data=st.data())
    def settle_once_more(self, data: st.DataObject) -> None:
        """The same again after an unknown commit, or the answer after the call was given up."""
        self.tell(data.draw(st.sampled_from(self.over)), data)

    def tell(self, call: Call, data: st.DataObject) -> None:
        endings: tuple[Ending, ...] = ENDINGS
        if call.cases[0].items:
            endings = ECM_ENDINGS
        elif call.purpose is Purpose.PROBE:
            endings = PROBE_ENDINGS
        ending = data.draw(st.sampled_from(endings))
        words = data.draw(st.lists(st.sampled_from(ITEM_WORDS), min_size=2, max_size=2))
        self.settled(call, ending, words)

    def settled(self, call: Call, ending: Ending, words: list[Status]) -> None:
        cases = tuple(_told(case, ending, words) for case in call.cases)
        self.do(self.desk.ledger.settle(CallSettlement(call, ending.sent, ending.answered, "x", cases)))
        if ending.answered or not ending.sent:
            self.holds = [hold for hold in self.holds if hold.call.id != call.id]

    # What the world does

    @rule(seconds=st.sampled_from([0.01, 0.3, 1.0, 5.0, 61.0, LEASE_SECONDS, 4_000.0]))
    def time_passes(self, seconds: float) -> None:
        self.desk.clock.advance(seconds)

    @rule(seconds=st.sampled_from([-3_600.0, -1.0, 1.0]))
    def the_clock_is_set(self, seconds: float) -> None:
        self.desk.clock.jump(seconds)

    @rule()
    def the_process_restarts(self) -> None:
        self.do(self.desk.reopen())

    # What always holds

    @invariant()
    def the_counts_are_those_of_the_cases(self) -> None:
        pending = 0
        for operation_id in self.operations:
            operation, cases = self.do(self.desk.ledger.view(operation_id, inline=10)) or (None, None)
            assert operation is not None
            assert cases is not None
            counts = Counter(case.outcome.status for case in cases)
            pending += counts[Status.PENDING]
            assert operation.total == len(cases)
            assert [operation.pending, operation.succeeded, operation.partial, operation.failed, operation.unknown,
                    operation.cancelled] == [counts[status] for status in (
                        Status.PENDING, Status.SUCCEEDED, Status.PARTIAL, Status.FAILED, Status.UNKNOWN,
                        Status.CANCELLED)]  # fmt: skip
            ended = not counts[Status.PENDING]
            assert (operation.finished_at is not None, operation.status) == (
                ended, merged_status(set(counts)) if ended else None
            )  # fmt: skip
            if ended:
                self.check_receipt(operation, cases)
            for case in cases:
                self.check_items(case.outcome)
                before = self.shown.get((operation_id, case.position))
                assert before is not Status.SUCCEEDED or case.outcome.status is Status.SUCCEEDED
                self.shown[operation_id, case.position] = case.outcome.status
        assert self.do(self.desk.offer(numbers("more"), max_queued_cases=0)) == QueueFull(pending)

    def check_receipt(self, operation: Operation, cases: tuple[CaseRecord, ...]) -> None:
        """The newest one says what the record says."""
        kept = self.do(self.desk.ledger.records.receipt(operation.id))
        assert kept is not None
        assert kept.names is not None
        said = msgspec.json.decode(kept.body, type=Receipt)
        assert said.status is operation.status
        for receipt, name, case in zip(said.cases, kept.names, cases, strict=True):
            assert (receipt.status, receipt.attempts) == (case.outcome.status, case.attempts)
            assert [item.status for item in receipt.items] == [item.status for item in case.outcome.items]
            assert (name.identifier, name.request_id) == (case.identifier, case.request_id)

    def check_items(self, outcome: CaseOutcome) -> None:
        if outcome.items and outcome.status is not Status.PENDING:
            assert outcome.status is merged_status({item.status for item in outcome.items})

    def teardown(self) -> None:
        if not hasattr(self, "desk"):
            return
        try:
            self.everything_ends()
        finally:
            self.do(self.desk.ledger.close())
            self.runner.close()
            shutil.rmtree(self.folder)

    def everything_ends(self) -> None:
        for _ in range(200):
            for call in self.under_way:
                self.settled(call, Ending(SUCCEEDED), [Status.SUCCEEDED] * 2)
            self.under_way.clear()
            self.the_counts_are_those_of_the_cases()
            asks = [ask for backend in BACKENDS.values() if (ask := self.claimed(backend, 5)) is not None]
            if not asks and not self.under_way:
                break
            self.do(self.desk.wait_until(min(asks, default=0)))
        assert all(
            self.do(self.desk.operation(operation_id)).finished_at is not None for operation_id in self.operations
        )


def _told(case: GrantedCase, ending: Ending, words: list[Status]) -> CaseSettlement:
    if not case.items or ending.outcome is PENDING:
        return CaseSettlement(case.position, ending.outcome, ending.again)
    told = {item.id: _item(item.id, word, ending) for item, word in zip(case.items, words, strict=False)}
    items = tuple(told.get(item.id, item) for item in case.earlier_items)
    turned_away = any(item.status is Status.PENDING for item in items)
    return CaseSettlement(case.position, case_over_items(items), ending.again if turned_away else None)


def _item(item: str, word: Status, ending: Ending) -> ItemOutcome:
    if not ending.answered:
        word = Status.UNKNOWN if ending.sent else Status.FAILED
    elif word is Status.PENDING and ending.again is None:
        word = Status.FAILED
    faults = {Status.FAILED: Code.CASE_LOCKED, Status.UNKNOWN: Code.OUTCOME_UNKNOWN}
    return ItemOutcome(item, "XA", word, errors=(error(faults[word], "said so"),) if word in faults else ())


@pytest.mark.hypothesis
@pytest.mark.parametrize(("store", "examples"), [("sqlite", 15), ("postgresql", 8)])
def test_the_promises_hold_whatever_happens(store: str, examples: int) -> None:
    run_state_machine_as_test(
        type("Machine", (Machine,), {"place_in": staticmethod(PLACES[store])}),
        settings=settings(max_examples=examples, stateful_step_count=40, suppress_health_check=list(HealthCheck)),
    )
