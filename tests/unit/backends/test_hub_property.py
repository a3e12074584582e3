import json

import msgspec
import pytest

from gateway.backends.hub_property import HubProperty
from gateway.model.cases import Identifier
from gateway.model.kinds import IdentifierType, Kind, Purpose, System
from gateway.model.outcomes import CaseOutcome, Code
from tests.samples import (
    DELETED,
    GONE,
    REQUEST_ID,
    UNKNOWN,
    WOULD_DELETE,
    Gist,
    answer,
    backend_settings,
    deletion_call,
    failed,
    gist,
    situations,
    turned_away,
)

HUB = HubProperty(backend_settings(System.HUB_PROPERTY, "https://entry.scalepoint.com/ecx"))
FORBIDDEN = Code.DELETION_FORBIDDEN_BY_STATE

SETTLED: dict[str, Gist] = {
    "deleted": DELETED,
    "deleted-only-what-is-always-there": DELETED,
    "deleted-with-nulls": DELETED,
    "deleted-with-messages": DELETED,
    "problem-json-type": DELETED,
    "not-deleted": failed(Code.UPSTREAM_ERROR, found=True, resumable=True),
    "would-delete": failed(Code.UPSTREAM_ERROR, found=True, resumable=True),
    "would-delete-only-what-is-always-there": failed(Code.UPSTREAM_ERROR, resumable=True),
    "would-delete-with-errors": failed(Code.UPSTREAM_ERROR, found=True, resumable=True),
    "nothing-to-delete": failed(Code.UPSTREAM_ERROR, found=False, resumable=True),
    "rejected": failed(Code.UPSTREAM_REJECTED),
    "rejected-without-texts": failed(Code.UPSTREAM_REJECTED),
    "unauthorized": turned_away(Code.UPSTREAM_UNAUTHORIZED),
    "unauthorized-empty": turned_away(Code.UPSTREAM_UNAUTHORIZED),
    "forbidden": failed(FORBIDDEN, found=True, resumable=True),
    "forbidden-without-found": failed(FORBIDDEN, found=True, resumable=True),
    "not-found": failed(Code.CASE_NOT_FOUND, found=False),
    "not-found-without-found": failed(Code.CASE_NOT_FOUND, found=False),
    "in-progress": failed(Code.DELETION_IN_PROGRESS, found=True),
    "throttled": turned_away(Code.UPSTREAM_THROTTLED),
    "throttled-by-proxy": turned_away(Code.UPSTREAM_THROTTLED),
    "unexpected-error": failed(Code.UPSTREAM_ERROR, found=True, resumable=True),
    "bad-gateway": failed(Code.UPSTREAM_ERROR, found=True, resumable=True),
    "gateway-timeout": failed(Code.UPSTREAM_ERROR, resumable=True),
    "closed": turned_away(Code.UPSTREAM_CLOSED),
    "closed-without-retry-after": turned_away(Code.UPSTREAM_CLOSED),
    "closed-html-with-retry-after": turned_away(Code.UPSTREAM_CLOSED),
}
"""What each trustworthy answer makes of an executed deletion. No other recorded answer is to be believed."""

DISBELIEVED = situations(System.HUB_PROPERTY) - SETTLED.keys()

DRY_RUN = {
    "would-delete": WOULD_DELETE,
    "would-delete-only-what-is-always-there": WOULD_DELETE,
    "would-delete-with-errors": UNKNOWN,
    "nothing-to-delete": failed(Code.CASE_NOT_FOUND, found=False),
    "not-found": failed(Code.CASE_NOT_FOUND, found=False),
    "forbidden": failed(FORBIDDEN, found=True),
    "unexpected-error": failed(Code.UPSTREAM_ERROR, found=True),
    "rejected": failed(Code.UPSTREAM_REJECTED),
    "closed": turned_away(Code.UPSTREAM_CLOSED),
    "deleted": UNKNOWN,
}


def read(situation: str, purpose: Purpose = Purpose.EXECUTE, *, begun: bool = False) -> CaseOutcome:
    return HUB.read(deletion_call(purpose, begun=begun), answer(System.HUB_PROPERTY, situation)).outcomes[7]


@pytest.mark.parametrize(("situation", "expected"), SETTLED.items())
def test_a_documented_answer_settles_an_executed_deletion(situation: str, expected: Gist) -> None:
    assert gist(read(situation)) == expected


@pytest.mark.parametrize("situation", sorted(DISBELIEVED))
@pytest.mark.parametrize("begun", [False, True])
def test_an_answer_that_the_contract_does_not_allow_leaves_the_deletion_unknown(situation: str, begun: bool) -> None:
    assert gist(read(situation, begun=begun)) == UNKNOWN


def test_the_disbelieved_answers_are_those_that_were_made_to_be() -> None:
    assert sorted(DISBELIEVED) == [
        "accepted",
        "bad-gateway-html",
        "byte-order-mark",
        "closed-but-deleted",
        "closed-html",
        "closed-html-with-unreadable-retry-after",
        "cut-off-body",
        "deleted-absent",
        "deleted-as-number",
        "deleted-as-text",
        "deleted-but-not-found",
        "deleted-null",
        "duplicate-members",
        "empty-body",
        "errors-as-text",
        "errors-with-numbers",
        "forbidden-but-not-found",
        "forbidden-html",
        "gateway-timeout-empty",
        "html-page",
        "list",
        "no-content",
        "no-content-type",
        "not-a-number",
        "not-found-but-deleted",
        "not-found-but-found",
        "not-found-html",
        "not-found-other-request",
        "null",
        "other-request",
        "redirect",
        "request-id-absent",
        "request-id-null",
        "teapot",
        "throttled-but-deleted",
        "throttled-but-deleted-as-text",
        "throttled-but-deleted-in-a-cut-off-body",
        "two-values",
        "unauthorized-but-deleted",
        "unexpected-error-html",
        "unexpected-error-without-deleted",
        "wrong-charset",
        "wrong-content-type",
    ]


@pytest.mark.parametrize(("situation", "expected"), DRY_RUN.items())
def test_a_dry_run_says_what_would_happen_and_resumes_nothing(situation: str, expected: Gist) -> None:
    assert gist(read(situation, Purpose.DRY_RUN)) == expected


@pytest.mark.parametrize("situation", ["not-found", "not-found-without-found"])
def test_absence_after_a_begun_deletion_is_inferred_success(situation: str) -> None:
    assert gist(read(situation, begun=True)) == GONE


def test_absence_in_a_callers_own_dry_run_is_never_success() -> None:
    assert gist(read("not-found", Purpose.DRY_RUN, begun=True)) == failed(Code.CASE_NOT_FOUND, found=False)


def test_a_probe_of_a_case_that_is_gone_is_inferred_success() -> None:
    call = deletion_call(Purpose.PROBE)
    own_id = msgspec.json.decode(HUB.build(call).body)["requestId"]
    recorded = answer(System.HUB_PROPERTY, "not-found")
    ours = msgspec.structs.replace(recorded, body=recorded.body.replace(REQUEST_ID.encode(), own_id.encode()))
    assert gist(HUB.read(call, ours).outcomes[7]) == GONE


def test_an_answer_to_the_deletion_is_no_answer_to_its_probe() -> None:
    assert gist(read("not-found", Purpose.PROBE, begun=True)) == UNKNOWN


def test_a_request_id_is_ours_in_either_case_of_its_letters() -> None:
    call = deletion_call(request_id="3f2504e0-4f89-41d3-9a0c-0305e82c3301")
    body = b'{"requestId": "3F2504E0-4F89-41D3-9A0C-0305E82C3301", "deleted": true}'
    recorded = msgspec.structs.replace(answer(System.HUB_PROPERTY, "deleted"), body=body)
    assert gist(HUB.read(call, recorded).outcomes[7]) == DELETED


def test_each_error_text_is_passed_on_under_the_code() -> None:
    details = [fault.detail for fault in read("rejected").errors]
    assert details == ["caseNumber is required", "caseIdentifierType is unknown"]


def test_messages_are_passed_on_beside_the_errors() -> None:
    assert read("forbidden").messages == ("Settle the payments first",)
    assert read("deleted-with-messages").messages == ("Case removed from all systems",)


def test_an_inferred_success_keeps_the_upstreams_text_as_a_message() -> None:
    assert read("not-found", begun=True).messages == ("Case number CN39983 not found",)


def test_without_a_text_of_the_upstream_the_detail_is_our_own() -> None:
    (fault,) = read("rejected-without-texts").errors
    assert fault.detail == "The upstream rejected the request."


def test_nothing_of_a_disbelieved_answer_reaches_the_caller() -> None:
    outcome = read("html-page")
    assert outcome.messages == ()
    assert [fault.detail for fault in outcome.errors] == ["The upstream's answer is not declared to be JSON in UTF-8."]


@pytest.mark.parametrize(
    ("situation", "seconds"),
    [
        ("throttled", 12.0),
        ("throttled-by-proxy", None),
        ("closed", 3_600.0),
        ("closed-html-with-retry-after", 3_600.0),
        ("closed-without-retry-after", None),
        ("deleted", None),
    ],
)
def test_the_pause_that_the_upstream_asks_for_is_reported(situation: str, seconds: float | None) -> None:
    assert HUB.read(deletion_call(), answer(System.HUB_PROPERTY, situation)).pause_seconds == seconds


def test_the_request_is_the_documented_one() -> None:
    request = HUB.build(deletion_call())
    assert (request.method, request.path) == ("DELETE", "/ecx/acme/api/integration/v1/case")
    assert request.headers == (
        ("Accept", "application/json"),
        ("Accept-Charset", "utf-8"),
        ("Content-Type", "application/json"),
    )
    assert json.loads(request.body) == {
        "caseIdentifierType": "CaseNumberRequest",
        "caseNumber": "CN10000",
        "execute": True,
        "requestId": REQUEST_ID,
    }


def test_a_case_token_goes_by_its_own_name() -> None:
    token = "d1a72df4-f7d5-402c-a495-cc31b8b39a59"
    body = json.loads(HUB.build(deletion_call(identifier=Identifier(IdentifierType.CASE_TOKEN, token))).body)
    assert (body["caseIdentifierType"], body["caseToken"]) == ("CaseTokenRequest", token)
    assert "caseNumber" not in body


@pytest.mark.parametrize("purpose", [Purpose.DRY_RUN, Purpose.PROBE])
def test_only_an_executing_call_executes(purpose: Purpose) -> None:
    assert json.loads(HUB.build(deletion_call(purpose)).body)["execute"] is False


def test_a_probe_never_uses_the_id_of_the_deletion_it_asks_about() -> None:
    body = json.loads(HUB.build(deletion_call(Purpose.PROBE)).body)
    assert body["requestId"] != REQUEST_ID


@pytest.mark.parametrize("purpose", [Purpose.EXECUTE, Purpose.DRY_RUN])
def test_without_a_request_id_no_request_is_made(purpose: Purpose) -> None:
    with pytest.raises(ValueError, match="without a request id"):
        HUB.build(deletion_call(purpose, request_id=None))


def test_an_identifier_travels_as_it_is_and_only_in_the_body() -> None:
    value = 'MAERSK A/S "2024/123" æøå 🗂'
    request = HUB.build(deletion_call(identifier=Identifier(IdentifierType.CASE_NUMBER, value)))
    assert json.loads(request.body)["caseNumber"] == value
    assert request.path == "/ecx/acme/api/integration/v1/case"


def test_a_tenant_is_one_segment_of_the_path_whatever_it_holds() -> None:
    path = HUB.build(deletion_call(tenant="a/b?c#d e%")).path
    assert path == "/ecx/a%2Fb%3Fc%23d%20e%25/api/integration/v1/case"


def test_the_call_has_one_name() -> None:
    assert HUB.call_label(Kind.CASE_DELETION) == "deleteCase"
