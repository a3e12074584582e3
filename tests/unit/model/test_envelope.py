import pytest
from msgspec.structs import replace

from gateway.model.cases import Identifier
from gateway.model.envelope import envelope, shown_case, status_of
from gateway.model.forecast import Bounds, Waiting, Window
from gateway.model.hours import SECOND
from gateway.model.kinds import ENDED, Evidence, IdentifierType, Kind, Status, System
from gateway.model.operations import CaseRecord, Operation
from gateway.model.outcomes import CaseOutcome, Code, ItemOutcome, error
from gateway.model.outlook import Outlook

NOW = 1_767_268_800 * SECOND
LATER = NOW + 60 * SECOND
RUNNING = Operation(
    id="0198c1f2-7d3e-7c44-9b1e-2f6f0c6b8a10", caller="job", kind=Kind.CASE_DELETION, tenant="acme", backend="hub",
    system=System.HUB_PROPERTY, execute=True, total=1, succeeded=0, partial=0, failed=0, unknown=0, cancelled=0,
    status=None, created_at=NOW, started_at=None, finished_at=None, cancelled_at=None, in_flight=False,
)  # fmt: skip
OPEN = Outlook(NOW, bounds=Bounds((Window(1, SECOND // 2),)), queues={"acme": Waiting(singles=1)})
PLACE = 11
CLOSED = replace(OPEN, closed_until=LATER)


def case(outcome: CaseOutcome) -> CaseRecord:
    return CaseRecord(0, Identifier(IdentifierType.CASE_NUMBER, "CN1"), "id", 2, outcome, retry_at=LATER)


@pytest.mark.parametrize(
    ("in_flight", "closed", "expected"),
    [
        (False, False, Status.RUNNING),
        (True, False, Status.RUNNING),
        (True, True, Status.RUNNING),
        (False, True, Status.SCHEDULED),
    ],
)
def test_an_unended_operation_is_scheduled_if_nothing_is_in_flight_and_the_backend_closed(
    *, in_flight: bool, closed: bool, expected: Status
) -> None:
    assert status_of(replace(RUNNING, in_flight=in_flight), closed=closed) is expected


@pytest.mark.parametrize("status", sorted(ENDED))
def test_an_ended_operation_has_the_status_it_ended_with(status: Status) -> None:
    ended = replace(RUNNING, status=status, finished_at=NOW)

    shown = envelope(ended, None, CLOSED)

    assert (shown.status, shown.not_before, shown.estimated_finish_at) == (status, None, None)


def test_a_scheduled_operation_says_from_when_and_until_when() -> None:
    shown = envelope(RUNNING, None, CLOSED, PLACE)

    assert (shown.status, shown.not_before) == (Status.SCHEDULED, LATER)
    assert shown.estimated_finish_at == LATER + 5 * SECOND


def test_a_running_operation_says_until_when() -> None:
    shown = envelope(RUNNING, None, OPEN, PLACE)

    assert (shown.status, shown.not_before, shown.estimated_finish_at) == (Status.RUNNING, None, NOW + 5 * SECOND)


def test_without_an_outlook_nothing_is_said_of_the_future() -> None:
    shown = envelope(RUNNING, None, None)

    assert (shown.status, shown.not_before, shown.estimated_finish_at) == (Status.RUNNING, None, None)


def test_an_operation_without_its_cases_stays_without() -> None:
    assert envelope(RUNNING, None, None).cases is None
    assert envelope(RUNNING, (), None).cases == ()


@pytest.mark.parametrize("status", sorted(ENDED))
def test_an_ended_case_is_shown_as_it_is(status: Status) -> None:
    ended = case(CaseOutcome(status, found=True, deleted=None, evidence=Evidence.INFERRED, messages=("m",)))

    assert shown_case(ended) == ended


def test_a_pending_case_shows_nothing_but_the_items_that_succeeded() -> None:
    locked = error(Code.CASE_LOCKED, "locked")
    gone = ItemOutcome("1", "B", Status.SUCCEEDED, "Removed.", Evidence.CONFIRMED)
    waiting = ItemOutcome("2", "B", Status.FAILED, "locked", None, (locked,))
    noted = case(CaseOutcome(Status.PENDING, True, False, Evidence.CONFIRMED, (gone, waiting), ("m",), (locked,)))

    shown = shown_case(noted)

    assert shown.outcome == CaseOutcome(Status.PENDING, items=(gone, ItemOutcome("2", "B", Status.PENDING)))
    assert (shown.attempts, shown.request_id, shown.retry_at) == (2, "id", None)
