"""`make run` for real: both servers as processes, every call answered as it must be."""

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from examples.demo.plan import API_KEY

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "examples.demo"]
PATIENCE_SECONDS = 60


def free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]


def environment(directory: Path) -> dict[str, str]:
    port, sandbox_port = free_ports()
    return os.environ | {"PORT": str(port), "SANDBOX_PORT": str(sandbox_port), "RUN_DIR": str(directory)}


def demonstrated_once(directory: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603 - our own program
        [*COMMAND, "--once"],
        check=False,
        cwd=ROOT,
        env=environment(directory) | variables,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )


def gateway(url: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "gateway", *arguments, "--url", url],
        check=False,
        cwd=ROOT,
        env=os.environ | {"GATEWAY_API_KEY": API_KEY},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )


@contextmanager
def serving_demo(directory: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """The demonstration after its calls, while it serves, and what it has printed."""
    process = subprocess.Popen(  # noqa: S603 - our own program
        COMMAND, cwd=ROOT, env=environment(directory), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        printed = ""
        for line in process.stdout:
            printed += line
            if line.startswith("  curl") and line.rstrip().endswith("acme-night"):
                break
        else:
            pytest.fail(f"it ended early:\n{printed}")
        yield process, printed
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)
        process.stdout.close()


def test_every_call_is_answered_as_it_must_be_also_over_the_ledger_of_an_earlier_run(tmp_path: Path) -> None:
    for _ in range(2):
        done = demonstrated_once(tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_taken_port_gives_the_command_that_chooses_others(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = demonstrated_once(tmp_path, PORT=str(port))

    assert done.returncode == 1
    assert f"Port {port} on 127.0.0.1 is taken. Choose others: make run PORT=" in done.stderr


@pytest.mark.skipif(shutil.which("curl") is None, reason="it prints curl lines")
def test_the_curl_lines_work_as_printed_and_ctrl_c_ends_it_with_0(tmp_path: Path) -> None:
    with serving_demo(tmp_path) as (process, printed):
        lines = [line.strip() for line in printed.splitlines() if line.startswith("  curl ")]
        assert len(lines) == 3
        for line in lines:
            command = [*shlex.split(line), "--fail", "--max-time", "10"]
            answer = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - as printed
            assert answer.returncode == 0, f"{line}\n{answer.stderr}"
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_SECONDS) == 0


def test_the_command_line_works_against_it(tmp_path: Path) -> None:
    with serving_demo(tmp_path) as (_, printed):
        url = next(line.split()[1] for line in printed.splitlines() if line.startswith("gateway "))

        deleted = gateway(
            url, "delete", "--tenant", "acme-no", "--execute", "--case-number", "CN1", "--case-number", "CN2"
        )
        refused = gateway(
            url, "remove", "accounts", "--tenant", "acme-dk", "--dry-run", "--case-id", "CA1", "--item", "A1"
        )
        listed = gateway(url, "operations", "list", "--tenant", "acme-no", "--limit", "1")
        operation_id = listed.stdout.splitlines()[1].split("\t")[0]
        results = gateway(url, "operations", "results", operation_id)

    assert deleted.returncode == 0, deleted.stderr
    assert refused.returncode == 2
    assert "dry_run_unsupported" in refused.stderr
    assert operation_id in deleted.stdout
    assert [line.split("\t")[:2] for line in results.stdout.splitlines()[1:]] == [
        ["CN1", "succeeded"],
        ["CN2", "succeeded"],
    ]


def test_a_server_that_dies_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    (tmp_path / "gateway.db").mkdir()

    done = demonstrated_once(tmp_path)

    assert done.returncode == 1
    assert "The gateway ended with code " in done.stdout
    assert str(tmp_path / "gateway.log") in done.stdout.replace("\n", "")
