"""Everything that can happen, in acts. Each scene ends when Prometheus has seen what it is about."""

import json
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from typing import Any

import httpx2

from observability.stage.prometheus import PATIENCE_SECONDS, Prometheus
from observability.stage.site import (
    AWAY,
    GONE,
    HASTY_KEY,
    HASTY_REQUESTS,
    KNOWN,
    NIGHT,
    QUEUE_CASES,
    USUAL_SECONDS,
    Site,
)

ACCEPTED = 202
READERS = 8
LONG_READS, LONG_READ_SECONDS = 5, 0.4


class Script:
    """The scenes. `pause_seconds` is how long things are usual between two acts."""

    def __init__(self, site: Site, prometheus: Prometheus, pause_seconds: float) -> None:
        self._site = site
        self._prometheus = prometheus
        self._pause_seconds = pause_seconds
        self._numbers = count(1)

    def play(self) -> None:
        """All scenes; at the end the gateway runs again, with nothing amiss but what is unknown and queued."""
        acts = (
            (self._usual, self._refusals, self._callers, self._bulk, self._unknown, self._unreachable),
            (self._configuration_refused, self._evidence_changed, self._slow_reads),
            (self._throttled,),
            (self._closed_by_its_own_word,),
            (self._no_token,),
            (self._ledger_fails,),
            (self._queue_full,),
            (self._drain,),
        )
        for act in acts:
            with self._everyday_load(), ThreadPoolExecutor(len(act)) as pool:
                for scene in [pool.submit(scene) for scene in act]:
                    scene.result()
                time.sleep(self._pause_seconds)

    def end(self) -> None:
        """The gateway ends, and does not come back."""
        self._site.gateway.stop()
        self._prometheus.until("absent(gateway_build_info)")

    @contextmanager
    def _everyday_load(self) -> Iterator[None]:
        stop = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            load = pool.submit(self._everyday, stop)
            try:
                yield
            finally:
                stop.set()
                load.result()

    def _everyday(self, stop: threading.Event) -> None:
        while not stop.wait(0.3):
            try:
                self._delete("acme-dk", self._number("CN"))
                self._delete("acme-no", self._number("CN"))
                self._remove("CA", "CUST")
                self._ask("GET", "/v1/operations?limit=5")
            except httpx2.TransportError:
                continue  # between two processes

    def _usual(self) -> None:
        self._delete("acme-dk", self._number("CN"), execute=False, wait=True)
        self._delete("acme-no", "NOTFOUND-1", wait=True)
        self._remove("EXTRA", "CUST")
        self._until('gateway_cases_total{execute="false",status="succeeded"} > 0')
        self._until("gateway_unasked_entries_total > 0")

    def _bulk(self) -> None:
        self._delete("acme-dk", *(self._number("CN") for _ in range(60)))
        self._until('gateway_cases_pending{backend="hub-dk"} > 20')
        self._until('gateway_queue_empty_seconds{backend="hub-dk"} > 0')

    def _refusals(self) -> None:
        self._ask("GET", "/v1/nowhere")
        self._ask("POST", "/v1/tenants/acme-dk/case-deletions", json={"cases": []})
        self._until('gateway_problems_total{code="invalid_request"} > 0')

    def _callers(self) -> None:
        for _ in range(HASTY_REQUESTS + 3):
            self._come_as({"X-API-Key": HASTY_KEY})
        self._come_as({"X-API-Key": "nobody's"})
        for issuer in (KNOWN, AWAY):
            self._come_as({"Authorization": f"Bearer {self._site.token(issuer)}"})
        self._until('gateway_quota_refusals_total{quota="requests"} > 0')
        self._until('gateway_authentications_total{method="bearer",outcome="accepted"} > 0')
        self._until('gateway_authentications_total{outcome="unavailable"} > 0')
        self._until('gateway_key_set_requests_total{outcome="unreachable"} > 0')

    def _configuration_refused(self) -> None:
        sound = self._site.config.read_text(encoding="utf-8")
        self._site.config.write_text(f"{sound}\nlimits: {{}}\n", encoding="utf-8")
        self._until('gateway_config_differs{why="refused"} == 1')
        self._site.config.write_text(sound.replace("max_in_flight: 20", "max_in_flight: 19"), encoding="utf-8")
        self._until('gateway_config_reloads_total{outcome="applied"} > 0')

    def _evidence_changed(self) -> None:
        """The checkpoints' file is replaced by another ledger's, then by what is no file."""
        file = self._site.checkpoints
        self._until('gateway_checkpoints_total{outcome="written"} > 0')
        sound = file.read_text(encoding="utf-8")
        changed = json.loads(sound.splitlines()[-1]) | {"ledger": "another"}
        file.write_text(json.dumps(changed, separators=(",", ":")) + "\n", encoding="utf-8")
        self._until("sum(gateway_evidence_broken_total) > 0")
        file.unlink()
        file.mkdir()
        signed = "sum(increase(gateway_checkpoints_total{{outcome='{}'}}[4s])) > 0"
        self._until(f"{signed.format('failed')} unless {signed.format('written')}")
        file.rmdir()
        file.write_text(sound, encoding="utf-8")

    def _throttled(self) -> None:
        """Several calls are under way when the first is answered 429, and so are the others."""
        self._switch(hub={"throttleRetryAfterSeconds": 7, "latencySeconds": 0.5})
        for _ in range(6):
            self._insist("acme-dk", f"THROTTLED-{self._number('CN')}")
        self._until('sum(gateway_upstream_requests_total{outcome="429"}) >= 3')
        self._until('gateway_backend_paused_seconds{backend="hub-dk",reason="upstream_throttled"} > 0')
        self._switch(hub={"latencySeconds": USUAL_SECONDS})

    def _closed_by_its_own_word(self) -> None:
        self._switch(hub={"hours": "closed"}, forcedClosedSeconds=7)
        self._delete("acme-dk", self._number("CN"))
        self._until('gateway_backend_paused_seconds{backend="hub-dk",reason="upstream_closed"} > 0')
        self._switch(hub={"hours": "open"})

    def _unknown(self) -> None:
        self._insist("acme-no", f"HTML-{self._number('CN')}")
        self._until('gateway_unknown_cases{backend="claimshop-dk"} > 0')

    def _unreachable(self) -> None:
        self._insist("acme-gone", *(self._number("CN") for _ in range(6)))
        self._until(f'sum(gateway_upstream_requests_total{{backend="{GONE}",outcome="not_sent"}}) >= 4')
        self._until(f'gateway_circuit_state{{backend="{GONE}"}} == 2')

    def _no_token(self) -> None:
        self._switch(token={"down": True})
        self._site.sandbox.post("/tokens/revoke")
        self._delete("acme-no", self._number("CN"))
        self._until('gateway_token_requests_total{outcome="unreachable"} > 0')
        self._switch(token={"down": False})

    def _ledger_fails(self) -> None:
        other = sqlite3.connect(self._site.ledger, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        try:
            with ThreadPoolExecutor(READERS) as pool:
                for _ in range(READERS):
                    pool.submit(self._delete, "acme-dk", self._number("CN"))
                self._until("sum(gateway_ledger_failures_total) > 0")
                self._until('gateway_problems_total{code="ledger_unavailable"} > 4')
        finally:
            other.execute("ROLLBACK")
            other.close()

    def _slow_reads(self) -> None:
        with ThreadPoolExecutor(READERS) as pool:
            for _ in range(READERS * LONG_READS):
                pool.submit(self._ask, "GET", "/v1/operations?limit=100")
            for _ in range(LONG_READS):
                with self._site.frozen():
                    time.sleep(LONG_READ_SECONDS)
                time.sleep(LONG_READ_SECONDS / 20)
        self._until("gateway:slo_latency_errors:ratio_rate1h > 0")

    def _queue_full(self) -> None:
        tonight = [self._number("CN") for _ in range(QUEUE_CASES * 17 // 20)]
        self._insist("acme-night", *tonight)
        self._until(f'gateway_cases_pending{{backend="{NIGHT}"}} > {QUEUE_CASES * 8 // 10}')
        for _ in range(3):
            self._delete("acme-dk", *(self._number("CN") for _ in range(QUEUE_CASES // 4)))
        self._until('gateway_problems_total{code="overloaded"} > 0')

    def _drain(self) -> None:
        slow = f"SLOW-3-{self._number('CN')}"
        self._insist("acme-no", slow)
        self._arrived(slow)
        self._site.gateway.send(signal.SIGTERM)
        self._until("gateway_draining == 1")
        self._site.gateway.stop()
        self._site.start_gateway()
        self._until("gateway_draining == 0")

    def _until(self, expression: str) -> None:
        self._prometheus.until(expression)

    def _arrived(self, case: str) -> None:
        """Wait until the call for `case` is at the upstream."""
        _until(f"a call for {case}", lambda: self._site.sandbox.get("/history", params={"case": case}).json()["items"])

    def _number(self, prefix: str) -> str:
        return f"{prefix}{next(self._numbers)}"

    def _switch(self, **changes: Any) -> None:  # noqa: ANN401 - JSON
        self._site.sandbox.put("/switches", json=changes).raise_for_status()

    def _delete(self, tenant: str, *numbers: str, execute: bool = True, wait: bool = False) -> httpx2.Response:
        cases = [{"caseNumber": number} for number in numbers]
        body = {"execute": execute, "cases": cases}
        prefer = {"Prefer": "wait=10" if wait else "respond-async"}
        return self._ask("POST", f"/v1/tenants/{tenant}/case-deletions", json=body, headers=prefer)

    def _insist(self, tenant: str, *numbers: str) -> None:
        """Have them deleted, in spite of a queue that is full for a while."""
        _until(f"room for {tenant}", lambda: self._delete(tenant, *numbers).status_code == ACCEPTED)

    def _remove(self, case: str, customer: str) -> None:
        case_id, customer_id = self._number(f"{case}-"), self._number(customer)
        body = {"execute": True, "cases": [{"caseId": case_id, "customers": [{"customerId": customer_id}]}]}
        self._ask("POST", "/v1/tenants/acme-dk/customer-removals", json=body, headers={"Prefer": "respond-async"})

    def _come_as(self, credential: dict[str, str]) -> None:
        self._site.come_as(credential).get("/v1/tenants")

    def _ask(self, method: str, path: str, **more: Any) -> httpx2.Response:  # noqa: ANN401 - as httpx2's
        return self._site.caller.request(method, path, **more)


def _until(what: str, condition: Callable[[], object]) -> None:
    """Wait for `condition`. Raises TimeoutError."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > give_up:
            message = f"in {PATIENCE_SECONDS:g} seconds there was not {what}"
            raise TimeoutError(message)
        time.sleep(0.2)
