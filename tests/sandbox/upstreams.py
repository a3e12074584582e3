"""A client that speaks to the sandbox as UPSTREAMS.md says; it shares nothing with the gateway's backends."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx2

from gateway.sandbox.app import Sandbox

HUB_PATH = "/ecx/{tenant}/api/integration/v1/case"
CLAIMSHOP_PATH = "/webapp/ScalePoint/{country}/v1/case/{tenant}/delete"
ECM_PATH = "/ECM/rest-api/ECMService/CaseManagementService/"
HEADERS = {"Accept": "application/json", "Accept-Charset": "utf-8", "Content-Type": "application/json"}
BASIC = ("gateway", "sandbox")


def by_number(number: str, **more: object) -> dict[str, Any]:
    return {"caseIdentifierType": "CaseNumberRequest", "caseNumber": number, **more}


def by_token(token: str, **more: object) -> dict[str, Any]:
    return {"caseIdentifierType": "CaseTokenRequest", "caseToken": token, **more}


def customers(case_id: str, *ids: str) -> dict[str, Any]:
    return {"caseId": case_id, "customers": [{"customerId": one} for one in ids]}


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what happens in another task; five seconds at most."""
    async with asyncio.timeout(5):
        while not await condition():  # noqa: ASYNC110 - it is asked over HTTP
            await asyncio.sleep(0.01)


class Upstreams:
    """``http`` for anything unusual; the rest sends well-formed calls with a valid credential."""

    def __init__(self, http: httpx2.AsyncClient, app: Sandbox) -> None:
        self.http = http
        self.app = app
        self._token: str | None = None

    async def token(self) -> str:
        form = {"grant_type": "client_credentials", "scope": "case:delete", "client_id": "acme"}
        answer = await self.http.post("/connect/token", data=form | {"client_secret": "sandbox-secret"})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    async def scalepoint(self, path: str, body: object, headers: dict[str, str] | None = None) -> httpx2.Response:
        if self._token is None:
            self._token = await self.token()
        head = HEADERS | {"Authorization": f"Bearer {self._token}"} | (headers or {})
        return await self.http.request("DELETE", path, json=body, headers=head)

    async def hub(self, body: object, tenant: str = "acme") -> httpx2.Response:
        return await self.scalepoint(HUB_PATH.format(tenant=tenant), body)

    async def claimshop(self, body: object, tenant: str = "acmeno", country: str = "dk") -> httpx2.Response:
        return await self.scalepoint(CLAIMSHOP_PATH.format(tenant=tenant, country=country), body)

    async def delete(self, system: str, number: str, **more: object) -> httpx2.Response:
        """By number, from the Scalepoint system named."""
        body = by_number(number, **more)
        if system == "hub-property":
            return await self.hub({"requestId": str(uuid4())} | body)
        return await self.claimshop(body)

    async def ecm(self, *cases: dict[str, Any], service: str = "removeCustomer") -> httpx2.Response:
        return await self.http.post(ECM_PATH + service, json=list(cases), auth=BASIC)

    async def switch(self, **changes: object) -> None:
        answer = await self.http.put("/switches", json=changes)
        assert answer.status_code == 200, answer.text

    async def history(self, **query: str | int) -> list[dict[str, Any]]:
        answer = await self.http.get("/history", params=query)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def answered(self) -> dict[str, Any]:
        """The last entry, once its call has ended."""

        async def has_ended() -> bool:
            return (await self.last())["answered"] is not None

        await until(has_ended)
        return await self.last()

    async def last(self) -> dict[str, Any]:
        return (await self.history())[-1]

    async def calls(self, system: str) -> list[dict[str, Any]]:
        return await self.history(system=system)
