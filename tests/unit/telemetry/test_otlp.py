"""Whether traces are on, and what is said where they cannot be."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.errors import ConfigurationError
from gateway.telemetry.events import nobody
from gateway.telemetry.otlp import tracing, wanted
from gateway.telemetry.tracing import OFF

ROOT = Path(__file__).parents[3]
OWN, COMMON = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"
WITHOUT_THE_EXTRA = """
import sys
sys.modules["opentelemetry"] = None
from gateway.cli.main import main
main()
"""
OFF_ALL_THE_SAME: tuple[dict[str, str], ...] = (
    {},
    {"OTEL_SERVICE_NAME": "deletions"},
    {COMMON: ""},
    {COMMON: "http://collector:4318", "OTEL_TRACES_EXPORTER": "none"},
    {COMMON: "http://collector:4318", "OTEL_SDK_DISABLED": "TRUE"},
)


@pytest.mark.parametrize("environ", OFF_ALL_THE_SAME)
def test_traces_are_off_unless_a_receiver_or_the_exporter_is_named(environ: dict[str, str]) -> None:
    assert wanted(environ) is None
    assert tracing(environ, nobody) is OFF


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({COMMON: "http://collector:4318"}, "http://collector:4318/v1/traces"),
        ({COMMON: "http://collector:4318/otlp/"}, "http://collector:4318/otlp/v1/traces"),
        ({OWN: "https://one/x", COMMON: "http://other:4318"}, "https://one/x"),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, "http://localhost:4318/v1/traces"),
        ({COMMON: "http://c:4318", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, "http://c:4318/v1/traces"),
    ],
)
def test_they_go_where_the_specification_of_the_exporter_has_them_go(environ: dict[str, str], url: str) -> None:
    assert wanted(environ) == url


@pytest.mark.parametrize(
    ("environ", "fault"),
    [
        ({"OTEL_TRACES_EXPORTER": "console"}, "OTEL_TRACES_EXPORTER: expected otlp or none"),
        ({COMMON: "collector:4318"}, f"{COMMON}: expected an http or https URL"),
        ({OWN: "grpc://collector"}, f"{OWN}: expected an http or https URL"),
        ({COMMON: "http://[::1"}, f"{COMMON}: expected an http or https URL"),
        ({COMMON: "http://c:99999"}, f"{COMMON}: expected an http or https URL"),
        (
            {COMMON: "http://c:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "OTEL_EXPORTER_OTLP_PROTOCOL: expected http/protobuf, which is all that the gateway speaks",
        ),
    ],
)
def test_what_cannot_be_is_a_fault_of_the_configuration(environ: dict[str, str], fault: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        wanted(environ)

    assert [str(one) for one in refused.value.faults] == [fault]


def test_what_the_library_cannot_use_is_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "0")

    with pytest.raises(ConfigurationError, match=r"^OTEL_\*: one of these cannot be used: max_queue_size must be"):
        tracing({COMMON: "https://collector:4318"}, nobody)


@pytest.mark.parametrize(("command", "code"), [("check", 1), ("serve", 2)])
def test_without_the_extra_a_fault_says_what_to_install(command: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text("server: {port: 0}\n")
    environ = {**os.environ, COMMON: "http://127.0.0.1:1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", WITHOUT_THE_EXTRA, command, "--config", str(tmp_path / "gateway.yaml")],
        capture_output=True, text=True, check=False, env=environ,
    )  # fmt: skip

    said = f'{COMMON}: traces need the extra "otel": pip install "case-gateway[otel]"; or set OTEL_TRACES_EXPORTER=none'
    assert (done.returncode, done.stderr.strip()) == (code, said)


def test_while_they_are_off_nothing_of_the_extra_is_loaded() -> None:
    program = "import sys, gateway.app; print([name for name in sys.modules if name.startswith('opentelemetry')])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)  # noqa: S603 - our own program

    assert done.stdout == "[]\n"
