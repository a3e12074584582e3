import asyncio
import socket
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from gateway.sandbox.app import build
from gateway.sandbox.certificates import BadCertificate, Certificates, ensure_development_key
from gateway.sandbox.command import sandbox
from gateway.sandbox.http import BrokenOnPurpose
from gateway.sandbox.options import SandboxOptions
from gateway.sandbox.server import PortTaken, SandboxServer
from gateway.sandbox.switches import Fault, HubSwitches, Switches, UnknownSwitch

from .upstreams import until

PACKAGE = Path(__file__).parents[2] / "gateway" / "sandbox"


async def test_a_free_port_is_chosen_and_told() -> None:
    async with SandboxServer(build()) as server, httpx2.AsyncClient() as http:
        assert server.port > 0
        assert (await http.get(f"{server.url}/healthz")).status_code == 200


async def test_after_the_end_nothing_answers() -> None:
    async with SandboxServer(build()) as server:
        pass
    await server.stop()
    async with httpx2.AsyncClient() as http:
        with pytest.raises(httpx2.ConnectError):
            await http.get(f"{server.url}/healthz")


async def test_a_call_that_hangs_does_not_keep_it_from_stopping(caplog: pytest.LogCaptureFixture) -> None:
    server = SandboxServer(build(SandboxOptions(ecm_auth="none")))
    await server.start()
    _, writer = await asyncio.open_connection(server.host, server.port)
    body = b'[{"caseId": "HANG-1", "customers": [{"customerId": "C1"}]}]'
    head = "POST /ECM/rest-api/ECMService/CaseManagementService/removeCustomer HTTP/1.1\r\nhost: x\r\n"
    writer.write(f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)

    async def runs() -> bool:
        return bool(server.app.state.history.summary()["running"])

    await until(runs)
    await asyncio.wait_for(server.stop(), 5)
    writer.close()
    assert caplog.records == []


async def test_a_taken_port_is_told_apart() -> None:
    async with SandboxServer(build()) as first:
        with pytest.raises(PortTaken, match=str(first.port)):
            await SandboxServer(build(), port=first.port).start()


async def test_an_answer_does_not_wait_for_an_acknowledgement() -> None:
    """Without TCP_NODELAY head and body of an answer arrive 40 ms apart."""
    async with SandboxServer(build()) as server, httpx2.AsyncClient(base_url=server.url) as http:
        took = [(await http.get("/healthz")).elapsed.total_seconds() for _ in range(10)]
    assert min(took) < 0.02


async def test_over_plain_asgi_a_dropped_connection_is_an_exception() -> None:
    app = build(SandboxOptions(ecm_auth="none"))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://sandbox") as http:
        path = "/ECM/rest-api/ECMService/CaseManagementService/removeCustomer"
        with pytest.raises(BrokenOnPurpose):
            await http.post(path, json=[{"caseId": "DROP-1", "customers": [{"customerId": "C1"}]}])
        answer = await http.post(path, json=[{"caseId": "DROP-1", "customers": [{"customerId": "C1"}]}])
        assert answer.status_code == 200


def test_the_development_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    certificate_file = ensure_development_key(tmp_path / "keys")
    key_file = tmp_path / "keys" / "tls.key"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    key = load_pem_private_key(key_file.read_bytes(), None)
    certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 2048
    assert certificate.public_key() == key.public_key()
    before = key_file.read_bytes()
    ensure_development_key(tmp_path / "keys")
    assert key_file.read_bytes() == before


@pytest.mark.parametrize("name", ["tls.key", "tls.crt"])
def test_half_a_key_pair_is_refused_and_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("precious")
    with pytest.raises(BadCertificate, match="only one of"):
        build(SandboxOptions(keys_dir=tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "precious"


def test_a_certificate_with_another_kind_of_key_is_refused() -> None:
    key = generate_private_key(SECP256R1())
    name = x509.Name([])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
    pem = builder.not_valid_after(datetime(2027, 1, 1, tzinfo=UTC)).sign(key, SHA256()).public_bytes(Encoding.PEM)
    with pytest.raises(BadCertificate, match="not RSA"):
        Certificates().register(pem)


def test_options_with_a_fault_that_is_none_are_refused() -> None:
    with pytest.raises(UnknownSwitch, match=r"hub\.fault"):
        build(SandboxOptions(switches=Switches(hub=HubSwitches(fault=Fault(like="NONSENSE")))))


def test_the_command_gives_a_clear_word_on_a_taken_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = CliRunner().invoke(sandbox, ["--port", str(taken.getsockname()[1])])
    assert result.exit_code == 2
    assert "is taken" in result.output
    assert "--port 0" in result.output


@pytest.mark.parametrize(
    "options", [["--hours", "never"], ["--hub-rate", "-1"], ["--host", "203.0.113.7", "--port", "0"]]
)
def test_the_command_refuses_what_cannot_be(options: list[str]) -> None:
    assert CliRunner().invoke(sandbox, options).exit_code == 2


def test_the_command_refuses_half_a_key_pair(tmp_path: Path) -> None:
    (tmp_path / "tls.key").touch()
    result = CliRunner().invoke(sandbox, ["--port", "0", "--keys-dir", str(tmp_path)])
    assert (result.exit_code, "only one of" in result.output) == (2, True)


async def test_the_command_serves_with_its_options_until_it_is_ended(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from gateway.sandbox.command import sandbox; sandbox()"]
    options = "--port 0 --hours open --hub-rate 0 --hub-per-minute 7 --claimshop-cap 2 --latency-seconds 0.01 --strict"
    process = await asyncio.create_subprocess_exec(
        *command, *options.split(), "--keys-dir", str(tmp_path), stdout=subprocess.PIPE, cwd=PACKAGE.parents[1]
    )
    try:
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
        url = line.split(" on ")[1].split()[0]
        async with httpx2.AsyncClient(base_url=url) as http:
            switches = (await http.get("/switches")).json()
    finally:
        process.terminate()
        await process.communicate()
    assert process.returncode == 0
    assert (switches["hub"]["perSecond"], switches["hub"]["perMinute"], switches["hub"]["hours"]) == (None, 7, "open")
    assert (switches["claimshop"]["simultaneous"], switches["strict"]) == (2, True)
    assert switches["ecm"]["latencySeconds"] == 0.01
    assert (tmp_path / "tls.key").exists()


def test_it_imports_nothing_from_the_rest_of_the_gateway() -> None:
    for module in PACKAGE.glob("*.py"):
        for line in module.read_text().splitlines():
            if line.startswith(("from gateway", "import gateway")):
                assert line.startswith("from gateway.sandbox"), f"{module.name}: {line}"
