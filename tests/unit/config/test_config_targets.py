"""Configuration that would turn the gateway on itself, or on what only its own machine should reach."""

from collections.abc import Callable, Mapping

import pytest

from gateway.config.settings import Settings

Faults = Callable[[Mapping[str, object]], list[str]]
With = Callable[[Mapping[str, object]], Settings]

KEYS = ("backends.ecm.base_url", "credentials.oauth.token_url", "issuers.cluster.jwks_url")
LINK_LOCAL = [
    "169.254.169.254",
    "169.254.0.1:8080",
    "[fe80::1]",
    "[fe80::1%25eth0]",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[::169.254.169.254]",
    "[64:ff9b::169.254.169.254]",
    "[2002:a9fe:a9fe::1]",
]
METADATA = [
    "[fd00:ec2::254]",
    "[fd00:0ec2::23]",
    "[fd20:ce::254]:8080",
    "100.100.100.200",
    "[::ffff:100.100.100.200]",
    "168.63.129.16",
    "[64:ff9b::168.63.129.16]",
]
DISGUISED = ["2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "169.0xfe.1", "127.1", "0", "1."]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("host", LINK_LOCAL + METADATA)
def test_an_address_of_the_platform_s_own_services_is_refused_unless_it_is_allowed(
    faults_with: Faults, key: str, host: str
) -> None:
    change = {key: f"https://{host}/latest"}

    [fault] = faults_with(change)
    assert fault.startswith(f"{key}: is a link-local address")
    assert faults_with({**change, "server.allow_link_local": True}) == []


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("host", DISGUISED)
def test_an_address_that_does_not_look_like_one_is_refused(faults_with: Faults, key: str, host: str) -> None:
    [fault] = faults_with({key: f"https://{host}/x", "server.allow_link_local": True})

    assert fault.startswith(f"{key}: expected an IP address in its usual form")


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("https://0.0.0.0/", "expected the address of one host"),
        ("https://[::]/", "expected the address of one host"),
        ("https://[::ffff:0.0.0.0]/", "expected the address of one host"),
        ("https://224.0.0.1/", "expected the address of one host"),
        ("https://[ff02::1]/", "expected the address of one host"),
        ("https://user:hunter2@host/", "expected a URL without a user"),
        ("https://user@host/", "expected a URL without a user"),
        ("https://@host/", "expected a URL without a user"),
        ("https://host/#a", "expected a URL without a fragment"),
        ("https://host/#", "expected a URL without a fragment"),
        ("file:///etc/passwd", "expected a URL such as"),
        ("ftp://host/", "expected a URL such as"),
        ("gopher://host/", "expected a URL such as"),
        ("//host/", "expected a URL such as"),
        ("https:///x", "expected a URL such as"),
        ("https://%31%36%39.254.169.254/", "expected a URL with a host name"),
        ("https://ho,st/", "expected a URL with a host name"),
        ("https://host:99999/", "whose host or port cannot be read"),
        ("https://[fe80::1/", "whose host or port cannot be read"),
    ],
)
def test_a_url_that_leads_nowhere_good_is_refused(faults_with: Faults, key: str, url: str, fault: str) -> None:
    [found] = faults_with({key: url})

    assert found.startswith(f"{key}: ")
    assert fault in found
    assert "hunter2" not in found


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:7001",
        "[::1]:7001",
        "10.0.0.1",
        "[fd00::1]",
        "100.100.100.201",
        "ecm.internal",
        "ecm.",
        "localhost",
        "1.example",
    ],
)
def test_other_hosts_are_as_they_were(settings_with: With, host: str) -> None:
    assert settings_with({"backends.ecm.base_url": f"http://{host}/ECM"}).backends["ecm"].base_url.endswith("/ECM")


@pytest.mark.parametrize(
    ("server", "url"),
    [
        ({"host": "127.0.0.1", "port": 8080}, "http://127.0.0.1:8080/ECM"),
        ({"host": "127.0.0.1", "port": 8080}, "http://localhost:8080/ECM"),
        ({"host": "localhost", "port": 8080}, "http://127.0.0.1:8080/ECM"),
        ({"host": "localhost", "port": 8080}, "http://[::1]:8080/ECM"),
        ({"host": "0.0.0.0", "port": 8080}, "http://127.0.0.1:8080/ECM"),  # noqa: S104 - a listener on every address
        ({"host": "::", "port": 8080}, "http://[::1]:8080/ECM"),
        ({"host": "gateway.internal", "port": 80}, "http://Gateway.Internal/ECM"),
        ({"host": "gateway.internal", "port": 443}, "https://gateway.internal/ECM"),
        ({"host": "127.0.0.1", "port": 8080, "metrics_port": 9090}, "http://127.0.0.1:9090/ECM"),
    ],
)
def test_the_gateway_is_not_its_own_upstream(faults_with: Faults, server: object, url: str) -> None:
    assert faults_with({"server": server, "backends.ecm.base_url": url}) == [
        "backends.ecm.base_url: is where this gateway itself listens"
    ]


@pytest.mark.parametrize(
    ("server", "url"),
    [
        ({"host": "127.0.0.1", "port": 8080}, "http://127.0.0.1:8081/ECM"),
        ({"host": "127.0.0.1", "port": 8080}, "http://127.0.0.2:8080/ECM"),
        ({"host": "0.0.0.0", "port": 8080}, "http://ecm.internal:8080/ECM"),  # noqa: S104 - as above
        ({"host": "10.0.0.1", "port": 8080}, "http://localhost:8080/ECM"),
    ],
)
def test_what_cannot_be_told_to_be_the_gateway_is_not_refused(faults_with: Faults, server: object, url: str) -> None:
    assert faults_with({"server": server, "backends.ecm.base_url": url}) == []
