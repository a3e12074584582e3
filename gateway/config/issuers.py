"""`issuers`: the parties whose tokens are accepted from callers."""

import re
from collections.abc import Callable
from pathlib import Path

from gateway.config.secret_places import Origin, content, file, secret_file
from gateway.config.section import Section
from gateway.config.settings import Issuer
from gateway.config.tls_files import ca_file
from gateway.config.tree import Tree
from gateway.config.urls import key_set_url
from gateway.config.values import Unfit, text, whole, word
from gateway.config.wording import quote
from gateway.identity.keys import NoKeySet, read_key_set

ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
)  # fmt: skip
"""Asymmetric ones only: with a shared secret, whoever checks a token could make one."""

_DEFAULT = Issuer("", "", "")
_TOKEN_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,64}")


def read_issuers(root: Section, origin: Origin) -> dict[str, Issuer]:
    """The parties whose tokens are accepted, each with exactly one place of its keys, no two with the same `iss`."""
    issuers: dict[str, Issuer] = {}
    owners: dict[str, str] = {}
    for name, section in root.named("issuers"):
        issuers[name] = _issuer(section, name, origin)
        claim = issuers[name].issuer
        if claim and (owner := owners.setdefault(claim, name)) != name:
            section.fault("issuer", f"the same as that of {owner}: whose keys count could not be told")
    return issuers


def _issuer(section: Section, name: str, origin: Origin) -> Issuer:
    if ("jwks_url" in section) == ("jwks_file" in section):
        section.fault("jwks_url", "give jwks_url or jwks_file, and not both")
    elif "jwks_file" in section:
        for key in ("ca_file", "token_file"):
            section.refuse(key, "belongs to jwks_url, not to jwks_file")
    return Issuer(
        name=name,
        issuer=section.need("issuer", text, ""),
        audience=section.need("audience", text, ""),
        jwks_url=section.get("jwks_url", key_set_url, None),
        jwks_file=section.get("jwks_file", _key_set_file(origin), None),
        algorithms=section.get_each("algorithms", word(*ALGORITHMS), _DEFAULT.algorithms),
        max_lifetime_seconds=section.get("max_lifetime_seconds", whole(1, 31_536_000), _DEFAULT.max_lifetime_seconds),
        token_type=section.get_or_null("token_type", _token_type),
        ca_file=section.get("ca_file", ca_file(origin), None),
        token_file=section.get("token_file", secret_file(origin), None),
    )


def _token_type(tree: Tree) -> str:
    found = text(tree)
    if not _TOKEN_TYPE.fullmatch(found):
        raise Unfit(f'expected the typ of a token\'s header without "application/", such as at+jwt, got {quote(found)}')
    return found


def _key_set_file(origin: Origin) -> Callable[[Tree], Path | None]:
    find = file(origin)

    def parse(tree: Tree) -> Path:
        found = find(tree)
        try:
            keys = read_key_set(content(found))
        except NoKeySet as cause:
            raise Unfit(f'{found} is no JSON Web Key Set ({{"keys": [...]}})') from cause
        if not keys:
            raise Unfit(f"{found} holds no key that could verify a token")
        return found

    return parse
