"""The listener over TLS: real handshakes with uvicorn, on asyncio's own loop and on uvloop."""

import asyncio
import errno
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway import listener_tls
from gateway.config.settings import ListenerTls
from gateway.errors import ConfigurationError
from gateway.listener_tls import RotatingTls
from gateway.server import Server
from tests.authorities import authority, replaced, written


async def hello(scope: dict[str, Any], _receive: object, send: Callable[..., Any]) -> None:
    assert scope["scheme"] == "https"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


@asynccontextmanager
async def served(files: ListenerTls) -> AsyncIterator[int]:
    """The port of a server with TLS."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(hello, listener, RotatingTls(files).context)
        running = asyncio.create_task(server.serve())
        yield int(listener.getsockname()[1])
        server.stop()
        await running


def client(trusted: str = "servers", pair: tuple[Path, Path] | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=authority(trusted).certificate.decode())
    if pair is not None:
        context.load_cert_chain(*pair)
    return context


async def asked(port: int, tls: ssl.SSLContext) -> tuple[bytes, ssl.SSLObject]:
    """What a client is answered, and its connection; raises OSError or ssl.SSLError where it is turned away."""
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
        try:
            writer.write(b"GET / HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n")
            answer = await reader.read()
            if not answer:
                raise ConnectionResetError
            return answer, writer.get_extra_info("ssl_object")
        finally:
            writer.transport.abort()


async def turned_away(port: int, tls: ssl.SSLContext) -> bool:
    try:
        await asked(port, tls)
    except OSError:  # ssl.SSLError is one
        return True
    return False


@pytest.fixture
def files(tmp_path: Path) -> ListenerTls:
    return ListenerTls(*written(tmp_path, "server", authority("servers")))


@pytest.fixture
def closed(files: ListenerTls, tmp_path: Path) -> ListenerTls:
    """With client certificates of the authority `clients`."""
    ca = replaced(tmp_path / "clients.crt", authority("clients").certificate)
    return ListenerTls(files.certificate_file, files.private_key_file, ca)


async def test_requests_come_in_over_tls_1_3(files: ListenerTls) -> None:
    async with served(files) as port:
        answer, connection = await asked(port, client())

    assert answer.endswith(b"hello")
    assert connection.version() == "TLSv1.3"


async def test_tls_1_2_has_forward_secrecy_and_authenticated_encryption(files: ListenerTls) -> None:
    tls = client()
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    weak = client()
    weak.maximum_version = ssl.TLSVersion.TLSv1_2
    weak.set_ciphers("ECDHE+AES:!AESGCM:!AESCCM:AES128-GCM-SHA256")
    async with served(files) as port:
        _, connection = await asked(port, tls)
        assert await turned_away(port, weak)

    cipher = connection.cipher()
    assert cipher is not None
    assert cipher[0].startswith("ECDHE-ECDSA-")
    assert "GCM" in cipher[0] or "CHACHA20" in cipher[0]


def test_older_versions_are_not_spoken(files: ListenerTls) -> None:
    """A client of this machine would not speak them either, so that the setting itself is looked at."""
    assert RotatingTls(files).context.minimum_version is ssl.TLSVersion.TLSv1_2


async def test_plain_http_is_not_answered_on_the_port(files: ListenerTls) -> None:
    async with served(files) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n")
        async with asyncio.timeout(10):
            answer = await reader.read()
        writer.transport.abort()

    assert b"HTTP/" not in answer


async def test_a_rotated_certificate_holds_for_the_next_connection(files: ListenerTls, tmp_path: Path) -> None:
    async with served(files) as port:
        _, before = await asked(port, client())
        written(tmp_path, "server", authority("servers"))
        _, after = await asked(port, client())
        written(tmp_path, "server", authority("other servers"))
        with pytest.raises(ssl.SSLCertVerificationError):
            await asked(port, client())
        await asked(port, client("other servers"))

    assert before.getpeercert(binary_form=True) != after.getpeercert(binary_form=True)


async def test_while_the_files_do_not_fit_together_the_last_good_ones_stay(files: ListenerTls, tmp_path: Path) -> None:
    async with served(files) as port:
        certificate, key = authority("servers").issue("server")
        replaced(tmp_path / "server.crt", certificate)
        _, between = await asked(port, client())
        replaced(tmp_path / "server.key", key)
        _, after = await asked(port, client())
        files.certificate_file.unlink()
        _, gone = await asked(port, client())

    assert between.getpeercert(binary_form=True) != after.getpeercert(binary_form=True)
    assert gone.getpeercert(binary_form=True) == after.getpeercert(binary_form=True)


async def test_what_could_not_be_opened_for_a_moment_is_tried_again_and_told_of_once(
    files: ListenerTls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def too_many_open_files(_files: ListenerTls) -> ssl.SSLContext:
        raise OSError(errno.EMFILE, "Too many open files")

    async with served(files) as port:
        written(tmp_path, "server", authority("servers"))
        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(listener_tls, "_context", too_many_open_files)
            _, first = await asked(port, client())
            _, second = await asked(port, client())
        _, after = await asked(port, client())

    assert first.getpeercert(binary_form=True) == second.getpeercert(binary_form=True)
    assert after.getpeercert(binary_form=True) != first.getpeercert(binary_form=True)
    assert len(caplog.records) == 1


async def test_a_client_needs_a_certificate_of_the_configured_authority(closed: ListenerTls, tmp_path: Path) -> None:
    ours = written(tmp_path, "ours", authority("clients"))
    theirs = written(tmp_path, "theirs", authority("other clients"))
    async with served(closed) as port:
        assert (await asked(port, client(pair=ours)))[0].endswith(b"hello")
        for pair in (None, theirs):
            assert await turned_away(port, client(pair=pair))


async def test_a_rotated_authority_of_clients_holds_for_the_next_connection(
    closed: ListenerTls, tmp_path: Path
) -> None:
    ours = written(tmp_path, "ours", authority("clients"))
    theirs = written(tmp_path, "theirs", authority("other clients"))
    kept = client(pair=ours)
    async with served(closed) as port:
        await asked(port, kept)
        replaced(tmp_path / "clients.crt", authority("other clients").certificate)
        assert await turned_away(port, kept)
        assert (await asked(port, client(pair=theirs)))[0].endswith(b"hello")


async def test_with_client_certificates_no_connection_goes_on_from_an_earlier_one(
    closed: ListenerTls, tmp_path: Path
) -> None:
    tls = client(pair=written(tmp_path, "ours", authority("clients")))

    def resumed(port: int, session: ssl.SSLSession | None) -> tuple[bool | None, ssl.SSLSession | None]:
        plain = socket.create_connection(("127.0.0.1", port), timeout=10)
        with tls.wrap_socket(plain, server_hostname="127.0.0.1", session=session) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n")
            while connection.recv(65_536):
                pass
            return connection.session_reused, connection.session

    async with served(closed) as port:
        _, session = await asyncio.to_thread(resumed, port, None)
        again, _ = await asyncio.to_thread(resumed, port, session)
        tls.maximum_version = ssl.TLSVersion.TLSv1_2  # which could resume
        assert await turned_away(port, tls)

    assert again is False


def test_files_that_cannot_be_used_are_told_at_start(files: ListenerTls) -> None:
    files.private_key_file.write_bytes(authority("servers").issue("server")[1])

    with pytest.raises(ConfigurationError, match="certificate and its key"):
        RotatingTls(files)
