"""`callers`: who may call, and for what."""

import hashlib
import re
from collections.abc import Collection
from functools import partial
from pathlib import Path

from gateway.config.secret_places import Origin, path, refuse_in_the_clear, text_in_environment, text_in_file
from gateway.config.section import Section
from gateway.config.settings import Caller
from gateway.config.tree import Items, Scalar, Tree
from gateway.config.values import Unfit, count, environment_name, flag, known, text, word
from gateway.model.kinds import Kind

Proof = str | tuple[str, str]
"""What a request is known by: the digest of an API key, or an issuer and a subject."""

EVERY_OPERATION = "*"
_KEY_HASH = "api_key_sha256"
_PLACES_OF_HASH = (_KEY_HASH, f"{_KEY_HASH}_file", f"{_KEY_HASH}_env")
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")
_DIGESTS_OF_NOTHING = frozenset(hashlib.sha256(nothing).hexdigest() for nothing in (b"", b"\n"))
"""What `sha256sum` makes of an empty variable."""


def read_callers(root: Section, origin: Origin) -> dict[str, Caller]:
    """Who may call. No two callers share a key, or an issuer and subject: a request must be of one caller."""
    tenants, issuers = root.names("tenants"), root.names("issuers")
    callers: dict[str, Caller] = {}
    owners: dict[Proof, str] = {}
    for name, section in root.named("callers"):
        callers[name] = _caller(section, name, origin, tenants, issuers)
        _refuse_same_proof(section, callers[name], owners)
    return callers


def _caller(section: Section, name: str, origin: Origin, tenants: Collection[str], issuers: Collection[str]) -> Caller:
    refuse_in_the_clear(section, "api_key", f"its hash as {' or '.join(_PLACES_OF_HASH)}")
    caller = Caller(
        name=name,
        tenants=frozenset(section.need_each("tenants", known("tenant", tenants))),
        operations=_operations(section),
        execute=section.need("execute", flag, stand_in=False),
        api_key_sha256=_key_hashes(section, origin),
        api_key_sha256_file=section.get(f"{_KEY_HASH}_file", partial(_place, origin), None),
        issuer=section.get("issuer", known("issuer", issuers), None),
        subject=section.get("subject", text, None),
        requests_per_minute=section.get_or_null("requests_per_minute", count),
        max_queued_cases=section.get_or_null("max_queued_cases", count),
    )
    _refuse_without_proof(section)
    return caller


def _operations(section: Section) -> frozenset[Kind]:
    words = section.need_each("operations", word(*Kind, EVERY_OPERATION))
    return frozenset(Kind) if EVERY_OPERATION in words else frozenset(Kind(kind) for kind in words)


def _refuse_without_proof(section: Section) -> None:
    places = [place for place in _PLACES_OF_HASH if place in section]
    if len(places) > 1:
        section.fault(places[1], f"give {places[0]} or {places[1]}, not both")
    for key, other in (("issuer", "subject"), ("subject", "issuer")):
        if key in section and other not in section:
            section.fault(key, f"{key} without {other}: a caller's tokens are known by both")
    if not places and "issuer" not in section and "subject" not in section:
        section.fault(_KEY_HASH, "missing: a caller needs api_key_sha256 (or _file, _env), or issuer and subject")


def _refuse_same_proof(section: Section, caller: Caller, owners: dict[Proof, str]) -> None:
    """Report what proves another caller too; `owners` gains what proves this one."""
    for digest in sorted(caller.api_key_sha256):
        if owners.setdefault(digest, caller.name) != caller.name:
            place = next(place for place in _PLACES_OF_HASH if section.gives(place))
            section.fault(place, f"the same key as that of caller {owners[digest]}")
    if caller.issuer and caller.subject:
        owner = owners.setdefault((caller.issuer, caller.subject), caller.name)
        if owner != caller.name:
            section.fault("subject", f"the same issuer and subject as those of caller {owner}")


def _key_hashes(section: Section, origin: Origin) -> frozenset[str]:
    def in_file(tree: Tree) -> frozenset[str]:
        return _digests(text_in_file(path(origin, tree)).split())

    def in_environment(tree: Tree) -> frozenset[str]:
        return _digests(text_in_environment(origin, environment_name(tree)).split())

    none: frozenset[str] = frozenset()
    parsers = zip(_PLACES_OF_HASH, (_here, in_file, in_environment), strict=True)
    return none.union(*(section.get(place, parser, none) for place, parser in parsers))


def _place(origin: Origin, tree: Tree) -> Path | None:
    try:
        return path(origin, tree)
    except Unfit:
        return None  # reported where the file is read


def _here(tree: Tree) -> frozenset[str]:
    items = tree.items if isinstance(tree, Items) else (tree,)
    return _digests([item.written if isinstance(item, Scalar) else "" for item in items])


def _digests(words: list[str]) -> frozenset[str]:
    """The digests in lower case. A word that is none is not shown: it may be the key itself."""
    found = frozenset(word.lower() for word in words)
    if not found or not all(_DIGEST.fullmatch(digest) for digest in found):
        raise Unfit("expected the SHA-256 of the key, or a list of such: 64 hexadecimal digits each")
    if found & _DIGESTS_OF_NOTHING:
        raise Unfit("expected the SHA-256 of the key, got that of an empty one")
    return found
