"""What the ledger does costs the same however long the queue is: counted in SQLite's own steps, not in time."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from gateway.config.settings import Limits, Retry
from gateway.ledger.accept import accept
from gateway.ledger.base import CallSettlement, CaseSettlement, Claim, ClaimRules, OperationFilter
from gateway.ledger.claim import claim
from gateway.ledger.queries import operations, places, queues
from gateway.ledger.settle import settle
from gateway.ledger.sqlite import SqliteTransaction
from gateway.ledger.sqlite_file import open_for_writing
from gateway.model.cases import Case, Identifier
from gateway.model.hours import Hours
from gateway.model.ids import Ids
from gateway.model.kinds import IdentifierType, Kind, System
from gateway.model.operations import NewOperation
from tests.clock import START
from tests.contract.desk import SUCCEEDED

T = TypeVar("T")

LIMITS = Limits("hub", per_second=50, per_minute=1_000, max_in_flight=100)


class Bench:
    """One connection, and transactions on it one after the other, each a second after the one before."""

    def __init__(self, path: Path) -> None:
        self.connection = open_for_writing(path, START)
        self.connection.execute("PRAGMA synchronous = OFF")
        self._ids = Ids()
        self._now = START

    def run(self, work: Callable[[SqliteTransaction], T]) -> T:
        self._now += 1_000_000
        self.connection.execute("BEGIN")
        result = work(SqliteTransaction(self.connection, self._now))
        self.connection.execute("COMMIT")
        return result

    def steps(self, work: Callable[[SqliteTransaction], Any]) -> int:
        """How much SQLite has to do for it."""
        calls = [0]

        def count() -> int:
            calls[0] += 1
            return 0

        self.connection.set_progress_handler(count, 1)
        self.run(work)
        self.connection.set_progress_handler(None, 0)
        return calls[0]

    def statements(self, work: Callable[[SqliteTransaction], Any]) -> set[str]:
        """Every statement of it."""
        seen = set[str]()
        self.connection.set_trace_callback(seen.add)
        self.run(work)
        self.connection.set_trace_callback(None)
        return {sql for sql in seen if sql.lstrip().upper().startswith(("SELECT", "WITH", "UPDATE", "INSERT"))}

    def accepting(self, count: int, *, tenant: str = "a") -> Callable[[SqliteTransaction], Any]:
        cases = tuple(Case(Identifier(IdentifierType.CASE_NUMBER, f"{self._now}-{n}")) for n in range(count))
        new = NewOperation(
            caller="job", kind=Kind.CASE_DELETION, tenant=tenant, backend="hub", system=System.HUB_PROPERTY,
            upstream_tenant=tenant, execute=True, cases=cases, fingerprint="one",
        )  # fmt: skip
        return lambda tx: accept(tx, new, self._ids, 10_000_000)

    def claiming(self, slots: int = 1, hours: Hours | None = None) -> Callable[[SqliteTransaction], Claim]:
        rules = ClaimRules("hub", LIMITS, hours, slots, 1, 60.0, 60.0, Retry())
        return lambda tx: claim(tx, rules, self._ids)

    def settling(self, granted: Claim) -> Callable[[SqliteTransaction], None]:
        call = granted.calls[0]
        case = CaseSettlement(call.cases[0].position, SUCCEEDED)
        settlement = CallSettlement(call, sent=True, answered=True, outcome="200", cases=(case,))
        return lambda tx: settle(tx, settlement)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path / "ledger.db")
    yield bench
    bench.connection.close()


def a_round(bench: Bench) -> dict[str, int]:
    """The cost of a case's way through the ledger, and of a claim when the pace has nothing left."""
    granted: list[Claim] = []
    work = bench.claiming()
    steps = {"claim": bench.steps(lambda tx: granted.append(work(tx)))}
    return steps | {"accept": bench.steps(bench.accepting(1)), "settle": bench.steps(bench.settling(granted[0]))}


def assert_about_the_same(more: dict[str, int], less: dict[str, int]) -> None:
    """Trees grow deeper, but no work is done for each row."""
    assert all(more[name] <= 1.3 * less[name] + 50 for name in less), (less, more)


def test_a_long_queue_of_bulk_costs_no_more_than_a_short_one(bench: Bench) -> None:
    bench.run(bench.accepting(20))
    short = a_round(bench)
    for _ in range(5):
        bench.run(bench.accepting(10_000))

    assert_about_the_same(a_round(bench), short)


def test_many_small_operations_cost_no_more_than_a_few(bench: Bench) -> None:
    for _ in range(10):
        bench.run(bench.accepting(1))
    few = a_round(bench)
    for _ in range(3_000):
        bench.run(bench.accepting(1))

    assert_about_the_same(a_round(bench), few)


def test_what_was_done_before_costs_nothing(bench: Bench) -> None:
    bench.run(bench.accepting(3_000))
    for _ in range(70):
        bench.run(bench.settling(bench.run(bench.claiming())))
    young = a_round(bench)
    for _ in range(1_500):
        bench.run(bench.settling(bench.run(bench.claiming())))

    assert_about_the_same(a_round(bench), young)


def plans(connection: sqlite3.Connection, statements: set[str]) -> Iterator[str]:
    """Every step of the statements' plans that reads a table or an index."""
    for sql in statements:
        for *_, detail in connection.execute(f"EXPLAIN QUERY PLAN {sql}"):
            if detail.startswith(("SCAN", "SEARCH")):
                yield detail


def test_no_statement_of_a_round_reads_a_whole_table(bench: Bench) -> None:
    for _ in range(5):
        bench.run(bench.accepting(10_000))
    granted: list[Claim] = []
    work = bench.claiming(3)
    statements = bench.statements(bench.accepting(1)) | bench.statements(lambda tx: granted.append(work(tx)))
    statements |= bench.statements(bench.settling(granted[0])) | bench.statements(bench.claiming())

    found = list(plans(bench.connection, statements))

    small = ("queue_slots", "lanes", "heads", "installation", "CONSTANT ROW", "pauses", "closures", "turns", "paces")
    assert [step for step in found if step.startswith("SCAN") and not any(name in step for name in small)] == []
    assert any("cases_waiting" in step for step in found)
    assert any("calls_by_grant" in step for step in found)


def test_no_window_or_lane_is_sorted(bench: Bench) -> None:
    """The first due case and the oldest call of a window are read where the index has them."""
    bench.run(bench.accepting(5_000))
    sorts = [
        detail
        for sql in bench.statements(bench.claiming(3))
        for *_, detail in bench.connection.execute(f"EXPLAIN QUERY PLAN {sql}")
        if "TEMP B-TREE" in detail and "exclusion" not in sql
    ]

    assert sorts == []


def test_what_is_queued_is_counted_along_the_indexes_of_what_has_not_ended(bench: Bench) -> None:
    """A reader would otherwise read all that was ever asked for, or sent, each time."""
    bench.run(bench.accepting(1))
    bench.run(bench.accepting(2))
    newest = bench.run(lambda tx: operations(tx, OperationFilter(None, limit=2)))

    asked = bench.statements(lambda tx: queues(tx, ["hub"])) | bench.statements(lambda tx: places(tx, newest))
    found = [plan for plan in plans(bench.connection, asked) if "operations" in plan or "calls" in plan]

    unfinished = [plan for plan in found if "operations_unfinished" in plan]
    assert len(unfinished) == 4
    assert sum("COVERING INDEX" in plan for plan in unfinished) == 2, "of larger operations it is read how much is left"
    (in_flight,) = [plan for plan in found if "calls_unsettled" in plan]
    recent = [plan for plan in found if "calls_by_backend" in plan]
    assert {*found} - {*unfinished, in_flight, *recent} == {
        "SEARCH operations USING INDEX operations_unknown (backend=?)"
    }
    assert len(recent) == 2, "the last hundred answers, and the grants of a minute"


def test_a_list_of_several_tenants_sorts_no_more_than_its_page(bench: Bench) -> None:
    """Each tenant's newest are read where the index has them, however many operations there are."""
    bench.run(bench.accepting(1, tenant="a"))
    wanted = OperationFilter(frozenset({"a", "b"}), limit=20)
    sorts = [
        detail
        for sql in bench.statements(lambda tx: operations(tx, wanted))
        for *_, detail in bench.connection.execute(f"EXPLAIN QUERY PLAN {sql}")
        if "TEMP B-TREE" in detail
    ]

    assert sorts == []
