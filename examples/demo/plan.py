"""What the demonstration runs with: ports, files, and the configuration made of them."""

import hashlib
import json
import os
import socket
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Template
from typing import NamedTuple

HOST = "127.0.0.1"
API_KEY = "demo-key"
ECM_PASSWORD = "sandbox"  # noqa: S105 - the sandbox's own, on loopback, for imitations
TEMPLATE = Path(__file__).with_name("gateway.yaml")
NIGHT_OPENS_IN = timedelta(hours=6)
NIGHT_LASTS = timedelta(hours=2)


class Plan(NamedTuple):
    """Where everything is."""

    port: int
    sandbox_port: int
    directory: Path

    @property
    def url(self) -> str:
        """The gateway."""
        return f"http://{HOST}:{self.port}"

    @property
    def sandbox_url(self) -> str:
        """The upstreams."""
        return f"http://{HOST}:{self.sandbox_port}"

    @property
    def config_file(self) -> Path:
        """The gateway's configuration, written anew at each start."""
        return self.directory / "gateway.yaml"

    @property
    def keys_directory(self) -> Path:
        """Where the sandbox makes the client's key and certificate."""
        return self.directory / "keys"


def plan_from_environment() -> Plan:
    """PORT, SANDBOX_PORT and RUN_DIR, or their defaults; leaves with a clear word if a port is no number."""
    directory = Path(os.environ.get("RUN_DIR") or ".run").resolve()
    return Plan(_port("PORT", 8080), _port("SANDBOX_PORT", 9080), directory)


def demand_free_ports(plan: Plan) -> None:
    """Leave with a clear word, and the command that chooses other ports, if one of the two is taken."""
    taken = [port for port in (plan.port, plan.sandbox_port) if not _is_free(port)]
    if not taken and plan.port != plan.sandbox_port:
        return
    said = " and ".join(str(port) for port in taken)
    problem = f"Port {said} on {HOST} is taken." if taken else "Gateway and sandbox need two different ports."
    others = _free_ports(2)
    sys.exit(f"{problem} Choose others: make run PORT={others[0]} SANDBOX_PORT={others[1]}")


def write_configuration(plan: Plan, now: datetime) -> None:
    """Write the configuration and the file with the ECM password; the night backend opens six hours after `now`."""
    password_file = plan.directory / "ecm-password"
    password_file.write_text(ECM_PASSWORD, encoding="utf-8")
    text = Template(TEMPLATE.read_text(encoding="utf-8")).safe_substitute(
        port=plan.port,
        sandbox_url=plan.sandbox_url,
        ledger_url=json.dumps(f"sqlite:///{plan.directory / 'gateway.db'}"),
        api_key_sha256=hashlib.sha256(API_KEY.encode()).hexdigest(),
        private_key_file=json.dumps(str(plan.keys_directory / "tls.key")),
        certificate_file=json.dumps(str(plan.keys_directory / "tls.crt")),
        ecm_password_file=json.dumps(str(password_file)),
        night_opens=f"{(now + NIGHT_OPENS_IN).astimezone(UTC):%H:%M}",
        night_closes=f"{(now + NIGHT_OPENS_IN + NIGHT_LASTS).astimezone(UTC):%H:%M}",
    )
    plan.config_file.write_text(text, encoding="utf-8")


def _port(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 65536):  # noqa: PLR2004 - the range of ports
        sys.exit(f"{name}: expected a port from 1 to 65535, got {text!r}")
    return int(text)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _free_ports(count: int) -> list[int]:
    probes = [socket.create_server((HOST, 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports
