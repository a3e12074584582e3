"""TLS of the listener: modern, renewed with its files, and with client certificates where they are asked for."""

import logging
import os
import ssl
from pathlib import Path

from gateway.config.settings import ListenerTls
from gateway.errors import ConfigurationError, Fault

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2: forward secrecy and authenticated encryption. TLS 1.3 has nothing else."""

Signature = tuple[tuple[int, int, int] | None, ...]
"""Inode, size and time of change of each file; null for one that is not there."""

_logger = logging.getLogger(__name__)


class RotatingTls:
    """Gives every handshake the certificate, key and client authorities that the files hold by then.

    Raises ConfigurationError where they cannot be used at first; later on the last good ones stay.
    """

    def __init__(self, files: ListenerTls) -> None:
        self._files = files
        self._made_of = _signature(files)
        self._told_of = self._made_of
        try:
            self._latest = _context(files)
        except (OSError, ValueError) as error:
            raise ConfigurationError((Fault("server.tls", "the certificate and its key cannot be used"),)) from error
        self.context = _context(files)
        """For the server: it hands each connection on to the latest one."""
        self.context.sni_callback = self._hand_on

    def _hand_on(self, connection: ssl.SSLObject, _name: str | None, _first: ssl.SSLContext) -> None:
        """Called in every handshake, whether or not the client names a server."""
        self._follow()
        connection.context = self._latest

    def _follow(self) -> None:
        found = _signature(self._files)
        if found == self._made_of:
            return
        try:
            self._latest = _context(self._files)
        except (OSError, ValueError):
            # The next handshake tries again: what is amiss may be gone in a moment, as where no file can be opened.
            if found != self._told_of:
                _logger.warning("server.tls: the files changed and cannot be used; the last good ones stay")
            self._told_of = found
        else:
            self._made_of = self._told_of = found


def _context(files: ListenerTls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    context.options |= ssl.OP_NO_TICKET | ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_COMPRESSION
    context.num_tickets = 0
    context.load_cert_chain(files.certificate_file, files.private_key_file, password="")
    if files.client_ca_file is not None:
        # A connection that goes on from an earlier one is not asked for its certificate again. Without tickets TLS 1.3
        # does not resume; TLS 1.2 does, by a cache that Python cannot turn off.
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(files.client_ca_file)
    return context


def _signature(files: ListenerTls) -> Signature:
    return tuple(_of(path) for path in (files.certificate_file, files.private_key_file, files.client_ca_file) if path)


def _of(path: Path) -> tuple[int, int, int] | None:
    try:
        status: os.stat_result = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
