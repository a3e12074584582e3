"""Checkpoints: the chain's newest link, signed. Who has one can tell that nothing before it was changed or cut off."""

from base64 import b64decode, b64encode
from collections.abc import Sequence

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct


class Checkpoint(Struct, frozen=True):
    """The link `sequence` of a ledger's chain had this hash `at` (RFC 3339). `ledger` is the installation's id."""

    ledger: str
    sequence: int
    hash: str
    at: str

    def text(self) -> bytes:
        """What is signed."""
        return f"case-gateway checkpoint\n{self.ledger}\n{self.sequence}\n{self.hash}\n{self.at}\n".encode()


class SignedCheckpoint(Struct, frozen=True):
    """A line of a file of checkpoints. `signature`: Ed25519 (RFC 8032) over `Checkpoint.text`, in base64."""

    ledger: str
    sequence: int
    hash: str
    at: str
    signature: str

    @property
    def checkpoint(self) -> Checkpoint:
        """What is signed."""
        return Checkpoint(self.ledger, self.sequence, self.hash, self.at)

    def is_signed_by(self, key: Ed25519PublicKey) -> bool:
        """Whether the signature is that of the key's owner."""
        try:
            key.verify(b64decode(self.signature, validate=True), self.checkpoint.text())
        except (InvalidSignature, ValueError):
            return False
        return True


def signed_line(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> str:
    """The checkpoint as one line of JSON, without its end."""
    signature = b64encode(key.sign(checkpoint.text())).decode()
    return msgspec.json.encode(SignedCheckpoint(**msgspec.structs.asdict(checkpoint), signature=signature)).decode()


def read_line(line: str) -> SignedCheckpoint:
    """The checkpoint in a line, which must be as `signed_line` writes it. Raises ValueError."""
    found = msgspec.json.decode(line, type=SignedCheckpoint)
    if msgspec.json.encode(found).decode() != line:
        message = "not as it was written"
        raise ValueError(message)
    return found


Lines = list[tuple[str, str]]
"""Lines of checkpoints, each behind the place where it stands."""


class Checked(Struct, frozen=True):
    """What lines of checkpoints amount to: hashes of links by sequence, and what is wrong with the lines."""

    signed: dict[int, frozenset[str]]
    findings: tuple[str, ...]


def check_lines(lines: Lines, keys: Sequence[Ed25519PublicKey], ledger: str | None) -> Checked:
    """Check lines: each must be signed with one of `keys`, and be about `ledger`, null if that is not known."""
    signed: dict[int, frozenset[str]] = {}
    findings: list[str] = []
    for place, line in lines:
        try:
            found = read_line(line)
        except ValueError:
            findings.append(f"{place}: is no checkpoint")
            continue
        if not any(found.is_signed_by(key) for key in keys):
            findings.append(f"{place}: is not signed with a given key, or was changed")
        elif ledger is not None and found.ledger != ledger:
            findings.append(f"{place}: is about another ledger, {found.ledger}")
        else:
            signed[found.sequence] = signed.get(found.sequence, frozenset()) | {found.hash}
    return Checked(signed, tuple(findings))
