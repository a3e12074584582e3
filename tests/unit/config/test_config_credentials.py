from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from gateway.config.settings import Credential, Secret, Settings

Faults = Callable[[Mapping[str, object]], list[str]]
With = Callable[[Mapping[str, object]], Settings]


def test_each_type_has_its_fields_and_only_the_place_of_its_secret(settings_with: With, folder: Path) -> None:
    credentials = settings_with({"credentials.scalepoint.audience": None}).credentials

    assert credentials == {
        "scalepoint": Credential(
            name="scalepoint",
            type="private_key_jwt",
            token_url="https://accounts.example/connect/token",
            client_id="acme",
            scope="case:delete",
            private_key_file=folder / "tls.key",
            certificate_file=folder / "tls.crt",
        ),
        "oauth": Credential(
            name="oauth",
            type="client_secret",
            token_url="https://accounts.example/connect/token",
            client_id="acme",
            client_secret=Secret(env="SECRET"),
        ),
        "ecm": Credential("ecm", "basic", username="gateway", password=Secret(file=folder / "password")),
        "static": Credential("static", "bearer", token=Secret(file=folder / "password")),
        "open": Credential("open", "none"),
    }


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("open.type", ..., "open.type: missing"),
        ("open.type", "digest", "open.type: expected one of private_key_jwt, client_secret, basic, bearer, none"),
        ("scalepoint.client_id", ..., "scalepoint.client_id: missing"),
        ("scalepoint.token_url", ..., "scalepoint.token_url: missing"),
        (
            "scalepoint.token_url",
            "accounts.example",
            'scalepoint.token_url: expected a URL such as "https://host/path"',
        ),
        ("scalepoint.private_key_file", ..., "scalepoint.private_key_file: missing"),
        ("scalepoint.certificate_file", ..., "scalepoint.certificate_file: missing"),
        ("scalepoint.password_env", "SECRET", "scalepoint.password_env: belongs to type basic, not to private_key_jwt"),
        ("scalepoint.client_secret", "s", "scalepoint.client_secret: a secret does not belong in this file: give "),
        ("oauth.audience", "a", "oauth.audience: belongs to type private_key_jwt, not to client_secret"),
        ("oauth.client_secret_env", ..., "oauth.client_secret_file: give client_secret_file or client_secret_env"),
        ("oauth.client_secret_file", "password", "oauth.client_secret_file: give client_secret_file or client_secret_"),
        ("ecm.username", "a:b", "ecm.username: expected a user name without a colon"),
        ("ecm.usrname", "a", 'ecm.usrname: unknown key; did you mean "username"?'),
        ("ecm.token_file", "password", "ecm.token_file: belongs to type bearer, not to basic"),
        (
            "open.token_url",
            "https://a",
            "open.token_url: belongs to type private_key_jwt and client_secret, not to none",
        ),
    ],
)
def test_a_faulty_credential_is_told_once(faults_with: Faults, path: str, value: object, fault: str) -> None:
    [found] = faults_with({f"credentials.{path}": value})

    assert found.startswith(f"credentials.{fault}")


@pytest.mark.parametrize(
    ("credential", "key"),
    [("ecm", "password"), ("static", "token"), ("oauth", "client_secret"), ("open", "private_key")],
)
def test_a_secret_in_the_file_itself_is_refused_and_not_shown(faults_with: Faults, credential: str, key: str) -> None:
    places = {f"credentials.{credential}.{place}": ... for place in SECRET_PLACES[credential]}

    [fault] = faults_with({**places, f"credentials.{credential}.{key}": "hunter2"})

    assert fault.startswith(f"credentials.{credential}.{key}: a secret does not belong in this file: give {key}_file")
    assert "hunter2" not in fault


SECRET_PLACES = {"ecm": ["password_file"], "static": ["token_file"], "oauth": ["client_secret_env"], "open": []}


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("password_file", "absent", "/absent cannot be read: No such file or directory"),
        ("password_file", "empty", "/empty is empty"),
        ("password_file", "two-lines", "/two-lines holds more than one line, or control characters"),
        ("password_file", "latin-1", "/latin-1 is not UTF-8"),
        ("password_file", "large", "/large is larger than 65,536 bytes"),
        ("password_file", ".", " is not a file"),
        ("password_file", "-----BEGIN KEY-----\nhunter2", "expected the path of a file"),
        ("password_file", 5, "expected the path of a file"),
        ("password_env", "ABSENT", "the environment variable ABSENT is not set"),
        ("password_env", "EMPTY", "the environment variable EMPTY is empty"),
        ("password_env", "TWO_LINES", "the environment variable TWO_LINES holds more than one line"),
        ("password_env", "hunter2!", "expected the name of an environment variable"),
    ],
)
def test_a_secret_that_is_not_to_be_had_is_told_and_never_shown(
    faults_with: Faults, key: str, value: object, fault: str
) -> None:
    [found] = faults_with({"credentials.ecm.password_file": ..., f"credentials.ecm.{key}": value})

    assert found.startswith(f"credentials.ecm.{key}: ")
    assert fault in found
    assert "hunter2" not in found
    assert "s3cret" not in found


@pytest.mark.parametrize(
    ("key", "name", "fault"),
    [
        ("private_key_file", "absent", "cannot be read: No such file or directory"),
        ("private_key_file", "tls.crt", "holds no private key in PEM"),
        ("private_key_file", "locked.key", "holds an encrypted key; give it without a passphrase"),
        ("private_key_file", "elliptic.key", "holds no RSA key of at least 2048 bits, which RS256 needs"),
        ("private_key_file", "small.key", "holds no RSA key of at least 2048 bits, which RS256 needs"),
        ("certificate_file", "tls.key", "holds no X.509 certificate in PEM"),
        ("certificate_file", "elliptic.crt", "holds a certificate without an RSA key"),
        ("certificate_file", "other.crt", "is not the certificate of the key in private_key_file"),
    ],
)
def test_a_key_and_a_certificate_that_cannot_sign_together_are_told(
    faults_with: Faults, key: str, name: str, fault: str
) -> None:
    [found] = faults_with({f"credentials.scalepoint.{key}": name})

    assert found.startswith(f"credentials.scalepoint.{key}: ")
    assert found.endswith(fault)


def test_an_absolute_path_stands_as_it_is(settings_with: With, folder: Path) -> None:
    settings = settings_with({"credentials.ecm.password_file": str(folder / "password")})

    assert settings.credentials["ecm"].password == Secret(file=folder / "password")
