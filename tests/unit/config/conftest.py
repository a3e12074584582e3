"""A sound configuration with every section, its secrets beside it, and ways to change it and see what comes of it."""

import copy
import datetime as dt
import hashlib
import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID
from joserfc.jwk import RSAKey

from gateway.config import key_pair, load
from gateway.config.settings import Settings
from gateway.errors import ConfigurationError

Change = Mapping[str, object]
"""What is put at each path; an ellipsis takes it out."""

KEY_HASH = hashlib.sha256(b"the key of retention-job").hexdigest()
ENVIRON = {"KEY_HASH": KEY_HASH, "EMPTY": "", "TWO_LINES": "one\ntwo", "SECRET": "s3cret"}
SOUND: dict[str, object] = {
    "server": {"host": "127.0.0.1", "port": 8080},
    "store": {"url": "sqlite:///gateway.db"},
    "retry": {"max_attempts": 3},
    "circuit": {"window_calls": 20},
    "issuers": {"cluster": {"issuer": "https://issuer", "audience": "case-gateway", "jwks_url": "https://issuer/jwks"}},
    "callers": {
        "job": {"api_key_sha256": KEY_HASH, "tenants": ["acme-dk", "acme-no"], "operations": ["*"], "execute": True},
        "ui": {
            "issuer": "cluster",
            "subject": "system:serviceaccount:claims:ui",
            "tenants": ["acme-dk"],
            "operations": ["case-deletion"],
            "execute": False,
        },
    },
    "credentials": {
        "scalepoint": {
            "type": "private_key_jwt",
            "token_url": "https://accounts.example/connect/token",
            "client_id": "acme",
            "scope": "case:delete",
            "private_key_file": "tls.key",
            "certificate_file": "tls.crt",
        },
        "oauth": {
            "type": "client_secret",
            "token_url": "https://accounts.example/connect/token",
            "client_id": "acme",
            "client_secret_env": "SECRET",
        },
        "ecm": {"type": "basic", "username": "gateway", "password_file": "password"},
        "static": {"type": "bearer", "token_file": "password"},
        "open": {"type": "none"},
    },
    "limits": {"hub": {"per_second": 5, "per_minute": 100, "max_in_flight": 5}},
    "backends": {
        "hub-dk": {
            "system": "hub-property",
            "base_url": "https://hub.example/ecx",
            "credentials": "scalepoint",
            "limits": "hub",
        },
        "claimshop-dk": {
            "system": "claimshop",
            "base_url": "https://claimshop.example/webapp/ScalePoint",
            "country": "dk",
            "credentials": "scalepoint",
        },
        "ecm": {"system": "oracle-ecm", "base_url": "http://ecm.internal:7001/ECM", "credentials": "ecm"},
    },
    "tenants": {
        "acme-dk": {"cases": {"backend": "hub-dk", "tenant": "acme"}, "ecm": {"backend": "ecm"}},
        "acme-no": {"cases": {"backend": "claimshop-dk", "tenant": "acmeno"}},
    },
}


REMEMBERED = lru_cache(load_pem_private_key)
"""OpenSSL finds out each time whether the primes of an RSA key are any, for 20 ms: here once for the same bytes."""


@pytest.fixture(autouse=True)
def _remembered_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_pair, "load_pem_private_key", REMEMBERED)


@pytest.fixture(scope="session")
def sound() -> Mapping[str, object]:
    """The sound configuration, as a tree."""
    return SOUND


@pytest.fixture(scope="session")
def pems() -> dict[str, bytes]:
    """Files of keys and certificates, by name: `tls` is a pair; `other` and `elliptic` are of their own."""
    key, other = rsa.generate_private_key(65537, 2048), rsa.generate_private_key(65537, 2048)
    return {
        "tls.key": private_pem(key),
        "tls.crt": certificate_pem(key),
        "other.crt": certificate_pem(other),
        "small.key": private_pem(rsa.generate_private_key(65537, 1024)),  # noqa: S505 - to be refused
        "elliptic.key": private_pem(ec.generate_private_key(ec.SECP256R1())),
        "elliptic.crt": certificate_pem(ec.generate_private_key(ec.SECP256R1())),
        "locked.key": private_pem(key, serialization.BestAvailableEncryption(b"passphrase")),
        "jwks.json": json.dumps({"keys": [RSAKey.import_key(private_pem(key)).as_dict(private=False)]}).encode(),
    }


@pytest.fixture
def folder(tmp_path: Path, pems: Mapping[str, bytes]) -> Path:
    """A folder with the files that `SOUND` points to, and some that nothing should point to."""
    other_files = {
        "password": b"s3cret\n",
        "empty": b"\n",
        "two-lines": b"s3cret\nmore\n",
        "latin-1": "pä".encode("latin-1"),
        "large": b"x" * 70_000,
        "hashes": f"{KEY_HASH}\n{hashlib.sha256(b'next').hexdigest()}\n".encode(),
        "no-keys.json": b'{"keys": [{"kty": "RSA"}]}',
    }
    for name, content in {**pems, **other_files}.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


@pytest.fixture
def settings_in(folder: Path) -> Callable[[str | bytes], Settings]:
    """The settings that a file with this content gives."""

    def read(content: str | bytes) -> Settings:
        path = folder / "gateway.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return load(path, ENVIRON)

    return read


@pytest.fixture
def faults_in(settings_in: Callable[[str | bytes], Settings]) -> Callable[[str | bytes], list[str]]:
    """Everything that is wrong with a file with this content."""

    def read(content: str | bytes) -> list[str]:
        try:
            settings_in(content)
        except ConfigurationError as error:
            return [str(fault) for fault in error.faults]
        return []

    return read


@pytest.fixture
def settings_with(settings_in: Callable[[str | bytes], Settings]) -> Callable[[Change], Settings]:
    """The settings of the sound configuration after a change."""
    return lambda change: settings_in(changed(change))


@pytest.fixture
def faults_with(faults_in: Callable[[str | bytes], list[str]]) -> Callable[[Change], list[str]]:
    """Everything that is wrong with the sound configuration after a change."""
    return lambda change: faults_in(changed(change))


def changed(change: Change) -> str:
    tree = copy.deepcopy(SOUND)
    for path, value in change.items():
        *parents, last = path.split(".")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})  # type: ignore[assignment]  # a tree of mappings
        if value is ...:
            del node[last]
        else:
            node[last] = value
    return yaml.safe_dump(tree, sort_keys=False)


def private_pem(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    encryption: serialization.KeySerializationEncryption | None = None,
) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        encryption or serialization.NoEncryption(),
    )


def certificate_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "case-gateway")])
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + dt.timedelta(days=3650))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
