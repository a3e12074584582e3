"""Client certificates: thumbprints, the registered ones, and a key for development."""

import base64
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from joserfc.jwk import RSAKey

KEY_FILE = "tls.key"
CERTIFICATE_FILE = "tls.crt"
VALIDITY_DAYS = 3650


class BadCertificate(ValueError):
    """Not a PEM certificate with an RSA key, or a key pair of which one half is missing."""


def thumbprint(certificate: x509.Certificate) -> str:
    """``x5t`` (RFC 7515 4.1.7): base64url of the SHA-1 of the DER form."""
    digest = certificate.fingerprint(hashes.SHA1())  # noqa: S303 - the thumbprint is defined so
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class Certificates:
    """The client's registered certificates, by thumbprint; several at once, so keys rotate without a gap."""

    def __init__(self) -> None:
        self._keys: dict[str, RSAKey] = {}

    def register(self, pem: bytes) -> str:
        """Add one and return its thumbprint.  Raises BadCertificate."""
        try:
            certificate = x509.load_pem_x509_certificate(pem)
        except ValueError as error:
            message = "this is not a certificate in PEM form"
            raise BadCertificate(message) from error
        key = certificate.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            message = "the certificate's key is not RSA"
            raise BadCertificate(message)
        name = thumbprint(certificate)
        self._keys[name] = RSAKey.import_key(key)
        return name

    def remove(self, name: str) -> bool:
        """Forget the certificate with this thumbprint; false if there is none."""
        return self._keys.pop(name, None) is not None

    def names(self) -> list[str]:
        """The thumbprints of all."""
        return list(self._keys)

    def key(self, name: str) -> RSAKey | None:
        """The public key of the certificate with this thumbprint."""
        return self._keys.get(name)


def ensure_development_key(directory: Path) -> Path:
    """Make ``tls.key`` (mode 0600) and ``tls.crt`` unless both are there; return the certificate's path.

    Raises BadCertificate if only one is there: overwriting the other could destroy somebody's key.
    """
    key_file, certificate_file = directory / KEY_FILE, directory / CERTIFICATE_FILE
    there = [path.exists() for path in (key_file, certificate_file)]
    if any(there) and not all(there):
        message = (
            f"{directory} has only one of {KEY_FILE} and {CERTIFICATE_FILE}: remove it, or choose another directory"
        )
        raise BadCertificate(message)
    if not all(there):
        directory.mkdir(parents=True, exist_ok=True)
        _write_pair(key_file, certificate_file)
    return certificate_file


def _write_pair(key_file: Path, certificate_file: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    descriptor = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
    certificate_file.write_bytes(_self_signed(key).public_bytes(serialization.Encoding.PEM))


def _self_signed(key: rsa.RSAPrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "case gateway, development")])
    today = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(today - timedelta(days=1))
    return builder.not_valid_after(today + timedelta(days=VALIDITY_DAYS)).sign(key, hashes.SHA256())
