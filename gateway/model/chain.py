"""The chain of receipts: each link holds the hash of the one before, so that nothing can be changed in between.

Pure arithmetic. It needs no key: anybody who has the links can check them.
"""

import hashlib

from msgspec import Struct

GENESIS = "0" * 64
"""What stands before the first link."""


class Link(Struct, frozen=True):
    """A receipt's place in the chain. `digest` is that of its body, `hash` covers all that is before it.

    `seal` is made with the installation's key over `hash`.
    """

    sequence: int
    digest: str
    hash: str
    seal: str


def digest(body: str) -> str:
    """SHA-256 of a receipt's bytes."""
    return hashlib.sha256(body.encode()).hexdigest()


def link_hash(sequence: int, previous: str, body_digest: str) -> str:
    """The hash of the link `sequence`, given that of the link before."""
    return hashlib.sha256(f"case-gateway receipt {sequence}\n{previous}\n{body_digest}\n".encode()).hexdigest()
