"""The whole file, read once: settings, or everything that is wrong with it."""

import os
from collections.abc import Mapping
from pathlib import Path

from gateway.config.audit import read_audit
from gateway.config.backends import read_backends
from gateway.config.callers import read_callers
from gateway.config.credentials import read_credentials
from gateway.config.document import MAX_BYTES, parse
from gateway.config.issuers import read_issuers
from gateway.config.process import read_circuit, read_retry, read_server, read_store
from gateway.config.secret_places import Origin
from gateway.config.section import Section
from gateway.config.settings import Settings
from gateway.config.targets import faults_of_targets
from gateway.config.tenants import read_tenants
from gateway.config.tree import Scalar, ScalarKind, Table, describe
from gateway.errors import ConfigurationError, Fault


def load(path: Path, environ: Mapping[str, str], content: bytes | None = None) -> Settings:
    """The settings in the file at `path` (CONTRACT.md section 3); relative paths in it start from its folder.

    `environ` is where `..._env` keys look; nothing else in it matters. Secrets and keys are read to check them, and not
    kept. `content`: what the file holds, where that has been read already.
    Raises ConfigurationError with every fault at once, each with its path in the file.
    """
    faults: list[Fault] = []
    table = _table(path, _content(path) if content is None else content, faults)
    settings = _read(Section(table, "", faults), path, Origin(path.absolute().parent, environ))
    faults += faults_of_targets(settings)
    if faults:
        sections = list(table.entries)
        raise ConfigurationError(tuple(sorted(faults, key=lambda fault: _rank(fault, sections))))
    return settings


def _read(root: Section, path: Path, origin: Origin) -> Settings:
    credentials = read_credentials(root, origin)
    backends, limits = read_backends(root, credentials, origin)
    settings = Settings(
        path=path,
        server=read_server(root, origin),
        store=read_store(root, origin),
        audit=read_audit(root, origin),
        retry=read_retry(root),
        circuit=read_circuit(root),
        issuers=read_issuers(root, origin),
        callers=read_callers(root, origin),
        credentials=credentials,
        limits=limits,
        backends=backends,
        tenants=read_tenants(root, backends),
    )
    root.refuse_unknown_keys()
    return settings


def _rank(fault: Fault, sections: list[str]) -> int:
    """Faults are told in the order in which the sections stand in the file."""
    section = fault.path.split(".")[0]
    return sections.index(section) if section in sections else len(sections)


def _table(path: Path, content: bytes, faults: list[Fault]) -> Table:
    tree = parse(content, faults)
    match tree:
        case Table(entries) if entries:
            return tree
        case None | Table() | Scalar(ScalarKind.NULL):
            raise _unusable(path, "is empty")
    raise _unusable(path, f"holds {describe(tree)}, not a mapping of sections")


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as cause:
        raise _unusable(path, f"cannot be read: {os.strerror(cause.errno or 0)}") from cause


def _unusable(path: Path, what: str) -> ConfigurationError:
    return ConfigurationError((Fault("", f"{path} {what}"),))
