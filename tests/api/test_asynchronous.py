"""Asynchronous use: nobody waits, somebody waits a little, many ask at once, and minds are changed."""

import asyncio

import pytest

from .configuration import SHORT_LEASES
from .conftest import Stacks
from .stack import DELETIONS, Caller, Stack, Upstreams, customers, numbers, until

PROBED = (False, "nothing")


async def test_respond_async_answers_202_with_where_and_when_to_ask(job: Caller, up: Upstreams) -> None:
    await up.switch(hub={"latencySeconds": 0.3})

    answer = await job.delete("acme-dk", "CN1", prefer="respond-async")

    envelope = answer.json()
    assert (answer.status_code, envelope["status"], envelope["results"][0]["status"]) == (202, "running", "pending")
    assert answer.headers["Location"] == envelope["links"]["self"] == f"/v1/operations/{envelope['operationId']}"
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.headers["Preference-Applied"] == "respond-async"
    assert envelope["finishedAt"] is None
    assert (await job.ended(envelope["operationId"]))["status"] == "succeeded"


async def test_wait_answers_as_soon_as_it_has_ended(job: Caller, up: Upstreams) -> None:
    await up.switch(hub={"latencySeconds": 0.2})

    answer = await job.delete("acme-dk", "CN1", prefer="wait=10")

    assert (answer.status_code, answer.elapsed.total_seconds() < 5) == (200, True)
    assert answer.headers["Preference-Applied"] == "wait=10"


async def test_what_has_not_ended_within_the_wait_goes_on_and_is_answered_202(job: Caller, up: Upstreams) -> None:
    await up.switch(hub={"latencySeconds": 1.3})

    answer = await job.delete("acme-dk", "CN1", prefer="wait=1")

    assert (answer.status_code, answer.json()["status"]) == (202, "running")
    assert (await job.ended(answer.json()["operationId"]))["status"] == "succeeded"
    assert len(await up.business()) == 1


async def test_the_server_s_own_wait_holds_where_the_caller_says_nothing(stacks: Stacks) -> None:
    async with stacks({"server.wait_seconds": 0.1}) as both:
        await both.upstreams.switch(hub={"latencySeconds": 0.5})
        job = await both.caller()

        answer = await job.delete("acme-dk", "CN1")

        assert answer.status_code == 202
        assert (await job.ended(answer.json()["operationId"]))["status"] == "succeeded"


async def test_results_come_in_pages_in_request_order_whatever_the_order_of_answers(job: Caller) -> None:
    cases = [f"SLOW-0.{i % 3}-{i}" if i % 5 == 0 else f"CN{i}" for i in range(25)]
    operation_id = (await job.delete("acme-dk", *cases)).json()["operationId"]

    pages = await job.pages(f"/v1/operations/{operation_id}/results", limit=10)

    assert [len(page) for page in pages] == [10, 10, 5]
    assert [result["case"]["caseNumber"] for page in pages for result in page] == cases


async def test_results_are_filtered_by_status(job: Caller) -> None:
    operation_id = (await job.delete("acme-dk", "CN1", "NOTFOUND-1", "CN2")).json()["operationId"]

    (page,) = await job.pages(f"/v1/operations/{operation_id}/results", status="failed")

    assert [result["case"]["caseNumber"] for result in page] == ["NOTFOUND-1"]


async def test_over_1000_cases_the_results_stand_in_pages_only(job: Caller) -> None:
    cases = [customers(f"CA{i}") for i in range(1_001)]

    answer = await job.submit("acme-dk", "customer-removals", cases)

    envelope = answer.json()
    assert (answer.status_code, envelope["results"], envelope["summary"]["succeeded"]) == (200, None, 1_001)
    pages = await job.pages(envelope["links"]["results"], limit=1_000)
    assert [result["case"]["caseId"] for page in pages for result in page] == [case["caseId"] for case in cases]


async def test_a_list_of_operations_is_newest_first_and_stable_while_rows_are_added(job: Caller) -> None:
    ids = [(await job.delete("acme-dk", f"CN{i}")).json()["operationId"] for i in range(5)]
    first = (await job.http.get("/v1/operations", params={"limit": 2})).json()
    await job.delete("acme-dk", "CN-LATER")

    second = (await job.http.get("/v1/operations", params={"limit": 2, "cursor": first["nextCursor"]})).json()
    third = (await job.http.get("/v1/operations", params={"limit": 2, "cursor": second["nextCursor"]})).json()

    shown = [item["operationId"] for page in (first, second, third) for item in page["items"]]
    assert shown == ids[::-1]
    assert third["nextCursor"] is None
    assert {item["results"] for item in first["items"]} == {None}


async def test_operations_are_filtered_by_tenant_kind_and_status(job: Caller) -> None:
    hub = (await job.delete("acme-dk", "CN1")).json()["operationId"]
    failed = (await job.delete("acme-dk", "NOTFOUND-1")).json()["operationId"]
    claimshop = (await job.delete("acme-no", "CN1")).json()["operationId"]
    ecm = (await job.submit("acme-dk", "customer-removals", [customers("CA1")])).json()["operationId"]

    async def listed(**query: str) -> set[str]:
        pages = await job.pages("/v1/operations", **query)
        return {item["operationId"] for page in pages for item in page}

    assert await listed() == {hub, failed, claimshop, ecm}
    assert await listed(tenant="acme-no") == {claimshop}
    assert await listed(kind="customer-removal") == {ecm}
    assert await listed(status="failed") == {failed}
    assert await listed(status="running") == set()


async def test_cancel_settles_what_was_never_sent_and_lets_what_has_begun_end(stacks: Stacks) -> None:
    async with stacks({"limits.hub.max_in_flight": 1}) as both:
        up, job = both.upstreams, await both.caller()
        await up.switch(hub={"latencySeconds": 0.4})
        operation_id = await job.accepted("acme-dk", DELETIONS, numbers("CN1", "CN2", "CN3"))
        await up.arrived(1)

        cancelled = await job.cancel(operation_id)

        assert cancelled.status_code == 200
        assert cancelled.json()["summary"] | {"pending": 1, "cancelled": 2} == cancelled.json()["summary"]
        envelope = await job.ended(operation_id)
        statuses = [result["status"] for result in envelope["results"]]
        assert (envelope["status"], statuses) == ("partial", ["succeeded", "cancelled", "cancelled"])
        assert [error["code"] for error in envelope["results"][1]["errors"]] == ["case_cancelled"]
        assert envelope["results"][1] | {"found": None, "deleted": None, "attempts": 0} == envelope["results"][1]
        assert len(await up.business()) == 1


async def test_cancelling_wakes_who_waits_and_one_cancelled_case_answers_409(stacks: Stacks) -> None:
    async with stacks({"limits.hub.max_in_flight": 1}) as both:
        up, job = both.upstreams, await both.caller()
        await up.switch(hub={"latencySeconds": 3})
        await job.accepted("acme-dk", DELETIONS, numbers("CN1"))
        await up.arrived(1)
        waiting = asyncio.create_task(job.delete("acme-dk", "CN2", key="k"))

        async def recorded() -> bool:
            (page,) = await job.pages("/v1/operations")
            return len(page) == 2

        await until(recorded)
        (page,) = await job.pages("/v1/operations")

        await job.cancel(page[0]["operationId"])

        answer = await waiting
        assert (answer.status_code, answer.json()["status"]) == (409, "cancelled")
        assert answer.elapsed.total_seconds() < 2.9


async def test_cancelling_what_has_ended_changes_nothing(job: Caller) -> None:
    ended = (await job.delete("acme-dk", "CN1")).json()

    for _ in range(2):
        answer = await job.cancel(ended["operationId"])
        assert (answer.status_code, answer.json()) == (200, ended)


async def test_a_cancelled_hub_case_that_waits_for_its_resumption_keeps_what_is_known(stacks: Stacks) -> None:
    async with stacks({"retry.backoff_base_seconds": 60, "retry.backoff_max_seconds": 60}) as both:
        up, job = both.upstreams, await both.caller()
        operation_id = await job.accepted("acme-dk", DELETIONS, numbers("ERROR-ALWAYS-1"))
        await up.arrived(1)

        async def settled() -> bool:
            return bool((await up.business())[0]["answered"] == 500)

        await until(settled)
        await job.cancel(operation_id)

        (result,) = (await job.ended(operation_id))["results"]
        assert (result["status"], result["errors"][0]["code"]) == ("failed", "upstream_error")
        assert result["errors"][0]["resumable"]
        assert result["attempts"] == 1


async def test_a_cancelled_case_is_run_again_by_retry(stacks: Stacks) -> None:
    async with stacks({"limits.hub.max_in_flight": 1}) as both:
        up, job = both.upstreams, await both.caller()
        await up.switch(hub={"latencySeconds": 0.3})
        operation_id = await job.accepted("acme-dk", DELETIONS, numbers("CN1", "CN2"))
        await up.arrived(1)
        await job.cancel(operation_id)
        await job.ended(operation_id)

        answer = await job.retry(operation_id)

        assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")
        assert [call["cases"] for call in await up.business()] == [["CN1"], ["CN2"]], "what succeeded is not sent again"


async def test_retry_answers_202_at_once_where_nothing_else_is_preferred(stacks: Stacks) -> None:
    async with stacks() as both:
        up, job = both.upstreams, await both.caller()
        operation_id = (await job.delete("acme-dk", "NOTFOUND-1")).json()["operationId"]
        await up.switch(magic=False, hub={"latencySeconds": 0.2})

        answer = await job.http.post(f"/v1/operations/{operation_id}/retry")

        assert (answer.status_code, answer.json()["status"]) == (202, "running")
        assert answer.headers["Location"] == f"/v1/operations/{operation_id}"
        assert (await job.ended(operation_id))["status"] == "succeeded"


@pytest.mark.parametrize(
    ("case", "again", "calls", "evidence"),
    [
        ("DROP-3-x", True, [(True, "nothing"), *[PROBED] * 3, (True, "deleted")], "confirmed"),
        ("DROP-AFTER-3-x", False, [(True, "deleted"), *[PROBED] * 3], "inferred"),
    ],
)
async def test_an_unknown_claimshop_deletion_is_probed_by_retry_before_it_may_be_sent_again(
    case: str, calls: list[tuple[bool, str]], evidence: str, *, again: bool, stacks: Stacks
) -> None:
    async with stacks(SHORT_LEASES) as both:
        up, job = both.upstreams, await both.caller()
        unknown = (await job.delete("acme-no", case)).json()
        assert unknown["status"] == "unknown"

        answer = await job.retry(unknown["operationId"])

        (result,) = answer.json()["results"]
        assert (answer.status_code, result["status"], result["evidence"]) == (200, "succeeded", evidence)
        assert (result["found"], result["deleted"]) == ((True, True) if again else (False, None))
        made = await up.business()
        assert [(call["execute"], call["done"]) for call in made] == calls
        assert [call["violations"] for call in made] == [[]] * len(calls)
        assert result["attempts"] == len(calls)


async def test_an_unknown_ecm_removal_that_was_done_is_found_gone_by_retry(stacks: Stacks) -> None:
    async with stacks(SHORT_LEASES | {"retry.max_attempts": 1}) as both:
        job = await both.caller()
        unknown = (await job.submit("acme-dk", "customer-removals", [customers("DROP-AFTER-1", "C1", "C2")])).json()
        assert [item["status"] for item in unknown["results"][0]["items"]] == ["unknown", "unknown"]

        answer = await job.retry(unknown["operationId"])

        (result,) = answer.json()["results"]
        assert (answer.status_code, result["status"], result["evidence"]) == (200, "succeeded", "inferred")


async def test_retry_sends_of_an_ecm_case_only_the_items_that_did_not_succeed(job: Caller, up: Upstreams) -> None:
    case = {"caseId": "CA1", "customers": [{"customerId": "C1"}, {"customerId": "ABSENT-1"}, {"customerId": "C2"}]}
    partial = (await job.submit("acme-dk", "customer-removals", [case])).json()
    await up.switch(magic=False)

    answer = await job.retry(partial["operationId"])

    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")
    assert [call["items"] for call in await up.business()] == [
        [["CA1", "C1"], ["CA1", "ABSENT-1"], ["CA1", "C2"]],
        [["CA1", "ABSENT-1"]],
    ]


async def test_copies_of_an_idempotent_request_are_one_operation(job: Caller, up: Upstreams) -> None:
    answers = [await job.delete("acme-no", "CN1", key="k") for _ in range(3)]

    assert {answer.json()["operationId"] for answer in answers} == {answers[0].json()["operationId"]}
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert len(await up.business()) == 1


async def test_concurrent_copies_of_an_idempotent_request_are_one_operation(both: Stack, up: Upstreams) -> None:
    await up.switch(claimshop={"latencySeconds": 0.2})
    callers = [await both.caller() for _ in range(10)]

    answers = await asyncio.gather(*(caller.delete("acme-no", "CN1", key="k") for caller in callers))

    assert len({answer.json()["operationId"] for answer in answers}) == 1
    assert {answer.status_code for answer in answers} == {200}
    assert len(await up.business()) == 1


async def test_a_copy_of_a_finished_request_runs_only_what_is_retryable(job: Caller, up: Upstreams) -> None:
    first = await job.delete("acme-no", "CN1", "NOTFOUND-1", "ERROR500-3-x", key="k")
    copy = await job.delete("acme-no", "CN1", "NOTFOUND-1", "ERROR500-3-x", key="k")

    assert [result["status"] for result in first.json()["results"]] == ["succeeded", "failed", "failed"]
    assert [result["status"] for result in copy.json()["results"]] == ["succeeded", "failed", "succeeded"]
    assert [len(await up.calls(case)) for case in ("CN1", "NOTFOUND-1", "ERROR500-3-x")] == [1, 1, 4]


async def test_a_copy_runs_nothing_before_the_retry_after_of_its_error(stacks: Stacks) -> None:
    change = {"retry.deadline_seconds": 0.4, "retry.backoff_max_seconds": 30}
    async with stacks(change) as both:
        up, job = both.upstreams, await both.caller()
        await up.switch(hub={"throttleRetryAfterSeconds": 30})
        first = await job.delete("acme-dk", "THROTTLED-ALWAYS-1", key="k")
        assert (first.status_code, 25 < int(first.headers["Retry-After"]) <= 30) == (503, True)

        copy = await job.delete("acme-dk", "THROTTLED-ALWAYS-1", key="k")

        assert (copy.status_code, copy.json()) == (503, first.json())
        assert len(await up.business()) == 1


async def test_a_reused_key_is_refused_and_nothing_is_made(job: Caller, up: Upstreams) -> None:
    await job.delete("acme-dk", "CN1", key="k")

    for answer in [
        await job.delete("acme-dk", "CN2", key="k"),
        await job.delete("acme-no", "CN1", key="k"),
        await job.delete("acme-dk", "CN1", key="k", execute=False),
        await job.submit("acme-dk", "customer-removals", [customers("CN1")], key="k"),
    ]:
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert len(await up.business()) == 1
    assert [len(page) for page in await job.pages("/v1/operations")] == [1]


async def test_a_key_belongs_to_one_caller(both: Stack) -> None:
    one, other = await both.caller(), await both.caller("key of norway")

    first, second = await one.delete("acme-no", "CN1", key="k"), await other.delete("acme-no", "CN2", key="k")

    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json()["operationId"] != second.json()["operationId"]


async def test_later_operations_on_a_case_wait_and_report_what_they_find(job: Caller, up: Upstreams) -> None:
    await up.switch(hub={"latencySeconds": 0.2})

    answers = await asyncio.gather(*(job.delete("acme-dk", "CN1") for _ in range(3)))

    assert sorted(answer.status_code for answer in answers) == [200, 404, 404]
    violations = [call["violations"] for call in await up.business()]
    assert "same_case_at_once" not in {violation for call in violations for violation in call}
