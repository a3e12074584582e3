"""Which keys of a set are taken, and which one a token is verified with."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from joserfc.jwk import OKPKey

from gateway.identity.keys import MAX_KEYS, NoKeySet, read_key_set
from tests.tokens import edwards, elliptic, encoded, key_set, public, rsa


def weak(key_id: str) -> dict[str, Any]:
    numbers = generate_private_key(65_537, 1_024).public_key().public_numbers()  # noqa: S505 - to be passed over
    return {"kty": "RSA", "kid": key_id, "n": encoded(numbers.n.to_bytes(128)).decode(), "e": "AQAB"}


def test_a_key_is_found_by_its_id_and_algorithm() -> None:
    keys = read_key_set(key_set(public(rsa()), public(rsa("second"), "second"), public(elliptic(), "first")))

    assert len(keys) == 3
    assert keys.find("second", "RS256") == keys._keys[1]
    assert keys.find("first", "RS256") == keys._keys[0]
    assert keys.find("first", "ES256") == keys._keys[2]
    assert keys.find("first", "ES384") is None
    assert keys.find("third", "RS256") is None


def test_without_an_id_only_a_key_that_has_no_rival_is_meant() -> None:
    keys = read_key_set(key_set(public(rsa()), public(rsa("second"), "second"), public(edwards(), None)))

    assert keys.find(None, "EdDSA") == keys._keys[2]
    assert keys.find(None, "RS256") is None


def test_a_key_for_another_algorithm_is_not_used() -> None:
    keys = read_key_set(key_set(public(rsa(), alg="PS256"), public(rsa("second"), "second", alg="RS256")))

    assert keys.find("first", "RS256") is None
    assert keys.find("first", "PS256") is not None


@pytest.mark.parametrize(
    "useless",
    [
        weak("weak"),
        public(rsa(), "encryption", use="enc"),
        public(rsa(), "wrapping", key_ops=["wrapKey"]),
        {**public(rsa(), "no-modulus"), "n": ...},
        {**public(rsa(), "odd-modulus"), "n": "!"},
        {**public(rsa(), "a-number"), "n": 5},
        {**public(rsa(), "even-exponent"), "e": "Ag"},
        {**public(elliptic(), "off-curve"), "x": public(elliptic())["y"]},
        {**public(elliptic(), "odd-curve"), "crv": "P-192"},
        public(OKPKey.generate_key("X25519"), "exchange"),
        {"kty": "oct", "k": "c2VjcmV0", "kid": "shared"},
        {"kty": "AKP", "kid": "post-quantum", "alg": "ML-DSA-44", "pub": "AA"},
        {"kty": ["RSA"], "kid": "list"},
        {"kid": "no-type"},
        {"kty": "RSA", "kid": 7, "n": public(rsa())["n"], "e": "AQAB"},
        {},
    ],
    ids=lambda jwk: str(jwk.get("kid")),
)
def test_a_key_of_no_use_is_passed_over(useless: dict[str, Any]) -> None:
    entry = {name: value for name, value in useless.items() if value is not ...}
    keys = read_key_set(key_set(entry, public(rsa(), "good")))

    assert keys.find("good", "RS256") is not None
    assert all(keys.find(entry.get("kid"), name) is None for name in ("RS256", "ES256", "PS256") if entry.get("kid"))
    if entry.get("crv") != "X25519":  # which no algorithm fits, so that it may stand there
        assert len(keys) == 1
        assert len(read_key_set(key_set(entry))) == 0


@pytest.mark.parametrize(
    "document", [b"", b"null", b"[]", b"{}", b'{"keys": {}}', b'{"keys": [1]}', b"\xff", b"<html>"]
)
def test_what_is_no_key_set_is_refused(document: bytes) -> None:
    with pytest.raises(NoKeySet):
        read_key_set(document)


def test_a_private_key_in_a_set_is_not_taken_in() -> None:
    private = {**rsa().as_dict(private=True), "kid": "first"}

    [key] = read_key_set(json.dumps({"keys": [private]}).encode())._keys

    assert not key.is_private
    assert not {"d", "p", "q"} & set(key.as_dict())


def test_no_set_is_read_without_end() -> None:
    assert len(read_key_set(key_set(*[public(rsa())] * (MAX_KEYS + 50)))) == MAX_KEYS
