"""The sections about the process itself: `server`, `store`, `retry`, `circuit`."""

from functools import partial

from gateway.config.secret_places import Origin, refuse_in_the_clear, secret
from gateway.config.section import Section
from gateway.config.settings import Circuit, ListenerTls, Retry, Secret, Server, Store
from gateway.config.tls_files import ca_file, read_pair
from gateway.config.urls import SQLITE, store_url
from gateway.config.values import between, count, flag, host, is_loopback, over_zero, whole, word

DAY_SECONDS = 86_400
ANY_PORT = whole(0, 65_535)
"""0: any free port."""
LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("auto", "json", "text")


def read_server(root: Section, origin: Origin) -> Server:
    """The listener. `auth: disabled` is for loopback only: anybody who reaches the port could delete."""
    default = Server()
    with root.section("server") as section:
        server = Server(
            host=section.get("host", host, default.host),
            port=section.get("port", ANY_PORT, default.port),
            metrics_port=section.get_or_null("metrics_port", ANY_PORT),
            wait_seconds=section.get("wait_seconds", between(0, 3_600), default.wait_seconds),
            drain_seconds=section.get("drain_seconds", between(0, 3_600), default.drain_seconds),
            max_body_bytes=section.get("max_body_bytes", whole(1_024, 1_073_741_824), default.max_body_bytes),
            max_cases=section.get("max_cases", count, default.max_cases),
            max_items=section.get("max_items", count, default.max_items),
            max_queued_cases=section.get("max_queued_cases", count, default.max_queued_cases),
            authenticate=section.get("auth", word("required", "disabled"), "required") == "required",
            tls=_read_tls(section, origin),
            allow_link_local=section.get("allow_link_local", flag, default.allow_link_local),
            log_level=section.get("log_level", word(*LOG_LEVELS), default.log_level),
            log_format=section.get("log_format", word(*LOG_FORMATS), default.log_format),
        )
        if not server.authenticate and not is_loopback(server.host):
            section.fault("auth", "disabled is only for a host that is loopback, such as 127.0.0.1")
        if server.metrics_port and server.metrics_port == server.port:
            section.fault("metrics_port", f"the same as port, {server.port}")
    return server


def _read_tls(server: Section, origin: Origin) -> ListenerTls | None:
    if "tls" not in server or server.is_null("tls"):
        return None
    with server.section("tls") as section:
        if "certificate_file" not in section and "private_key_file" not in section:
            section.fault("certificate_file", "missing")
        certificate, key_file = read_pair(section, "certificate_file", "private_key_file", origin)
        client_ca = section.get("client_ca_file", ca_file(origin), None)
    return ListenerTls(certificate, key_file, client_ca) if certificate and key_file else None


def read_store(root: Section, origin: Origin) -> Store:
    """The ledger's place; left out, `gateway.db` beside the configuration file."""
    default = Store()
    with root.section("store") as section:
        url = section.get("url", partial(store_url, origin.folder), None)
        store = Store(
            url=url or f"{SQLITE}{origin.folder / 'gateway.db'}",
            retention_days=section.get("retention_days", whole(1, 36_500), default.retention_days),
            password=_store_password(section, origin),
        )
        if store.password and (url or "url" not in section) and store.url.startswith(SQLITE):
            section.fault("password_file" if store.password.file else "password_env", "a SQLite ledger has no password")
    return store


def _store_password(section: Section, origin: Origin) -> Secret | None:
    """The database's password, if the configuration points to one: a file is read anew for each connection."""
    refuse_in_the_clear(section, "password", "password_file or password_env")
    given = "password_file" in section or "password_env" in section
    return secret(section, "password", origin) if given else None


def read_retry(root: Section) -> Retry:
    """How often and how long an unfinished case is tried."""
    default = Retry()
    with root.section("retry") as section:
        retry = Retry(
            max_attempts=section.get("max_attempts", whole(1, 1_000), default.max_attempts),
            deadline_seconds=section.get("deadline_seconds", over_zero(31 * DAY_SECONDS), default.deadline_seconds),
            backoff_base_seconds=section.get("backoff_base_seconds", over_zero(3_600), default.backoff_base_seconds),
            backoff_max_seconds=section.get("backoff_max_seconds", over_zero(DAY_SECONDS), default.backoff_max_seconds),
            budget_ratio=section.get("budget_ratio", between(0, 1), default.budget_ratio),
        )
        if retry.backoff_max_seconds < retry.backoff_base_seconds:
            section.fault(
                "backoff_max_seconds",
                f"{retry.backoff_max_seconds:g} is less than backoff_base_seconds, {retry.backoff_base_seconds:g}",
            )
    return retry


def read_circuit(root: Section) -> Circuit:
    """When a failing backend is left alone, and for how long."""
    default = Circuit()
    with root.section("circuit") as section:
        return Circuit(
            window_calls=section.get("window_calls", whole(1, 100_000), default.window_calls),
            failure_ratio=section.get("failure_ratio", between(0.01, 1), default.failure_ratio),
            open_seconds=section.get("open_seconds", over_zero(DAY_SECONDS), default.open_seconds),
        )
