"""The calls that show the gateway at work, each with what it must answer."""

import json
import time
from collections.abc import Callable
from textwrap import indent
from typing import Any, NamedTuple
from uuid import uuid4

import httpx2
from rich.console import Console

from examples.demo.plan import API_KEY, Plan
from gateway.cli.render import envelope_lines, progress_text

BULK_CASES = 30
BULK_SECONDS = 60.0
POLL_SECONDS = 0.5
MAX_SHOWN_RESULTS = 3
LINE_CHARACTERS = 116


class Step(NamedTuple):
    """One request, and the status code and operation status that it must get."""

    title: str
    tenant: str
    collection: str
    body: dict[str, Any]
    http_status: int
    status: str
    asynchronous: bool = False


class Tour:
    """Makes the calls one after the other and prints them; `failures` is what was not as it must be."""

    def __init__(self, plan: Plan, console: Console, demand_alive: Callable[[], None]) -> None:
        self.failures: list[str] = []
        self._console = console
        self._demand_alive = demand_alive
        self._http = httpx2.Client(base_url=plan.url, headers={"X-API-Key": API_KEY}, timeout=60.0, trust_env=False)

    def run(self) -> None:
        """Make every call. Raises httpx2.TransportError if the gateway goes away."""
        run = time.strftime("%y%m%d%H%M%S", time.gmtime())
        with self._http:
            for number, step in enumerate(steps(run), 1):
                envelope = self._call(number, step)
                if envelope is not None and step.status == "running":
                    self._watch(envelope)

    def _call(self, number: int, step: Step) -> dict[str, Any] | None:
        path = f"/v1/tenants/{step.tenant}/{step.collection}"
        self._console.print(f"\n{number}. {step.title}", style="bold", highlight=False, soft_wrap=True)
        self._say(f"   POST {path}")
        prefer = {"Prefer": "respond-async"} if step.asynchronous else {}
        response = self._http.post(path, json=step.body, headers={"Idempotency-Key": str(uuid4()), **prefer})
        envelope = response.json()
        self._print(response.status_code, envelope)
        if "operationId" not in envelope:
            self._check(step.title, (response.status_code, envelope.get("code")), (step.http_status, step.status))
            return None
        self._check(step.title, (response.status_code, envelope["status"]), (step.http_status, step.status))
        return dict(envelope)

    def _watch(self, envelope: dict[str, Any]) -> None:
        give_up = time.monotonic() + BULK_SECONDS
        while envelope["status"] in {"running", "scheduled"} and time.monotonic() < give_up:
            time.sleep(POLL_SECONDS)
            self._demand_alive()
            envelope = self._http.get(envelope["links"]["self"]).json()
            self._say(f"   {progress_text(envelope)}")
        self._check("The bulk deletion", (200, envelope["status"]), (200, "succeeded"))

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _print(self, http_status: int, envelope: dict[str, Any]) -> None:
        large = len(envelope.get("results") or []) > MAX_SHOWN_RESULTS
        text = "\n".join(envelope_lines(envelope)) if large else laid_out(envelope)
        self._say(f"   {http_status}\n{indent(text, '   ')}")

    def _check(self, title: str, actual: tuple[int, str | None], expected: tuple[int, str]) -> None:
        if actual != expected:
            self.failures.append(f"{title}: expected {expected[0]} {expected[1]}, got {actual[0]} {actual[1]}")
            self._console.print(f"   {self.failures[-1]}", style="red", highlight=False, soft_wrap=True)


def laid_out(value: object, used: int = 0) -> str:
    """JSON with as much on a line as fits; `used` characters of the first line are taken."""
    line = json.dumps(value, ensure_ascii=False)
    if used + len(line) <= LINE_CHARACTERS or not isinstance(value, dict | list):
        return line
    if isinstance(value, list):
        parts = [laid_out(item, 2) for item in value]
    else:
        parts = [f"{json.dumps(name)}: {laid_out(member, len(name) + 6)}" for name, member in value.items()]
    opening, closing = ("[", "]") if isinstance(value, list) else ("{", "}")
    inner = indent(",\n".join(_filled(parts)), "  ")
    return f"{opening}\n{inner}\n{closing}"


def _filled(parts: list[str]) -> list[str]:
    """`parts` joined to lines as long as they may be; a part of several lines stays alone."""
    lines: list[str] = []
    for part in parts:
        if lines and "\n" not in lines[-1] + part and len(lines[-1]) + len(part) < LINE_CHARACTERS:
            lines[-1] += f", {part}"
        else:
            lines.append(part)
    return lines


def steps(run: str) -> tuple[Step, ...]:
    """The calls, with case numbers that no earlier run has used."""
    customers = [{"customerId": "CUST1"}, {"customerId": "CUST2"}]
    three = [{"caseId": f"{name}-{run}", "customers": customers} for name in ("CA1", "MISSING", "CA2")]
    bulk = [{"caseNumber": f"CN{run}-{number}"} for number in range(1, BULK_CASES + 1)]
    return (
        Step(
            "Delete a case; the tenant acme-dk lives on Hub Property",
            "acme-dk",
            "case-deletions",
            {"execute": True, "cases": [{"caseNumber": f"CN{run}"}]},
            200,
            "succeeded",
        ),
        Step(
            "The same call for acme-no, which lives on ClaimShop",
            "acme-no",
            "case-deletions",
            {"execute": True, "cases": [{"caseToken": str(uuid4())}]},
            200,
            "succeeded",
        ),
        Step(
            "A dry run says whether a case could be deleted",
            "acme-dk",
            "case-deletions",
            {"execute": False, "cases": [{"caseNumber": f"CN{run}-dry"}]},
            200,
            "succeeded",
        ),
        Step(
            "Remove customers from three ECM cases, one of which does not exist",
            "acme-dk",
            "customer-removals",
            {"execute": True, "cases": three},
            207,
            "partial",
        ),
        Step(
            f"Delete {BULK_CASES} cases with Prefer: respond-async, and watch them go at the allowed pace",
            "acme-dk",
            "case-deletions",
            {"execute": True, "cases": bulk},
            202,
            "running",
            asynchronous=True,
        ),
        Step(
            "The tenant acme-night is closed now: the deletion is accepted, and waits for the opening",
            "acme-night",
            "case-deletions",
            {"execute": True, "cases": [{"caseNumber": f"CN{run}-night"}]},
            202,
            "scheduled",
            asynchronous=True,
        ),
    )
