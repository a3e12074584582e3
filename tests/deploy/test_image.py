"""The image, built and run as the chart would run it: no rights, nothing to write to but its ledger."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2

from gateway.version import __version__
from tests.api.configuration import JOB_KEY, configuration, write
from tests.deploy.engine import HARDENED, REVISION, base, container, engine, image, inside
from tests.deploy.tools import succeed
from tests.faults.processes import Child, free_ports, until

LEDGER, CONFIG = "/var/lib/gateway", "/etc/gateway/config"
CASES = 40
Json = dict[str, Any]


class Installed:
    """The gateway in a container, and the sandbox beside it, on the machine's loopback."""

    def __init__(self, folder: Path) -> None:
        sandbox_port, port = free_ports()
        self.folder = folder
        self.url, self.sandbox_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{sandbox_port}"
        self.name = f"case-gateway-{uuid4().hex[:8]}"
        limits = ["--hub-rate", "0", "--hub-per-minute", "0"]
        keys = ["--keys-dir", str(folder / "config")]
        self.sandbox = Child(
            folder / "sandbox.log", "sandbox", "--port", str(sandbox_port), "--hours", "open", *limits, *keys
        )
        for name in ("config", "ledger"):
            (folder / name).mkdir()
        self.port = port

    def prepare(self) -> None:
        """The configuration, its files, and the ledger's folder, for the user that the image has."""
        change = {"server.port": self.port, "store.url": f"sqlite:///{LEDGER}/gateway.db"}
        write(self.folder / "config", configuration(self.sandbox_url, change))
        for path in (self.folder / "config").iterdir():
            path.chmod(0o644)
        (self.folder / "ledger").chmod(0o777)

    def run(self) -> None:
        mounts = [f"--volume={self.folder}/config:{CONFIG}:ro", f"--volume={self.folder}/ledger:{LEDGER}"]
        succeed(engine(), "run", "--detach", "--name", self.name, "--network=host", *HARDENED, *mounts, image())

    async def ready(self) -> None:
        async def answers() -> bool:
            async with httpx2.AsyncClient(trust_env=False) as http:
                try:
                    return (await http.get(f"{self.url}/readyz", timeout=2)).status_code == 200
                except httpx2.TransportError:
                    assert self.state()["Running"], container("logs", self.name).stdout
                    return False

        await until(answers)

    def state(self) -> Json:
        state: Json = json.loads(succeed(engine(), "inspect", self.name))[0]["State"]
        return state

    @asynccontextmanager
    async def caller(self) -> AsyncIterator[httpx2.AsyncClient]:
        headers = {"X-API-Key": JOB_KEY}
        async with httpx2.AsyncClient(base_url=self.url, headers=headers, timeout=30, trust_env=False) as http:
            yield http

    async def ask_sandbox(self, method: str, path: str, body: Json | None = None) -> Json:
        async with httpx2.AsyncClient(base_url=self.sandbox_url, timeout=10, trust_env=False) as http:
            found: Json = (await http.request(method, path, json=body)).raise_for_status().json()
        return found

    async def deletions(self) -> list[Json]:
        """The calls for deletions that arrived, in order."""
        items: list[Json] = (await self.ask_sandbox("GET", "/history"))["items"]
        return [entry for entry in items if entry["system"] == "hub-property"]


@asynccontextmanager
async def installed(folder: Path) -> AsyncIterator[Installed]:
    image()
    made = Installed(folder)
    try:
        made.sandbox.start()
        await made.sandbox.ready(f"{made.sandbox_url}/healthz")
        made.prepare()
        made.run()
        await made.ready()
        yield made
    finally:
        container("rm", "--force", made.name)
        made.sandbox.clean_up()


def test_labels_say_what_it_is_made_of_and_so_does_the_program_itself() -> None:
    labels = json.loads(succeed(engine(), "inspect", image()))[0]["Config"]["Labels"]

    assert labels["org.opencontainers.image.version"] == __version__
    assert labels["org.opencontainers.image.revision"] == REVISION
    assert labels["org.opencontainers.image.base.name"] == base()
    assert succeed(engine(), "run", "--rm", image(), "--version").split() == [
        *["gateway,", "version", f"{__version__},", "revision", REVISION]
    ]


def test_it_runs_without_a_right_and_can_write_nothing_of_its_own() -> None:
    program = """
import os
status = dict(line.split(":\\t") for line in open("/proc/self/status") if ":\\t" in line)
print(os.getuid(), os.getgid(), int(status["CapEff"], 16), int(status["NoNewPrivs"]))
for place in ("/opt/gateway/x", "/etc/x", "/var/lib/gateway/x"):
    try:
        open(place, "w")
    except OSError as error:
        print(error.strerror)
"""
    assert inside(program).splitlines() == ["65532 65532 0 1", *["Read-only file system"] * 3]


def test_what_only_builds_and_tests_is_not_in_it() -> None:
    program = """
import importlib.util, pathlib, shutil
print([name for name in ("pip", "setuptools", "ensurepip", "pytest", "tests") if importlib.util.find_spec(name)])
print(shutil.which("pip"), shutil.which("gcc"), list(pathlib.Path("/").glob("build/*")))
"""
    found, places = inside(program).splitlines()

    assert found == "[]"
    assert places.endswith("[]")
    assert not places.startswith("/opt")


async def test_a_case_is_deleted(tmp_path: Path) -> None:
    async with installed(tmp_path) as site, site.caller() as http:
        body = {"execute": True, "cases": [{"caseNumber": "CN10001"}]}
        answer = await http.post("/v1/tenants/acme-dk/case-deletions", json=body)

    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")


async def test_a_container_that_is_stopped_under_load_loses_nothing_and_sends_nothing_twice(tmp_path: Path) -> None:
    """Killed instead of stopped, calls under way would be left unknown, and be made a second time."""
    async with installed(tmp_path) as site:
        await site.ask_sandbox("PUT", "/switches", {"hub": {"latencySeconds": 0.4}})
        async with site.caller() as http:
            body = {"execute": True, "cases": [{"caseNumber": f"CN{number}"} for number in range(CASES)]}
            headers = {"Prefer": "respond-async"}
            accepted = await http.post("/v1/tenants/acme-dk/case-deletions", json=body, headers=headers)
        assert accepted.status_code == 202

        async def under_way() -> bool:
            return len(await site.deletions()) >= 10

        await until(under_way)
        succeed(engine(), "stop", "--time=60", site.name)
        assert site.state()["ExitCode"] == 0
        sent_before = await site.deletions()
        assert len(sent_before) < CASES
        assert {call["answered"] for call in sent_before} == {200}

        succeed(engine(), "start", site.name)
        await site.ready()
        async with site.caller() as http:

            async def ended() -> bool:
                return (await http.get(accepted.headers["Location"])).json()["status"] not in {"running", "scheduled"}

            await until(ended)
            envelope = (await http.get(accepted.headers["Location"])).json()
        sent = await site.deletions()

    assert envelope["summary"]["succeeded"] == CASES
    assert {result["attempts"] for result in envelope["results"]} == {1}
    assert len(sent) == CASES
    assert len({case for call in sent for case in call["cases"]}) == CASES
