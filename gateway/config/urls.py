"""URLs of other parties, and of the ledger."""

import re
import socket
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, urlsplit

from gateway.config.tree import Tree
from gateway.config.values import Unfit, is_address, is_host_name, is_loopback, text
from gateway.config.wording import quote

_URL_CHARACTERS = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")
SQLITE = "sqlite:///"
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
    _check_host(parts.hostname)
    return found, parts


def _check_host(host: str) -> None:
    """Refuse what is no host, and addresses that are written so that nobody sees where they lead."""
    if is_address(host):
        address = ip_address(host)
        inner = getattr(address, "ipv4_mapped", None) or address
        if inner.is_unspecified or inner.is_multicast:
            raise Unfit("expected the address of one host")
    elif not is_host_name(host):
        raise Unfit("expected a URL with a host name or an IP address")
    elif _is_disguised_address(host):
        raise Unfit("expected an IP address in its usual form, such as 192.0.2.1")


def _is_disguised_address(host: str) -> bool:
    """Whether the resolver would take `host` for an IPv4 address: in one number, in hexadecimal, in octal."""
    try:
        socket.inet_aton(host.rstrip("."))
    except OSError:
        return False
    return True


def _split(found: str) -> SplitResult:
    if not _URL_CHARACTERS.fullmatch(found):
        raise Unfit("expected a URL in ASCII, what is special percent-encoded")
    try:
        parts = urlsplit(found)
        for server in parts.netloc.split(",") if found.startswith(_POSTGRESQL) else [parts.netloc]:
            _ = urlsplit(f"//{server}").port
    except ValueError as cause:
        raise Unfit("expected a URL, got one whose host or port cannot be read") from cause
    return parts


def store_url(folder: Path, tree: Tree) -> str:
    """The ledger's URL; a relative SQLite file is taken from `folder`, that of the configuration file."""
    found = text(tree)
    if found.startswith(SQLITE):
        return SQLITE + str(folder / _sqlite_file(found.removeprefix(SQLITE)))
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
        raise Unfit("leave the password out: a secret does not belong in this file; give store.password_file")
    host = parts.hostname or parse_qs(parts.query).get("host")  # in the query: the folder of a local server's socket
    if not host or not parts.path.strip("/"):
        raise Unfit(f'expected "postgresql://user@host/database", got {quote(found)}')
    return found
