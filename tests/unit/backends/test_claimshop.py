import json

import pytest
from msgspec import structs

from gateway.backends.claimshop import ClaimShop
from gateway.errors import ConfigurationError
from gateway.model.kinds import Purpose, System
from gateway.model.outcomes import CaseOutcome, Code
from tests.samples import (
    DELETED,
    GONE,
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

SETTINGS = backend_settings(System.CLAIMSHOP, "https://www.scalepoint.com/webapp/ScalePoint/")
SHOP = ClaimShop(SETTINGS)

SETTLED: dict[str, Gist] = {
    "deleted": DELETED,
    "hub-body": DELETED,
    "not-deleted": failed(Code.UPSTREAM_ERROR, found=True),
    "would-delete": failed(Code.UPSTREAM_ERROR, found=True),
    "nothing-to-delete": failed(Code.UPSTREAM_ERROR, found=False),
    "rejected": failed(Code.UPSTREAM_REJECTED, found=False),
    "unauthorized": turned_away(Code.UPSTREAM_UNAUTHORIZED),
    "unauthorized-html": turned_away(Code.UPSTREAM_UNAUTHORIZED),
    "forbidden": failed(Code.DELETION_FORBIDDEN_BY_STATE, found=True),
    "not-found": failed(Code.CASE_NOT_FOUND, found=False),
    "in-progress": failed(Code.DELETION_IN_PROGRESS, found=True),
    "throttled": turned_away(Code.UPSTREAM_THROTTLED),
    "throttled-text": turned_away(Code.UPSTREAM_THROTTLED),
    "unexpected-error": failed(Code.UPSTREAM_ERROR, found=False),
    "gateway-timeout": failed(Code.UPSTREAM_ERROR, found=True),
    "closed": turned_away(Code.UPSTREAM_CLOSED),
    "closed-html-with-retry-after": turned_away(Code.UPSTREAM_CLOSED),
}
"""What each trustworthy answer makes of an executed deletion; nothing resumes."""

DISBELIEVED = [
    "bad-gateway-html",
    "closed-html",
    "cut-off-body",
    "deleted-absent",
    "deleted-as-text",
    "empty-body",
    "errors-absent",
    "errors-null",
    "found-absent",
    "found-null",
    "html-page",
    "in-progress-html",
    "list",
    "not-found-html",
    "wrong-content-type",
]

DRY_RUN = {
    "would-delete": WOULD_DELETE,
    "nothing-to-delete": failed(Code.CASE_NOT_FOUND, found=False),
    "not-found": failed(Code.CASE_NOT_FOUND, found=False),
    "forbidden": failed(Code.DELETION_FORBIDDEN_BY_STATE, found=True),
    "deleted": UNKNOWN,
}

PROBE = {
    "would-delete": WOULD_DELETE,
    "not-found": GONE,
    "nothing-to-delete": GONE,
    "forbidden": failed(Code.DELETION_FORBIDDEN_BY_STATE, found=True),
    "throttled": turned_away(Code.UPSTREAM_THROTTLED),
    "deleted": UNKNOWN,
    "html-page": UNKNOWN,
}


def read(situation: str, purpose: Purpose = Purpose.EXECUTE, *, begun: bool = False) -> CaseOutcome:
    return SHOP.read(deletion_call(purpose, begun=begun), answer(System.CLAIMSHOP, situation)).outcomes[7]


@pytest.mark.parametrize(("situation", "expected"), SETTLED.items())
def test_a_documented_answer_settles_an_executed_deletion(situation: str, expected: Gist) -> None:
    assert gist(read(situation)) == expected


@pytest.mark.parametrize("situation", DISBELIEVED)
@pytest.mark.parametrize("begun", [False, True])
def test_an_answer_that_the_contract_does_not_allow_leaves_the_deletion_unknown(situation: str, begun: bool) -> None:
    assert gist(read(situation, begun=begun)) == UNKNOWN


def test_the_tables_name_every_recorded_answer() -> None:
    assert SETTLED.keys() | set(DISBELIEVED) == situations(System.CLAIMSHOP)


@pytest.mark.parametrize(("situation", "expected"), DRY_RUN.items())
def test_a_dry_run_says_what_would_happen(situation: str, expected: Gist) -> None:
    assert gist(read(situation, Purpose.DRY_RUN)) == expected


@pytest.mark.parametrize(("situation", "expected"), PROBE.items())
def test_a_probe_tells_whether_the_case_is_still_there(situation: str, expected: Gist) -> None:
    assert gist(read(situation, Purpose.PROBE, begun=True)) == expected


def test_absence_after_a_begun_deletion_is_inferred_success() -> None:
    assert gist(read("not-found", begun=True)) == GONE


def test_the_hours_that_a_closed_answer_names_are_passed_on() -> None:
    assert [fault.detail for fault in read("closed").errors] == ["Deletion is available from 16:00 to 08:00 UTC"]


def test_the_request_is_the_documented_one_and_has_no_request_id() -> None:
    request = SHOP.build(deletion_call())
    assert (request.method, request.path) == ("DELETE", "/webapp/ScalePoint/dk/v1/case/acme/delete")
    assert dict(request.headers)["Accept-Charset"] == "utf-8"
    assert json.loads(request.body) == {
        "caseIdentifierType": "CaseNumberRequest",
        "caseNumber": "CN10000",
        "execute": True,
    }


@pytest.mark.parametrize("purpose", [Purpose.DRY_RUN, Purpose.PROBE])
def test_only_an_executing_call_executes(purpose: Purpose) -> None:
    assert json.loads(SHOP.build(deletion_call(purpose)).body)["execute"] is False


def test_country_version_and_tenant_are_each_one_segment_of_the_path() -> None:
    odd = ClaimShop(structs.replace(SETTINGS, country="d/k", version="v 1"))
    assert odd.build(deletion_call(tenant="a?b")).path == "/webapp/ScalePoint/d%2Fk/v%201/case/a%3Fb/delete"


def test_without_a_country_there_is_no_way_to_call() -> None:
    with pytest.raises(ConfigurationError, match=r"backends\.upstream\.country"):
        ClaimShop(structs.replace(SETTINGS, country=None))
