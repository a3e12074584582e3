"""A gateway process whose configuration changes: its signal, its log lines, its metrics."""

import json
import os
import signal
from pathlib import Path

import pytest

from gateway.sandbox.certificates import ensure_development_key
from tests.api.configuration import changed, configuration, write
from tests.faults.processes import site, until


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    ensure_development_key(tmp_path)
    return tmp_path


def told(folder: Path, event: str) -> list[dict[str, object]]:
    """The gateway's log lines of this event."""
    lines = (folder / "gateway.log").read_text(encoding="utf-8").splitlines()
    return [line for line in map(json.loads, lines) if line["event"] == event]


async def test_a_process_follows_its_file_and_looks_at_once_when_it_gets_a_hangup(keys: Path) -> None:
    async with site(keys, {}) as running:
        tree = configuration(running.sandbox_url, {"server.port": int(running.url.rpartition(":")[2])})
        write(keys, changed(tree, {"retry.max_attempts": "many"}))
        running.gateway.send(signal.SIGHUP)

        async def is_refused() -> bool:
            return bool(told(keys, "configuration_refused"))

        await until(is_refused)
        write(keys, changed(tree, {"retry.max_attempts": 7, "server.drain_seconds": 8}))

        async def is_applied() -> bool:
            return bool(told(keys, "configuration_applied"))

        await until(is_applied)
        (refused,) = told(keys, "configuration_refused")
        (applied,) = told(keys, "configuration_applied")
        async with running.caller() as job:
            metrics = (await job.get("/metrics")).text
        code = await running.gateway.end(signal.SIGTERM)

    fault = 'retry.max_attempts: expected a whole number from 1 to 1000, got "many"'
    assert (refused["level"], refused["faults"]) == ("error", [fault])
    assert (applied["level"], applied["changed"]) == ("warning", ["retry.max_attempts"])
    assert applied["needs_restart"] == ["server.drain_seconds"]
    assert 'gateway_config_reloads_total{outcome="refused"} 1.0' in metrics
    assert 'gateway_config_reloads_total{outcome="applied"} 1.0' in metrics
    assert code == os.EX_OK
