"""`credentials`: how the gateway proves itself to an upstream, by one of five types."""

from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from gateway.config.key_pair import public_key_of_certificate, public_key_of_private
from gateway.config.secret_places import Origin, file, refuse_in_the_clear, secret
from gateway.config.section import Section
from gateway.config.settings import Credential
from gateway.config.tree import Tree
from gateway.config.urls import endpoint_url
from gateway.config.values import Unfit, text, word

_FIELDS = {
    "token_url": ("private_key_jwt", "client_secret"),
    "client_id": ("private_key_jwt", "client_secret"),
    "scope": ("private_key_jwt", "client_secret"),
    "audience": ("private_key_jwt",),
    "private_key_file": ("private_key_jwt",),
    "certificate_file": ("private_key_jwt",),
    "client_secret_file": ("client_secret",),
    "client_secret_env": ("client_secret",),
    "username": ("basic",),
    "password_file": ("basic",),
    "password_env": ("basic",),
    "token_file": ("bearer",),
    "token_env": ("bearer",),
}
"""The types that each field belongs to."""

_IN_THE_CLEAR = {
    "private_key": "private_key_file",
    "certificate": "certificate_file",
    "client_secret": "client_secret_file or client_secret_env",
    "password": "password_file or password_env",
    "token": "token_file or token_env",
}


def read_credentials(root: Section, origin: Origin) -> dict[str, Credential]:
    """The credentials by name, each with the fields of its type only: another type's would be given and never used."""
    return {name: _credential(section, name, origin) for name, section in root.named("credentials")}


def _credential(section: Section, name: str, origin: Origin) -> Credential:
    kind = section.need("type", word(*_READERS), None)
    for key, instead in _IN_THE_CLEAR.items():
        refuse_in_the_clear(section, key, instead)
    if kind is None:
        section.leave_unread(*_FIELDS)
        return Credential(name, "none")
    for key, kinds in _FIELDS.items():
        if kind not in kinds:
            section.refuse(key, f"belongs to type {' and '.join(kinds)}, not to {kind}")
    return _READERS[kind](section, name, origin)


def _private_key_jwt(section: Section, name: str, origin: Origin) -> Credential:
    private = section.need("private_key_file", _keyed(origin, public_key_of_private), None)
    certified = section.need("certificate_file", _keyed(origin, public_key_of_certificate), None)
    if private and certified and private[1] != certified[1]:
        section.fault("certificate_file", "is not the certificate of the key in private_key_file")
    return Credential(
        name,
        "private_key_jwt",
        token_url=section.need("token_url", endpoint_url, None),
        client_id=section.need("client_id", text, None),
        scope=section.get_or_null("scope", text),
        audience=section.get_or_null("audience", text),
        private_key_file=private and private[0],
        certificate_file=certified and certified[0],
    )


def _client_secret(section: Section, name: str, origin: Origin) -> Credential:
    return Credential(
        name,
        "client_secret",
        token_url=section.need("token_url", endpoint_url, None),
        client_id=section.need("client_id", text, None),
        scope=section.get_or_null("scope", text),
        client_secret=secret(section, "client_secret", origin),
    )


def _basic(section: Section, name: str, origin: Origin) -> Credential:
    username = section.need("username", _username, None)
    return Credential(name, "basic", username=username, password=secret(section, "password", origin))


def _bearer(section: Section, name: str, origin: Origin) -> Credential:
    return Credential(name, "bearer", token=secret(section, "token", origin))


def _none(_section: Section, name: str, _origin: Origin) -> Credential:
    return Credential(name, "none")


_READERS: dict[str, Callable[[Section, str, Origin], Credential]] = {
    "private_key_jwt": _private_key_jwt,
    "client_secret": _client_secret,
    "basic": _basic,
    "bearer": _bearer,
    "none": _none,
}


def _keyed(
    origin: Origin, public_key_of: Callable[[Path], RSAPublicKey]
) -> Callable[[Tree], tuple[Path, RSAPublicKey] | None]:
    find = file(origin)

    def parse(tree: Tree) -> tuple[Path, RSAPublicKey]:
        path = find(tree)
        return path, public_key_of(path)

    return parse


def _username(tree: Tree) -> str:
    found = text(tree)
    if ":" in found:
        raise Unfit("expected a user name without a colon, which would end it (RFC 7617)")
    return found
