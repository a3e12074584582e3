"""Client assertions exactly as Scalepoint's token endpoint takes them, and client secrets."""

import hashlib
import os
from base64 import urlsafe_b64decode
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from joserfc import jwt
from joserfc.jwk import RSAKey

from gateway.errors import CredentialRefused
from gateway.transport.assertion import signing_key
from gateway.transport.client_authentication import ClientSecret, PrivateKeyJwt
from gateway.transport.secret_files import SecretFile
from tests.unit.transport.certificates import pem, private_key, self_signed
from tests.unit.transport.clocks import ManualClock

TOKEN_URL = "https://accounts.scalepoint.com/connect/token"
KEY = private_key()
CERTIFICATE = self_signed(KEY)
NOW = 1_767_225_600


def write_pair(folder: Path, key: rsa.RSAPrivateKey = KEY) -> None:
    certificate = CERTIFICATE if key is KEY else self_signed(key)
    (folder / "tls.key").write_bytes(pem(key))
    (folder / "tls.crt").write_bytes(certificate.public_bytes(Encoding.PEM))


def by_files(folder: Path, clock: ManualClock | None = None) -> PrivateKeyJwt:
    key, certificate = SecretFile(folder / "tls.key", "private_key_file"), SecretFile(folder / "tls.crt", "certificate")
    return PrivateKeyJwt("acme", TOKEN_URL, key, certificate, clock or ManualClock())


def decoded(client: PrivateKeyJwt, key: rsa.RSAPrivateKey = KEY) -> jwt.Token:
    """The assertion, its signature verified."""
    return jwt.decode(client.fields()["client_assertion"], RSAKey.import_key(key.public_key()), algorithms=["RS256"])


def test_the_form_names_the_assertion_s_type_and_no_client(tmp_path: Path) -> None:
    write_pair(tmp_path)

    fields = by_files(tmp_path).fields()

    assert set(fields) == {"client_assertion_type", "client_assertion"}
    assert fields["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def test_the_header_names_the_certificate_by_the_sha_1_of_its_der_twice(tmp_path: Path) -> None:
    write_pair(tmp_path)

    header = decoded(by_files(tmp_path)).header

    digest = hashlib.sha1(CERTIFICATE.public_bytes(Encoding.DER), usedforsecurity=False).digest()
    assert header == {"alg": "RS256", "typ": "JWT", "x5t": header["kid"], "kid": header["kid"]}
    assert urlsafe_b64decode(header["kid"] + "=") == digest
    assert "=" not in header["kid"]


def test_the_claims_are_the_documented_ones_and_live_ten_seconds(tmp_path: Path) -> None:
    write_pair(tmp_path)

    claims = decoded(by_files(tmp_path, ManualClock(NOW * 1_000_000 + 999_999))).claims

    UUID(claims.pop("jti"))
    assert claims == {"iss": "acme", "sub": "acme", "aud": TOKEN_URL, "iat": NOW, "nbf": NOW, "exp": NOW + 10}


def test_no_two_assertions_share_an_id(tmp_path: Path) -> None:
    write_pair(tmp_path)
    client = by_files(tmp_path)

    assert decoded(client).claims["jti"] != decoded(client).claims["jti"]


def test_a_key_in_the_older_pem_is_read_too(tmp_path: Path) -> None:
    write_pair(tmp_path)
    (tmp_path / "tls.key").write_bytes(
        KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    )

    assert decoded(by_files(tmp_path)).claims["iss"] == "acme"


def test_a_rotated_pair_signs_the_next_assertion(tmp_path: Path) -> None:
    write_pair(tmp_path)
    client, rotated = by_files(tmp_path), private_key()
    before = client.signature()
    first = decoded(client).header["kid"]
    write_pair(tmp_path, rotated)

    assert client.signature() != before
    assert decoded(client, rotated).header["kid"] != first


def test_half_a_rotation_is_refused_and_the_whole_one_is_taken(tmp_path: Path) -> None:
    write_pair(tmp_path)
    client, rotated = by_files(tmp_path), private_key()
    client.fields()
    (tmp_path / "tls.key").write_bytes(pem(rotated))
    with pytest.raises(CredentialRefused, match="do not belong together"):
        client.fields()
    write_pair(tmp_path, rotated)

    assert decoded(client, rotated).claims["iss"] == "acme"


ENCRYPTED = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"passphrase"))
CURVE = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
CERTIFICATE_PEM = CERTIFICATE.public_bytes(Encoding.PEM)


@pytest.mark.parametrize(
    ("key", "certificate", "text"),
    [
        (b"no key", CERTIFICATE_PEM, "private_key_file is not an unencrypted private key in PEM"),
        (ENCRYPTED, CERTIFICATE_PEM, "private_key_file is not an unencrypted private key in PEM"),
        (CURVE, CERTIFICATE_PEM, "private_key_file is not an RSA key of 2048 bits or more"),
        (pem(private_key(1024)), CERTIFICATE_PEM, "private_key_file is not an RSA key of 2048 bits or more"),
        (pem(KEY), b"no certificate", "certificate_file is not a certificate in PEM"),
        (pem(KEY), pem(KEY), "certificate_file is not a certificate in PEM"),
        (pem(private_key()), CERTIFICATE_PEM, "private_key_file and certificate_file do not belong together"),
    ],
)
def test_files_that_cannot_sign_are_refused_by_the_setting_s_name(key: bytes, certificate: bytes, text: str) -> None:
    with pytest.raises(CredentialRefused) as raised:
        signing_key(key, certificate)

    assert (raised.value.reason, str(raised.value)) == ("secret", text)


def test_no_representation_shows_the_key(tmp_path: Path) -> None:
    write_pair(tmp_path)
    client = by_files(tmp_path)
    client.fields()
    key_number = str(KEY.private_numbers().d)

    assert "PRIVATE" not in repr(vars(client))
    assert key_number not in repr(vars(client))


def test_a_client_secret_goes_into_the_form_beside_the_client_s_id(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("s3cret&=%\n")
    client = ClientSecret("acme", SecretFile(path, "client_secret_file"))
    before = client.signature()

    assert client.fields() == {"client_id": "acme", "client_secret": "s3cret&=%"}
    os.utime(path, ns=(1, 1))
    assert client.signature() != before
