"""Certificates and keys for TLS: of the listener, towards upstreams, and of issuers."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from gateway.config.settings import ListenerTls, Settings

Faults = Callable[[Mapping[str, object]], list[str]]
With = Callable[[Mapping[str, object]], Settings]

PAIR = {"certificate_file": "tls.crt", "private_key_file": "tls.key"}
SECURE = {"backends.ecm.base_url": "https://ecm.internal/ECM"}


def test_the_listener_s_files_are_taken_over(settings_with: With, folder: Path) -> None:
    plain = settings_with({"server.tls": None}).server.tls
    own = settings_with({"server.tls": PAIR}).server.tls
    mutual = settings_with({"server.tls": {**PAIR, "client_ca_file": "other.crt"}}).server.tls

    assert plain is None
    assert own == ListenerTls(folder / "tls.crt", folder / "tls.key")
    assert mutual == ListenerTls(folder / "tls.crt", folder / "tls.key", folder / "other.crt")


def test_a_backend_s_files_are_taken_over(settings_with: With, folder: Path) -> None:
    keys = {"ca_file": "other.crt", "client_certificate_file": "tls.crt", "client_private_key_file": "tls.key"}
    backend = settings_with({**SECURE, **{f"backends.ecm.{key}": name for key, name in keys.items()}}).backends["ecm"]

    assert {key: getattr(backend, key) for key in keys} == {key: folder / name for key, name in keys.items()}


@pytest.mark.parametrize(
    ("tls", "fault"),
    [
        ({}, "certificate_file: missing"),
        ({"client_ca_file": "other.crt"}, "certificate_file: missing"),
        ({"certificate_file": "tls.crt"}, "private_key_file: missing: certificate_file is of no use without it"),
        ({**PAIR, "private_key_file": "absent"}, "private_key_file: "),
        ({**PAIR, "certificate_file": "other.crt"}, "private_key_file: is not the unencrypted PEM key"),
        ({**PAIR, "private_key_file": "elliptic.key"}, "private_key_file: is not the unencrypted PEM key"),
        ({**PAIR, "private_key_file": "locked.key"}, "private_key_file: is not the unencrypted PEM key"),
        ({**PAIR, "certificate_file": "password"}, "private_key_file: is not the unencrypted PEM key"),
        ({**PAIR, "client_ca_file": "password"}, "client_ca_file: "),
        ({**PAIR, "client_ca_file": "tls.key"}, "client_ca_file: "),
        ({**PAIR, "versions": ["1.0"]}, "versions: unknown key"),
    ],
)
def test_files_of_the_listener_that_cannot_be_used_are_told(faults_with: Faults, tls: object, fault: str) -> None:
    [found] = faults_with({"server.tls": tls})

    assert found.startswith(f"server.tls.{fault}")
    assert "s3cret" not in found


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ({"client_certificate_file": "tls.crt"}, "client_private_key_file: missing"),
        ({"client_private_key_file": "tls.key"}, "client_certificate_file: missing"),
        (
            {"client_certificate_file": "other.crt", "client_private_key_file": "tls.key"},
            "client_private_key_file: is not the unencrypted PEM key of client_certificate_file",
        ),
        ({"ca_file": "password"}, "ca_file: "),
        ({"ca_file": "absent"}, "ca_file: "),
    ],
)
def test_files_of_a_backend_that_cannot_be_used_are_told(
    faults_with: Faults, keys: Mapping[str, str], fault: str
) -> None:
    [found] = faults_with({**SECURE, **{f"backends.ecm.{key}": name for key, name in keys.items()}})

    assert found.startswith(f"backends.ecm.{fault}")


def test_files_that_would_never_be_used_are_told(faults_with: Faults) -> None:
    keys = {"ca_file": "other.crt", "client_certificate_file": "tls.crt", "client_private_key_file": "tls.key"}

    assert faults_with({f"backends.ecm.{key}": name for key, name in keys.items()}) == [
        "backends.ecm.ca_file: of no use: base_url is not https",
        "backends.ecm.client_certificate_file: of no use: base_url is not https",
    ]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"ca_file": "password"}, "ca_file: "),
        ({"token_file": "two-lines"}, "token_file: "),
        ({"token_file": "empty"}, "token_file: "),
        ({"token_type": "two words"}, "token_type: expected the typ of a token's header"),
        ({"token_type": "application/at+jwt"}, "token_type: expected the typ of a token's header"),
        ({"jwks_url": ..., "jwks_file": "jwks.json", "ca_file": "other.crt"}, "ca_file: belongs to jwks_url"),
        ({"jwks_url": ..., "jwks_file": "jwks.json", "token_file": "password"}, "token_file: belongs to jwks_url"),
    ],
)
def test_a_faulty_key_of_an_issuer_is_told_once(faults_with: Faults, change: Mapping[str, object], fault: str) -> None:
    [found] = faults_with({f"issuers.cluster.{key}": value for key, value in change.items()})

    assert found.startswith(f"issuers.cluster.{fault}")


def test_what_an_issuer_s_url_needs_is_taken_over(settings_with: With, folder: Path) -> None:
    keys = {"ca_file": "other.crt", "token_file": "password", "token_type": "at+jwt"}
    issuer = settings_with({f"issuers.cluster.{key}": value for key, value in keys.items()}).issuers["cluster"]

    assert (issuer.ca_file, issuer.token_file) == (folder / "other.crt", folder / "password")
    assert issuer.token_type == "at+jwt"


def test_two_issuers_with_one_name_in_their_tokens_are_refused(faults_with: Faults) -> None:
    twin = {"issuer": "https://issuer", "audience": "other", "jwks_file": "jwks.json"}

    assert faults_with({"issuers.twin": twin}) == [
        "issuers.twin.issuer: the same as that of cluster: whose keys count could not be told"
    ]


def test_two_callers_may_share_an_issuer(settings_with: With) -> None:
    other = {"issuer": "cluster", "subject": "b", "tenants": ["acme-dk"], "operations": ["*"], "execute": False}

    assert settings_with({"callers.other": other}).callers["other"].subject == "b"
