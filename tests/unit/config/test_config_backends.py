from collections.abc import Callable, Mapping
from datetime import time

import pytest

from gateway.config.settings import Limits, Route, Settings, Tenant
from gateway.model.hours import Hours
from gateway.model.kinds import System

Faults = Callable[[Mapping[str, object]], list[str]]
With = Callable[[Mapping[str, object]], Settings]


def test_what_a_backend_leaves_out_is_what_its_system_documents(settings_with: With) -> None:
    backends = settings_with({"backends.hub-dk.limits": ...}).backends

    assert backends["hub-dk"].limits == Limits("hub-dk", per_second=5, per_minute=100, max_in_flight=5)
    assert backends["claimshop-dk"].limits == Limits("claimshop-dk", max_in_flight=3)
    assert backends["ecm"].limits == Limits("ecm", max_in_flight=20)
    assert backends["hub-dk"].hours == backends["claimshop-dk"].hours == Hours(time(16), time(8), "UTC")
    assert backends["ecm"].hours is None


def test_every_key_of_a_backend_is_taken_over(settings_with: With) -> None:
    backend = settings_with(
        {
            "backends.claimshop-dk.base_url": "https://claimshop.example/webapp/ScalePoint/",
            "backends.claimshop-dk.version": "v2",
            "backends.claimshop-dk.timeout_seconds": 12.5,
            "backends.claimshop-dk.linger_seconds": 90,
            "backends.claimshop-dk.hours": {"open": "22:30", "close": "05:15", "timezone": "Europe/Copenhagen"},
            "backends.ecm.cases_per_call": 50,
        }
    ).backends

    claimshop = backend["claimshop-dk"]
    assert claimshop.system is System.CLAIMSHOP
    assert claimshop.base_url == "https://claimshop.example/webapp/ScalePoint"
    assert (claimshop.country, claimshop.version) == ("dk", "v2")
    assert (claimshop.timeout_seconds, claimshop.linger_seconds) == (12.5, 90.0)
    assert claimshop.hours == Hours(time(22, 30), time(5, 15), "Europe/Copenhagen")
    assert claimshop.credential.name == "scalepoint"
    assert backend["ecm"].cases_per_call == 50


def test_null_hours_are_always_open(settings_with: With) -> None:
    assert settings_with({"backends.hub-dk.hours": None}).backends["hub-dk"].hours is None


@pytest.mark.parametrize(
    ("group", "limits"),
    [
        ({"per_minute": 50}, Limits("hub", 5, 50, 5)),
        ({"per_second": None, "per_minute": 50}, Limits("hub", None, 50, 5)),
        ({"per_second": None, "per_minute": None, "max_in_flight": None}, Limits("hub")),
    ],
)
def test_in_a_group_null_is_no_limit_and_what_is_left_out_is_documented(
    settings_with: With, group: dict[str, int | None], limits: Limits
) -> None:
    settings = settings_with({"limits.hub": group})

    assert settings.limits["hub"] == settings.backends["hub-dk"].limits == limits


def test_a_group_of_several_systems_takes_the_tightest_documented_limits(settings_with: With) -> None:
    settings = settings_with({"limits.hub": {"per_minute": 60}, "backends.claimshop-dk.limits": "hub"})

    assert settings.limits["hub"] == Limits("hub", per_second=5, per_minute=60, max_in_flight=3)
    assert settings.backends["hub-dk"].limits is settings.backends["claimshop-dk"].limits


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("limits.hub.per_second", "five", 'limits.hub.per_second: expected a number over 0, got "five"'),
        ("limits.hub.per_minute", -1, "limits.hub.per_minute: expected a number over 0, got -1"),
        ("limits.hub", {}, "limits.hub: give at least one of per_second, per_minute, max_in_flight"),
        ("limits.hub", None, "limits.hub: give at least one of per_second, per_minute, max_in_flight"),
        ("limits.claimshop-dk", {"max_in_flight": 1}, 'backends.claimshop-dk.limits: missing: is the group "claimshop'),
        ("backends.hub-dk.limits", "hubb", 'backends.hub-dk.limits: unknown limits group "hubb"; did you mean "hub"?'),
        ("backends.hub-dk.limits", None, "backends.hub-dk.limits: expected the name of a group"),
        (
            "backends.hub-dk.system",
            "hub",
            "backends.hub-dk.system: expected one of hub-property, claimshop, oracle-ecm",
        ),
        ("backends.hub-dk.system", ..., "backends.hub-dk.system: missing"),
        ("backends.hub-dk.credentials", ..., "backends.hub-dk.credentials: missing"),
        ("backends.hub-dk.credentials", "nobody", 'backends.hub-dk.credentials: unknown credential "nobody"; known: '),
        ("backends.hub-dk.country", "dk", "backends.hub-dk.country: belongs to claimshop, not to hub-property"),
        ("backends.hub-dk.cases_per_call", 2, "backends.hub-dk.cases_per_call: belongs to oracle-ecm, not to hub-prop"),
        (
            "backends.ecm.version",
            "v1",
            "backends.ecm.version: belongs to hub-property and claimshop, not to oracle-ecm",
        ),
        ("backends.claimshop-dk.country", ..., "backends.claimshop-dk.country: missing"),
        ("backends.claimshop-dk.country", False, "backends.claimshop-dk.country: expected a word of 1 to 64 letters"),
        ("backends.hub-dk.version", 1.0, "backends.hub-dk.version: expected a word"),
        ("backends.hub-dk.version", "v1/../v2", "backends.hub-dk.version: expected a word"),
        ("backends.hub-dk.timeout_seconds", 0, "backends.hub-dk.timeout_seconds: expected a number over 0, got 0"),
        ("backends.hub-dk.linger_seconds", 0, "backends.hub-dk.linger_seconds: expected a number over 0, got 0"),
        ("backends.hub-dk.retries", 1, "backends.hub-dk.retries: unknown key; known: base_url"),
        (
            "backends.hub/dk",
            {"system": "hub-property", "base_url": "https://h", "credentials": "open"},
            'backends."hub',
        ),
    ],
)
def test_a_faulty_backend_is_told_once(faults_with: Faults, path: str, value: object, fault: str) -> None:
    [found] = faults_with({path: value})

    assert found.startswith(fault)


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("hub.example/ecx", 'expected a URL such as "https://host/path"'),
        ("ftp://hub.example", 'expected a URL such as "https://host/path"'),
        ("file:///etc/passwd", 'expected a URL such as "https://host/path"'),
        ("https:///ecx", 'expected a URL such as "https://host/path"'),
        ("https://hub.example/ecx?tenant=a", "expected a URL without a query"),
        ("https://hub.example/ecx?", "expected a URL without a query"),
        ("https://hub.example/ecx#a", "expected a URL without a fragment"),
        ("https://hub.example/ecx#", "expected a URL without a fragment"),
        ("https://hub.example/a/../b", 'expected a URL without ".."'),
        ("https://hub.example:http/", "expected a URL, got one whose host or port cannot be read"),
        ("https://hub.example:99999/", "expected a URL, got one whose host or port cannot be read"),
        ("https://[::1/", "expected a URL, got one whose host or port cannot be read"),
        ("https://hub.example/a b", "expected a URL in ASCII"),
        ("https://hub\\.example/", "expected a URL in ASCII"),
        ("https://hüb.example/", "expected a URL in ASCII"),
        ("https://hub.example/\n", "expected one line of at most 1,000 printable characters"),
    ],
)
def test_a_base_url_is_plain_http_or_https(faults_with: Faults, url: str, fault: str) -> None:
    [found] = faults_with({"backends.hub-dk.base_url": url})

    assert found.startswith(f"backends.hub-dk.base_url: {fault}")


@pytest.mark.parametrize("url", ["https://user:hunter2@hub.example/", "https://hunter2@hub.example/"])
def test_credentials_in_a_url_are_refused_and_not_shown(faults_with: Faults, url: str) -> None:
    [found] = faults_with({"backends.hub-dk.base_url": url})

    assert found.startswith("backends.hub-dk.base_url: expected a URL without a user and a password")
    assert "hunter2" not in found


@pytest.mark.parametrize(
    ("hours", "fault"),
    [
        ({"open": "16:00"}, "hours.close: missing"),
        ({"open": "16:00", "close": "16:00"}, "hours.close: the same as open; always open is hours: null"),
        ({"open": "16:00", "close": "24:00"}, 'hours.close: expected a time of day such as "08:00", got "24:00"'),
        ({"open": 960, "close": "08:00"}, 'hours.open: expected a time of day such as "08:00", got 960, which YAML'),
        ({"open": "16:00", "close": "08:00", "timezone": "Mars/Base"}, "hours.timezone: expected an IANA time zone"),
        ({"open": "16:00", "close": "08:00", "timezone": "../UTC"}, "hours.timezone: expected an IANA time zone"),
        ({"open": "16:00", "close": "08:00", "timezone": "Europe"}, "hours.timezone: expected an IANA time zone"),
        ({"open": "16:00", "close": "16:01"}, "timeout_seconds: 60 is more than half of the 60 seconds that hours"),
        ("always", 'hours: expected a mapping, got "always"'),
    ],
)
def test_faulty_hours_are_told_once(faults_with: Faults, hours: object, fault: str) -> None:
    [found] = faults_with({"backends.hub-dk.hours": hours})

    assert found.startswith(f"backends.hub-dk.{fault}")


def test_an_unquoted_time_is_told_as_the_number_that_yaml_makes_of_it(
    faults_in: Callable[[str], list[str]],
) -> None:
    backend = "{system: hub-property, base_url: 'https://h', credentials: n, hours: {open: 16:00, close: 08:00}}"

    [fault] = faults_in(f"credentials: {{n: {{type: none}}}}\nbackends: {{b: {backend}}}\n")

    assert fault.startswith('backends.b.hours.open: expected a time of day such as "08:00", got 16:00, ')
    assert fault.endswith('which YAML reads as the number 960; put it in quotes: "16:00"')


def test_an_unquoted_country_is_told_as_the_boolean_that_yaml_makes_of_it(
    faults_in: Callable[[str], list[str]],
) -> None:
    backend = "{system: claimshop, base_url: 'https://c', credentials: n, country: no}"

    [fault] = faults_in(f"credentials: {{n: {{type: none}}}}\nbackends: {{b: {backend}}}\n")

    assert fault.startswith("backends.b.country: expected a word ")
    assert fault.endswith('got no, which YAML reads as a boolean; put it in quotes: "no"')


def test_a_tenant_is_routed_for_deletions_and_for_removals(settings_with: With) -> None:
    assert settings_with({"tenants.acme-no.ecm": None}).tenants == {
        "acme-dk": Tenant("acme-dk", cases=Route("hub-dk", "acme"), ecm=Route("ecm")),
        "acme-no": Tenant("acme-no", cases=Route("claimshop-dk", "acmeno")),
    }


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("cases.backend", "ecm", "cases.backend: ecm is oracle-ecm; expected one of claimshop, hub-property"),
        ("ecm.backend", "hub-dk", "ecm.backend: hub-dk is hub-property; expected one of oracle-ecm"),
        ("cases.backend", "hub-d", 'cases.backend: unknown backend "hub-d"; did you mean "hub-dk"?'),
        ("cases.backend", ..., "cases.backend: missing"),
        ("cases.tenant", ..., "cases.tenant: missing"),
        ("cases.tenant", "a/b", "cases.tenant: expected a word of 1 to 64 letters"),
        ("ecm.tenant", "acme", "ecm.tenant: oracle-ecm knows no tenants"),
        ("cases", "hub-dk", 'cases: expected a mapping, got "hub-dk"'),
    ],
)
def test_a_faulty_tenant_is_told_once(faults_with: Faults, path: str, value: object, fault: str) -> None:
    [found] = faults_with({f"tenants.acme-dk.{path}": value})

    assert found.startswith(f"tenants.acme-dk.{fault}")


@pytest.mark.parametrize("tenant", [{}, None, {"cases": None}])
def test_a_tenant_without_any_route_is_refused(faults_with: Faults, tenant: object) -> None:
    assert faults_with({"tenants.acme-dk": tenant}) == ["tenants.acme-dk: give cases, ecm, or both"]


def test_the_faults_of_a_backend_do_not_hide_those_of_its_tenants(faults_with: Faults) -> None:
    faults = faults_with({"backends.hub-dk.system": "hub", "tenants.acme-dk.cases.tenant": ...})

    assert [fault.split(": ")[0] for fault in faults] == ["backends.hub-dk.system", "tenants.acme-dk.cases.tenant"]
