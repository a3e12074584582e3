from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from gateway.config.settings import Circuit, Retry, Secret, Server, Settings, Store

Faults = Callable[[Mapping[str, object]], list[str]]
Read = Callable[[str], Settings]


def test_what_is_left_out_has_the_documented_defaults(settings_in: Read, folder: Path) -> None:
    settings = settings_in("server:\n")

    assert settings.server == Server()
    assert settings.store == Store(url=f"sqlite:///{folder}/gateway.db")
    assert settings.retry == Retry()
    assert settings.circuit == Circuit()


def test_every_key_is_taken_over(settings_in: Read) -> None:
    settings = settings_in(
        """
        server: {host: "::1", port: 0, metrics_port: 9090, wait_seconds: 0.5, drain_seconds: 1, max_body_bytes: 2048,
                 max_cases: 2, max_items: 3, max_queued_cases: 4, auth: disabled, log_level: debug, log_format: text}
        store: {url: "sqlite:////var/lib/gateway.db", retention_days: 7}
        retry: {max_attempts: 5, deadline_seconds: 60, backoff_base_seconds: 0.25, backoff_max_seconds: 8,
                budget_ratio: 0.2}
        circuit: {window_calls: 10, failure_ratio: 0.25, open_seconds: 30}
        """
    )

    assert settings.server == Server(
        "::1", 0, 9090, 0.5, 1.0, 2048, 2, 3, 4, authenticate=False, log_level="debug", log_format="text"
    )
    assert settings.store == Store("sqlite:////var/lib/gateway.db", 7)
    assert settings.retry == Retry(5, 60.0, 0.25, 8.0, 0.2)
    assert settings.circuit == Circuit(10, 0.25, 30.0)


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("server.port", "five", 'expected a whole number from 0 to 65535, got "five"'),
        ("server.port", 65_536, "expected a whole number from 0 to 65535, got 65536"),
        ("server.port", True, "expected a whole number from 0 to 65535, got true"),
        ("server.port", 80.0, "expected a whole number from 0 to 65535, got 80.0"),
        ("server.port", None, "expected a whole number from 0 to 65535, got null"),
        ("server.port", [80], "expected a whole number from 0 to 65535, got a list"),
        ("server.metrics_port", 8080, "the same as port, 8080"),
        ("server.host", "127.0.0.1:80", "expected a host name or an IP address, without a port"),
        ("server.host", 127.1, 'got 127.1, which YAML reads as a number; put it in quotes: "127.1"'),
        ("server.host", "", "expected text, got an empty one"),
        ("server.wait_seconds", -1, "expected a number from 0 to 3,600, got -1"),
        ("server.drain_seconds", float("nan"), "expected a number from 0 to 3,600, got .nan"),
        ("server.max_cases", 0, "expected a number over 0, got 0"),
        ("server.max_cases", 2.5, "expected a whole number over 0 and up to 1,000,000,000, got 2.5"),
        ("server.max_items", 10**12, "expected a whole number over 0 and up to 1,000,000,000, got 1000000000000"),
        ("server.auth", False, "expected one of required, disabled, got false"),
        ("server.log_level", "verbose", 'expected one of debug, info, warning, error, got "verbose"'),
        ("server.log_format", None, "expected one of auto, json, text, got null"),
        ("server.prot", 1, 'unknown key; did you mean "port"?'),
        ("server", "here", 'expected a mapping, got "here"'),
        ("store.url", "sqlite://gateway.db", 'expected "sqlite:///file.db", "sqlite:////folder/file.db" or'),
        ("store.url", "sqlite:///", 'expected the name of a file after "sqlite:///"'),
        ("store.url", "sqlite:///:memory:", "expected a plain file: the ledger must outlive the process"),
        ("store.url", "postgres://gateway@db/gateway", 'got "postgres://..."'),
        ("store.url", "postgresql://db", 'expected "postgresql://user@host/database"'),
        ("store.url", "postgresql://db:port/x", "whose host or port cannot be read"),
        ("store.url", "postgresql://one:5432,two:port/x", "whose host or port cannot be read"),
        ("store.password", "hunter2", "a secret does not belong in this file: give password_file or password_env"),
        ("store.password_file", "absent", "absent cannot be read: No such file or directory"),
        ("store.retention_days", 0, "expected a whole number from 1 to 36500, got 0"),
        ("retry.backoff_max_seconds", 0.5, "0.5 is less than backoff_base_seconds, 1"),
        ("retry.deadline_seconds", float("inf"), "expected a number over 0, got .inf"),
        ("retry.deadline_seconds", 1e9, "expected a number over 0 and up to 2,678,400"),
        ("retry.budget_ratio", 1.5, "expected a number from 0 to 1, got 1.5"),
        ("circuit.failure_ratio", 0, "expected a number from 0.01 to 1, got 0"),
        ("bakends", {}, 'unknown key; did you mean "backends"?'),
    ],
)
def test_a_value_that_does_not_fit_is_the_only_fault(faults_with: Faults, path: str, value: object, fault: str) -> None:
    [found] = faults_with({path: value})

    assert found.startswith(f"{path}: ")
    assert fault in found


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "gateway.internal", "10.0.0.1", "localhost.example"])  # noqa: S104 - the hosts to refuse
def test_disabled_authentication_is_refused_off_loopback(faults_with: Faults, host: str) -> None:
    [fault] = faults_with({"server.host": host, "server.auth": "disabled"})

    assert fault == "server.auth: disabled is only for a host that is loopback, such as 127.0.0.1"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost", "LOCALHOST"])
def test_disabled_authentication_is_accepted_on_loopback(faults_with: Faults, host: str) -> None:
    assert faults_with({"server.host": host, "server.auth": "disabled"}) == []


@pytest.mark.parametrize("url", ["postgresql://u:hunter2@db/gateway", "postgresql://u@db/gateway?password=hunter2"])
def test_a_password_in_the_ledger_s_url_is_refused_and_not_shown(faults_with: Faults, url: str) -> None:
    [fault] = faults_with({"store.url": url})

    assert fault.startswith("store.url: leave the password out")
    assert "hunter2" not in fault


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://gateway@db.internal:5432/gateway?sslmode=verify-full",
        "postgresql://gateway@/gateway?host=/run/postgresql",
        "postgresql://gateway@one.internal:5432,two.internal:6432/gateway?target_session_attrs=read-write",
    ],
)
def test_a_postgresql_ledger_is_accepted_as_it_stands(settings_in: Read, url: str) -> None:
    assert settings_in(f"store: {{url: '{url}'}}").store.url == url


def test_numbers_in_odd_notations_are_refused_with_a_word(faults_in: Callable[[str], list[str]]) -> None:
    assert faults_in("server: {port: 0x50, max_cases: 1_000, max_items: 010}") == [
        "server.port: expected a whole number from 0 to 65535, got 0x50; write it in plain digits",
        "server.max_cases: expected a number over 0, got 1_000; write it in plain digits",
        "server.max_items: expected a number over 0, got 010; write it in plain digits",
    ]


def test_a_ledger_s_password_is_pointed_to(settings_in: Read, folder: Path) -> None:
    (folder / "password").write_text("hunter2\n", encoding="utf-8")

    store = settings_in("store: {url: 'postgresql://gateway@db/gateway', password_file: password}").store

    assert store.password == Secret(file=folder / "password")


def test_a_password_for_a_ledger_without_one_is_refused(faults_with: Faults, folder: Path) -> None:
    (folder / "password").write_text("hunter2\n", encoding="utf-8")

    assert faults_with({"store.password_file": "password"}) == ["store.password_file: a SQLite ledger has no password"]
    [fault] = faults_with({"store.url": "mysql://db/x", "store.password_file": "password"})
    assert fault.startswith("store.url: ")
