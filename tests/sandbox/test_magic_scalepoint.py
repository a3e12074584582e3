"""Magic identifiers of Hub Property and ClaimShop: each behaves as docs/sandbox.md says."""

import asyncio
import time
from uuid import uuid4

import httpx2
import pytest

from .upstreams import Upstreams, by_number, by_token

HUB, CLAIMSHOP = "hub-property", "claimshop"
both = pytest.mark.parametrize("system", [HUB, CLAIMSHOP])


@both
async def test_notfound_answers_404(up: Upstreams, system: str) -> None:
    for execute in (True, False):
        answer = await up.delete(system, "NOTFOUND-1", execute=execute)
        assert (answer.status_code, answer.json()["errors"]) == (404, ["Case number NOTFOUND-1 not found"])


@both
async def test_forbidden_answers_403_and_dry_runs_as_well(up: Upstreams, system: str) -> None:
    for execute in (False, True):
        answer = await up.delete(system, "FORBIDDEN-1", execute=execute)
        assert (answer.status_code, answer.json()["found"], answer.json()["deleted"]) == (403, True, False)
    assert (await up.last())["done"] == ("partly_deleted" if system == HUB else "nothing")


async def test_forbidden_once_is_resumed_by_the_same_request_id(up: Upstreams) -> None:
    request_id = str(uuid4())
    statuses = [(await up.hub(by_number("FORBIDDEN-ONCE-1", requestId=request_id))).status_code for _ in range(2)]
    assert statuses == [403, 200]


async def test_a_dry_run_does_not_use_forbidden_once_up(up: Upstreams) -> None:
    assert (await up.hub(by_number("FORBIDDEN-ONCE-1", execute=False))).status_code == 403
    assert (await up.hub(by_number("FORBIDDEN-ONCE-1"))).status_code == 403


async def test_inprogress_answers_409_as_often_as_it_says(up: Upstreams) -> None:
    assert [(await up.delete(HUB, "INPROGRESS-1")).status_code for _ in range(2)] == [409, 200]
    assert [(await up.delete(HUB, "INPROGRESS-3-1")).status_code for _ in range(4)] == [409, 409, 409, 200]


async def test_inprogress_is_an_ordinary_name_at_claimshop(up: Upstreams) -> None:
    assert (await up.delete(CLAIMSHOP, "INPROGRESS-1")).status_code == 200


async def test_error500_spares_dry_runs(up: Upstreams) -> None:
    answer = await up.delete(HUB, "ERROR500-1", execute=False)
    assert (answer.status_code, answer.json()["found"]) == (200, True)
    assert (await up.delete(HUB, "ERROR500-1")).status_code == 500


@both
async def test_error_always_never_ends(up: Upstreams, system: str) -> None:
    request_id = {"requestId": str(uuid4())} if system == HUB else {}
    statuses = [(await up.delete(system, "ERROR-ALWAYS-1", **request_id)).status_code for _ in range(3)]
    assert statuses == [500, 500, 500]


@both
async def test_notdeleted_answers_200_without_deleting(up: Upstreams, system: str) -> None:
    answer = await up.delete(system, "NOTDELETED-1")
    assert (answer.status_code, answer.json()["found"], answer.json()["deleted"]) == (200, True, False)
    assert (await up.last())["done"] == "nothing"


async def test_otherid_answers_with_a_request_id_that_is_not_ours(up: Upstreams) -> None:
    request_id = str(uuid4())
    answer = await up.hub(by_number("OTHERID-1", requestId=request_id))
    assert answer.json()["deleted"] is True
    assert answer.json()["requestId"] != request_id


async def test_messages_come_with_the_answer(up: Upstreams) -> None:
    assert len((await up.delete(HUB, "MESSAGES-1")).json()["messages"]) == 2


@both
async def test_unauthorized_refuses_a_valid_token_always_or_once(up: Upstreams, system: str) -> None:
    assert [(await up.delete(system, "UNAUTHORIZED-1")).status_code for _ in range(2)] == [401, 401]
    assert [(await up.delete(system, "UNAUTHORIZED-ONCE-1")).status_code for _ in range(2)] == [401, 200]


@both
async def test_throttled_answers_429_first(up: Upstreams, system: str) -> None:
    assert [(await up.delete(system, "THROTTLED-2-1")).status_code for _ in range(3)] == [429, 429, 200]
    assert all(not call["violations"] for call in await up.calls(system))


async def test_closed_answers_503_with_retry_after_and_notices_who_comes_too_early(up: Upstreams) -> None:
    first = await up.delete(HUB, "CLOSED-1")
    assert (first.status_code, first.headers["retry-after"]) == (503, "2")
    assert (await up.delete(HUB, "CLOSED-1")).status_code == 200
    assert (await up.last())["violations"] == ["called_before_retry_after"]


async def test_closed_names_the_hours_at_claimshop(up: Upstreams) -> None:
    answer = await up.delete(CLAIMSHOP, "CLOSED-1")
    assert (answer.status_code, "retry-after" in answer.headers) == (503, False)
    assert "UTC" in answer.json()["errors"][0]


@both
async def test_slow_takes_the_seconds_it_says(up: Upstreams, system: str) -> None:
    started = time.perf_counter()
    assert (await up.delete(system, "SLOW-0.2-1")).status_code == 200
    assert time.perf_counter() - started >= 0.2


@both
async def test_hang_never_answers_and_has_done_nothing(up: Upstreams, system: str) -> None:
    await _hangs(up, system, "HANG-1")
    assert (await up.delete(system, "HANG-1", execute=False)).json()["found"] is True


@both
async def test_hang_after_has_acted(up: Upstreams, system: str) -> None:
    await _hangs(up, system, "HANG-AFTER-1")
    assert (await up.delete(system, "HANG-AFTER-1", execute=False)).status_code == 404


@both
@pytest.mark.parametrize("prefix", ["DROP-", "DROP-BEFORE-"])
async def test_drop_closes_the_connection_and_has_done_nothing(up: Upstreams, system: str, prefix: str) -> None:
    await _drops(up, system, prefix + "1")
    entry = await up.last()
    assert (entry["answered"], entry["heard"], entry["done"]) == ("dropped", False, "nothing")
    assert (await up.delete(system, prefix + "1")).status_code == 200


@both
async def test_drop_after_closes_the_connection_and_has_acted(up: Upstreams, system: str) -> None:
    await _drops(up, system, "DROP-AFTER-1")
    assert (await up.last())["done"] == "deleted"
    assert (await up.delete(system, "DROP-AFTER-1", execute=False)).status_code == 404


@both
async def test_drop_always_drops_every_call(up: Upstreams, system: str) -> None:
    for _ in range(3):
        await _drops(up, system, "DROP-ALWAYS-1")


@both
@pytest.mark.parametrize(
    ("identifier", "status", "content_type", "body"),
    [
        ("HTML-1", 200, "text/html", b"<html>"),
        ("BADGATEWAY-1", 502, "text/html", b"<html>"),
        ("EMPTY-1", 200, "application/json", b""),
        ("BADJSON-1", 200, "application/json", b'{"found"'),
        ("REDIRECT-1", 307, "application/json", b""),
        ("STATUS-504-1", 504, "application/json", b'"deleted":false'),
        ("STATUS-1", 500, "application/json", b'"deleted":false'),
        ("STATUS-418-1", 418, "application/json", b'"deleted":false'),
        ("STATUS-99-1", 500, "application/json", b'"deleted":false'),
        ("STATUS-204-1", 204, "application/json", b""),
    ],
)
async def test_an_answer_in_place_of_the_work(
    up: Upstreams, system: str, identifier: str, status: int, content_type: str, body: bytes
) -> None:
    answer = await up.delete(system, identifier)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith(content_type)
    assert body in answer.content
    assert (await up.last())["done"] == "nothing"


@both
@pytest.mark.parametrize("prefix", ["HTML", "EMPTY", "BADJSON", "BADGATEWAY", "REDIRECT", "STATUS-504"])
async def test_with_after_said_the_work_is_done_first(up: Upstreams, system: str, prefix: str) -> None:
    spoiled = await up.delete(system, f"{prefix}-AFTER-ONCE-1")
    assert b'"deleted":true' not in spoiled.content
    assert (await up.last())["done"] == "deleted"
    assert (await up.delete(system, f"{prefix}-AFTER-ONCE-1", execute=False)).status_code == 404


@both
async def test_cutoff_acts_and_sends_less_than_it_promised(up: Upstreams, system: str) -> None:
    with pytest.raises(httpx2.RemoteProtocolError):
        await up.delete(system, "CUTOFF-1")
    assert (await up.last())["done"] == "deleted"


@both
async def test_drip_sends_the_body_byte_by_byte(up: Upstreams, system: str) -> None:
    started = time.perf_counter()
    assert (await up.delete(system, "DRIP-0.2-1")).json()["deleted"] is True
    assert time.perf_counter() - started >= 0.2


@both
async def test_wrongtype_acts_and_answers_as_text(up: Upstreams, system: str) -> None:
    answer = await up.delete(system, "WRONGTYPE-1")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.json()["deleted"] is True


@both
async def test_list_acts_and_answers_a_list(up: Upstreams, system: str) -> None:
    assert (await up.delete(system, "LIST-1")).json()[0]["deleted"] is True


@both
async def test_bare_and_nulls_act_and_answer_without_values(up: Upstreams, system: str) -> None:
    assert (await up.delete(system, "BARE-1")).json() == {}
    nulls = (await up.delete(system, "NULLS-1")).json()
    assert nulls["deleted"] is None
    assert set(nulls.values()) == {None}
    assert [call["done"] for call in await up.calls(system)] == ["deleted", "deleted"]


@both
async def test_big_acts_and_answers_over_a_mebibyte(up: Upstreams, system: str) -> None:
    answer = await up.delete(system, "BIG-1")
    assert len(answer.content) > 1024 * 1024
    assert answer.json()["deleted"] is True


async def test_case_tokens_are_magic_as_well(up: Upstreams) -> None:
    token = "NOTFOUND-d1a72df4-f7d5-402c-a495-cc31b8b39a59"
    assert (await up.hub(by_token(token))).status_code == 404
    assert (await up.claimshop(by_token(token))).status_code == 404


async def test_the_first_group_of_a_uuid_is_no_count(up: Upstreams) -> None:
    token = "THROTTLED-12345678-f7d5-402c-a495-cc31b8b39a59"
    assert [(await up.hub(by_token(token))).status_code for _ in range(2)] == [429, 200]


async def test_a_redirect_that_is_followed_is_a_violation(up: Upstreams) -> None:
    answer = await up.delete(HUB, "REDIRECT-1")
    await up.http.request("DELETE", answer.headers["location"])
    entry = await up.last()
    assert (entry["system"], entry["violations"]) == ("unrouted", ["unknown_path"])


@pytest.mark.parametrize("identifier", ["NOTFOUND", "notfound-1", "XNOTFOUND-1", "MISSING-1", "CN-NOTFOUND-1"])
async def test_other_identifiers_are_ordinary(up: Upstreams, identifier: str) -> None:
    assert (await up.delete(HUB, identifier)).status_code == 200


async def test_magic_can_be_switched_off(up: Upstreams) -> None:
    await up.switch(magic=False)
    assert (await up.delete(HUB, "NOTFOUND-1")).status_code == 200


async def _hangs(up: Upstreams, system: str, number: str) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(up.delete(system, number), 0.2)
    entry = await up.answered()
    assert entry["answered"] == "hung"


async def _drops(up: Upstreams, system: str, number: str) -> None:
    with pytest.raises(httpx2.RemoteProtocolError):
        await up.delete(system, number)
