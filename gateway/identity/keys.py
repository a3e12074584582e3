"""The public keys of an issuer: a JSON Web Key Set (RFC 7517 section 5), of which only what can be trusted is taken."""

from collections.abc import Sequence
from typing import Any

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from joserfc.errors import JoseError
from joserfc.jwa import JWS_ALGORITHMS
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from msgspec import Struct

from gateway.identity.token import decoded

MIN_RSA_BITS = 2_048
"""RFC 7518 section 3.3."""
MAX_KEYS = 100

_ALGORITHMS = {algorithm.name: algorithm for algorithm in JWS_ALGORITHMS}
_KINDS: dict[str, type[RSAKey] | type[ECKey] | type[OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
_PUBLIC = ("kty", "kid", "use", "key_ops", "alg", "n", "e", "crv", "x", "y")
"""The members that are read: a private key that stands in a set by mistake is not even looked at."""


class NoKeySet(Exception):
    """What should be a key set is none."""


class _Document(Struct):
    keys: list[dict[str, Any]]


class KeySet:
    """Keys that may verify signatures, in the issuer's order."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self._keys = tuple(keys)

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def outcome(self) -> str:
        """The word for metrics and log lines. An issuer that has no keys any more has withdrawn them all."""
        return "taken" if self._keys else "empty"

    def find(self, key_id: str | None, algorithm: str) -> Key | None:
        """The key `key_id`, if it is one for `algorithm`; without an id, the only one that is."""
        fitting = [key for key in self._keys if _fits(key, algorithm)]
        if key_id is None:
            return fitting[0] if len(fitting) == 1 else None
        return next((key for key in fitting if key.kid == key_id), None)


def read_key_set(document: bytes) -> KeySet:
    """The keys in `document` that could verify a token, perhaps none; others are passed over. Raises NoKeySet."""
    try:
        found = msgspec.json.decode(document, type=_Document).keys[:MAX_KEYS]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NoKeySet from error
    return KeySet([key for entry in found if (key := _key(entry)) is not None])


def signed_by(key: Key, algorithm: str, signed: bytes, signature: bytes) -> bool:
    """Whether `signature` of `signed` was made with the private half of `key`, by `algorithm`."""
    try:
        return _ALGORITHMS[algorithm].verify(signed, signature, key)
    except (JoseError, ValueError):
        return False


def _fits(key: Key, algorithm: str) -> bool:
    try:
        _ALGORITHMS[algorithm].check_key(key)
    except JoseError:
        return False
    return True


def _key(entry: dict[str, Any]) -> Key | None:
    """The public key in `entry`, null where it is of no use, or too weak."""
    public = {name: entry[name] for name in _PUBLIC if name in entry}
    if public.get("use", "sig") != "sig":
        return None
    try:
        kind = _KINDS[public["kty"]]
        if kind is RSAKey and int.from_bytes(decoded(public["n"].encode())).bit_length() < MIN_RSA_BITS:
            return None
        key = kind.import_key(public)
        key.check_key_op("verify")
    except (JoseError, UnsupportedAlgorithm, ValueError, KeyError, TypeError, AttributeError):
        return None
    return key
