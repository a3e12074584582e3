import httpx2
import pytest

from .upstreams import Upstreams, by_number, by_token, customers


async def test_the_front_page_tells_what_is_here(up: Upstreams) -> None:
    answer = await up.http.get("/")
    assert answer.headers["content-type"].startswith("text/plain")
    for word in ("/connect/token", "/history", "NOTFOUND-*", "RELATED-*"):
        assert word in answer.text


async def test_healthz_is_ok(up: Upstreams) -> None:
    assert (await up.http.get("/healthz")).json() == {"status": "ok"}


async def test_an_unknown_path_and_method_are_refused(up: Upstreams) -> None:
    assert (await up.http.get("/nothing")).status_code == 404
    answer = await up.http.put("/history")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, DELETE")


async def test_switches_change_only_what_is_named(up: Upstreams) -> None:
    before = (await up.http.get("/switches")).json()
    answer = await up.http.put("/switches", json={"hub": {"hours": "closed"}})
    after = (await up.http.get("/switches")).json()
    assert answer.json() == after == before | {"hub": before["hub"] | {"hours": "closed"}}


@pytest.mark.parametrize(
    "changes",
    [
        [],
        {"hubb": {}},
        {"hub": 1},
        {"hub": {"hours": "sometimes"}},
        {"hub": {"perSecond": -1}},
        {"hub": {"perSecond": 1.5}},
        {"hub": {"latencySeconds": "1"}},
        {"hub": {"fault": {"like": "NONSENSE"}}},
        {"claimshop": {"fault": {"like": "INPROGRESS"}}},
        {"ecm": {"fault": {"calls": 1}}},
        {"clockOffsetSeconds": 1e99},
    ],
)
async def test_switches_that_do_not_exist_are_refused_and_change_nothing(up: Upstreams, changes: object) -> None:
    before = (await up.http.get("/switches")).json()
    answer = await up.http.put("/switches", json=changes)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert (await up.http.get("/switches")).json() == before


@pytest.mark.parametrize(
    ("like", "status"), [("STATUS-500", 500), ("CLOSED", 503), ("UNAUTHORIZED", 401), ("THROTTLED", 429)]
)
async def test_a_fault_makes_the_next_calls_of_a_system_fail(up: Upstreams, like: str, status: int) -> None:
    for system in ("hub", "claimshop", "ecm"):
        await up.switch(**{system: {"fault": {"like": like, "calls": 2}}})
    calls = [up.delete("hub-property", "CN1") for _ in range(3)]
    assert [(await call).status_code for call in calls] == [status, status, 200]
    calls = [up.delete("claimshop", "CN1") for _ in range(3)]
    assert [(await call).status_code for call in calls] == [status, status, 200]
    calls = [up.ecm(customers("CA1", "C1")) for _ in range(3)]
    assert [(await call).status_code for call in calls] == [status, status, 200]


async def test_a_fault_without_a_number_of_calls_stays_until_it_is_taken_away(up: Upstreams) -> None:
    await up.switch(hub={"fault": {"like": "STATUS-500"}})
    assert [(await up.hub(by_number("CN1"))).status_code for _ in range(3)] == [500] * 3
    await up.switch(hub={"fault": None})
    assert (await up.hub(by_number("CN1"))).status_code == 200


async def test_connections_can_be_dropped_before_and_after_acting(up: Upstreams) -> None:
    for like, done in (("DROP-BEFORE", "nothing"), ("DROP-AFTER", "deleted")):
        await up.switch(claimshop={"fault": {"like": like, "calls": 1}})
        with pytest.raises(httpx2.RemoteProtocolError):
            await up.claimshop(by_number("CN1"))
        assert (await up.last())["done"] == done


async def test_latency_is_added_to_each_call_of_a_system(up: Upstreams) -> None:
    await up.switch(ecm={"latencySeconds": 0.2})
    answer = await up.ecm(customers("CA1", "C1"))
    assert answer.elapsed.total_seconds() >= 0.2


async def test_in_strict_mode_only_seeded_cases_exist(up: Upstreams) -> None:
    await up.switch(strict=True)
    seeds = [
        {"system": "hub-property", "tenant": "acme", "caseNumber": "CN1"},
        {"system": "claimshop", "tenant": "acmeno", "caseToken": "t-1"},
        {"system": "oracle-ecm", "caseId": "CA1", "customers": [{"customerId": "C1"}]},
    ]
    assert (await up.http.post("/cases", json=seeds)).json() == {"seeded": 3}
    assert [(await up.hub(by_number(number))).status_code for number in ("CN1", "CN2")] == [200, 404]
    assert [(await up.claimshop(by_token(token))).status_code for token in ("t-1", "t-2")] == [200, 404]
    known, unknown = (await up.ecm(customers("CA1", "C1", "C2"), customers("CA2", "C1"))).json()["RESULTARRAY"]
    assert [item["STATUS"] for item in known["customers"]] == ["SUCCESS", "FAILED"]
    assert unknown["MESSAGE"] == "Case does not exist."


async def test_a_seeded_number_and_token_name_the_same_case(up: Upstreams) -> None:
    seed = {"system": "hub-property", "tenant": "acme", "caseNumber": "CN1", "caseToken": "t-1"}
    await up.http.post("/cases", json=seed)
    assert (await up.hub(by_number("CN1"))).status_code == 200
    assert (await up.hub(by_token("t-1"))).status_code == 404


async def test_a_state_that_comes_to_allow_deletion_lets_the_same_request_id_go_on(up: Upstreams) -> None:
    seed = {"system": "hub-property", "tenant": "acme", "caseNumber": "CN1"}
    body = by_number("CN1", requestId="5b7d7f0e-53c8-4f0e-9c3d-0a6f1d1c2b3a")
    await up.http.post("/cases", json=seed | {"forbidden": True})
    assert (await up.hub(body)).status_code == 403
    assert (await up.last())["done"] == "partly_deleted"
    await up.http.post("/cases", json=seed | {"forbidden": False})
    assert (await up.hub(by_number("CN1"))).status_code == 500
    assert (await up.hub(body)).status_code == 200


async def test_a_seed_can_say_that_a_case_is_deleted_or_begun(up: Upstreams) -> None:
    seed = {"system": "hub-property", "tenant": "acme", "caseNumber": "CN1"}
    await up.http.post("/cases", json=seed | {"deleted": True})
    assert (await up.hub(by_number("CN1"))).status_code == 404
    await up.http.post("/cases", json=seed | {"deleted": False, "begunBy": "5b7d7f0e-53c8-4f0e-9c3d-0a6f1d1c2b3a"})
    assert (await up.hub(by_number("CN1"))).status_code == 500


async def test_an_ecm_case_can_be_locked_and_unlocked(up: Upstreams) -> None:
    await up.http.post("/cases", json={"system": "oracle-ecm", "caseId": "CA1", "lockedBy": "ANA"})
    (case,) = (await up.ecm(customers("CA1", "C1"))).json()["RESULTARRAY"]
    assert case["MESSAGE"] == "Case is locked by another user ANA."
    await up.http.post("/cases", json={"system": "oracle-ecm", "caseId": "CA1", "lockedBy": None})
    assert (await up.ecm(customers("CA1", "C1"))).json()["STATUS"] == "SUCCESS"


async def test_an_ecm_case_can_be_seeded_empty(up: Upstreams) -> None:
    await up.http.post("/cases", json={"system": "oracle-ecm", "caseId": "CA1", "customers": []})
    assert (await up.ecm(customers("CA1", "C1"))).json()["STATUS"] == "FAILED"


@pytest.mark.parametrize(
    "seed",
    [
        1,
        {},
        {"system": "elsewhere"},
        {"system": "hub-property", "tenant": "acme"},
        {"system": "hub-property", "caseNumber": "CN1"},
        {"system": "hub-property", "tenant": "acme", "caseNumber": "CN1", "country": "dk"},
        {"system": "oracle-ecm", "caseId": "CA1", "customers": ["C1"]},
        [{"system": "hub-property", "tenant": "acme", "caseNumber": "CN1", "deleted": True}, {"system": "oracle-ecm"}],
    ],
)
async def test_a_seed_that_cannot_be_read_is_refused_and_seeds_nothing(up: Upstreams, seed: object) -> None:
    assert (await up.http.post("/cases", json=seed)).status_code == 400
    assert (await up.hub(by_number("CN1"))).status_code == 200


async def test_reset_forgets_everything_but_tokens_and_certificates(up: Upstreams) -> None:
    await up.hub(by_number("CN1"))
    await up.ecm(customers("CA1", "C1"))
    await up.switch(strict=True, hub={"hours": "closed"}, clockOffsetSeconds=5)
    before = (await up.http.get("/certificates")).json()
    assert (await up.http.post("/reset")).status_code == 204
    assert await up.history() == []
    assert (await up.hub(by_number("CN1"))).status_code == 200
    assert (await up.ecm(customers("CA1", "C1"))).json()["STATUS"] == "SUCCESS"
    assert (await up.http.get("/certificates")).json() == before
    assert up.app.state.clock.offset_seconds == 0


async def test_reset_empties_the_rate_windows(up: Upstreams) -> None:
    await up.switch(hub={"perSecond": 1})
    assert [(await up.hub(by_number(f"CN{i}"))).status_code for i in range(2)] == [200, 429]
    await up.http.post("/reset")
    await up.switch(hub={"perSecond": 1})
    assert (await up.hub(by_number("CN1"))).status_code == 200


async def test_a_certificate_that_is_none_is_refused(up: Upstreams) -> None:
    for content in (b"", b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"):
        assert (await up.http.post("/certificates", content=content)).status_code == 400
