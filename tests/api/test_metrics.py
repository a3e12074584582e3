"""Readiness, metrics and tracing, after calls whose number is known."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from .conftest import Stacks
from .stack import DELETIONS, Caller, Stack, Upstreams, customers, numbers, stack

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]

SECRET_WORDS = ("CN-secret", "NOTFOUND-secret", "CA-secret", "CUST-secret", "key of", "sandbox", "Bearer", "my-request")
"""Of what callers and upstreams sent, nothing may stand in the metrics."""


async def scrape(http: httpx2.AsyncClient) -> tuple[str, Samples]:
    answer = await http.get("/metrics")
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.text)
    samples = [sample for family in families for sample in family.samples]
    return answer.text, {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}


def labels(**given: str) -> frozenset[tuple[str, str]]:
    return frozenset(given.items())


class Load:
    """What was asked for, what the upstreams recorded, and the metrics after it."""

    def __init__(self, text: str, samples: Samples, both: Stack) -> None:
        self.text = text
        self.samples = samples
        self.both = both

    def value(self, name: str, **given: str) -> float:
        return self.samples[f"gateway_{name}", labels(**given)]

    def total(self, name: str, **given: str) -> float:
        wanted = labels(**given)
        return sum(
            value for (sample, have), value in self.samples.items() if sample == f"gateway_{name}" and wanted <= have
        )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def load(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> AsyncIterator[Load]:
    """Five Hub cases of which one is resumed and one not found, an unknown at ClaimShop, a fan-out on ECM."""
    async with stack(tmp_path_factory.mktemp("stack"), keys) as both:
        job = await both.caller()
        await job.delete("acme-dk", "CN-secret-1", "CN-secret-2", "CN-secret-3", "ERROR500-secret", "NOTFOUND-secret")
        await job.delete("acme-dk", "CN-secret-4", execute=False)
        await job.delete("acme-no", "HTML-secret")
        await job.submit("acme-dk", "customer-removals", [customers("CA-secret", "CUST-secret", "ABSENT-secret")])
        await job.http.get(
            "/v1/operations/0198c1f2-7d3e-7c44-9b1e-2f6f0c6b8a10", headers={"X-Request-Id": "my-request"}
        )
        await job.http.get("/nowhere/CN-secret")
        text, samples = await scrape(job.http)
        yield Load(text, samples, both)


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize(
    "name",
    [
        "http_requests_total", "http_request_duration_seconds_bucket", "http_requests_in_flight",
        "upstream_requests_total", "upstream_request_duration_seconds_bucket", "upstream_in_flight",
        "upstream_retries_total", "pacing_wait_seconds_bucket", "backend_open", "token_requests_total", "cases_total",
        "items_total", "operations", "cases_pending", "oldest_pending_seconds", "unknown_cases", "fan_out_cases_bucket",
        "build_info",
    ],
)  # fmt: skip
async def test_a_metric_of_the_contract_is_there(name: str, load: Load) -> None:
    assert any(sample == f"gateway_{name}" for sample, _ in load.samples)


async def test_the_process_and_its_event_loop_are_measured(load: Load) -> None:
    assert load.samples["process_resident_memory_bytes", labels()] > 10_000_000
    assert any("event_loop_lag" in sample for sample, _ in load.samples)


async def test_upstream_calls_are_counted_as_the_upstreams_recorded_them(load: Load) -> None:
    recorded: dict[tuple[str, str], int] = {}
    backends = {"hub-property": "hub-dk", "claimshop": "claimshop-dk", "oracle-ecm": "ecm"}
    for call in await load.both.upstreams.business():
        key = backends[call["system"]], str(call["answered"])
        recorded[key] = recorded.get(key, 0) + 1

    counted = {
        (backend, outcome): load.total("upstream_requests_total", backend=backend, outcome=outcome)
        for backend, outcome in recorded
    }
    assert counted == recorded
    assert load.total("upstream_requests_total") == sum(recorded.values())
    assert load.total("upstream_request_duration_seconds_count") == sum(recorded.values())
    assert load.total("upstream_in_flight") == 0


async def test_cases_and_items_are_counted_by_how_they_ended(load: Load) -> None:
    of_hub = {"kind": "case-deletion", "tenant": "acme-dk", "backend": "hub-dk"}

    assert load.value("cases_total", **of_hub, status="succeeded", execute="true") == 4
    assert load.value("cases_total", **of_hub, status="failed", execute="true") == 1
    assert load.value("cases_total", **of_hub, status="succeeded", execute="false") == 1
    assert load.total("cases_total", backend="claimshop-dk", status="unknown") == 1
    assert load.total("cases_total", backend="ecm", status="partial") == 1
    assert load.value("items_total", kind="customer-removal", backend="ecm", status="succeeded") == 1
    assert load.value("items_total", kind="customer-removal", backend="ecm", status="failed") == 1
    assert load.value("upstream_retries_total", backend="hub-dk", reason="upstream_error") == 1
    assert load.value("operations", status="partial") == 2
    assert load.value("fan_out_cases_count") == 4
    assert load.value("fan_out_cases_sum") == 8


async def test_callers_requests_are_counted_by_route_never_by_path(load: Load) -> None:
    route = "/v1/operations/{operationId}"

    assert load.total("http_requests_total", method="POST", status="207") == 2
    assert load.value("http_requests_total", method="GET", route=route, status="404") == 1
    assert load.value("http_requests_total", method="GET", route="unrouted", status="404") == 1


async def test_a_token_is_asked_for_once(load: Load) -> None:
    assert load.value("token_requests_total", credential="scalepoint", outcome="granted") == 1


async def test_nothing_that_a_caller_or_an_upstream_sent_stands_in_the_metrics(load: Load) -> None:
    assert [word for word in SECRET_WORDS if word in load.text] == []


async def test_the_levels_follow_the_queue(stacks: Stacks) -> None:
    async with stacks() as both:
        job, up = await both.caller(), both.upstreams
        await up.switch(hub={"latencySeconds": 1})
        await job.accepted("acme-dk", DELETIONS, numbers(*(f"CN{i}" for i in range(7))))

        await up.arrived(5)
        await both.gateway._upkeep.once()

        _, samples = await scrape(job.http)
        assert samples["gateway_cases_pending", labels(backend="hub-dk")] == 7
        assert samples["gateway_upstream_in_flight", labels(backend="hub-dk")] == 5
        assert samples["gateway_operations", labels(status="running")] == 1
        assert samples["gateway_backend_open", labels(backend="hub-dk")] == 1
        assert samples["gateway_oldest_pending_seconds", labels(backend="hub-dk")] > 0


async def test_metrics_and_probes_have_a_listener_of_their_own_if_configured(stacks: Stacks) -> None:
    async with stacks({"server.metrics_port": 0}) as both:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{both.ports[1]}", trust_env=False) as http:
            answers = await asyncio.gather(
                *(http.get(path) for path in ("/livez", "/readyz", "/metrics", "/v1/tenants"))
            )

        assert [answer.status_code for answer in answers] == [200, 200, 200, 404]


async def test_request_id_and_trace_go_on_to_the_upstream_and_back(stacks: Stacks) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    async with stacks() as both:
        job: Caller = await both.caller()
        up: Upstreams = both.upstreams

        answer = await job.http.post(
            "/v1/tenants/acme-dk/case-deletions",
            json={"execute": True, "cases": [{"caseNumber": "CN1"}]},
            headers={"X-Request-Id": "my-request", "traceparent": trace},
        )

        assert (answer.headers["X-Request-Id"], answer.headers["traceparent"]) == ("my-request", trace)
        (call,) = await up.business()
        assert (call["xRequestId"], call["traceparent"]) == ("my-request", trace)
