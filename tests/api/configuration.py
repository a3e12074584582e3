"""The gateway's configuration in these tests: a YAML file as an operator would write it, and changes to it."""

import copy
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

JOB_KEY, UI_KEY, NORWAY_KEY, ENTITIES_KEY = "key of the job", "key of the ui", "key of norway", "key of the entities"
"""May do everything; dry runs of deletions for acme-dk; everything for acme-no; external entities for acme-dk."""

Change = Mapping[str, object]
"""What is put at each dotted path; an ellipsis takes it out."""

SHORT_LEASES: dict[str, object] = {
    f"backends.{name}.{key}": value
    for name in ("hub-dk", "claimshop-dk", "ecm")
    for key, value in (("timeout_seconds", 0.7), ("linger_seconds", 0.3))
}
"""A lost call frees its case after a second."""


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def configuration(sandbox_url: str, change: Change | None = None) -> dict[str, Any]:
    """Two tenants, on Hub Property and on ClaimShop, both with ECM.

    There is no pace, retries take no time, and no number of failures opens a circuit.
    """
    tree: dict[str, Any] = {
        "server": {"host": "127.0.0.1", "port": 0, "wait_seconds": 20, "drain_seconds": 10},
        "retry": {"max_attempts": 3, "deadline_seconds": 10, "backoff_base_seconds": 0.02, "backoff_max_seconds": 0.1},
        "circuit": {"window_calls": 1_000, "failure_ratio": 1},
        "callers": {
            "job": _caller(JOB_KEY, ["acme-dk", "acme-no", "acme-hub-only"], ["*"], execute=True),
            "ui": _caller(UI_KEY, ["acme-dk"], ["case-deletion"], execute=False),
            "norway": _caller(NORWAY_KEY, ["acme-no"], ["*"], execute=True),
            "entities": _caller(ENTITIES_KEY, ["acme-dk"], ["external-entity-removal"], execute=True),
        },
        "credentials": {
            "scalepoint": {
                "type": "private_key_jwt",
                "token_url": f"{sandbox_url}/connect/token",
                "client_id": "acme",
                "scope": "case:delete",
                "private_key_file": "tls.key",
                "certificate_file": "tls.crt",
            },
            "ecm": {"type": "basic", "username": "gateway", "password_file": "ecm-password"},
        },
        "limits": {
            "hub": {"per_second": None, "per_minute": None, "max_in_flight": 5},
            "claimshop": {"max_in_flight": 3},
            "ecm": {"max_in_flight": 20},
        },
        "backends": {
            "hub-dk": _backend("hub-property", f"{sandbox_url}/ecx", "hub"),
            "claimshop-dk": {
                **_backend("claimshop", f"{sandbox_url}/webapp/ScalePoint", "claimshop"),
                "country": "dk",
            },
            "ecm": {**_backend("oracle-ecm", f"{sandbox_url}/ECM", "ecm"), "credentials": "ecm"},
        },
        "tenants": {
            "acme-dk": {"cases": {"backend": "hub-dk", "tenant": "acme"}, "ecm": {"backend": "ecm"}},
            "acme-no": {"cases": {"backend": "claimshop-dk", "tenant": "acmeno"}, "ecm": {"backend": "ecm"}},
            "acme-hub-only": {"cases": {"backend": "hub-dk", "tenant": "acmehub"}},
        },
    }
    return changed(tree, {path: _placed(value, sandbox_url) for path, value in (change or {}).items()})


def _placed(value: object, sandbox_url: str) -> object:
    """In a text, `{sandbox}` stands for the sandbox's URL, which is only known once it runs."""
    return value.replace("{sandbox}", sandbox_url) if isinstance(value, str) else value


def changed(tree: Mapping[str, Any], change: Change) -> dict[str, Any]:
    result = copy.deepcopy(dict(tree))
    for path, value in change.items():
        *parents, last = path.split(".")
        node = result
        for parent in parents:
            node = node.setdefault(parent, {})
        if value is ...:
            del node[last]
        else:
            node[last] = value
    return result


def write(folder: Path, tree: Mapping[str, Any]) -> Path:
    """The file, and the password beside it; the key pair is the sandbox's."""
    (folder / "ecm-password").write_text("sandbox\n", encoding="utf-8")
    path = folder / "gateway.yaml"
    path.write_text(yaml.safe_dump(dict(tree), sort_keys=False), encoding="utf-8")
    return path


def _caller(key: str, tenants: list[str], operations: list[str], *, execute: bool) -> dict[str, Any]:
    return {"api_key_sha256": digest(key), "tenants": tenants, "operations": operations, "execute": execute}


def _backend(system: str, base_url: str, limits: str) -> dict[str, Any]:
    return {
        "system": system,
        "base_url": base_url,
        "credentials": "scalepoint",
        "limits": limits,
        "hours": None,
        "timeout_seconds": 5,
        "linger_seconds": 1,
    }
