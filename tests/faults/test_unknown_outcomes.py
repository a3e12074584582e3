"""Answers get lost, or cannot be trusted: none of these outcomes is misjudged (CONTRACT.md section 2, promise 2)."""

from collections import Counter
from collections.abc import Iterator
from itertools import count, cycle
from pathlib import Path
from typing import Any

from tests.api.configuration import Change
from tests.scale import FULL

from . import summary
from .ledger_reader import LedgerReader
from .oracle import objections
from .oracle.records import CLAIMSHOP, ECM, HUB, Asked, Record
from .processes import Site, site
from .scenario import END_SECONDS, RULES, SWITCHES, all_ended, record_of

OUTCOMES = 1_000 if FULL else 93
"""At least so many calls must have had no trustworthy answer: the first of every case."""
CASES_A_REQUEST = 10
WIDE: Change = {**RULES, **{f"limits.{group}.max_in_flight": 40 for group in ("hub", "claimshop", "ecm")}}

NOTHING_DONE = (
    *("DROP-", "HANG-", "HTML-ONCE-", "EMPTY-ONCE-", "BADJSON-ONCE-", "BADGATEWAY-ONCE-", "REDIRECT-ONCE-"),
    *("STATUS-418-ONCE-", "DROP-2-", "HTML-2-"),
)
DONE = (
    *("DROP-AFTER-", "HANG-AFTER-", "HTML-AFTER-ONCE-", "EMPTY-AFTER-ONCE-", "BADJSON-AFTER-ONCE-"),
    *("BADGATEWAY-AFTER-ONCE-", "REDIRECT-AFTER-ONCE-", "STATUS-418-AFTER-ONCE-", "CUTOFF-ONCE-", "DRIP-3-ONCE-"),
    *("BARE-ONCE-", "NULLS-ONCE-", "LIST-ONCE-", "BIG-ONCE-", "SLOW-1.1-ONCE-", "DROP-AFTER-2-", "CUTOFF-2-"),
)
"""The sandbox acts, and the answer gets lost, is broken, too long or too late, or not what the documents know."""
IN_ECM = ("DROPITEM-ONCE-", "DROPCASE-ONCE-", "NULLENTRY-ONCE-", "CONFLICT-ONCE-")
SITUATIONS = {HUB: NOTHING_DONE + DONE, CLAIMSHOP: NOTHING_DONE + DONE, ECM: NOTHING_DONE + DONE + IN_ECM}


async def test_no_unknown_outcome_is_misjudged(tmp_path: Path) -> None:
    """All of them are settled without a person's help, each as what the sandbox did.

    With one of these faults put into the code it fails, by the rules named:

    - an unanswered call frees its case at once, or after `timeout_seconds` without the linger: `one_at_a_time`;
    - an unknown outcome is called failed: `probed_before_repeated`, `results`;
    - a case that is gone after an unknown outcome is called not found: `results`;
    - an answer that no document allows is trusted: `results`;
    - a time-out counts as not sent: `probed_before_repeated`, `results`.
    """
    async with site(tmp_path, WIDE) as here:
        await here.ask_sandbox("PUT", "/switches", json=SWITCHES)
        reader = LedgerReader(tmp_path / "gateway.db")
        asked = [await submitted(here, request) for request in requests(OUTCOMES)]
        await all_ended(reader, END_SECONDS)
        record = await record_of(here, reader, asked, [])

    summary.write("unknown-outcomes", figures(record))
    assert objections(record) == []
    assert figures(record)["injected"] >= OUTCOMES
    assert {row["status"] for row in record.ledger.cases} == {"succeeded"}


def requests(cases: int) -> Iterator[Asked]:
    """So many cases of each system in all, in every situation by turns."""
    names = count()
    for system, tenant, kind in (
        (HUB, "acme-dk", "case-deletion"),
        (CLAIMSHOP, "acme-no", "case-deletion"),
        (ECM, "acme-dk", "customer-removal"),
    ):
        situations = cycle(SITUATIONS[system])
        for _ in range(-(-cases // 3 // CASES_A_REQUEST)):
            identifiers = [f"{next(situations)}u{next(names)}" for _ in range(CASES_A_REQUEST)]
            body = [case_of(system, identifier) for identifier in identifiers]
            yield Asked(f"u{next(names)}", tenant, kind, system, True, body)


def case_of(system: str, identifier: str) -> dict[str, object]:
    if system != ECM:
        return {"caseNumber": identifier}
    return {"caseId": identifier, "customers": [{"customerId": "C1"}, {"customerId": "C2"}]}


async def submitted(here: Site, asked: Asked) -> Asked:
    path, headers = f"/v1/tenants/{asked.tenant}/{asked.kind}s", {"X-Request-Id": asked.name, "Prefer": "respond-async"}
    async with here.caller() as http:
        answer = await http.post(path, headers=headers, json={"execute": asked.execute, "cases": asked.cases})
    assert answer.status_code in {200, 202, 207}, answer.text  # not 202: it was faster than its answer
    asked.operations.append(answer.json()["operationId"])
    return asked


def figures(record: Record) -> dict[str, Any]:
    untold = [call for call in record.history if call.told is None]
    return {
        "cases": len(record.ledger.cases),
        "calls": len(record.history),
        "injected": len(untold),
        "injectedBySituation": dict(sorted(Counter(call.situation or "none" for call in untold).items())),
        "injectedBySystem": dict(Counter(call.system for call in untold)),
        "casesByStatus": dict(Counter(row["status"] for row in record.ledger.cases)),
        "inferred": sum(row["evidence"] == "inferred" for row in record.ledger.cases),
    }
