"""When certificates expire."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.transport.certificates import Expiries
from tests.unit.transport.certificates import private_key, self_signed

CERTIFICATE = self_signed(private_key())


def test_the_end_of_a_certificate_is_told_by_name(tmp_path: Path) -> None:
    path = tmp_path / "tls.crt"
    path.write_bytes(CERTIFICATE.public_bytes(Encoding.PEM))
    assert Expiries().of({"scalepoint": path, "none": None}) == {
        "scalepoint": CERTIFICATE.not_valid_after_utc.timestamp()
    }


def test_a_replaced_certificate_is_read_again(tmp_path: Path) -> None:
    path, expiries = tmp_path / "tls.crt", Expiries()
    path.write_bytes(b"not a certificate")
    assert expiries.of({"scalepoint": path}) == {}
    path.write_bytes(CERTIFICATE.public_bytes(Encoding.PEM))
    assert expiries.of({"scalepoint": path}) != {}


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----"])
def test_an_unusable_certificate_has_no_end(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "tls.crt"
    if content is not None:
        path.write_bytes(content)
    assert Expiries().of({"scalepoint": path}) == {}
