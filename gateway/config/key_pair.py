"""The private key and the certificate that sign client assertions (UPSTREAMS.md, "Scalepoint's token endpoint")."""

from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from gateway.config.secret_places import content
from gateway.config.values import Unfit

MIN_KEY_BITS = 2048
"""RFC 7518 section 3.3: RS256 needs at least this."""


def public_key_of_private(path: Path) -> RSAPublicKey:
    """The public half of the RSA key in the PEM file at `path`. Raises Unfit."""
    found = content(path)
    try:
        key = load_pem_private_key(found, password=None)
    except TypeError as cause:
        raise Unfit(f"{path} holds an encrypted key; give it without a passphrase") from cause
    except (ValueError, UnsupportedAlgorithm) as cause:
        raise Unfit(f"{path} holds no private key in PEM") from cause
    if not isinstance(key, RSAPrivateKey) or key.key_size < MIN_KEY_BITS:
        raise Unfit(f"{path} holds no RSA key of at least {MIN_KEY_BITS} bits, which RS256 needs")
    return key.public_key()


def public_key_of_certificate(path: Path) -> RSAPublicKey:
    """The RSA key of the (first) certificate in the PEM file at `path`. Raises Unfit."""
    found = content(path)
    try:
        key = x509.load_pem_x509_certificate(found).public_key()
    except (ValueError, UnsupportedAlgorithm) as cause:
        raise Unfit(f"{path} holds no X.509 certificate in PEM") from cause
    if not isinstance(key, RSAPublicKey):
        raise Unfit(f"{path} holds a certificate without an RSA key")
    return key
