"""private_key_jwt as Scalepoint's token endpoint takes it (UPSTREAMS.md; RFC 7523; OpenID Connect Core section 9)."""

from base64 import urlsafe_b64encode
from uuid import uuid4

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import Certificate, load_pem_x509_certificate
from joserfc import jwt
from joserfc.jwk import RSAKey
from msgspec import Struct

from gateway.errors import CredentialRefused

LIFE_SECONDS = 10
MIN_KEY_BITS = 2048

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class SigningKey(Struct, frozen=True):
    """A private key and the base64url SHA-1 thumbprint of its certificate."""

    key: RSAKey
    thumbprint: str


def signing_key(key_pem: bytes, certificate_pem: bytes) -> SigningKey:
    """The two files as one key. Raises CredentialRefused: one is not what it should be, or they are not a pair."""
    key, certificate = _private_key(key_pem), _certificate(certificate_pem)
    if certificate.public_key() != key.public_key():
        raise CredentialRefused("secret", "private_key_file and certificate_file do not belong together")
    return SigningKey(RSAKey.import_key(key), thumbprint(certificate))


def thumbprint(certificate: Certificate) -> str:
    """RFC 7515 section 4.1.7: a name for the certificate, not a signature, hence SHA-1 does no harm."""
    return urlsafe_b64encode(certificate.fingerprint(SHA1())).rstrip(b"=").decode()  # noqa: S303 - the RFC's choice


def client_assertion(signer: SigningKey, client_id: str, audience: str, now_seconds: int) -> str:
    """A signed JWT, good for one token request within ten seconds. `now_seconds` is since 1970."""
    header = {"alg": "RS256", "typ": "JWT", "x5t": signer.thumbprint, "kid": signer.thumbprint}
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": str(uuid4()),
        "iat": now_seconds,
        "nbf": now_seconds,
        "exp": now_seconds + LIFE_SECONDS,
    }
    return jwt.encode(header, claims, signer.key, algorithms=["RS256"])


def _private_key(pem: bytes) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CredentialRefused("secret", "private_key_file is not an unencrypted private key in PEM") from error
    if not isinstance(key, RSAPrivateKey) or key.key_size < MIN_KEY_BITS:
        raise CredentialRefused("secret", f"private_key_file is not an RSA key of {MIN_KEY_BITS} bits or more")
    return key


def _certificate(pem: bytes) -> Certificate:
    try:
        return load_pem_x509_certificate(pem)
    except ValueError as error:
        raise CredentialRefused("secret", "certificate_file is not a certificate in PEM") from error
