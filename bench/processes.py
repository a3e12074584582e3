"""The processes that are measured and those they are measured with, each for the length of a `with`."""

import hashlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import uvloop
from msgspec import Struct

from bench.load import call_once, request

API_KEY = "bench-key"
KEY_HEADER = f"X-API-Key: {API_KEY}\r\n"
READY_SECONDS = 30.0
STOP_SECONDS = 15.0
POLL_SECONDS = 0.005


class Limits(Struct, frozen=True):
    """What both backends are limited to; null: not at all."""

    per_second: int | None = None
    per_minute: int | None = None
    max_in_flight: int | None = None


class Gateway(Struct, frozen=True):
    """A running `gateway serve`; `ready_seconds` is from its start to the first 200 of /readyz."""

    port: int
    process_id: int
    ready_seconds: float

    def memory_megabytes(self) -> float:
        """What it holds in memory now (resident set, in 10^6 bytes)."""
        command = ["ps", "-o", "rss=", "-p", str(self.process_id)]
        return int(subprocess.run(command, capture_output=True, check=True).stdout) * 1024 / 1e6  # noqa: S603 - fixed


class Upstream(Struct, frozen=True):
    """A running upstream."""

    port: int

    def record(self) -> tuple[list[float], int]:
        """When each accepted call arrived, in monotonic seconds, and how many were refused with 429."""
        seen = uvloop.run(call_once(self.port, request("GET", "/record"))).json()
        return seen["arrivals"], seen["refused"]


@contextmanager
def upstream(latency_seconds: float = 0.0, limits: Limits | None = None) -> Iterator[Upstream]:
    """An upstream that answers after `latency_seconds` and keeps `limits`' rates."""
    arguments = ["--latency-seconds", str(latency_seconds)]
    if limits is not None:
        arguments += ["--per-second", str(limits.per_second), "--per-minute", str(limits.per_minute)]
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "bench.upstream", *arguments], stdout=subprocess.PIPE
    )
    with _stopped_after(process):
        assert process.stdout is not None
        yield Upstream(int(process.stdout.readline()))


@contextmanager
def gateway(upstream_port: int, limits: Limits) -> Iterator[Gateway]:
    """A gateway with a new SQLite ledger on disk, in front of the upstream."""
    with TemporaryDirectory(prefix="gateway-bench-") as directory:
        port = _free_port()
        config = Path(directory) / "gateway.yaml"  # JSON is YAML too
        config.write_bytes(msgspec.json.encode(_configuration(port, upstream_port, limits, directory)))
        begun = time.perf_counter()
        process = _logged([sys.executable, "-m", "gateway", "serve", "--config", str(config)], Path(directory), {})
        with _stopped_after(process):
            _wait_until_answered(process, port, "/readyz", Path(directory))
            yield Gateway(port, process.pid, time.perf_counter() - begun)


@contextmanager
def facade(upstream_port: int, in_flight: int) -> Iterator[int]:
    """The FastAPI facade in front of the upstream; its port."""
    with TemporaryDirectory(prefix="facade-bench-") as directory:
        port = _free_port()
        variables = {"UPSTREAM_URL": f"http://127.0.0.1:{upstream_port}", "IN_FLIGHT": str(in_flight)}
        command = [sys.executable, "-m", "uvicorn", "bench.facade:app", "--port", str(port), "--no-access-log"]
        process = _logged(command, Path(directory), variables)
        with _stopped_after(process):
            _wait_until_answered(process, port, "/openapi.json", Path(directory))
            yield port


def _configuration(port: int, upstream_port: int, limits: Limits, directory: str) -> dict[str, object]:
    url = f"http://127.0.0.1:{upstream_port}"
    common = {"credentials": "none", "limits": "bench", "hours": None}
    digest = hashlib.sha256(API_KEY.encode()).hexdigest()
    return {
        "server": {"host": "127.0.0.1", "port": port, "drain_seconds": 1},
        "store": {"url": f"sqlite:///{directory}/gateway.db"},
        "callers": {"bench": {"api_key_sha256": digest, "tenants": ["bench"], "operations": ["*"], "execute": True}},
        "credentials": {"none": {"type": "none"}},
        "limits": {"bench": limits},
        "backends": {
            "hub": {"system": "hub-property", "base_url": f"{url}/ecx", **common},
            "ecm": {"system": "oracle-ecm", "base_url": f"{url}/ECM", **common},
        },
        "tenants": {"bench": {"cases": {"backend": "hub", "tenant": "bench"}, "ecm": {"backend": "ecm"}}},
    }


def _logged(command: list[str], directory: Path, variables: dict[str, str]) -> "subprocess.Popen[bytes]":
    with (directory / "log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | variables)  # noqa: S603 - our own


def _wait_until_answered(process: "subprocess.Popen[bytes]", port: int, path: str, directory: Path) -> None:
    give_up = time.monotonic() + READY_SECONDS
    while not _answers(port, path):
        if process.poll() is not None or time.monotonic() > give_up:
            raise RuntimeError(f"not ready:\n{(directory / 'log').read_text(errors='replace')[-4000:]}")
        time.sleep(POLL_SECONDS)


def _answers(port: int, path: str) -> bool:
    try:
        return uvloop.run(call_once(port, request("GET", path))).status == 200  # noqa: PLR2004 - HTTP's
    except OSError:
        return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _stopped_after(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
