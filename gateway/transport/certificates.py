"""When certificates expire."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from cryptography.x509 import load_pem_x509_certificate

from gateway.errors import CredentialRefused
from gateway.transport.secret_files import SecretFile, Signature


class Expiries:
    """Reads certificates anew only when their files change."""

    def __init__(self) -> None:
        self._files: dict[Path, SecretFile] = {}
        self._known: dict[Path, tuple[Signature, float]] = {}

    def of(self, files: Mapping[str, Path | None]) -> dict[str, float]:
        """The end of the certificate in each file, Unix time; without those that are null or unusable."""
        found: dict[str, float] = {}
        for name, path in files.items():
            if path is not None:
                with suppress(CredentialRefused, ValueError):
                    found[name] = self._expiry(path)
        return found

    def _expiry(self, path: Path) -> float:
        file = self._files.setdefault(path, SecretFile(path, "certificate_file"))
        signature = file.signature()
        known = self._known.get(path)
        if known is None or known[0] != signature:
            certificate = load_pem_x509_certificate(file.content())
            known = self._known[path] = signature, certificate.not_valid_after_utc.timestamp()
        return known[1]
