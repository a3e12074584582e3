"""Where the gateway's own requests go: not to itself, and not where only this machine's own services answer."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from gateway.config.settings import Server, Settings
from gateway.config.values import is_address, is_loopback
from gateway.errors import Fault

NAT64 = IPv6Network("64:ff9b::/96")
"""RFC 6052: an IPv4 address in the last 32 bits."""

METADATA = frozenset(
    ip_address(known) for known in ("fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "100.100.100.200", "168.63.129.16")
)
"""Where clouds serve metadata and credentials beyond the link-local ranges: Amazon (two), Google, Alibaba, Azure."""

_DEFAULT_PORTS = {"http": 80, "https": 443}


def faults_of_targets(settings: Settings) -> Iterator[Fault]:
    """What is wrong with the hosts of `base_url`, `token_url` and `jwks_url`, beyond each URL by itself."""
    for path, url in _targets(settings):
        if not url:
            continue  # none is given, or it is at fault already
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _DEFAULT_PORTS[parts.scheme]
        if is_of_platform(host) and not settings.server.allow_link_local:
            yield Fault(
                path,
                "is a link-local address, or one of a cloud's own services: credentials are among what they answer; "
                "server.allow_link_local: true permits it",
            )
        if _is_own(host, port, settings.server):
            yield Fault(path, "is where this gateway itself listens")


def is_of_platform(host: str) -> bool:
    """Whether `host` is an address of one link alone (RFC 3927, RFC 4291) or METADATA, also as IPv6 writes IPv4."""
    if not is_address(host):
        return False
    address = ip_address(host)
    return any(one.is_link_local or one in METADATA for one in (address, *_embedded(address)))


def _embedded(address: IPv4Address | IPv6Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses that an IPv6 address may stand for."""
    if isinstance(address, IPv4Address):
        return
    yield from (found for found in (address.ipv4_mapped, address.sixtofour) if found is not None)
    if address in NAT64 or int(address) >> 32 == 0:
        yield IPv4Address(int(address) & 0xFFFF_FFFF)


def _targets(settings: Settings) -> Iterator[tuple[str, str]]:
    """The path and the URL of each, as far as it could be read."""
    for name, backend in settings.backends.items():
        yield f"backends.{name}.base_url", backend.base_url
    for name, credential in settings.credentials.items():
        yield f"credentials.{name}.token_url", credential.token_url or ""
    for name, issuer in settings.issuers.items():
        yield f"issuers.{name}.jwks_url", issuer.jwks_url or ""


def _is_own(host: str, port: int, server: Server) -> bool:
    """Whether it can be told from the configuration alone that one of our own listeners is there."""
    if port not in {server.port, server.metrics_port}:
        return False
    if host == server.host.lower():
        return True
    everywhere = is_address(server.host) and ip_address(server.host).is_unspecified
    by_name = "localhost" in {host, server.host.lower()} and is_loopback(server.host)
    return is_loopback(host) and (everywhere or by_name)
