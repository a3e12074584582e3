"""Keys that sign checkpoints, made for a test."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat


def make_signing_key(folder: Path, name: str = "checkpoint.key") -> Path:
    """A new private key in a file, and its public half beside it, ending in .pub."""
    key = Ed25519PrivateKey.generate()
    place = folder / name
    place.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    place.with_suffix(".pub").write_bytes(public)
    return place
