"""Whether a chain of receipts is as it was written: pure, one link after the other."""

from collections.abc import Iterator, Mapping

import msgspec
from msgspec import Struct

from gateway.model.chain import GENESIS, digest, link_hash
from gateway.model.marks import ReceiptKey


class Kept(Struct, frozen=True):
    """A receipt as it stands in a ledger or an export; `sequence` and `hash` are null until it is linked."""

    operation_id: str
    number: int
    key_id: str
    digest: str
    sequence: int | None
    hash: str | None
    seal: str
    body: str

    @property
    def place(self) -> str:
        """What it is called in a finding."""
        where = "not linked yet" if self.sequence is None else f"{self.sequence}"
        return f"receipt {where} (operation {self.operation_id}, number {self.number})"


class Keys(Struct, frozen=True):
    """Keys by id. `own`: the id of the one that the ledger itself keeps, which others may have read too."""

    by_id: Mapping[str, ReceiptKey]
    own: str | None = None


class _Head(Struct, frozen=True, rename="camel"):
    """What a body says of itself."""

    operation_id: str
    number: int
    key: str


class Walk:
    """Goes along a chain from its first link, or from behind `sequence`; `keys` null: seals are not looked at.

    `signed`: the hashes that checkpoints give for links, by sequence.
    """

    def __init__(
        self,
        keys: Keys | None,
        signed: Mapping[int, frozenset[str]],
        sequence: int = 0,
        previous: str = GENESIS,
    ) -> None:
        self.sequence = sequence
        self.sealed_by: dict[str, int] = {}
        """How many links each key has sealed, by its id."""
        self._previous = previous
        self._keys = keys
        self._signed = signed

    def take(self, kept: Kept) -> Iterator[str]:
        """What is wrong with the next link."""
        sequence, its_hash = kept.sequence or 0, kept.hash or ""
        yield from self._place(kept, sequence, its_hash)
        yield from body_findings(kept)
        if self._keys is not None:
            yield from self._seal(kept, its_hash, self._keys)
        if self._signed.get(sequence, frozenset({its_hash})) != frozenset({its_hash}):
            yield f"{kept.place}: a checkpoint has signed another one in its place"
        self.sequence, self._previous = sequence, its_hash

    def end(self) -> Iterator[str]:
        """What is wrong with where the chain ends."""
        last = max(self._signed, default=0)
        if last > self.sequence:
            yield f"the chain ends at {self.sequence}, but a checkpoint has signed it up to {last}: its end is missing"

    def _place(self, kept: Kept, sequence: int, its_hash: str) -> Iterator[str]:
        if sequence != self.sequence + 1:
            yield f"{kept.place}: stands behind {self.sequence}: what was in between is missing"
        elif link_hash(sequence, self._previous, kept.digest) != its_hash:
            yield f"{kept.place}: does not follow from the one before it"

    def _seal(self, kept: Kept, its_hash: str, keys: Keys) -> Iterator[str]:
        key_id = kept.seal.partition(":")[0]
        yield from seal_findings(kept, its_hash, keys)
        if key_id == keys.own and self.sealed_by.keys() - {key_id}:
            yield f"{kept.place}: sealed with the ledger's own key, although a better one was in use before it"
        self.sealed_by[key_id] = self.sealed_by.get(key_id, 0) + 1


def body_findings(kept: Kept) -> Iterator[str]:
    """What is wrong with a receipt by itself."""
    if digest(kept.body) != kept.digest:
        yield f"{kept.place}: its text was changed"
    try:
        said = msgspec.json.decode(kept.body, type=_Head)
    except (msgspec.DecodeError, UnicodeEncodeError):
        yield f"{kept.place}: its text is no receipt"
        return
    if (said.operation_id, said.number, said.key) != (kept.operation_id, kept.number, kept.key_id):
        yield f"{kept.place}: filed as what it is not: it says operation {said.operation_id}, number {said.number}"


def unlinked_findings(kept: Kept, keys: Keys) -> Iterator[str]:
    """What is wrong with a receipt that has no place in the chain yet."""
    yield from body_findings(kept)
    yield from seal_findings(kept, kept.digest, keys)
    if kept.hash is not None:
        yield f"{kept.place}: its place in the chain was taken away"


def seal_findings(kept: Kept, text: str, keys: Keys) -> Iterator[str]:
    """What is wrong with the seal over `text`."""
    key = keys.by_id.get(kept.seal.partition(":")[0])
    if key is None:
        yield f"{kept.place}: sealed with a key that is not given"
    elif not key.sealed(text, kept.seal):
        yield f"{kept.place}: the seal is not that of its key"
