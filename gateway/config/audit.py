"""The section `audit`: the keys that seal receipts and sign their chain."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from gateway.config.secret_places import Origin, content, file, path, text_in_file
from gateway.config.section import Section
from gateway.config.settings import Audit
from gateway.config.tree import Tree
from gateway.config.values import Unfit, over_zero
from gateway.errors import ConfigurationError, Fault
from gateway.model.marks import Keyring, ReceiptKey

T = TypeVar("T")

LEAST_KEY_CHARACTERS = 32
"""Shorter ones can be guessed, and with them what stands in receipts."""
WEEK_MINUTES = 7 * 24 * 60


def read_audit(root: Section, origin: Origin) -> Audit:
    """Where the keys are. They are read to check them, and not kept."""
    default = Audit()
    with root.section("audit") as section:
        audit = Audit(
            key_file=section.get_or_null("key_file", _checked(origin, receipt_key)),
            earlier_key_files=section.get_each("earlier_key_files", _checked(origin, receipt_key), ()),
            checkpoint_key_file=section.get_or_null("checkpoint_key_file", _checked(origin, checkpoint_key)),
            checkpoint_file=section.get_or_null("checkpoint_file", lambda tree: path(origin, tree)),
            checkpoint_minutes=section.get("checkpoint_minutes", over_zero(WEEK_MINUTES), default.checkpoint_minutes),
        )
        if section.gives("earlier_key_files") and not section.gives("key_file"):
            section.fault("earlier_key_files", "needs key_file, the key that came after them")
        if section.gives("checkpoint_key_file") != section.gives("checkpoint_file"):
            section.fault("", "give checkpoint_key_file and checkpoint_file, or neither")
    return audit


def keyring(audit: Audit) -> Keyring:
    """The keys in the files. Raises ConfigurationError."""
    current = _read("audit.key_file", audit.key_file, receipt_key)
    earlier = (_read("audit.earlier_key_files", place, receipt_key) for place in audit.earlier_key_files)
    return Keyring(current, tuple(key for key in earlier if key))


def signing_key(audit: Audit) -> Ed25519PrivateKey | None:
    """The key that signs checkpoints. Raises ConfigurationError."""
    return _read("audit.checkpoint_key_file", audit.checkpoint_key_file, checkpoint_key)


def receipt_key(place: Path) -> ReceiptKey:
    """The key in the file at `place`. Raises Unfit."""
    found = text_in_file(place)
    if len(found) < LEAST_KEY_CHARACTERS or not found.isprintable():
        raise Unfit(f"{place} must hold one line of at least {LEAST_KEY_CHARACTERS} characters, made at random")
    return ReceiptKey(found.encode())


def checkpoint_key(place: Path) -> Ed25519PrivateKey:
    """The private key in the PEM file at `place`. Raises Unfit."""
    try:
        key = load_pem_private_key(content(place), password=None)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        # Not chained: what the file holds may stand in the error.
        raise Unfit(f"{place} holds no Ed25519 private key in PEM without a passphrase") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise Unfit(f"{place} holds a private key that is not Ed25519")
    return key


def public_checkpoint_key(place: Path) -> Ed25519PublicKey:
    """The public key in the PEM file at `place`. Raises ConfigurationError."""
    try:
        key = load_pem_public_key(content(place))
    except (Unfit, ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigurationError((Fault("", f"{place} holds no Ed25519 public key in PEM"),))
    return key


def _checked(origin: Origin, read: Callable[[Path], object]) -> Callable[[Tree], Path]:
    def parse(tree: Tree) -> Path:
        found = file(origin)(tree)
        read(found)
        return found

    return parse


def _read(name: str, place: Path | None, read: Callable[[Path], T]) -> T | None:
    if place is None:
        return None
    try:
        return read(place)
    except Unfit as unfit:
        raise ConfigurationError((Fault(name, str(unfit)),)) from unfit
