"""Sandbox and gateway as processes of their own, which can be killed and started again."""

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from tests.api.configuration import JOB_KEY, Change, configuration, write

PATIENCE_SECONDS = 30.0
ROOT = Path(__file__).parents[2]


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what happens in another process."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await condition():  # noqa: ASYNC110 - it is asked over HTTP
            await asyncio.sleep(0.02)


class Child:
    """`python -m gateway <arguments>`, its output in a file."""

    def __init__(self, log_file: Path, *arguments: str) -> None:
        self._log_file = log_file
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log_file.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-m", "gateway", *self._arguments], cwd=ROOT, stdout=log, stderr=log
            )

    async def ready(self, url: str) -> None:
        """Wait until `url` answers 200."""
        async with httpx2.AsyncClient(trust_env=False) as http:

            async def answers() -> bool:
                assert self._process is not None
                assert self._process.poll() is None, self._log_file.read_text(errors="replace")[-4_000:]
                try:
                    return (await http.get(url, timeout=2)).status_code == 200
                except httpx2.TransportError:
                    return False

            await until(answers)

    async def end(self, number: signal.Signals) -> int:
        """Send the signal, wait for the end, and return the exit code."""
        assert self._process is not None
        self._process.send_signal(number)
        return await asyncio.to_thread(self._process.wait, PATIENCE_SECONDS)

    def clean_up(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


class Site:
    """A sandbox that stays, and a gateway that comes and goes on one port and one ledger."""

    def __init__(self, folder: Path, sandbox_port: int, port: int) -> None:
        self.sandbox_url = f"http://127.0.0.1:{sandbox_port}"
        self.url = f"http://127.0.0.1:{port}"
        sandbox = ["sandbox", "--port", str(sandbox_port), "--hours", "open", "--keys-dir", str(folder)]
        self.sandbox = Child(folder / "sandbox.log", *sandbox, "--hub-rate", "0", "--hub-per-minute", "0")
        self.gateway = Child(folder / "gateway.log", "serve", "--config", str(folder / "gateway.yaml"))

    async def start_gateway(self) -> None:
        self.gateway.start()
        await self.gateway.ready(f"{self.url}/readyz")

    @asynccontextmanager
    async def caller(self) -> AsyncIterator[httpx2.AsyncClient]:
        headers = {"X-API-Key": JOB_KEY}
        async with httpx2.AsyncClient(base_url=self.url, headers=headers, timeout=30, trust_env=False) as http:
            yield http

    async def ask_sandbox(self, method: str, path: str, **more: Any) -> Any:  # noqa: ANN401 - JSON
        async with httpx2.AsyncClient(base_url=self.sandbox_url, timeout=10, trust_env=False) as http:
            answer = await http.request(method, path, **more)
            assert answer.is_success, answer.text
            return answer.json()

    async def history(self) -> list[dict[str, Any]]:
        """Every call but those for tokens, in the order of arrival."""
        items = (await self.ask_sandbox("GET", "/history"))["items"]
        return [entry for entry in items if entry["system"] != "token"]


@asynccontextmanager
async def site(folder: Path, change: Change) -> AsyncIterator[Site]:
    """A site with both running."""
    sandbox_port, port = free_ports()
    made = Site(folder, sandbox_port, port)
    write(folder, configuration(made.sandbox_url, {**change, "server.port": port}))
    try:
        made.sandbox.start()
        await made.sandbox.ready(f"{made.sandbox_url}/healthz")
        await made.start_gateway()
        yield made
    finally:
        made.gateway.clean_up()
        made.sandbox.clean_up()


def free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]
