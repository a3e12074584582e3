"""Certificates and keys for TLS: whether what the files hold can be used. They are read again when they change."""

import ssl
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from gateway.config.secret_places import Origin, content, file
from gateway.config.section import Section
from gateway.config.tree import Tree
from gateway.config.values import Unfit


def ca_file(origin: Origin) -> Callable[[Tree], Path | None]:
    """A file of certificates in PEM, of those who vouch for others."""
    find = file(origin)

    def parse(tree: Tree) -> Path:
        found = find(tree)
        try:
            x509.load_pem_x509_certificates(content(found))
        except (ValueError, UnsupportedAlgorithm) as cause:
            raise Unfit(f"{found} holds no X.509 certificates in PEM") from cause
        return found

    return parse


def read_pair(section: Section, certificate: str, key: str, origin: Origin) -> tuple[Path | None, Path | None]:
    """The files of a certificate and its private key, at these keys of `section`: both or neither, and a pair."""
    for one, other in ((certificate, key), (key, certificate)):
        if one in section and other not in section:
            section.fault(other, f"missing: {one} is of no use without it")
    found, of_key = section.get(certificate, file(origin), None), section.get(key, file(origin), None)
    if found is not None and of_key is not None and not _is_pair(found, of_key):
        section.fault(key, f"is not the unencrypted PEM key of {certificate}, or that holds no certificate in PEM")
    return found, of_key


def _is_pair(certificate: Path, key: Path) -> bool:
    try:
        # An empty passphrase, or OpenSSL would ask for one at the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (OSError, ValueError):  # ssl.SSLError is an OSError
        return False
    return True
