"""Signs the chain of receipts at an interval, into a file outside of the ledger."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from gateway.clock import Clock
from gateway.ledger.records import Head, Records
from gateway.model.checkpoints import Checkpoint, read_line, signed_line
from gateway.model.receipts import timestamp
from gateway.telemetry.events import CheckpointFailed, CheckpointWritten, EvidenceBroken, Observer

RETRY_SECONDS = 10.0
LONGEST_LINE = 4_096


class Signer(Struct, frozen=True):
    """With what checkpoints are signed, the file that they are appended to, and how often."""

    key: Ed25519PrivateKey
    file: Path
    every_seconds: float


class Checkpointing:
    """Writes a checkpoint where one is due and there is something new to sign.

    Before it signs more, it looks whether the chain still holds what stands last in the file. If it does not, it was
    changed, cut off, or replaced by an older copy: that is told of, and nothing more is signed.
    """

    def __init__(
        self, signer: Signer, records: Records, now: Callable[[], int], clock: Clock, observer: Observer
    ) -> None:
        self._signer = signer
        self._records = records
        self._now = now
        self._clock = clock
        self._observer = observer
        self._due_at = clock.monotonic()

    async def once(self) -> None:
        """Sign, if it is time to. Raises LedgerError."""
        if self._clock.monotonic() < self._due_at:
            return
        try:
            await self._sign()
        except (OSError, ValueError) as error:
            why = os.strerror(error.errno or 0) if isinstance(error, OSError) else "its last line is no checkpoint"
            self._observer(CheckpointFailed(f"audit.checkpoint_file cannot be used: {why}"))
            self._due_at = self._clock.monotonic() + min(RETRY_SECONDS, self._signer.every_seconds)
        else:
            self._due_at = self._clock.monotonic() + self._signer.every_seconds

    async def _sign(self) -> None:
        head = await self._records.head()
        last = await asyncio.to_thread(_last_line, self._signer.file)
        if last is not None and not await self._holds(head, last):
            self._observer(EvidenceBroken("chain", str(read_line(last).sequence)))
        elif head is not None and (last is None or read_line(last).sequence < head.sequence):
            line = signed_line(
                Checkpoint(head.ledger, head.sequence, head.hash, timestamp(self._now())), self._signer.key
            )
            await asyncio.to_thread(_append, self._signer.file, line)
            await self._records.note_checkpoint(line)
            self._observer(CheckpointWritten(head.sequence))

    async def _holds(self, head: Head | None, line: str) -> bool:
        """Whether the chain is the one that `line` is about, unchanged so far."""
        last = read_line(line)
        if head is None or head.ledger != last.ledger or not last.is_signed_by(self._signer.key.public_key()):
            return False
        return await self._records.hash_at(last.sequence) == last.hash


def _last_line(file: Path) -> str | None:
    """The last line of the file, null if there is none. Raises OSError; ValueError: it is not whole."""
    try:
        with file.open("rb") as opened:
            opened.seek(max(0, opened.seek(0, os.SEEK_END) - LONGEST_LINE))
            end = opened.read()
    except FileNotFoundError:
        return None
    if not end:
        return None
    if not end.endswith(b"\n"):
        raise ValueError
    return end.splitlines()[-1].decode()


def _append(file: Path, line: str) -> None:
    """Add a line, durably: what is there already is never touched."""
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        os.write(descriptor, f"{line}\n".encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
