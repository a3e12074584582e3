"""Magic identifiers of ECM's cases and items: each behaves as docs/sandbox.md says."""

import asyncio
import time
from typing import Any

import httpx2
import pytest

from .upstreams import Upstreams, customers

NULLS = [{"MESSAGE": None, "STATUS": None, "customerId": None}] * 2


async def _case(up: Upstreams, case_id: str, *ids: str) -> dict[str, Any]:
    (case,) = (await up.ecm(customers(case_id, *(ids or ("C1", "C2"))))).json()["RESULTARRAY"]
    return dict(case)


async def _results(up: Upstreams, case_id: str) -> list[Any]:
    """Of a call for this case, two items, and for an ordinary one, a single item."""
    answer = await up.ecm(customers(case_id, "C1", "C2"), customers("CA1", "C9"))
    return list(answer.json()["RESULTARRAY"])


def _ids(case: dict[str, Any]) -> list[str]:
    return [item["customerId"] for item in case["customers"]]


async def test_missing_does_not_exist_and_its_items_are_null(up: Upstreams) -> None:
    case = await _case(up, "MISSING-1")
    assert (case["MESSAGE"], case["STATUS"], case["customers"]) == ("Case does not exist.", "FAILED", NULLS)


async def test_keptitems_does_not_exist_and_its_items_keep_their_ids(up: Upstreams) -> None:
    case = await _case(up, "KEPTITEMS-1")
    assert (case["MESSAGE"], _ids(case)) == ("Case does not exist.", ["C1", "C2"])
    assert {item["STATUS"] for item in case["customers"]} == {"FAILED"}


async def test_noitems_does_not_exist_and_has_no_list(up: Upstreams) -> None:
    case = await _case(up, "NOITEMS-1")
    assert case == {"MESSAGE": "Case does not exist.", "STATUS": "FAILED", "caseId": "NOITEMS-1"}


async def test_nullitems_failed_and_its_items_are_null(up: Upstreams) -> None:
    case = await _case(up, "NULLITEMS-1")
    assert (case["MESSAGE"], case["STATUS"], case["customers"]) == ("Customers removal failed.", "FAILED", NULLS)


async def test_locked_is_locked_with_200_always_or_once(up: Upstreams) -> None:
    case = await _case(up, "LOCKED-1")
    assert (case["MESSAGE"], case["STATUS"]) == ("Case is locked by another user SUPERVISOR.", "FAILED")
    assert (await _case(up, "LOCKED-1"))["STATUS"] == "FAILED"
    assert [(await _case(up, "LOCKED-ONCE-1"))["STATUS"] for _ in range(2)] == ["FAILED", "SUCCESS"]


async def test_locked409_answers_409_to_the_whole_call(up: Upstreams) -> None:
    answer = await up.ecm(customers("CA1", "C1"), customers("LOCKED409-1", "C1"))
    text = "Case is locked by another user SUPERVISOR."
    assert (answer.status_code, answer.json()) == (
        409,
        {"MESSAGE": text, "STATUS": "FAILED", "caseId": "LOCKED409-1"},
    )
    assert (await up.last())["done"] == "nothing"


async def test_noresults_has_no_resultarray(up: Upstreams) -> None:
    answer = await up.ecm(customers("NORESULTS-1", "C1"))
    expected = {"MESSAGE": "Customers removal failed.", "STATUS": "FAILED"}
    assert (answer.status_code, answer.json()) == (200, expected)


async def test_invalid_answers_400_to_the_whole_call(up: Upstreams) -> None:
    answer = await up.ecm(customers("INVALID-1", "C1"))
    assert (answer.status_code, "RESULTARRAY" in answer.json()) == (400, False)


async def test_extra_answers_an_item_that_was_not_asked_for(up: Upstreams) -> None:
    assert _ids(await _case(up, "EXTRA-1")) == ["C1", "C2", "UNASKED-ITEM"]


async def test_extracase_answers_a_case_that_was_not_asked_for(up: Upstreams) -> None:
    assert [case["caseId"] for case in await _results(up, "EXTRACASE-1")] == ["EXTRACASE-1", "UNASKED-CASE", "CA1"]


async def test_reorder_answers_backwards(up: Upstreams) -> None:
    results = await _results(up, "REORDER-1")
    assert [case["caseId"] for case in results] == ["CA1", "REORDER-1"]
    assert _ids(results[1]) == ["C2", "C1"]


async def test_duplicate_answers_the_first_item_twice(up: Upstreams) -> None:
    assert _ids(await _case(up, "DUPLICATE-1")) == ["C1", "C2", "C1"]


async def test_duplicatecase_answers_the_case_twice(up: Upstreams) -> None:
    first, second, _ = await _results(up, "DUPLICATECASE-1")
    assert first == second


async def test_conflict_answers_the_first_item_both_ways(up: Upstreams) -> None:
    first, _, again = (await _case(up, "CONFLICT-1"))["customers"]
    assert (first["customerId"], first["STATUS"]) == ("C1", "SUCCESS")
    assert (again["customerId"], again["STATUS"]) == ("C1", "FAILED")


async def test_contradict_calls_a_failure_success(up: Upstreams) -> None:
    whole = (await up.ecm(customers("CONTRADICT-1", "C1"))).json()
    (case,) = whole["RESULTARRAY"]
    assert (whole["STATUS"], case["STATUS"], case["customers"][0]["STATUS"]) == ("SUCCESS", "SUCCESS", "FAILED")
    assert (await up.last())["done"] == "nothing"


async def test_dropitem_leaves_the_first_item_out_but_removed_it(up: Upstreams) -> None:
    assert _ids(await _case(up, "DROPITEM-1")) == ["C2"]
    assert (await up.last())["removed"] == [["DROPITEM-1", "C1"], ["DROPITEM-1", "C2"]]


async def test_dropcase_leaves_the_case_out(up: Upstreams) -> None:
    assert [case["caseId"] for case in await _results(up, "DROPCASE-1")] == ["CA1"]


async def test_nullentry_answers_null_for_the_case(up: Upstreams) -> None:
    nothing, case = await _results(up, "NULLENTRY-1")
    assert (nothing, case["caseId"]) == (None, "CA1")


async def test_odd_fails_with_an_unknown_text(up: Upstreams) -> None:
    case = await _case(up, "ODD-1")
    assert (case["STATUS"], "rule 7" in case["MESSAGE"]) == ("FAILED", True)
    odd, usual = (await _case(up, "CA1", "ODD-1", "C1"))["customers"]
    assert (odd["STATUS"], "rule 7" in odd["MESSAGE"], usual["STATUS"]) == ("FAILED", True, "SUCCESS")


async def test_absent_items_do_not_exist_in_the_case(up: Upstreams) -> None:
    absent, usual = (await _case(up, "CA1", "ABSENT-1", "C1"))["customers"]
    assert (absent["MESSAGE"], absent["STATUS"]) == ("Customer does not exist in case.", "FAILED")
    assert usual["STATUS"] == "SUCCESS"


async def test_related_items_fail_in_their_related_tables_always_or_once(up: Upstreams) -> None:
    text = "Customer removal failed as error occurred while deleting from customer related tables."
    assert [(await _case(up, "CA1", "RELATED-1"))["customers"][0]["MESSAGE"] for _ in range(2)] == [text, text]
    statuses = [(await _case(up, "CA1", "RELATED-ONCE-1"))["STATUS"] for _ in range(2)]
    assert statuses == ["FAILED", "SUCCESS"]


async def test_error500_answers_500_once_and_has_done_nothing(up: Upstreams) -> None:
    answer = await up.ecm(customers("ERROR500-1", "C1"))
    assert (answer.status_code, answer.json()["STATUS"]) == (500, "FAILED")
    assert (await up.last())["done"] == "nothing"
    assert (await up.ecm(customers("ERROR500-1", "C1"))).status_code == 200


@pytest.mark.parametrize(
    ("case_id", "status"), [("UNAUTHORIZED-1", 401), ("THROTTLED-1", 429), ("CLOSED-1", 503), ("STATUS-504-1", 504)]
)
async def test_a_status_for_the_whole_call(up: Upstreams, case_id: str, status: int) -> None:
    answer = await up.ecm(customers("CA1", "C1"), customers(case_id, "C1"))
    assert (answer.status_code, answer.json()["STATUS"]) == (status, "FAILED")
    assert (await up.last())["done"] == "nothing"


async def test_closed_has_a_retry_after_and_notices_who_comes_too_early(up: Upstreams) -> None:
    assert (await up.ecm(customers("CLOSED-1", "C1"))).headers["retry-after"] == "2"
    assert (await up.ecm(customers("CLOSED-1", "C1"))).status_code == 200
    assert (await up.last())["violations"] == ["called_before_retry_after"]


@pytest.mark.parametrize(
    ("case_id", "status", "content_type", "body"),
    [
        ("HTML-1", 200, "text/html", b"<html>"),
        ("BADGATEWAY-1", 502, "text/html", b"<html>"),
        ("EMPTY-1", 200, "application/json", b""),
        ("BADJSON-1", 200, "application/json", b"{"),
        ("REDIRECT-1", 307, "application/json", b""),
    ],
)
async def test_an_answer_in_place_of_the_work(
    up: Upstreams, case_id: str, status: int, content_type: str, body: bytes
) -> None:
    answer = await up.ecm(customers(case_id, "C1"))
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (status, content_type)
    assert body in answer.content
    assert (await up.last())["done"] == "nothing"
    await up.ecm(customers(case_id.replace("-1", "-AFTER-1"), "C1"))
    assert (await up.last())["done"] == "removed"


async def test_spoiled_answers_come_after_the_work(up: Upstreams) -> None:
    assert (await up.ecm(customers("LIST-1", "C1"))).json()[0]["STATUS"] == "SUCCESS"
    assert (await up.ecm(customers("BARE-1", "C1"))).json() == {}
    assert set((await up.ecm(customers("NULLS-1", "C1"))).json().values()) == {None}
    assert (await up.ecm(customers("WRONGTYPE-1", "C1"))).headers["content-type"].startswith("text/plain")
    assert len((await up.ecm(customers("BIG-1", "C1"))).content) > 1024 * 1024
    assert [call["done"] for call in await up.calls("oracle-ecm")] == ["removed"] * 5


@pytest.mark.parametrize(
    ("case_id", "done"), [("DROP-1", "nothing"), ("DROP-AFTER-1", "removed"), ("CUTOFF-1", "removed")]
)
async def test_broken_connections(up: Upstreams, case_id: str, done: str) -> None:
    with pytest.raises(httpx2.RemoteProtocolError):
        await up.ecm(customers(case_id, "C1"))
    assert (await up.last())["done"] == done


async def test_hang_never_answers(up: Upstreams) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(up.ecm(customers("HANG-1", "C1")), 0.1)


@pytest.mark.parametrize("case_id", ["SLOW-0.2-1", "DRIP-0.2-1"])
async def test_slow_and_drip_take_their_time(up: Upstreams, case_id: str) -> None:
    started = time.perf_counter()
    assert (await up.ecm(customers(case_id, "C1"))).json()["STATUS"] == "SUCCESS"
    assert time.perf_counter() - started >= 0.2
