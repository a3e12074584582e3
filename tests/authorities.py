"""Certificate authorities of our own, and what they issue: for loopback, and for as long as a test lasts."""

import datetime as dt
from functools import cache
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


class Authority:
    """Issues certificates; `certificate` is its own."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self.certificate = self._signed(self._name, self._key.public_key(), ca=True).public_bytes(Encoding.PEM)

    def issue(self, name: str) -> tuple[bytes, bytes]:
        """A certificate for 127.0.0.1, as server and as client, and its key; both in PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        certificate = self._signed(subject, key.public_key(), ca=False).public_bytes(Encoding.PEM)
        return certificate, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def _signed(self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *, ca: bool) -> x509.Certificate:
        today = dt.datetime.now(dt.UTC)
        own, ours = x509.SubjectKeyIdentifier.from_public_key(key), self._key.public_key()
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(today - dt.timedelta(days=1))
            .not_valid_after(today + dt.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(own, critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ours), critical=False)
            .sign(self._key, SHA256())
        )


@cache
def authority(name: str) -> Authority:
    """The authority that tests know by this name."""
    return Authority(name)


def written(folder: Path, name: str, by: Authority) -> tuple[Path, Path]:
    """The files `<name>.crt` and `<name>.key` of a new certificate; what was there is replaced."""
    certificate, key = by.issue(name)
    return replaced(folder / f"{name}.crt", certificate), replaced(folder / f"{name}.key", key)


def replaced(path: Path, content: bytes) -> Path:
    """Put another file in the place of `path`, as a mounted secret is replaced."""
    following = path.with_name(f"{path.name}.next")
    following.write_bytes(content)
    return following.replace(path)
