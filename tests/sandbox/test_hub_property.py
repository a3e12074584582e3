import asyncio
from uuid import UUID, uuid4

import pytest

from .upstreams import HEADERS, HUB_PATH, Upstreams, by_number, by_token, until

ID = "5b7d7f0e-53c8-4f0e-9c3d-0a6f1d1c2b3a"


async def test_a_case_is_deleted_and_the_request_id_echoed(up: Upstreams) -> None:
    answer = await up.hub(by_number("CN1", requestId=ID))
    assert (answer.status_code, answer.json()) == (200, {"requestId": ID, "found": True, "deleted": True})
    assert answer.headers["content-type"] == "application/json"


async def test_a_missing_request_id_is_generated(up: Upstreams) -> None:
    assert UUID((await up.hub(by_number("CN1"))).json()["requestId"])


async def test_execute_is_true_when_left_out(up: Upstreams) -> None:
    await up.hub(by_number("CN1"))
    assert (await up.last())["done"] == "deleted"


async def test_a_dry_run_finds_the_case_and_changes_nothing(up: Upstreams) -> None:
    for _ in range(2):
        answer = await up.hub(by_number("CN1", execute=False))
        assert answer.status_code == 200
        assert (answer.json()["found"], answer.json()["deleted"]) == (True, False)
    assert (await up.last())["done"] == "nothing"


@pytest.mark.parametrize("execute", [True, False])
async def test_a_deleted_case_is_not_found(up: Upstreams, execute: bool) -> None:
    await up.hub(by_number("CN39983"))
    answer = await up.hub(by_number("CN39983", execute=execute, requestId=ID))
    expected = {"requestId": ID, "found": False, "deleted": False, "errors": ["Case number CN39983 not found"]}
    assert (answer.status_code, answer.json()) == (404, expected)


async def test_a_case_can_be_named_by_its_token(up: Upstreams) -> None:
    token = "d1a72df4-f7d5-402c-a495-cc31b8b39a59"
    assert (await up.hub(by_token(token))).json()["deleted"] is True
    assert (await up.hub(by_token(token))).json()["errors"] == [f"Case token {token} not found"]


async def test_tenants_do_not_share_cases(up: Upstreams) -> None:
    await up.hub(by_number("CN1"), tenant="acme")
    assert (await up.hub(by_number("CN1"), tenant="other")).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        [],
        "text",
        {},
        {"caseNumber": "CN1"},
        {"caseIdentifierType": "CaseNumberRequest"},
        {"caseIdentifierType": "CaseNumberRequest", "caseNumber": ""},
        {"caseIdentifierType": "CaseNumberRequest", "caseNumber": 1},
        {"caseIdentifierType": "CaseNumberRequest", "caseNumber": None},
        {"caseIdentifierType": "CaseNumberRequest", "caseToken": "t"},
        {"caseIdentifierType": "CaseTokenRequest", "caseNumber": "CN1"},
        {"caseIdentifierType": "CaseNumberRequest", "caseNumber": "CN1", "caseToken": "t"},
        {"caseIdentifierType": "Number", "caseNumber": "CN1"},
        {"caseIdentifierType": "CaseNumberRequest", "caseNumber": "CN1", "execute": "true"},
        {"caseIdentifierType": "CaseNumberRequest", "caseNumber": "CN1", "execute": None},
        {"caseIdentifierType": "CaseNumberRequest", "caseNumber": "CN1", "requestId": "not-a-uuid"},
        {"caseIdentifierType": "CaseNumberRequest", "caseNumber": "CN1", "requestId": None},
        {"caseIdentifierType": "CaseNumberRequest", "caseNumber": "CN1", "reason": "expired"},
    ],
)
async def test_a_body_that_is_not_as_documented_is_refused(up: Upstreams, body: object) -> None:
    answer = await up.hub(body)
    assert answer.status_code == 400
    assert answer.json()["deleted"] is False
    assert UUID(answer.json()["requestId"])
    assert answer.json()["errors"]
    assert (await up.last())["done"] == "nothing"


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b'{"caseNumber": "\\ud800"}', b"[" * 5000])
async def test_a_body_that_is_not_json_is_refused(up: Upstreams, content: bytes) -> None:
    head = HEADERS | {"Authorization": f"Bearer {await up.token()}"}
    answer = await up.http.request("DELETE", HUB_PATH.format(tenant="acme"), content=content, headers=head)
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("name", "value"),
    [("Accept", "text/html"), ("Accept-Charset", "latin-1"), ("Content-Type", "text/plain"), ("Accept", "*/*")],
)
async def test_the_documented_headers_are_required(up: Upstreams, name: str, value: str) -> None:
    answer = await up.scalepoint(HUB_PATH.format(tenant="acme"), by_number("CN1"), {name: value})
    assert answer.status_code == 400
    assert name.lower() in answer.json()["errors"][0]


async def test_media_types_may_carry_parameters(up: Upstreams) -> None:
    head = {"Content-Type": "application/json; charset=utf-8", "Accept": "text/x, application/json;q=0.9"}
    assert (await up.scalepoint(HUB_PATH.format(tenant="acme"), by_number("CN1"), head)).status_code == 200


async def test_another_deletion_of_the_case_answers_409_while_one_runs(up: Upstreams) -> None:
    first = asyncio.create_task(up.hub(by_number("SLOW-0.3-1")))

    async def first_is_there() -> bool:
        return bool(await up.history(case="SLOW-0.3-1"))

    await until(first_is_there)
    second = await up.hub(by_number("SLOW-0.3-1"))
    assert (second.status_code, second.json()["deleted"]) == (409, False)
    assert (await first).status_code == 200
    assert "same_case_at_once" in (await up.last())["violations"]


async def test_a_deletion_goes_on_when_its_caller_has_gone(up: Upstreams) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(up.hub(by_number("SLOW-0.2-1")), 0.1)
    entry = await up.answered()
    assert (entry["answered"], entry["heard"], entry["done"]) == (200, False, "deleted")


async def test_an_error_500_leaves_the_case_partly_deleted_and_the_same_request_id_goes_on(up: Upstreams) -> None:
    first = await up.hub(by_number("ERROR500-1", requestId=ID))
    assert (first.status_code, first.json()["deleted"]) == (500, False)
    assert (await up.last())["done"] == "partly_deleted"
    assert (await up.hub(by_number("ERROR500-1", requestId=ID))).json()["deleted"] is True
    assert (await up.last())["done"] == "deleted"


@pytest.mark.parametrize("other", [str(uuid4()), None], ids=["another", "none"])
async def test_another_request_id_does_not_resume_and_is_a_violation(up: Upstreams, other: str | None) -> None:
    await up.hub(by_number("ERROR500-1", requestId=ID))
    answer = await up.hub(by_number("ERROR500-1", **({"requestId": other} if other else {})))
    assert answer.status_code == 500
    assert (await up.last())["violations"] == ["resumed_under_other_request_id"]
    assert (await up.last())["done"] == "nothing"


async def test_a_dry_run_of_a_partly_deleted_case_still_finds_it(up: Upstreams) -> None:
    await up.hub(by_number("ERROR500-1", requestId=ID))
    answer = await up.hub(by_number("ERROR500-1", execute=False))
    assert (answer.status_code, answer.json()["found"]) == (200, True)


async def test_a_completed_request_id_sent_again_finds_nothing(up: Upstreams) -> None:
    await up.hub(by_number("CN1", requestId=ID))
    assert (await up.hub(by_number("CN1", requestId=ID))).status_code == 404
    assert (await up.last())["violations"] == []


async def test_a_switch_makes_a_completed_request_id_answer_as_before(up: Upstreams) -> None:
    await up.switch(hub={"completedRepeat": "sameAnswer"})
    first = await up.hub(by_number("CN1", requestId=ID))
    again = await up.hub(by_number("CN1", requestId=ID))
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert (await up.last())["done"] == "nothing"


async def test_a_deleted_case_sent_again_under_another_request_id_is_a_violation(up: Upstreams) -> None:
    await up.hub(by_number("CN1", requestId=ID))
    await up.hub(by_number("CN1"))
    assert (await up.last())["violations"] == ["deleted_case_sent_again"]


async def test_a_request_id_used_for_two_cases_is_a_violation(up: Upstreams) -> None:
    await up.hub(by_number("CN1", requestId=ID))
    await up.hub(by_number("CN2", requestId=ID))
    assert (await up.last())["violations"] == ["request_id_of_another_case"]


async def test_a_request_id_of_a_dry_run_used_to_execute_is_a_violation(up: Upstreams) -> None:
    await up.hub(by_number("CN1", requestId=ID, execute=False))
    await up.hub(by_number("CN1", requestId=ID))
    assert (await up.last())["violations"] == ["request_id_of_a_dry_run"]


async def test_a_token_is_required(up: Upstreams) -> None:
    for authorization in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic Zm9vOmJhcg=="}):
        answer = await up.http.request(
            "DELETE", HUB_PATH.format(tenant="acme"), json=by_number("CN1"), headers=HEADERS | authorization
        )
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
