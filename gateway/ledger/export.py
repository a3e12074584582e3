"""Receipts as lines of JSON: complete enough to be checked without the ledger, and without a single identifier."""

import msgspec
from msgspec import Raw, Struct

from gateway.model.verification import Kept


class ChainPlace(Struct, frozen=True):
    """A receipt's place in the chain. `digest` is the SHA-256 of the line's `receipt`, byte for byte."""

    sequence: int
    previous: str
    digest: str
    hash: str
    seal: str


class ExportLine(Struct, frozen=True):
    """One line. The order of the members is fixed."""

    receipt: Raw
    chain: ChainPlace


class _Named(Struct, frozen=True, rename="camel"):
    operation_id: str
    number: int
    key: str


def export_line(kept: Kept, previous: str) -> bytes:
    """The line of a receipt that is linked behind the hash `previous`, without its end."""
    place = ChainPlace(kept.sequence or 0, previous, kept.digest, kept.hash or "", kept.seal)
    return msgspec.json.encode(ExportLine(Raw(kept.body.encode()), place))


def read_export_line(line: bytes) -> tuple[Kept, str]:
    """The receipt in a line, and the hash before it. Raises ValueError."""
    found = msgspec.json.decode(line, type=ExportLine)
    body = bytes(found.receipt)
    said = msgspec.json.decode(body, type=_Named)
    place = found.chain
    kept = Kept(
        operation_id=said.operation_id,
        number=said.number,
        key_id=said.key,
        digest=place.digest,
        sequence=place.sequence,
        hash=place.hash,
        seal=place.seal,
        body=body.decode(),
    )
    return kept, place.previous
