"""ECM removals of many cases: concurrent up to the cap, several to a call, answers matched by id."""

import pytest

from .configuration import Change
from .conftest import Shared
from .stack import Json, Stack, customers

pytestmark = pytest.mark.asyncio(loop_scope="module")

FIVE_TO_A_CALL: Change = {"backends.ecm.cases_per_call": 5, "retry.max_attempts": 1}


async def test_many_cases_go_out_side_by_side_and_never_more_than_the_cap(shared: Shared) -> None:
    both = await shared({})
    job, up = await both.caller(), both.upstreams
    await up.switch(ecm={"latencySeconds": 0.05})
    cases = [customers(f"CA{i}") for i in range(200)]

    answer = await job.submit("acme-dk", "customer-removals", cases)

    assert (answer.status_code, answer.json()["summary"]["succeeded"]) == (200, 200)
    assert [result["case"]["caseId"] for result in answer.json()["results"]] == [case["caseId"] for case in cases]
    assert 10 < (await up.summary())["peakSimultaneous"]["oracle-ecm"] <= 20
    assert sorted(call["cases"][0] for call in await up.business()) == sorted(case["caseId"] for case in cases)


async def test_cases_of_an_operation_share_calls_where_the_backend_takes_several(shared: Shared) -> None:
    both, before = await fresh(shared)
    job = await both.caller()

    answer = await job.submit("acme-dk", "customer-removals", [customers(f"SHARED-{i}") for i in range(12)])

    assert (answer.status_code, answer.json()["summary"]["succeeded"]) == (200, 12)
    assert sorted(len(call["cases"]) for call in await both.upstreams.history(since=before)) == [2, 5, 5]


@pytest.mark.parametrize(
    ("case", "statuses"),
    [
        ("REORDER-1", ["succeeded", "succeeded"]),
        ("EXTRA-1", ["succeeded", "succeeded"]),
        ("EXTRACASE-1", ["succeeded", "succeeded"]),
        ("DUPLICATE-1", ["succeeded", "succeeded"]),
        ("DUPLICATECASE-1", ["succeeded", "succeeded"]),
        ("DROPITEM-1", ["unknown", "succeeded"]),
        ("CONFLICT-1", ["unknown", "succeeded"]),
        ("DROPCASE-1", ["unknown", "unknown"]),
        ("NULLENTRY-1", ["unknown", "unknown"]),
        ("NULLITEMS-1", ["failed", "failed"]),
        ("MISSING-1", ["failed", "failed"]),
        ("CONTRADICT-1", ["failed", "failed"]),
    ],
)
async def test_a_strange_entry_concerns_its_own_case_alone(case: str, statuses: list[str], shared: Shared) -> None:
    both, before = await fresh(shared)
    job = await both.caller()
    cases = [customers(f"CA1-{case}", "C1", "C2"), customers(case, "C1", "C2"), customers(f"CA3-{case}", "C1", "C2")]

    answer = await job.submit("acme-dk", "customer-removals", cases)

    assert items_of(answer.json()) == [["succeeded"] * 2, statuses, ["succeeded"] * 2]
    assert [[item["id"] for item in result["items"]] for result in answer.json()["results"]] == [["C1", "C2"]] * 3
    assert [call["cases"] for call in await both.upstreams.history(since=before)] == [
        [f"CA1-{case}", case, f"CA3-{case}"]
    ]


@pytest.mark.parametrize(
    ("case", "status", "code"),
    [
        ("NORESULTS-1", "failed", "upstream_rejected"),
        ("INVALID-1", "failed", "upstream_rejected"),
        ("ERROR500-1", "failed", "upstream_error"),
        ("DROP-1", "unknown", "outcome_unknown"),
        ("HTML-1", "unknown", "outcome_unknown"),
        ("CUTOFF-1", "unknown", "outcome_unknown"),
    ],
)
async def test_an_answer_that_tells_of_no_case_is_that_of_all_cases_of_its_call(
    case: str, status: str, code: str, shared: Shared
) -> None:
    both, before = await fresh(shared)
    job = await both.caller()

    answer = await job.submit("acme-dk", "customer-removals", [customers(f"CA1-{case}"), customers(case)])

    assert (answer.status_code, answer.json()["status"]) == (207, status)
    assert [result["errors"][0]["code"] for result in answer.json()["results"]] == [code, code]
    assert len(await both.upstreams.history(since=before)) == 1


async def test_only_what_has_no_answer_is_asked_for_again(shared: Shared) -> None:
    both = await shared({"backends.ecm.cases_per_call": 5})
    job = await both.caller()
    cases = [customers("CA1", "C1", "C2"), customers("DROPITEM-ONCE-1", "C1", "C2")]

    answer = await job.submit("acme-dk", "customer-removals", cases)

    assert items_of(answer.json()) == [["succeeded"] * 2] * 2
    lost, told = answer.json()["results"][1]["items"]
    assert (lost["evidence"], told["evidence"]) == ("inferred", "confirmed")
    first, second = await both.upstreams.business()
    assert second["items"] == [["DROPITEM-ONCE-1", "C1"]]
    assert len(first["items"]) == 4


async def test_a_locked_case_is_tried_again_without_the_others_of_its_call(shared: Shared) -> None:
    both, before = await fresh(shared)
    job = await both.caller()

    answer = await job.submit("acme-dk", "customer-removals", [customers("CA1"), customers("LOCKED-ONCE-1")])

    assert (answer.status_code, [result["attempts"] for result in answer.json()["results"]]) == (200, [1, 2])
    assert [call["cases"] for call in await both.upstreams.history(since=before)] == [
        ["CA1", "LOCKED-ONCE-1"],
        ["LOCKED-ONCE-1"],
    ]


async def fresh(shared: Shared) -> tuple[Stack, int]:
    """The stack with five cases to a call, and the number of the last call that was made so far."""
    both = await shared(FIVE_TO_A_CALL)
    return both, (await both.upstreams.summary())["last"]


def items_of(envelope: Json) -> list[list[str]]:
    return [[item["status"] for item in result["items"]] for result in envelope["results"]]
