"""`issuers`: the parties whose tokens are accepted from callers."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from gateway.config.secret_places import Origin, content, file
from gateway.config.section import Section
from gateway.config.settings import Issuer
from gateway.config.tree import Tree
from gateway.config.urls import key_set_url
from gateway.config.values import Unfit, text, whole, word

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Asymmetric ones only: with a shared secret, whoever checks a token could make one."""

_DEFAULT = Issuer("", "", "")


def read_issuers(root: Section, origin: Origin) -> dict[str, Issuer]:
    """The parties whose tokens are accepted, each with exactly one place of its keys."""
    return {name: _issuer(section, name, origin) for name, section in root.named("issuers")}


def _issuer(section: Section, name: str, origin: Origin) -> Issuer:
    if ("jwks_url" in section) == ("jwks_file" in section):
        section.fault("jwks_url", "give jwks_url or jwks_file, and not both")
    return Issuer(
        name=name,
        issuer=section.need("issuer", text, ""),
        audience=section.need("audience", text, ""),
        jwks_url=section.get("jwks_url", key_set_url, None),
        jwks_file=section.get("jwks_file", _key_set_file(origin), None),
        algorithms=section.get_each("algorithms", word(*ALGORITHMS), _DEFAULT.algorithms),
        max_lifetime_seconds=section.get("max_lifetime_seconds", whole(1, 31_536_000), _DEFAULT.max_lifetime_seconds),
    )


class _KeySet(msgspec.Struct):
    keys: list[dict[str, object]]


def _key_set_file(origin: Origin) -> Callable[[Tree], Path | None]:
    find = file(origin)

    def parse(tree: Tree) -> Path:
        found = find(tree)
        try:
            keys = msgspec.json.decode(content(found), type=_KeySet).keys
        except (msgspec.DecodeError, RecursionError) as cause:
            raise Unfit(f'{found} is no JSON Web Key Set ({{"keys": [...]}})') from cause
        if not keys:
            raise Unfit(f"{found} holds no key")
        return found

    return parse
