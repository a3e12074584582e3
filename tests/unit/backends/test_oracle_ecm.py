import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.backends.oracle_ecm import OracleEcm
from gateway.model.calls import Answer, GrantedCase, Reading
from gateway.model.cases import Item
from gateway.model.kinds import Evidence, Kind, Purpose, Status, System
from gateway.model.outcomes import Code, ItemOutcome
from tests.samples import RECEIVED_AT, answer, backend_settings, removal_call, removal_case, situations

ECM = OracleEcm(backend_settings(System.ORACLE_ECM, "http://ecm.internal:7001/ECM"))
TWO = removal_case(0, "CA100", ["A", "B"])

DONE, INFERRED, UNKNOWN = "succeeded", "inferred", "unknown"
NOT_IN_CASE, NO_CASE, LOCKED = Code.ITEM_NOT_IN_CASE.value, Code.CASE_NOT_FOUND.value, Code.CASE_LOCKED.value
ERROR, REJECTED = Code.UPSTREAM_ERROR.value, Code.UPSTREAM_REJECTED.value
UNAUTHORIZED, THROTTLED = Code.UPSTREAM_UNAUTHORIZED.value, Code.UPSTREAM_THROTTLED.value
CLOSED = Code.UPSTREAM_CLOSED.value

TABLE: dict[str, tuple[str, str]] = {
    # what was said of each item
    "removed": (DONE, DONE),
    "reordered": (DONE, DONE),
    "one-not-in-case": (DONE, NOT_IN_CASE),
    "none-in-case": (NOT_IN_CASE, NOT_IN_CASE),
    "texts-in-other-case": (NOT_IN_CASE, NOT_IN_CASE),
    "database-error": (ERROR, ERROR),
    "different-failures": (NOT_IN_CASE, ERROR),
    "undocumented-text": (DONE, REJECTED),
    "failed-without-text": (DONE, REJECTED),
    "item-failed-in-case-success": (DONE, NOT_IN_CASE),
    "item-removed-in-case-failed": (DONE, NOT_IN_CASE),
    # what was said of the case as a whole
    "no-such-case": (NO_CASE, NO_CASE),
    "no-such-case-items-null": (NO_CASE, NO_CASE),
    "no-such-case-items-named": (NO_CASE, NO_CASE),
    "no-such-case-but-an-item-removed": (UNKNOWN, NO_CASE),
    "case-locked": (LOCKED, LOCKED),
    "not-in-case-said-of-the-case": (NOT_IN_CASE, NOT_IN_CASE),
    "case-failed-without-items": (REJECTED, REJECTED),
    "case-failed-one-item-silent": (NOT_IN_CASE, UNKNOWN),
    # what was said of the request as a whole
    "no-such-case-overall": (NO_CASE, NO_CASE),
    "overall-failed-undocumented": (REJECTED, REJECTED),
    "overall-failed-without-text": (REJECTED, REJECTED),
    "overall-failed-results-null": (LOCKED, LOCKED),
    "overall-failed-results-empty": (LOCKED, LOCKED),
    "not-in-case-overall": (NOT_IN_CASE, NOT_IN_CASE),
    "overall-success-without-results": (UNKNOWN, UNKNOWN),
    "overall-success-results-empty": (UNKNOWN, UNKNOWN),
    "overall-partial-without-results": (UNKNOWN, UNKNOWN),
    "overall-status-undocumented": (UNKNOWN, UNKNOWN),
    # missing, extra, duplicate, null and reordered entries
    "case-success-without-items": (UNKNOWN, UNKNOWN),
    "missing-item": (DONE, UNKNOWN),
    "missing-case": (UNKNOWN, UNKNOWN),
    "extra-entries": (DONE, DONE),
    "duplicate-item": (DONE, DONE),
    "contradicting-item": (UNKNOWN, DONE),
    "duplicate-case": (DONE, DONE),
    "contradicting-case": (DONE, UNKNOWN),
    "null-entries": (DONE, DONE),
    "case-id-null": (UNKNOWN, UNKNOWN),
    # entries that are not as documented
    "success-that-says-not-in-case": (DONE, UNKNOWN),
    "item-status-undocumented": (DONE, UNKNOWN),
    "item-status-null": (DONE, UNKNOWN),
    "item-status-number": (DONE, UNKNOWN),
    "item-id-number": (DONE, UNKNOWN),
    "case-status-undocumented": (UNKNOWN, UNKNOWN),
    "items-not-a-list": (UNKNOWN, UNKNOWN),
    "results-not-a-list": (UNKNOWN, UNKNOWN),
    "list-of-another-kind": (UNKNOWN, UNKNOWN),
    # statuses other than 200
    "invalid-input": (REJECTED, REJECTED),
    "rejected-undocumented": (REJECTED, REJECTED),
    "rejected-but-partial": (UNKNOWN, UNKNOWN),
    "unauthorized": (UNAUTHORIZED, UNAUTHORIZED),
    "unauthorized-html": (UNAUTHORIZED, UNAUTHORIZED),
    "unauthorized-but-success": (UNKNOWN, UNKNOWN),
    "not-allowed": (REJECTED, REJECTED),
    "no-such-case-404": (NO_CASE, NO_CASE),
    "not-found-undocumented": (REJECTED, REJECTED),
    "not-found-html": (UNKNOWN, UNKNOWN),
    "case-locked-409": (LOCKED, LOCKED),
    "case-locked-409-entries": (LOCKED, LOCKED),
    "throttled-html": (THROTTLED, THROTTLED),
    "throttled-but-removed": (UNKNOWN, UNKNOWN),
    "throttled-but-success-in-escapes": (UNKNOWN, UNKNOWN),
    "server-error": (ERROR, ERROR),
    "server-error-html": (UNKNOWN, UNKNOWN),
    "error-that-names-removed-items": (UNKNOWN, UNKNOWN),
    "error-but-success": (UNKNOWN, UNKNOWN),
    "bad-gateway": (ERROR, ERROR),
    "gateway-timeout": (ERROR, ERROR),
    "unavailable": (CLOSED, CLOSED),
    "unavailable-html": (UNKNOWN, UNKNOWN),
    "unavailable-html-with-retry-after": (CLOSED, CLOSED),
    "created": (UNKNOWN, UNKNOWN),
    "redirect": (UNKNOWN, UNKNOWN),
    "teapot": (UNKNOWN, UNKNOWN),
    # bodies that are not the documented JSON
    "html-page": (UNKNOWN, UNKNOWN),
    "empty-body": (UNKNOWN, UNKNOWN),
    "cut-off-body": (UNKNOWN, UNKNOWN),
    "wrong-content-type": (UNKNOWN, UNKNOWN),
    "list": (UNKNOWN, UNKNOWN),
    "duplicate-members": (UNKNOWN, UNKNOWN),
}
"""What each recorded answer makes of the items A and B of case CA100."""

OTHER_CALLS = {
    "external-entity-success",
    "external-entity-partial",
    "transaction-success",
    "transaction-partial",
    "customer-partial",
    "account-partial",
}


def read(situation: str, *cases: GrantedCase, kind: Kind = Kind.EXTERNAL_ENTITY_REMOVAL) -> Reading:
    return ECM.read(removal_call(*cases, kind=kind), answer(System.ORACLE_ECM, situation))


def word(item: ItemOutcome) -> str:
    """An item's outcome in one word; asserts that evidence and codes fit its status."""
    match item.status:
        case Status.SUCCEEDED:
            assert item.errors == ()
            return INFERRED if item.evidence is Evidence.INFERRED else DONE
        case Status.UNKNOWN:
            assert (item.evidence, [fault.code for fault in item.errors]) == (None, [Code.OUTCOME_UNKNOWN])
            return UNKNOWN
        case _:
            assert (item.status, item.evidence) == (Status.FAILED, Evidence.CONFIRMED)
            return item.errors[0].code.value


def words(reading: Reading, position: int = 0) -> tuple[str, ...]:
    return tuple(word(item) for item in reading.outcomes[position].items)


@pytest.mark.parametrize(("situation", "expected"), TABLE.items())
def test_each_item_gets_what_the_answer_says_of_it(situation: str, expected: tuple[str, str]) -> None:
    reading = read(situation, TWO)
    assert [(item.id, item.type_code) for item in reading.outcomes[0].items] == [("A", "XA"), ("B", "XA")]
    assert words(reading) == expected


def test_the_tables_name_every_recorded_answer() -> None:
    assert TABLE.keys() | OTHER_CALLS == situations(System.ORACLE_ECM)


@pytest.mark.parametrize(
    ("situation", "status", "codes"),
    [
        ("removed", Status.SUCCEEDED, []),
        ("one-not-in-case", Status.PARTIAL, [Code.ITEM_NOT_IN_CASE]),
        ("none-in-case", Status.FAILED, [Code.ITEM_NOT_IN_CASE]),
        ("different-failures", Status.FAILED, [Code.UPSTREAM_REJECTED]),
        ("no-such-case", Status.FAILED, [Code.CASE_NOT_FOUND]),
        ("missing-item", Status.PARTIAL, [Code.OUTCOME_UNKNOWN]),
        ("html-page", Status.UNKNOWN, [Code.OUTCOME_UNKNOWN]),
    ],
)
def test_a_case_is_what_its_items_are(situation: str, status: Status, codes: list[Code]) -> None:
    outcome = read(situation, TWO).outcomes[0]
    assert (outcome.status, [fault.code for fault in outcome.errors]) == (status, codes)
    assert (outcome.found, outcome.deleted) == (None, None)


@pytest.mark.parametrize(
    ("situation", "unasked"),
    [
        ("removed", 0),
        ("extra-entries", 3),
        ("duplicate-item", 1),
        ("contradicting-item", 1),
        ("duplicate-case", 1),
        ("missing-case", 1),
        ("item-id-number", 1),
        ("null-entries", 0),
        ("no-such-case", 0),
    ],
)
def test_what_nobody_asked_for_is_counted(situation: str, unasked: int) -> None:
    assert read(situation, TWO).unasked == unasked


def test_cases_are_matched_by_id_and_not_by_position() -> None:
    reading = read(
        "external-entity-partial",
        removal_case(4, "CA101", ["ACTRUSTEDPAIR-038X"]),
        removal_case(9, "CA100", ["TERRY FRANCONA", "ACFTNETRSTACO1X"]),
    )
    assert (words(reading, 4), words(reading, 9)) == ((NOT_IN_CASE,), (DONE, DONE))
    assert [item.id for item in reading.outcomes[9].items] == ["TERRY FRANCONA", "ACFTNETRSTACO1X"]


def test_a_case_that_the_answer_lacks_is_unknown_beside_one_that_it_has() -> None:
    reading = read("removed", TWO, removal_case(1, "CA101", ["A", "C"]))
    assert (words(reading, 0), words(reading, 1)) == ((DONE, DONE), (UNKNOWN, UNKNOWN))


def test_an_overall_failure_without_results_is_every_cases_failure() -> None:
    reading = read("invalid-input", TWO, removal_case(1, "CA101", ["C"]))
    assert (words(reading, 0), words(reading, 1)) == ((REJECTED, REJECTED), (REJECTED,))


@pytest.mark.parametrize(
    ("kind", "situation"),
    [
        (Kind.TRANSACTION_REMOVAL, "transaction-partial"),
        (Kind.CUSTOMER_REMOVAL, "customer-partial"),
        (Kind.ACCOUNT_REMOVAL, "account-partial"),
    ],
)
def test_each_kind_has_its_own_list_and_id(kind: Kind, situation: str) -> None:
    assert words(read(situation, TWO, kind=kind)) == (DONE, NOT_IN_CASE)


def test_the_documented_transaction_answer_is_read() -> None:
    case = removal_case(0, "CA100", ["BOTRXNCSTLOSSSEVHH004", "FOTFREXDBTCRDPRCH-068"])
    assert words(read("transaction-success", case, kind=Kind.TRANSACTION_REMOVAL)) == (DONE, DONE)


def test_the_documented_external_entity_answer_is_read() -> None:
    case = removal_case(0, "CA100", ["ACFTNETRSTACO1X", "TERRY FRANCONA"])
    assert words(read("external-entity-success", case)) == (DONE, DONE)


class TestAbsenceAfterAnUnknown:
    def test_an_unsettled_item_that_is_not_in_its_case_is_inferred_to_be_gone(self) -> None:
        case = removal_case(0, "CA100", ["A", "B"], unsettled=["B"])
        assert words(read("none-in-case", case)) == (NOT_IN_CASE, INFERRED)

    def test_an_item_that_was_never_unsettled_is_not_although_its_case_was_begun(self) -> None:
        reading = read("none-in-case", removal_case(0, "CA100", ["A", "B"], begun=True))
        assert words(reading) == (NOT_IN_CASE, NOT_IN_CASE)

    def test_an_item_that_another_type_code_unsettled_is_not(self) -> None:
        case = removal_case(0, "CA100", [Item("A", "XB"), "B"], unsettled=["A"])
        assert words(read("none-in-case", case)) == (NOT_IN_CASE, NOT_IN_CASE)

    @pytest.mark.parametrize("situation", ["no-such-case", "no-such-case-overall", "no-such-case-404"])
    def test_a_case_that_is_gone_takes_its_unsettled_items_with_it(self, situation: str) -> None:
        case = removal_case(0, "CA100", ["A", "B"], unsettled=["A"])
        assert words(read(situation, case)) == (INFERRED, NO_CASE)

    def test_a_word_that_may_be_about_another_case_settles_nothing(self) -> None:
        cases = removal_case(0, "CA100", ["A"], unsettled=["A"]), removal_case(1, "CA101", ["C"])
        reading = read("no-such-case-overall", *cases)
        assert (words(reading, 0), words(reading, 1)) == ((UNKNOWN,), (NO_CASE,))

    @pytest.mark.parametrize("situation", ["not-in-case-said-of-the-case", "not-in-case-overall"])
    def test_a_word_that_may_be_about_another_item_settles_nothing(self, situation: str) -> None:
        two = removal_case(0, "CA100", ["A", "B"], unsettled=["A"])
        one = removal_case(0, "CA100", ["A"], unsettled=["A"])
        assert words(read(situation, two)) == (UNKNOWN, NOT_IN_CASE)
        assert words(read(situation, one)) == (INFERRED,)

    def test_a_lock_says_nothing_of_absence(self) -> None:
        assert words(read("case-locked", removal_case(0, "CA100", ["A"], unsettled=["A"]))) == (LOCKED,)


class TestItemsThatShareAnId:
    ONE_OF_EACH_TYPE = removal_case(0, "CA100", [Item("A", "XA"), Item("A", "XB")])

    def test_as_many_entries_that_agree_settle_them(self) -> None:
        assert words(read("duplicate-item", removal_case(0, "CA100", [Item("A", "XA"), "B", Item("A", "XB")]))) == (
            DONE,
            DONE,
            DONE,
        )

    def test_fewer_entries_do_not(self) -> None:
        assert words(read("removed", self.ONE_OF_EACH_TYPE)) == (UNKNOWN, UNKNOWN)

    def test_entries_that_differ_do_not(self) -> None:
        assert words(read("contradicting-item", self.ONE_OF_EACH_TYPE)) == (UNKNOWN, UNKNOWN)

    def test_a_whole_cases_failure_is_that_of_them_all(self) -> None:
        assert words(read("no-such-case-items-named", self.ONE_OF_EACH_TYPE)) == (NO_CASE, NO_CASE)


class TestTexts:
    def test_an_items_text_is_its_message_and_the_detail_of_its_error(self) -> None:
        item = read("undocumented-text", TWO).outcomes[0].items[1]
        assert (item.message, item.errors[0].detail) == ("Ask the administrator.", "Ask the administrator.")

    def test_a_cases_text_is_its_message(self) -> None:
        assert read("removed", TWO).outcomes[0].messages == ("External Entities removal was successful.",)

    def test_the_overall_text_is_each_cases_message_where_there_are_no_results(self) -> None:
        assert read("case-locked-409", TWO).outcomes[0].messages == ("Case is locked by another user JSMITH.",)

    def test_without_a_text_the_detail_is_our_own(self) -> None:
        item = read("failed-without-text", TWO).outcomes[0].items[1]
        assert (item.message, item.errors[0].detail) == (None, "The upstream rejected the request.")

    def test_the_text_of_a_refusal_is_passed_on(self) -> None:
        assert read("unauthorized", TWO).outcomes[0].errors[0].detail == "Invalid user."

    def test_nothing_of_an_undocumented_body_is_passed_on(self) -> None:
        outcome = read("unauthorized-html", TWO).outcomes[0]
        assert [fault.detail for fault in outcome.errors] == ["The upstream did not accept the gateway's credential."]
        assert outcome.messages == ()


@pytest.mark.parametrize(
    ("situation", "seconds"), [("throttled-html", 5.0), ("unavailable-html-with-retry-after", 30.0), ("removed", None)]
)
def test_the_pause_that_the_upstream_asks_for_is_reported(situation: str, seconds: float | None) -> None:
    assert read(situation, TWO).pause_seconds == seconds


@pytest.mark.parametrize(
    ("kind", "service", "expected"),
    [
        (
            Kind.EXTERNAL_ENTITY_REMOVAL,
            "removeExternalEntity",
            {"externalEntities": [{"externalEntity": "A", "externalEntityTypeCode": "XA"}]},
        ),
        (
            Kind.TRANSACTION_REMOVAL,
            "removeTransaction",
            {"transactions": [{"transactionReferenceId": "A", "transactionTypeCode": "XA"}]},
        ),
        (Kind.CUSTOMER_REMOVAL, "removeCustomer", {"customers": [{"customerId": "A"}]}),
        (Kind.ACCOUNT_REMOVAL, "removeAccount", {"accounts": [{"accountId": "A"}]}),
    ],
)
def test_the_request_is_the_documented_one(kind: Kind, service: str, expected: dict[str, object]) -> None:
    request = ECM.build(removal_call(removal_case(0, "CA100", ["A"]), kind=kind))
    assert request.method == "POST"
    assert request.path == f"/ECM/rest-api/ECMService/CaseManagementService/{service}"
    assert dict(request.headers)["Content-Type"] == "application/json"
    assert json.loads(request.body) == [{"caseId": "CA100", **expected}]
    assert ECM.call_label(kind) == service


def test_a_request_carries_every_case_of_its_call_in_order() -> None:
    body = json.loads(ECM.build(removal_call(TWO, removal_case(1, "CA101", ["C"]))).body)
    assert [case["caseId"] for case in body] == ["CA100", "CA101"]
    assert [item["externalEntity"] for item in body[0]["externalEntities"]] == ["A", "B"]


@pytest.mark.parametrize("purpose", [Purpose.DRY_RUN, Purpose.PROBE])
def test_a_call_that_is_not_to_act_is_never_built(purpose: Purpose) -> None:
    with pytest.raises(ValueError, match="only execute"):
        ECM.build(removal_call(TWO, purpose=purpose))


STATUSES = st.sampled_from(["SUCCESS", "FAILED", "PARTIALSUCCESS", None, 1])
MESSAGES = st.sampled_from(["Removed successfully.", "Item does not exist in case.", "Case does not exist.", None])
ITEM_ENTRIES = st.fixed_dictionaries(
    {"externalEntity": st.sampled_from(["A", "B", "X", None, 1])}, optional={"STATUS": STATUSES, "MESSAGE": MESSAGES}
)
CASE_ENTRIES = st.fixed_dictionaries(
    {"caseId": st.sampled_from(["CA100", "CA100", "CA999", None])},
    optional={"STATUS": STATUSES, "MESSAGE": MESSAGES, "externalEntities": st.lists(ITEM_ENTRIES, max_size=4)},
)
BODIES = st.fixed_dictionaries(
    {"STATUS": st.sampled_from(["SUCCESS", "FAILED", "PARTIALSUCCESS"]), "MESSAGE": MESSAGES},
    optional={"RESULTARRAY": st.lists(CASE_ENTRIES, max_size=3)},
)


@given(body=BODIES, unsettled=st.booleans())
def test_whatever_the_entries_only_an_items_own_success_is_its_success(body: dict[str, Any], unsettled: bool) -> None:
    case = removal_case(0, "CA100", ["A", "B"], unsettled=["A", "B"] if unsettled else [])
    given_answer = Answer(200, (("content-type", "application/json"),), json.dumps(body).encode(), RECEIVED_AT)
    for item in ECM.read(removal_call(case), given_answer).outcomes[0].items:
        said = [
            entry.get("STATUS")
            for named in body.get("RESULTARRAY", [])
            if named["caseId"] == "CA100"
            for entry in named.get("externalEntities", [])
            if entry["externalEntity"] == item.id
        ]
        assert word(item) != DONE or set(said) == {"SUCCESS"}
        assert word(item) != INFERRED or (unsettled and "SUCCESS" not in said)
