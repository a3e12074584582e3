"""Sandbox and gateway as processes of their own, which can be killed and started again."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from tests.api.configuration import JOB_KEY, Change, configuration, write

PATIENCE_SECONDS = 30.0
ROOT = Path(__file__).parents[2]


async def until(condition: Callable[[], Awaitable[bool]], *, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for what happens in another process."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - it is asked over HTTP
            await asyncio.sleep(0.02)


class Child:
    """`python -m <module> <arguments>`, its output in a file."""

    def __init__(self, log_file: Path, *arguments: str, module: str = "gateway") -> None:
        self._log_file = log_file
        self._command = [sys.executable, "-m", module, *arguments]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The number under which the operating system knows it."""
        assert self._process is not None
        return self._process.pid

    def start(self, environment: Mapping[str, str] | None = None) -> None:
        """Start it, with more variables in its environment."""
        with self._log_file.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                self._command, cwd=ROOT, stdout=log, stderr=log, env={**os.environ, **(environment or {})}
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

    def send(self, number: signal.Signals) -> None:
        """Send the signal, unless the process has ended."""
        assert self._process is not None
        self._process.send_signal(number)

    async def ended(self, seconds: float) -> int | None:
        """The exit code once it has ended by itself; null if it still runs after `seconds`."""
        assert self._process is not None
        deadline = time.monotonic() + seconds
        while (code := self._process.poll()) is None and time.monotonic() < deadline:  # noqa: ASYNC110 - it is asked
            await asyncio.sleep(0.01)
        return code

    async def stand_still(self, seconds: float) -> None:
        """Stop it in the midst of whatever it does, and let it go on."""
        self.send(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        self.send(signal.SIGCONT)

    def catches(self, number: signal.Signals) -> bool:
        """Whether the process has a handler of its own for the signal by now (Linux)."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
        return bool(int(caught.split()[1], 16) >> (number - 1) & 1)

    async def end(self, number: signal.Signals) -> int:
        """Send the signal, wait for the end, and return the exit code."""
        self.send(number)
        assert self._process is not None
        return await asyncio.to_thread(self._process.wait, PATIENCE_SECONDS)

    def clean_up(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


class Site:
    """A sandbox that stays, and a gateway that comes and goes on one port and one ledger."""

    def __init__(self, folder: Path, sandbox_port: int, port: int, module: str = "gateway") -> None:
        self.sandbox_url = f"http://127.0.0.1:{sandbox_port}"
        self.url = f"http://127.0.0.1:{port}"
        sandbox = ["sandbox", "--port", str(sandbox_port), "--hours", "open", "--keys-dir", str(folder)]
        self.sandbox = Child(folder / "sandbox.log", *sandbox, "--hub-rate", "0", "--hub-per-minute", "0")
        serve = ("serve", "--config", str(folder / "gateway.yaml"))
        self.gateway = Child(folder / "gateway.log", *serve, module=module)

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
async def site(folder: Path, change: Change, module: str = "gateway") -> AsyncIterator[Site]:
    """A site with both running; `module` is what the gateway is started by."""
    sandbox_port, port = free_ports()
    made = Site(folder, sandbox_port, port, module)
    write(folder, configuration(made.sandbox_url, {**change, "server.port": port}))
    try:
        made.sandbox.start()
        await made.sandbox.ready(f"{made.sandbox_url}/healthz")
        await made.start_gateway()
        yield made
    finally:
        made.gateway.clean_up()
        made.sandbox.clean_up()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]
