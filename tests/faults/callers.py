"""Callers as they should be: they repeat what got no answer, cancel, retry, and remember what they were told."""

import asyncio
import time
from random import Random
from typing import Any

import httpx2

from .oracle.records import Asked
from .situations import Requests

AGAIN_SECONDS = 0.05
MOST_UNENDED, HOLD_BACK = 40, 0.9
"""While so many operations have not ended, callers mostly hold back, so that a run ends soon after its last kill."""


class Callers:
    """Several at once at `url`, until `stop` is set; `asked` is all that they asked for."""

    def __init__(self, url: str, key: str, random: Random, name: str, *, at_once: int = 6) -> None:
        self._url, self._key, self._random = url, key, random
        self._requests = Requests(random, name)
        self._at_once = at_once
        self.asked: list[Asked] = []
        self.surprises: list[str] = []
        """Answers that no caller of these should ever get."""
        self.stop = asyncio.Event()
        self.unended = 0
        """Set by whoever looks into the ledger."""

    async def run(self) -> None:
        headers = {"X-API-Key": self._key}
        async with (
            httpx2.AsyncClient(base_url=self._url, headers=headers, timeout=10, trust_env=False) as http,
            asyncio.TaskGroup() as callers,
        ):
            for _ in range(self._at_once):
                callers.create_task(self._one(http))

    async def _one(self, http: httpx2.AsyncClient) -> None:
        while not self.stop.is_set():
            act = self._random.choices((self._submit, self._cancel, self._retry), (4, 1, 1))[0]
            await act(http)
            await asyncio.sleep(self._random.uniform(0.02, 0.12))

    async def _submit(self, http: httpx2.AsyncClient) -> None:
        if self.unended >= MOST_UNENDED and self._random.random() < HOLD_BACK:
            return
        asked = self._requests.next()
        self.asked.append(asked)
        copies = self._random.choice((1, 1, 3)) if asked.key else 1
        await asyncio.gather(*(self._post(http, asked) for _ in range(copies)))

    async def _post(self, http: httpx2.AsyncClient, asked: Asked) -> None:
        """Without an idempotency key nobody may repeat it."""
        path = f"/v1/tenants/{asked.tenant}/{asked.kind}s"
        headers = {"X-Request-Id": asked.name, "Prefer": self._random.choice(("respond-async", "wait=1"))}
        headers |= {"Idempotency-Key": asked.key} if asked.key else {}
        body = {"execute": asked.execute, "cases": asked.cases}
        answer = await self._ask(http, path, repeat=asked.key is not None, json=body, headers=headers)
        if answer is not None:
            asked.operations.append(answer.json()["operationId"])

    async def _cancel(self, http: httpx2.AsyncClient) -> None:
        recent = [asked for asked in self.asked[-8:] if asked.operations]
        if recent:
            asked = self._random.choice(recent)
            if await self._ask(http, f"/v1/operations/{asked.operations[0]}/cancel") is not None:
                asked.cancelled.append(time.time())

    async def _retry(self, http: httpx2.AsyncClient) -> None:
        """Every second operation, so that what was cancelled mostly stays so."""
        known = [asked for asked in self.asked[1::2] if asked.operations]
        if known:
            asked = self._random.choice(known[-30:])
            asked.retried = True
            await self._ask(http, f"/v1/operations/{asked.operations[0]}/retry")

    async def _ask(
        self,
        http: httpx2.AsyncClient,
        path: str,
        *,
        repeat: bool = True,
        **more: Any,  # noqa: ANN401 - as httpx2
    ) -> httpx2.Response | None:
        """The answer with an envelope; null if there was none and it may not be repeated."""
        while True:
            try:
                answer = await http.post(path, **more)
            except httpx2.TransportError:
                answer = None
            if answer is not None and "operationId" in answer.text:
                return answer
            if answer is not None and answer.status_code != 503:
                self.surprises.append(f"POST {path} was answered {answer.status_code}: {answer.text[:200]}")
                return None
            if not repeat:
                return None
            await asyncio.sleep(AGAIN_SECONDS)
