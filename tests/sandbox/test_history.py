from datetime import datetime
from pathlib import Path

import pytest

from gateway.sandbox.options import SandboxOptions

from .conftest import OPEN_AT, UNPACED
from .upstreams import HEADERS, HUB_PATH, Upstreams, by_number, customers


async def test_a_deletion_is_recorded_with_everything_it_said(up: Upstreams) -> None:
    await up.token()
    head = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "X-Request-Id": "r-1"}
    body = by_number("CN1", requestId="5b7d7f0e-53c8-4f0e-9c3d-0a6f1d1c2b3a")
    await up.scalepoint(HUB_PATH.format(tenant="acme"), body, head)
    entry = await up.last()
    assert entry == {
        "number": entry["number"],
        "time": "2026-01-31T20:00:00.000000Z",
        "receivedAt": OPEN_AT.timestamp(),
        "system": "hub-property",
        "call": "case-deletion",
        "tenant": "acme",
        "country": None,
        "cases": ["CN1"],
        "items": [],
        "identifierType": "caseNumber",
        "requestId": "5b7d7f0e-53c8-4f0e-9c3d-0a6f1d1c2b3a",
        "execute": True,
        "traceparent": head["traceparent"],
        "xRequestId": "r-1",
        "answered": 200,
        "answeredAt": OPEN_AT.timestamp(),
        "heard": True,
        "situation": None,
        "done": "deleted",
        "removed": [],
        "violations": [],
    }


async def test_a_removal_is_recorded_with_its_items(up: Upstreams) -> None:
    await up.ecm(customers("CA1", "C1", "ABSENT-1"))
    entry = await up.last()
    assert (entry["system"], entry["call"], entry["cases"]) == ("oracle-ecm", "removeCustomer", ["CA1"])
    assert entry["items"] == [["CA1", "C1"], ["CA1", "ABSENT-1"]]
    assert (entry["done"], entry["removed"]) == ("removed", [["CA1", "C1"]])


async def test_the_situation_that_a_call_met_is_recorded_for_as_long_as_it_holds(up: Upstreams) -> None:
    for _ in range(2):
        await up.hub(by_number("ERROR500-1"))
        await up.ecm(customers("CA1", "C1"), customers("LOCKED-ONCE-1", "C1"))
    await up.switch(ecm={"fault": {"like": "STATUS-500", "calls": 1}})
    await up.ecm(customers("LOCKED-2", "C1"))
    calls = [entry for entry in await up.history() if entry["system"] != "token"]
    assert [call["situation"] for call in calls] == ["error500", "locked", None, None, "status"]


async def test_refused_calls_are_recorded_with_their_case(up: Upstreams) -> None:
    await up.switch(hub={"perSecond": 0})
    await up.hub(by_number("CN1"))
    entry = await up.last()
    assert (entry["cases"], entry["answered"], entry["done"]) == (["CN1"], 429, "nothing")


async def test_a_wrong_method_a_query_and_an_unknown_path_are_violations(up: Upstreams) -> None:
    path = HUB_PATH.format(tenant="acme")
    assert (await up.http.post(path, json={})).status_code == 405
    assert (await up.last())["violations"] == ["wrong_method"]
    await up.http.request("DELETE", path + "?caseNumber=CN1", headers=HEADERS)
    assert (await up.last())["violations"] == ["query_string"]
    assert (await up.http.request("DELETE", "/ecx/acme/case")).status_code == 404
    assert (await up.last())["violations"] == ["unknown_path"]


async def test_it_can_be_asked_by_number_system_and_case(up: Upstreams) -> None:
    for i in range(3):
        await up.hub(by_number(f"CN{i}"))
    await up.claimshop(by_number("CN1"))
    everything = await up.history()
    assert [entry["number"] for entry in everything] == list(range(1, 6))
    assert await up.history(since=3) == everything[3:]
    assert await up.history(since=99) == []
    assert [entry["cases"] for entry in await up.calls("hub-property")] == [["CN0"], ["CN1"], ["CN2"]]
    assert [entry["system"] for entry in await up.history(case="CN1")] == ["hub-property", "claimshop"]
    page = (await up.http.get("/history", params={"limit": 2})).json()
    assert (page["items"], page["next"], page["last"]) == (everything[:2], 2, 5)


@pytest.mark.parametrize("query", ["since=x", "since=-1", "limit=1e3", "sistem=claimshop", "since=9999999999999999999"])
async def test_a_question_that_cannot_be_read_is_a_400(up: Upstreams, query: str) -> None:
    assert (await up.http.get(f"/history?{query}")).status_code == 400


async def test_clearing_it_does_not_start_the_numbers_again(up: Upstreams) -> None:
    await up.ecm(customers("CA1", "C1"))
    assert (await up.http.delete("/history")).status_code == 204
    assert await up.history() == []
    await up.ecm(customers("CA1", "C2"))
    assert (await up.last())["number"] == 2


async def test_the_summary_counts_answers_deeds_and_violations(up: Upstreams) -> None:
    for number in ("CN1", "CN1", "NOTFOUND-1"):
        await up.hub(by_number(number))
    summary = (await up.http.get("/history/summary")).json()
    assert summary["answered"] == {"token": {"200": 1}, "hub-property": {"200": 1, "404": 2}}
    assert summary["done"]["hub-property"] == {"deleted": 1, "nothing": 2}
    assert summary["violations"] == {"deleted_case_sent_again": 1}
    assert (summary["last"], summary["kept"], summary["running"]) == (4, 4, {})


async def test_what_the_sandbox_is_asked_about_itself_is_not_recorded(up: Upstreams) -> None:
    for path in ("/", "/healthz", "/history", "/switches", "/nothing-here"):
        await up.http.get(path)
    assert await up.history() == []


class TestBounded:
    @pytest.fixture
    def options(self, keys_dir: Path) -> SandboxOptions:
        return SandboxOptions(keys_dir=keys_dir, history_entries=3, max_cases=2, switches=UNPACED)

    async def test_only_the_last_entries_are_kept_and_all_are_counted(self, up: Upstreams) -> None:
        for i in range(5):
            await up.ecm(customers(f"CA{i}", "C1"))
        assert [entry["number"] for entry in await up.history(since=1)] == [3, 4, 5]
        summary = (await up.http.get("/history/summary")).json()
        assert (summary["last"], summary["kept"], summary["answered"]) == (5, 3, {"oracle-ecm": {"200": 5}})

    async def test_the_oldest_case_is_forgotten_first(self, up: Upstreams) -> None:
        for i in range(3):
            await up.hub(by_number(f"CN{i}"))
        assert (await up.hub(by_number("CN2"))).status_code == 404
        assert (await up.hub(by_number("CN0"))).status_code == 200
        assert up.app.state.scalepoint_cases.forgotten == 2


async def test_times_are_rfc_3339_and_epoch_seconds_of_the_same_instant(up: Upstreams) -> None:
    await up.ecm(customers("CA1", "C1"))
    entry = await up.last()
    assert datetime.fromisoformat(entry["time"]).timestamp() == entry["receivedAt"]
