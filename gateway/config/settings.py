"""The whole configuration as frozen values (CONTRACT.md section 3), already checked and with defaults filled in."""

from pathlib import Path

from msgspec import Struct, field

from gateway.model.hours import Hours
from gateway.model.kinds import Kind, System


class Secret(Struct, frozen=True):
    """Where a secret is kept: a file or an environment variable. The secret itself is never part of the settings."""

    file: Path | None = None
    env: str | None = None


class ListenerTls(Struct, frozen=True):
    """TLS of the listener. With a `client_ca_file`, callers need a certificate that it vouches for, too."""

    certificate_file: Path
    private_key_file: Path
    client_ca_file: Path | None = None


class Server(Struct, frozen=True):
    """The listener and the bounds of what it takes in.

    `allow_link_local`: URLs of this configuration may lead to link-local addresses.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    metrics_port: int | None = None
    wait_seconds: float = 30.0
    drain_seconds: float = 75.0
    max_body_bytes: int = 4_194_304
    max_cases: int = 10_000
    max_items: int = 20_000
    max_queued_cases: int = 200_000
    authenticate: bool = True
    tls: ListenerTls | None = None
    allow_link_local: bool = False
    log_level: str = "info"
    log_format: str = "auto"


class Store(Struct, frozen=True):
    """Where the ledger is. `password` is PostgreSQL's; null: libpq finds one by itself, or none is needed."""

    url: str = "sqlite:///gateway.db"
    retention_days: int = 400
    password: Secret | None = None


class Audit(Struct, frozen=True):
    """What makes the record of ended operations evidence. The keys themselves are never part of the settings."""

    key_file: Path | None = None
    earlier_key_files: tuple[Path, ...] = ()
    checkpoint_key_file: Path | None = None
    checkpoint_file: Path | None = None
    checkpoint_minutes: float = 60.0


class Retry(Struct, frozen=True):
    """How often and how long an unfinished case is tried."""

    max_attempts: int = 3
    deadline_seconds: float = 900.0
    backoff_base_seconds: float = 1.0
    backoff_max_seconds: float = 60.0
    budget_ratio: float = 0.1


class Circuit(Struct, frozen=True):
    """When a failing backend is left alone."""

    window_calls: int = 20
    failure_ratio: float = 0.5
    open_seconds: float = 60.0


class Issuer(Struct, frozen=True):
    """A party whose tokens are accepted from callers.

    `ca_file` and `token_file` are for `jwks_url`: who vouches for its host, and a bearer token to show there.
    `token_type`: the header `typ` that its tokens must have; null: the usual ones, or none.
    """

    name: str
    issuer: str
    audience: str
    jwks_url: str | None = None
    jwks_file: Path | None = None
    algorithms: tuple[str, ...] = ("RS256",)
    max_lifetime_seconds: int = 3_700
    token_type: str | None = None
    ca_file: Path | None = None
    token_file: Path | None = None


class Caller(Struct, frozen=True):
    """Who may call, and for what. `api_key_sha256`: lower-case hex digests, already read from file or environment.

    `api_key_sha256_file` is the file if they came from one: when it changes, so does the configuration.
    """

    name: str
    tenants: frozenset[str]
    operations: frozenset[Kind]
    execute: bool
    api_key_sha256: frozenset[str] = frozenset()
    api_key_sha256_file: Path | None = None
    issuer: str | None = None
    subject: str | None = None
    requests_per_minute: int | None = None
    max_queued_cases: int | None = None


class Credential(Struct, frozen=True):
    """How the gateway authenticates to an upstream; `type` is one of CONTRACT.md's five."""

    name: str
    type: str
    token_url: str | None = None
    client_id: str | None = None
    scope: str | None = None
    audience: str | None = None
    private_key_file: Path | None = None
    certificate_file: Path | None = None
    client_secret: Secret | None = None
    username: str | None = None
    password: Secret | None = None
    token: Secret | None = None


class Limits(Struct, frozen=True):
    """One pace, cap and lock, shared by every backend that names it. Null: no such limit."""

    name: str
    per_second: int | None = None
    per_minute: int | None = None
    max_in_flight: int | None = None


class BackendSettings(Struct, frozen=True):
    """One configured upstream. `limits` is its group, its own where none was named; `hours` null: always open.

    `ca_file`: who vouches for its host, null: the system's store. The client's pair are both given, or neither.
    """

    name: str
    system: System
    base_url: str
    credential: Credential
    limits: Limits
    hours: Hours | None = None
    version: str = "v1"
    country: str | None = None
    timeout_seconds: float = 60.0
    linger_seconds: float = 60.0
    cases_per_call: int = 1
    ca_file: Path | None = None
    client_certificate_file: Path | None = None
    client_private_key_file: Path | None = None

    @property
    def upstream(self) -> str:
        """Which upstream this is, whatever it is called here: work that was accepted for one never goes to another."""
        return " ".join((self.system, self.base_url, *([self.country] if self.country else [])))


class Route(Struct, frozen=True):
    """A backend, and the tenant's own name there (empty for ECM, which knows none)."""

    backend: str
    tenant: str = ""


class Tenant(Struct, frozen=True):
    """Where a tenant's cases live: `cases` is for deletions, `ecm` for removals; null where it has no such system."""

    name: str
    cases: Route | None = None
    ecm: Route | None = None

    def route(self, kind: Kind) -> Route | None:
        """The backend that carries out `kind` for this tenant, or null."""
        return self.cases if kind is Kind.CASE_DELETION else self.ecm


class Settings(Struct, frozen=True):
    """Everything, by name. `path` is the file it was read from."""

    path: Path | None = None
    server: Server = field(default_factory=Server)
    store: Store = field(default_factory=Store)
    audit: Audit = field(default_factory=Audit)
    retry: Retry = field(default_factory=Retry)
    circuit: Circuit = field(default_factory=Circuit)
    issuers: dict[str, Issuer] = field(default_factory=dict)
    callers: dict[str, Caller] = field(default_factory=dict)
    credentials: dict[str, Credential] = field(default_factory=dict)
    limits: dict[str, Limits] = field(default_factory=dict)
    backends: dict[str, BackendSettings] = field(default_factory=dict)
    tenants: dict[str, Tenant] = field(default_factory=dict)
