"""Secrets, read again when they change; no text and no representation shows one."""

import os
from pathlib import Path
from typing import Protocol

from gateway.config.settings import Secret
from gateway.errors import CredentialRefused

Signature = tuple[int, int, int] | None
"""What changes with a file's content: inode, size, time of change in ns; null when there is no such file."""


class SecretSource(Protocol):
    """Where a secret is kept. `signature` differs when the secret may have changed."""

    def signature(self) -> Signature:
        """What changes when the secret does; never raises."""
        ...

    def text(self) -> str:
        """The secret, without the line end that editors add. Raises CredentialRefused: unreadable or empty."""
        ...


class SecretFile:
    """A secret in a file, such as one mounted by Kubernetes, which replaces it by switching a symbolic link.

    `name` is the setting that points to the file; it stands in errors, in place of the path.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._name = name
        self._read: Signature = None
        self._content = b""

    def signature(self) -> Signature:
        """Inode, size and time of change, or null."""
        try:
            return _signature(self._path.stat())
        except OSError:
            return None

    def content(self) -> bytes:
        """The whole file. Raises CredentialRefused: it cannot be read, or is empty."""
        if self._read is None or self.signature() != self._read:
            self._read_again()
        return self._content

    def text(self) -> str:
        """The file's text. Raises CredentialRefused: it cannot be read, is empty, or is not UTF-8."""
        try:
            return _usable(self.content().decode(), self._name)
        except UnicodeDecodeError as error:
            # Not chained: the error holds the bytes, which are the secret.
            raise _unusable(self._name, f"is not UTF-8 ({error.reason})") from None

    def _read_again(self) -> None:
        try:
            with self._path.open("rb") as file:
                # Of the opened file, so that signature and content are of the same one.
                self._read, self._content = _signature(os.fstat(file.fileno())), file.read()
        except OSError as error:
            self._read = None
            raise _unusable(self._name, f"cannot be read ({error.strerror})") from error


class SecretVariable:
    """A secret in an environment variable."""

    def __init__(self, variable: str, name: str) -> None:
        self._variable = variable
        self._name = name

    def signature(self) -> Signature:
        """Always the same: a process's environment does not change from outside."""
        return None

    def text(self) -> str:
        """The variable's value. Raises CredentialRefused: it is not set, or empty."""
        return _usable(os.environ.get(self._variable, ""), self._name)


def secret_source(secret: Secret, name: str) -> SecretSource:
    """The source that `secret` names; `name` stands in errors."""
    return SecretFile(secret.file, f"{name}_file") if secret.file else SecretVariable(secret.env or "", f"{name}_env")


def _signature(status: os.stat_result) -> Signature:
    return status.st_ino, status.st_size, status.st_mtime_ns


def _usable(text: str, name: str) -> str:
    secret = text.rstrip("\r\n")
    if not secret:
        raise _unusable(name, "holds nothing")
    return secret


def _unusable(name: str, why: str) -> CredentialRefused:
    return CredentialRefused("secret", f"{name} {why}")
