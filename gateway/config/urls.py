"""URLs of other parties, and of the ledger."""

import re
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, urlsplit

from gateway.config.tree import Tree
from gateway.config.values import Unfit, is_loopback, text
from gateway.config.wording import quote

_URL_CHARACTERS = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")
_SQLITE = "sqlite:///"
_POSTGRESQL = "postgresql://"


def base_url(tree: Tree) -> str:
    """An http or https URL to which paths are appended: no query, no slash at its end."""
    found, parts = _http(tree)
    if "?" in found:
        raise Unfit("expected a URL without a query")
    if ".." in parts.path.split("/"):
        raise Unfit(f'expected a URL without "..", got {quote(found)}')
    return found.rstrip("/")


def endpoint_url(tree: Tree) -> str:
    """An http or https URL that is called as it stands."""
    return _http(tree)[0]


def key_set_url(tree: Tree) -> str:
    """An https URL; http on loopback only, since who can change the keys on their way can be any caller."""
    found, parts = _http(tree)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise Unfit(f"expected an https URL, got {quote(found)}")
    return found


def _http(tree: Tree) -> tuple[str, SplitResult]:
    found = text(tree)
    parts = _split(found)
    if parts.username is not None or parts.password is not None:
        raise Unfit("expected a URL without a user and a password; name credentials instead")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Unfit(f'expected a URL such as "https://host/path", got {quote(found)}')
    if "#" in found:
        raise Unfit("expected a URL without a fragment")
    return found, parts


def _split(found: str) -> SplitResult:
    if not _URL_CHARACTERS.fullmatch(found):
        raise Unfit("expected a URL in ASCII, what is special percent-encoded")
    try:
        parts = urlsplit(found)
        _ = parts.port
    except ValueError as cause:
        raise Unfit("expected a URL, got one whose host or port cannot be read") from cause
    return parts


def store_url(folder: Path, tree: Tree) -> str:
    """The ledger's URL; a relative SQLite file is taken from `folder`, that of the configuration file."""
    found = text(tree)
    if found.startswith(_SQLITE):
        return _SQLITE + str(folder / _sqlite_file(found.removeprefix(_SQLITE)))
    if found.startswith(_POSTGRESQL):
        return _postgresql(found)
    raise Unfit(
        'expected "sqlite:///file.db", "sqlite:////folder/file.db" or "postgresql://user@host/database", '
        f"got {quote(found.split('://')[0] + '://...') if '://' in found else quote(found)}"
    )


def _sqlite_file(found: str) -> str:
    if not found or found.endswith("/"):
        raise Unfit('expected the name of a file after "sqlite:///"')
    if found.startswith(":memory:") or "?" in found:
        raise Unfit("expected a plain file: the ledger must outlive the process")
    return found


def _postgresql(found: str) -> str:
    parts = _split(found)
    if parts.password is not None or "password" in parse_qs(parts.query, keep_blank_values=True):
        raise Unfit("leave the password out: a secret does not belong in this file (PGPASSFILE, PGPASSWORD)")
    host = parts.hostname or parse_qs(parts.query).get("host")  # in the query: the folder of a local server's socket
    if not host or not parts.path.strip("/"):
        raise Unfit(f'expected "postgresql://user@host/database", got {quote(found)}')
    return found
