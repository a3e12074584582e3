"""The processes on the stage and their configuration."""

import hashlib
import json
import secrets
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jwt
from joserfc.jwk import RSAKey

from examples.demo.processes import Child

KEY = "key of the stage"
NIGHT = "hub-night"
GONE = "hub-gone"
USUAL_SECONDS = 0.08
"""How long an upstream takes."""
QUEUE_CASES = 1_000
HASTY_KEY = "key of a caller in haste"
HASTY_REQUESTS = 2
"""So many a minute are the quota of that caller."""
AUDIENCE, SUBJECT = "case-gateway", "claims-ui"
KNOWN, AWAY = "https://known.example", "https://away.example"
"""Two issuers of tokens: the keys of one are in a file, those of the other are not to be had."""


class Site:
    """Sandbox and gateway, from `start` on; `gateway` comes and goes on one ledger. Ports are free ones."""

    def __init__(self, folder: Path, children: ExitStack) -> None:
        self.folder = folder
        self._children = children
        sandbox, self.port, self.metrics_port, self.prometheus_port, nobody = free_ports(5)
        self.sandbox_url = f"http://127.0.0.1:{sandbox}"
        self.ledger = folder / "gateway.db"
        self.config = folder / "gateway.yaml"
        self.checkpoints = folder / "checkpoints.jsonl"
        _write_key(folder)
        _write_audit_keys(folder)
        (folder / "ecm-password").write_text("sandbox\n", encoding="utf-8")
        self.config.write_text(yaml.safe_dump(self._configuration(nobody)), encoding="utf-8")
        arguments = ["sandbox", "--port", str(sandbox), "--hours", "open", "--keys-dir", str(folder)]
        arguments += ["--hub-rate", "0", "--hub-per-minute", "0", "--latency-seconds", str(USUAL_SECONDS)]
        self._sandbox = Child("sandbox", arguments, folder / "sandbox.log")
        children.callback(self._sandbox.stop)
        self.url = f"https://127.0.0.1:{self.port}"
        self.caller = self._client(self.url, {"X-API-Key": KEY})
        self.sandbox = self._client(self.sandbox_url, {})

    def start(self) -> None:
        """Wait for the sandbox, and start a gateway."""
        self._sandbox.wait_until_ready(f"{self.sandbox_url}/healthz")
        self.gateway = self.start_gateway()

    def start_gateway(self) -> Child:
        """A gateway on the ledger; the one before must have ended."""
        self.gateway = Child("gateway", ["serve", "--config", str(self.config)], self.folder / "gateway.log")
        self._children.callback(self.gateway.stop)
        self.gateway.wait_until_ready(f"http://127.0.0.1:{self.metrics_port}/readyz")
        return self.gateway

    def exposition(self, accept: str) -> str:
        """The gateway's metrics in the format that is asked for."""
        url = f"http://127.0.0.1:{self.metrics_port}/metrics"
        return httpx2.get(url, headers={"Accept": accept}, trust_env=False).text

    def token(self, issuer: str) -> str:
        """A token of a caller that `issuer` made."""
        now = int(datetime.now(UTC).timestamp())
        claims = {"iss": issuer, "aud": AUDIENCE, "sub": SUBJECT, "iat": now, "exp": now + 600}
        key = RSAKey.import_key((self.folder / "tls.key").read_bytes())
        return jwt.encode({"alg": "RS256"}, claims, key)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The gateway's process stands still."""
        self.gateway.send(signal.SIGSTOP)
        try:
            yield
        finally:
            self.gateway.send(signal.SIGCONT)

    def come_as(self, headers: dict[str, str]) -> httpx2.Client:
        """Another caller."""
        return self._client(self.url, headers)

    def _client(self, url: str, headers: dict[str, str]) -> httpx2.Client:
        # The listener's certificate is one that nobody vouches for, and of nobody's name.
        client = httpx2.Client(base_url=url, headers=headers, timeout=30, trust_env=False, verify=False)
        self._children.callback(client.close)
        return client

    def _configuration(self, nobody: int) -> dict[str, Any]:
        digest = hashlib.sha256(KEY.encode()).hexdigest()
        now = datetime.now(UTC)
        tenants = {"acme-dk": "hub-dk", "acme-no": "claimshop-dk", "acme-night": NIGHT, "acme-gone": GONE}
        return {
            "server": {
                "host": "127.0.0.1", "port": self.port, "metrics_port": self.metrics_port, "drain_seconds": 20,
                "max_queued_cases": QUEUE_CASES,
                "tls": {"certificate_file": "tls.crt", "private_key_file": "tls.key"},
            },
            "store": {"url": f"sqlite:///{self.ledger}"},
            "audit": {
                "key_file": "receipt.key", "checkpoint_key_file": "checkpoint.key",
                "checkpoint_file": str(self.checkpoints), "checkpoint_minutes": 0.01,
            },
            "issuers": {
                "known": {"issuer": KNOWN, "audience": AUDIENCE, "jwks_file": "jwks.json"},
                "away": {"issuer": AWAY, "audience": AUDIENCE, "jwks_url": f"http://127.0.0.1:{nobody}/jwks"},
            },
            "retry": {"max_attempts": 2, "deadline_seconds": 8, "backoff_base_seconds": 0.2, "backoff_max_seconds": 2},
            "circuit": {"window_calls": 10, "failure_ratio": 0.5, "open_seconds": 4},
            "callers": {
                "stage": {
                    "api_key_sha256": digest, "tenants": list(tenants), "operations": ["*"], "execute": True,
                },
                "hasty": {
                    "api_key_sha256": hashlib.sha256(HASTY_KEY.encode()).hexdigest(), "tenants": ["acme-dk"],
                    "operations": ["*"], "execute": False, "requests_per_minute": HASTY_REQUESTS,
                },
                "by-token": {
                    "issuer": "known", "subject": SUBJECT, "tenants": ["acme-dk"], "operations": ["*"],
                    "execute": False,
                },
            },
            "credentials": {
                "scalepoint": {
                    "type": "private_key_jwt", "token_url": f"{self.sandbox_url}/connect/token", "client_id": "acme",
                    "scope": "case:delete", "private_key_file": "tls.key", "certificate_file": "tls.crt",
                },
                "ecm": {"type": "basic", "username": "gateway", "password_file": "ecm-password"},
            },
            "limits": {
                "hub": {"per_second": 10, "per_minute": 500, "max_in_flight": 5},
                "claimshop": {"max_in_flight": 3},
                "ecm": {"max_in_flight": 20},
            },
            "backends": {
                "hub-dk": self._hub("hub"),
                NIGHT: {
                    **self._hub("hub"),
                    "hours": {
                        "open": f"{now + timedelta(hours=6):%H:%M}", "close": f"{now + timedelta(hours=14):%H:%M}",
                    },
                },
                GONE: {
                    "system": "hub-property", "base_url": f"http://127.0.0.1:{nobody}/ecx", "credentials": "scalepoint",
                    "hours": None, "timeout_seconds": 3, "linger_seconds": 1,
                },
                "claimshop-dk": {
                    "system": "claimshop", "base_url": f"{self.sandbox_url}/webapp/ScalePoint", "country": "dk",
                    "credentials": "scalepoint", "limits": "claimshop", "hours": None, "timeout_seconds": 4,
                    "linger_seconds": 1,
                },
                "ecm": {
                    "system": "oracle-ecm", "base_url": f"{self.sandbox_url}/ECM", "credentials": "ecm",
                    "limits": "ecm", "timeout_seconds": 5, "linger_seconds": 1,
                },
            },
            "tenants": {
                name: {"cases": {"backend": backend, "tenant": "acme"}, "ecm": {"backend": "ecm"}}
                for name, backend in tenants.items()
            },
        }  # fmt: skip

    def _hub(self, limits: str) -> dict[str, Any]:
        return {
            "system": "hub-property", "base_url": f"{self.sandbox_url}/ecx", "credentials": "scalepoint",
            "limits": limits, "hours": None, "timeout_seconds": 10, "linger_seconds": 1,
        }  # fmt: skip


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens at."""
    with ExitStack() as opened:
        listeners = [opened.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [listener.getsockname()[1] for listener in listeners]


def _write_key(folder: Path) -> None:
    """A pair whose certificate expires in two days; and its public half, as an issuer publishes it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stage")])
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=2))
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / "tls.key").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    (folder / "tls.crt").write_bytes(certificate.public_bytes(pem))
    public = RSAKey.import_key((folder / "tls.key").read_bytes()).as_dict(private=False)
    (folder / "jwks.json").write_text(json.dumps({"keys": [public]}), encoding="utf-8")


def _write_audit_keys(folder: Path) -> None:
    (folder / "receipt.key").write_text(f"{secrets.token_hex(32)}\n", encoding="utf-8")
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    key = Ed25519PrivateKey.generate().private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    (folder / "checkpoint.key").write_bytes(key)
