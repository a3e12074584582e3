"""What the gateway is compared with: the few lines of FastAPI, httpx and asyncio.gather that one would write.

It keeps no record, no pace and no opening hours, and knows no retry; it only fans out, `IN_FLIGHT` at a time.
"""

import asyncio
import os
from uuid import uuid4

import httpx
from fastapi import FastAPI
from pydantic import BaseModel

UPSTREAM = os.environ["UPSTREAM_URL"]
IN_FLIGHT = int(os.environ["IN_FLIGHT"])

app = FastAPI()
client = httpx.AsyncClient(limits=httpx.Limits(max_connections=IN_FLIGHT), timeout=60)
turn = asyncio.Semaphore(IN_FLIGHT)


class DeletedCase(BaseModel):
    caseNumber: str


class Deletion(BaseModel):
    execute: bool
    cases: list[DeletedCase]


class Customer(BaseModel):
    customerId: str


class RemovalCase(BaseModel):
    caseId: str
    customers: list[Customer]


class Removal(BaseModel):
    execute: bool
    cases: list[RemovalCase]


@app.post("/v1/tenants/{tenant}/case-deletions")
async def delete_cases(tenant: str, deletion: Deletion):
    async def delete(case: DeletedCase):
        body = {
            "caseIdentifierType": "CaseNumberRequest",
            "caseNumber": case.caseNumber,
            "execute": deletion.execute,
            "requestId": str(uuid4()),
        }
        async with turn:
            answer = await client.request("DELETE", f"{UPSTREAM}/ecx/{tenant}/api/integration/v1/case", json=body)
        return answer.json()

    return {"results": await asyncio.gather(*[delete(case) for case in deletion.cases])}


@app.post("/v1/tenants/{tenant}/customer-removals")
async def remove_customers(tenant: str, removal: Removal):
    async def remove(case: RemovalCase):
        url = f"{UPSTREAM}/ECM/rest-api/ECMService/CaseManagementService/removeCustomer"
        async with turn:
            answer = await client.post(url, json=[case.model_dump()])
        return answer.json()

    return {"results": await asyncio.gather(*[remove(case) for case in removal.cases])}
