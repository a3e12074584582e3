"""What every Backend owes the dispatcher, whatever its upstream answers."""

import json
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct, structs

from gateway.backends.base import Backend
from gateway.backends.registry import backend_for
from gateway.model.calls import Answer, Call, Reading
from gateway.model.kinds import Evidence, Kind, Purpose, Status, System
from gateway.model.outcomes import MAX_TEXT_CHARACTERS, CaseOutcome, Code, Error, ItemOutcome
from tests.samples import (
    RECEIVED_AT,
    REQUEST_ID,
    answer,
    backend_settings,
    deletion_call,
    removal_call,
    removal_case,
    situations,
)


class Subject(Struct, frozen=True):
    """A backend, the calls it can be given, a recorded answer that says that everything was done, members to make up
    answers of, and the words without which nothing is done."""

    backend: Backend
    calls: tuple[Call, ...]
    done: str
    members: tuple[str, ...]
    decisive: tuple[bytes, ...]


DELETIONS = tuple(deletion_call(purpose, begun=begun) for purpose in Purpose for begun in (False, True))
REMOVALS = tuple(
    removal_call(
        removal_case(2, "CA100", ["A", "B"], unsettled=["A"]), removal_case(5, "CA101", ["A"], begun=begun), kind=kind
    )
    for kind in Kind
    if kind is not Kind.CASE_DELETION
    for begun in (False, True)
)
SCALEPOINT_MEMBERS = ("requestId", "found", "deleted", "errors", "messages")
DELETED_OR_WOULD_BE = (b'"deleted": true', b'"deleted": false')
ECM_MEMBERS = ("MESSAGE", "STATUS", "RESULTARRAY", "caseId", "externalEntities", "externalEntity", "customers")
SUBJECTS: Mapping[System, Subject] = {
    System.HUB_PROPERTY: Subject(
        backend_for(backend_settings(System.HUB_PROPERTY, "https://hub.example/ecx")),
        DELETIONS,
        "deleted",
        SCALEPOINT_MEMBERS,
        DELETED_OR_WOULD_BE,
    ),
    System.CLAIMSHOP: Subject(
        backend_for(backend_settings(System.CLAIMSHOP, "https://shop.example")),
        DELETIONS,
        "deleted",
        SCALEPOINT_MEMBERS,
        DELETED_OR_WOULD_BE,
    ),
    System.ORACLE_ECM: Subject(
        backend_for(backend_settings(System.ORACLE_ECM, "http://ecm.example")),
        (removal_call(removal_case(2, "CA100", ["A", "B"])), *REMOVALS),
        "removed",
        ECM_MEMBERS,
        (b'"STATUS": "SUCCESS"',),
    ),
}
DOCUMENTED_WORDS = st.sampled_from(
    [REQUEST_ID, "SUCCESS", "FAILED", "PARTIALSUCCESS", "CA100", "CA101", "A", "B", "Case does not exist.", "\ud800"]
)
STATUSES = st.sampled_from([200, 201, 302, 400, 401, 403, 404, 409, 429, 500, 502, 503, 504]) | st.integers(100, 599)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["content-type", "retry-after", "location", "x"]),
        st.sampled_from(["application/json", "text/html", "30"]) | st.text(),
    ),
    max_size=3,
).map(tuple)

every_system = pytest.mark.parametrize("system", list(SUBJECTS))


def json_values(members: tuple[str, ...]) -> st.SearchStrategy[object]:
    """Arbitrary JSON that often has the documented members and words."""
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | DOCUMENTED_WORDS
    names = st.sampled_from(members) | st.text(max_size=3)
    return st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=6))


def check(call: Call, reading: Reading) -> None:
    """What holds of every reading: each position answered, each status with its evidence and errors, each text fit."""
    assert list(reading.outcomes) == [case.position for case in call.cases]
    assert reading.unasked >= 0
    assert reading.pause_seconds is None or 0 <= reading.pause_seconds <= 86_400
    for case in call.cases:
        outcome = reading.outcomes[case.position]
        assert [(item.id, item.type_code) for item in outcome.items] == [(i.id, i.type_code) for i in case.items]
        for one in levels(outcome):
            check_outcome(one)
        for text in (*outcome.messages, *(item.message for item in outcome.items if item.message is not None)):
            assert 0 < len(text) <= MAX_TEXT_CHARACTERS
            assert text.isprintable()


def levels(outcome: CaseOutcome) -> list[CaseOutcome | ItemOutcome]:
    """A case and its items."""
    return [outcome, *outcome.items]


def check_outcome(outcome: CaseOutcome | ItemOutcome) -> None:
    assert outcome.status in {Status.SUCCEEDED, Status.PARTIAL, Status.FAILED, Status.UNKNOWN}
    assert (outcome.errors == ()) == (outcome.status is Status.SUCCEEDED)
    if outcome.status in {Status.SUCCEEDED, Status.FAILED}:
        assert outcome.evidence is not None
    if outcome.status is Status.UNKNOWN:
        assert outcome.evidence is None
        assert {fault.code for fault in outcome.errors} == {Code.OUTCOME_UNKNOWN}
    if isinstance(outcome, CaseOutcome) and outcome.deleted:
        assert (outcome.status, outcome.evidence) == (Status.SUCCEEDED, Evidence.CONFIRMED)
    for fault in outcome.errors:
        check_error(fault)


def check_error(fault: Error) -> None:
    assert 0 < len(fault.detail) <= MAX_TEXT_CHARACTERS
    assert fault.detail.isprintable()


def read_all(system: System, given_answer: Answer) -> list[Reading]:
    """Read by every call of the system, each reading checked."""
    subject = SUBJECTS[system]
    readings = []
    for call in subject.calls:
        reading = subject.backend.read(call, given_answer)
        check(call, reading)
        readings.append(reading)
    return readings


def statuses(readings: list[Reading]) -> set[Status]:
    return {outcome.status for reading in readings for outcome in reading.outcomes.values()}


def confirmed(readings: list[Reading]) -> bool:
    """Whether any case or item is said to have been done by the upstream's own word."""
    return any(
        one.status is Status.SUCCEEDED and one.evidence is Evidence.CONFIRMED
        for reading in readings
        for outcome in reading.outcomes.values()
        for one in levels(outcome)
    )


@every_system
@given(status=STATUSES, headers=HEADERS, body=st.binary())
def test_arbitrary_bytes_are_read_without_an_exception_and_never_as_done(
    system: System, status: int, headers: tuple[tuple[str, str], ...], body: bytes
) -> None:
    readings = read_all(system, Answer(status, headers, body, RECEIVED_AT))
    assert statuses(readings) <= {Status.UNKNOWN, Status.FAILED}


@every_system
@given(data=st.data(), status=STATUSES, headers=HEADERS)
def test_arbitrary_json_is_read_without_an_exception(
    system: System, data: st.DataObject, status: int, headers: tuple[tuple[str, str], ...]
) -> None:
    body = json.dumps(data.draw(json_values(SUBJECTS[system].members))).encode()
    json_headers = (("content-type", "application/json"), *headers)
    readings = read_all(system, Answer(status, json_headers, body, RECEIVED_AT))
    if confirmed(readings):
        assert status == 200
        assert any(word in body for word in SUBJECTS[system].decisive)


@every_system
def test_what_says_done_is_believed_only_with_status_200(system: System) -> None:
    done = answer(system, SUBJECTS[system].done)
    assert confirmed(read_all(system, done))
    for status in set(range(100, 600)) - {200}:
        assert statuses(read_all(system, structs.replace(done, status=status))) == {Status.UNKNOWN}, status


@every_system
def test_an_answer_that_is_cut_off_anywhere_is_unknown(system: System) -> None:
    whole = answer(system, SUBJECTS[system].done)
    for length in range(len(whole.body)):
        readings = read_all(system, structs.replace(whole, body=whole.body[:length]))
        assert statuses(readings) == {Status.UNKNOWN}, whole.body[:length]


@every_system
@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda body: body[:-1] + b', "x": NaN}', id="NaN"),
        pytest.param(lambda body: body[:-1] + b', "x": "\xff"}', id="invalid UTF-8"),
        pytest.param(lambda body: body[:-1] + b', "x": 1, "x": 1}', id="duplicate member"),
        pytest.param(lambda body: b"[" + body + b"]", id="in a list"),
        pytest.param(lambda body: b"\xef\xbb\xbf" + body, id="byte order mark"),
        pytest.param(lambda body: body.decode().encode("utf-16"), id="UTF-16"),
        pytest.param(lambda body: body + body, id="twice"),
    ],
)
def test_a_spoilt_answer_is_unknown(system: System, spoil: Callable[[bytes], bytes]) -> None:
    done = answer(system, SUBJECTS[system].done)
    assert statuses(read_all(system, structs.replace(done, body=spoil(done.body)))) == {Status.UNKNOWN}


@pytest.mark.parametrize(
    ("system", "situation"),
    [(system, situation) for system in SUBJECTS for situation in sorted(situations(system))],
)
def test_every_recorded_answer_is_read_by_every_call(system: System, situation: str) -> None:
    read_all(system, answer(system, situation))


@every_system
def test_the_name_of_a_call_is_fixed(system: System) -> None:
    subject = SUBJECTS[system]
    assert all(subject.backend.call_label(call.kind).isalpha() for call in subject.calls)


@every_system
def test_no_identifier_leaves_the_body(system: System) -> None:
    subject = SUBJECTS[system]
    for call in subject.calls:
        request = subject.backend.build(call)
        for case in call.cases:
            assert case.identifier.value not in request.path + repr(request.headers)
            assert case.identifier.value.encode() in request.body


@every_system
def test_the_same_call_is_always_worded_alike(system: System) -> None:
    subject = SUBJECTS[system]
    assert [subject.backend.build(call) for call in subject.calls] == [
        subject.backend.build(call) for call in subject.calls
    ]
