"""TLS towards other parties: whom the gateway trusts, and how it shows who it is."""

import ssl
from collections.abc import Callable
from pathlib import Path

from gateway.config.settings import BackendSettings
from gateway.errors import CredentialRefused
from gateway.transport.secret_files import SecretFile, Signature

Tls = Callable[[], ssl.SSLContext]
"""Asked for each new connection. Raises CredentialRefused: a file cannot be used."""


def verifying_tls(ca_file: Path | None = None) -> ssl.SSLContext:
    """TLS 1.2 or newer, HTTP/1.1, and certificates that `ca_file` vouches for, or the system's store without one.

    Raises CredentialRefused: the file cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise CredentialRefused("secret", "ca_file holds no certificates in PEM") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


class BackendTls:
    """The `Tls` of a backend with files of its own, made anew when one of them changes."""

    def __init__(self, backend: BackendSettings) -> None:
        self._ca_file = backend.ca_file
        self._pair = (backend.client_certificate_file, backend.client_private_key_file)
        files = {
            "ca_file": backend.ca_file,
            "client_certificate_file": backend.client_certificate_file,
            "client_private_key_file": backend.client_private_key_file,
        }
        self._watched = [SecretFile(path, name) for name, path in files.items() if path is not None]
        self._context: ssl.SSLContext | None = None
        self._made_of: tuple[Signature, ...] = ()

    def __call__(self) -> ssl.SSLContext:
        """The context for a new connection. Raises CredentialRefused: a file cannot be used, or they are no pair."""
        found = tuple(file.signature() for file in self._watched)
        if self._context is None or found != self._made_of:
            self._context, self._made_of = self._made(), found
        return self._context

    def _made(self) -> ssl.SSLContext:
        context = verifying_tls(self._ca_file)
        certificate, key = self._pair
        if certificate is not None:
            try:
                context.load_cert_chain(certificate, key, password="")
            except (OSError, ValueError) as error:
                raise CredentialRefused("secret", "the client certificate and its key cannot be used") from error
        return context
