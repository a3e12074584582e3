import asyncio

import pytest

from .upstreams import Upstreams, by_number, by_token


async def test_a_case_is_deleted(up: Upstreams) -> None:
    answer = await up.claimshop(by_number("CN1"))
    assert (answer.status_code, answer.json()) == (200, {"found": True, "deleted": True, "errors": []})


async def test_a_dry_run_finds_the_case_and_changes_nothing(up: Upstreams) -> None:
    for _ in range(2):
        answer = await up.claimshop(by_number("CN1", execute=False))
        assert (answer.status_code, answer.json()) == (200, {"found": True, "deleted": False, "errors": []})


async def test_a_deleted_case_is_not_found(up: Upstreams) -> None:
    await up.claimshop(by_token("t-1"))
    answer = await up.claimshop(by_token("t-1"))
    assert (answer.status_code, answer.json()) == (
        404,
        {"found": False, "deleted": False, "errors": ["Case token t-1 not found"]},
    )
    assert (await up.last())["violations"] == ["deleted_case_sent_again"]


async def test_countries_and_tenants_do_not_share_cases(up: Upstreams) -> None:
    await up.claimshop(by_number("CN1"))
    assert (await up.claimshop(by_number("CN1"), country="no")).status_code == 200
    assert (await up.claimshop(by_number("CN1"), tenant="other")).status_code == 200
    assert (await up.last())["country"] == "dk"


@pytest.mark.parametrize(
    "body",
    [
        {
            "caseIdentifierType": "CaseNumberRequest",
            "caseNumber": "CN1",
            "requestId": "5b7d7f0e-53c8-4f0e-9c3d-0a6f1d1c2b3a",
        },
        {"caseIdentifierType": "CaseNumberRequest"},
        {"caseIdentifierType": "CaseNumberRequest", "caseNumber": "CN1", "execute": 1},
        [],
    ],
)
async def test_a_request_id_or_another_undocumented_body_is_refused_with_all_three_members(
    up: Upstreams, body: object
) -> None:
    answer = await up.claimshop(body)
    assert answer.status_code == 400
    assert set(answer.json()) == {"found", "deleted", "errors"}


async def test_an_error_500_answers_as_documented_and_has_done_nothing(up: Upstreams) -> None:
    answer = await up.claimshop(by_number("ERROR500-1"))
    expected = {"found": False, "deleted": False, "errors": ["Unexpected error during deletion"]}
    assert (answer.status_code, answer.json()) == (500, expected)
    assert (await up.last())["done"] == "nothing"
    assert (await up.claimshop(by_number("ERROR500-1"))).status_code == 200


async def test_two_deletions_of_a_case_at_once_are_no_409_but_a_violation(up: Upstreams) -> None:
    answers = await asyncio.gather(*(up.claimshop(by_number("SLOW-0.2-1")) for _ in range(2)))
    assert sorted(answer.status_code for answer in answers) == [200, 404]
    summary = (await up.http.get("/history/summary")).json()
    assert summary["violations"]["same_case_at_once"] == 1


async def test_five_calls_at_a_time_are_served_and_the_sixth_is_throttled(up: Upstreams) -> None:
    await up.token()
    await up.claimshop(by_number("CN0"))
    answers = await asyncio.gather(*(up.claimshop(by_number(f"SLOW-0.3-{i}")) for i in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [429]
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert "try again after some time" in refused.json()["errors"][0]
    assert "retry-after" not in refused.headers
    summary = (await up.http.get("/history/summary")).json()
    assert summary["violations"] == {"cap_exceeded": 1}
    assert summary["peakSimultaneous"]["claimshop"] == 6
    assert (await up.claimshop(by_number("CN1"))).status_code == 200


async def test_a_call_that_hangs_holds_its_place_until_its_caller_goes(up: Upstreams) -> None:
    await up.switch(claimshop={"simultaneous": 1})
    await up.claimshop(by_number("CN0"))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(up.claimshop(by_number("HANG-1")), 0.1)
    await up.answered()
    assert (await up.claimshop(by_number("CN1"))).status_code == 200
