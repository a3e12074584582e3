"""An issuer's keys in a file, read again when it changes."""

import os
from pathlib import Path

from joserfc.jwk import Key

from gateway.errors import IssuerUnavailable
from gateway.identity.keys import KeySet, NoKeySet, read_key_set
from gateway.telemetry.events import KeySetRequested, Observer

LOOK_AGAIN_SECONDS = 30.0
"""What a caller is told to wait where the file has never been usable."""

Signature = tuple[int, int, int]
"""Inode, size and time of change, by which a file that was replaced is told from what it was."""


class KeyFile:
    """A source of keys. While the file is gone or unusable, the last good keys stay: it is this machine's own."""

    def __init__(self, issuer: str, path: Path, observer: Observer) -> None:
        self._issuer = issuer
        self._path = path
        self._observer = observer
        self._keys: KeySet | None = None
        self._seen: Signature | None = None
        self._unreadable: Signature | None = None

    async def find(self, key_id: str | None, algorithm: str) -> Key | None:
        """The key, or null if the issuer has none such. Raises IssuerUnavailable: the file was never usable."""
        self._look()
        if self._keys is None:
            raise IssuerUnavailable(f"issuers.{self._issuer}.jwks_file holds no usable keys", LOOK_AGAIN_SECONDS)
        return self._keys.find(key_id, algorithm)

    async def close(self) -> None:
        """Nothing runs."""

    def _look(self) -> None:
        try:
            found = _signature(self._path.stat())
        except OSError:
            return  # between two versions, or gone
        if found != self._seen:
            self._read(found)

    def _read(self, found: Signature) -> None:
        try:
            document = self._path.read_bytes()
        except OSError:
            # Perhaps for this moment alone, such as for too many open files: looked at again, and told of once.
            if found != self._unreadable:
                self._unreadable = found
                self._tell("unusable", 0)
            return
        self._seen, self._unreadable = found, None
        try:
            self._keys = read_key_set(document)
        except NoKeySet:
            self._tell("unusable", 0)
        else:
            self._tell(self._keys.outcome, len(self._keys))

    def _tell(self, outcome: str, keys: int) -> None:
        self._observer(KeySetRequested(self._issuer, outcome, keys, 0.0))


def _signature(status: os.stat_result) -> Signature:
    return status.st_ino, status.st_size, status.st_mtime_ns
