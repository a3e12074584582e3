from typing import Any

import httpx2
import pytest
from msgspec.structs import replace

from gateway.ledger.base import BackendQueue
from gateway.model.hours import SECOND
from gateway.model.outcomes import Code
from tests.unit.http.api import CLOSED_DELETIONS, DRY_KEY, OTHER_KEY, TWO_CASES, Api

Json = dict[str, Any]


async def read(client: httpx2.AsyncClient, path: str) -> Json:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    parsed: Json = answer.json()
    return parsed


async def test_a_tenant_says_what_can_be_done_where_and_when(api: Api, client: httpx2.AsyncClient) -> None:
    await client.post(CLOSED_DELETIONS, json=TWO_CASES, headers={"Prefer": "respond-async"})

    assert await read(client, "/v1/tenants/acme-night") == {
        "tenant": "acme-night",
        "kinds": [
            {
                "kind": "case-deletion",
                "backend": "hub-night",
                "system": "hub-property",
                "dryRun": True,
                "execute": True,
            }
        ],
        "backends": [
            {
                "backend": "hub-night",
                "system": "hub-property",
                "hours": {"open": "16:00", "close": "08:00", "timezone": "UTC"},
                "open": False,
                "opensAt": "2026-01-01T16:00:00.000Z",
                "closesAt": None,
                "limits": {"perSecond": 5, "perMinute": 100, "maxInFlight": 5},
                "casesQueued": 2,
                "queueDoneAt": "2026-01-01T16:00:03.102Z",
            }
        ],
    }
    assert api.answered.route == "/v1/tenants/{tenant}"


async def test_an_open_backend_says_when_it_closes(api: Api, client: httpx2.AsyncClient) -> None:
    api.clock.instant += 6 * 3_600 * SECOND

    (backend,) = (await read(client, "/v1/tenants/acme-night"))["backends"]

    assert (backend["open"], backend["opensAt"], backend["closesAt"]) == (True, None, "2026-01-02T08:00:00.000Z")


async def test_a_backend_that_is_always_open_never_closes(client: httpx2.AsyncClient) -> None:
    (backend,) = (await read(client, "/v1/tenants/acme-ecm"))["backends"]

    assert (backend["hours"], backend["open"], backend["opensAt"], backend["closesAt"]) == (None, True, None, None)


async def test_a_backend_that_calls_itself_closed_is_closed(api: Api, client: httpx2.AsyncClient) -> None:
    until = api.clock.instant + 60 * SECOND
    api.fake.known_queues["ecm"] = BackendQueue(pending={}, paused_until=until, paused_for=Code.UPSTREAM_CLOSED)

    (backend,) = (await read(client, "/v1/tenants/acme-ecm"))["backends"]

    assert (backend["open"], backend["opensAt"]) == (False, "2026-01-01T12:01:00.000Z")


@pytest.mark.parametrize(
    ("hour", "done_at"),
    [(0, "2026-01-01T12:01:00.250Z"), (6, "2026-01-01T18:02:01.102Z")],
    ids=["while the other is closed", "while both are open"],
)
async def test_the_queue_counts_the_tenants_own_cases_and_the_turns_of_those_who_share_the_pace(
    hour: int, done_at: str, api: Api, client: httpx2.AsyncClient
) -> None:
    api.clock.instant += hour * 3_600 * SECOND
    api.fake.known_queues["hub-dk"] = BackendQueue(pending={"acme-dk": 101})
    api.fake.known_queues["hub-night"] = BackendQueue(pending={"acme-night": 10_000})

    (backend, _) = (await read(client, "/v1/tenants/acme-dk"))["backends"]

    assert backend["casesQueued"] == 101
    assert backend["queueDoneAt"] == done_at


async def test_only_what_the_caller_may_do_is_listed(api: Api) -> None:
    async with api.client(DRY_KEY) as client:
        (tenant,) = (await read(client, "/v1/tenants"))["items"]

    assert tenant["tenant"] == "acme-dk"
    assert [(kind["kind"], kind["execute"]) for kind in tenant["kinds"]] == [("case-deletion", False)]
    assert [backend["backend"] for backend in tenant["backends"]] == ["hub-dk"]


async def test_tenants_come_in_pages_by_name(client: httpx2.AsyncClient) -> None:
    first = await read(client, "/v1/tenants?limit=2")
    second = await read(client, f"/v1/tenants?limit=2&cursor={first['nextCursor']}")

    assert [tenant["tenant"] for tenant in first["items"]] == ["acme-dk", "acme-ecm"]
    assert [tenant["tenant"] for tenant in second["items"]] == ["acme-night"]
    assert second["nextCursor"] is None


async def test_an_unknown_tenant_and_one_of_others_are_answered_alike(api: Api) -> None:
    async with api.client(OTHER_KEY) as client:
        answers = [await client.get(f"/v1/tenants/{name}") for name in ("acme-dk", "nobody")]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json() == answers[1].json()


async def test_a_tenant_that_left_the_configuration_is_not_listed(api: Api, client: httpx2.AsyncClient) -> None:
    api.settings = replace(api.settings, tenants={})

    assert (await read(client, "/v1/tenants"))["items"] == []
