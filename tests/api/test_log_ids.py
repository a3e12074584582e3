"""From a caller's request to every line of its work, whenever that is done."""

from msgspec import structs

from gateway.telemetry.log_levels import NAMES
from gateway.version import __version__

from .conftest import Stacks
from .stack import DELETIONS, Json, Stack, customers, numbers

WORK = {
    "operation_accepted", "call_granted", "call_sent", "call_ended", "case_retried", "case_ended", "operation_finished",
    "cases_withdrawn",
}  # fmt: skip


def lines(both: Stack) -> list[Json]:
    """What is logged at `debug`."""
    return [{"event": NAMES[type(event)], **structs.asdict(event)} for event in both.events if type(event) in NAMES]


async def test_the_first_line_says_what_has_begun_and_where(both: Stack) -> None:
    first = lines(both)[0]

    assert (first["event"], first["ports"], first["version"]) == ("serving_begun", both.ports, __version__)


async def test_every_line_of_work_names_the_request_that_asked_for_it(stacks: Stacks) -> None:
    asked: dict[str, str] = {}
    async with stacks() as both:
        job = await both.caller()

        async def ask(request_id: str, tenant: str, kind: str, cases: list[Json]) -> str:
            job.http.headers["X-Request-Id"] = request_id
            operation_id = await job.accepted(tenant, kind, cases)
            asked[operation_id] = request_id
            return operation_id

        later = await ask("r-later", "acme-dk", DELETIONS, numbers("CN1", "THROTTLED-1", "NOTFOUND-1"))
        probed = await ask("r-probed", "acme-no", DELETIONS, numbers("DROP-AFTER-1"))
        ecm = await ask("r-ecm", "acme-dk", "customer-removals", [customers("CA1", "A", "B")])
        for operation_id in (later, probed, ecm):
            await job.ended(operation_id)
        await both.upstreams.switch(hub={"latencySeconds": 0.5})  # five are under way, and one waits
        withdrawn = await ask("r-withdrawn", "acme-dk", DELETIONS, numbers(*(f"CN2{n}" for n in range(6))))
        job.http.headers["X-Request-Id"] = "another"
        await job.cancel(withdrawn)
        await job.ended(withdrawn)
        sent = await both.upstreams.business()

    work = [line for line in lines(both) if line["event"] in WORK]
    assert {line["event"] for line in work} == WORK
    assert {(line["operation_id"], line["request_id"]) for line in work} == set(asked.items())
    of_calls = [line for line in work if line["event"] in {"call_granted", "call_sent", "call_ended", "case_retried"}]
    assert all(line["call_id"] for line in of_calls)
    ended = [line for line in work if line["event"] == "call_ended" and line["outcome"] != "not_begun"]
    assert sorted(line["request_id"] for line in ended) == sorted(call["xRequestId"] for call in sent)
    assert {line["positions"] for line in ended if line["operation_id"] == later} == {(0,), (1,), (2,)}
    of_hub = {line["deletion_id"] for line in ended if line["backend"] == "hub-dk"}
    assert of_hub == {call["requestId"] for call in sent if call["system"] == "hub-property"}
