"""The JSON Schema of the configuration file, for editors: `gateway check --schema`, openapi/config.schema.json.

It says of each key what the readers in this package say, as far as that can be said of one key or its neighbours; what
hangs together over sections (names, secrets, URLs in every detail) only `gateway check` can say. A test holds it
against the readers: whatever they take, it takes, and every key of theirs is here.
"""

from typing import Any

from msgspec import NODEFAULT, Struct, structs

from gateway.config.audit import WEEK_MINUTES
from gateway.config.backends import DOCUMENTED_HOURS
from gateway.config.issuers import ALGORITHMS
from gateway.config.process import DAY_SECONDS, LOG_FORMATS, LOG_LEVELS
from gateway.config.settings import Audit, BackendSettings, Circuit, Issuer, Retry, Server, Store
from gateway.config.values import MAX_COUNT, MAX_TEXT_CHARACTERS, NAME
from gateway.model.kinds import Kind, System

Json = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TEXT: Json = {"type": "string", "minLength": 1, "maxLength": MAX_TEXT_CHARACTERS, "pattern": r"^\S(.*\S)?$"}
URL: Json = {"type": "string", "pattern": "^https?://[^?#@]+$"}
ENDPOINT: Json = {"type": "string", "pattern": "^https?://[^#@]+$"}
FLAG: Json = {"type": "boolean"}
COUNT: Json = {"type": "integer", "minimum": 1, "maximum": MAX_COUNT}
COUNT_OR_NULL: Json = COUNT | {"type": ["integer", "null"]}
WORD: Json = {"type": "string", "pattern": f"^{NAME.pattern}$"}
VARIABLE: Json = {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]{0,127}$"}
DIGEST: Json = {"type": "string", "pattern": "^[0-9a-fA-F]{64}$"}
TIME_OF_DAY: Json = {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"}
SECONDS: Json = {"type": "number", "exclusiveMinimum": 0, "maximum": 3_600}
PORT: Json = {"type": "integer", "minimum": 0, "maximum": 65_535}


def schema() -> Json:
    """The whole file."""
    return {
        "$schema": DIALECT,
        "title": "Configuration of the case gateway",
        "description": "docs/configuration.md explains every key; `gateway check` says everything that is wrong.",
        **_closed(
            {
                "server": _server(),
                "store": _store(),
                "audit": _audit(),
                "retry": _retry(),
                "circuit": _circuit(),
                "issuers": _named(_issuer(), "Parties whose tokens are accepted, by name."),
                "callers": _named(_caller(), "Who may call, by name."),
                "credentials": _named(_credential(), "How the gateway proves itself to an upstream, by name."),
                "limits": _named(_limits(), "Groups of backends that share one pace, one cap and one lock, by name."),
                "backends": _named(_backend(), "Upstreams, by name."),
                "tenants": _named(_tenant(), "Where the cases of each tenant live, by name."),
            }
        ),
    }


def _said(value: Json, description: str, default: object = NODEFAULT) -> Json:
    said = value | {"description": description}
    return said if default is NODEFAULT else said | {"default": default}


def _closed(properties: Json, *required: str, **rules: object) -> Json:
    """An object with these keys and no others."""
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        **({"required": list(required)} if required else {}),
        **rules,
    }


def _section(of: type[Struct], description: str, keys: dict[str, tuple[Json, str]]) -> Json:
    """A section that may be left out or empty; the defaults are those of the settings `of` it."""
    defaults = {
        field.name: list(field.default) if isinstance(field.default, tuple) else field.default
        for field in structs.fields(of)
    }
    properties = {key: _said(value, text, defaults.get(key, NODEFAULT)) for key, (value, text) in keys.items()}
    return _closed(properties, description=description) | {"type": ["object", "null"]}


def _named(entry: Json, description: str) -> Json:
    return {
        "type": ["object", "null"],
        "description": description,
        "propertyNames": {"pattern": f"^{NAME.pattern}$"},
        "additionalProperties": entry,
    }


def _whole(least: int, most: int) -> Json:
    return {"type": "integer", "minimum": least, "maximum": most}


def _between(least: float, most: float) -> Json:
    return {"type": "number", "minimum": least, "maximum": most}


def _over_zero(most: float) -> Json:
    return {"type": "number", "exclusiveMinimum": 0, "maximum": most}


def _list(item: Json) -> Json:
    return {"type": "array", "items": item, "minItems": 1, "uniqueItems": True}


def _server() -> Json:
    keys: dict[str, tuple[Json, str]] = {
        "host": (TEXT, "Host name or IP address to listen on."),
        "port": (PORT, "Port to listen on; 0 takes any that is free."),
        "metrics_port": (
            PORT | {"type": ["integer", "null"]},
            "A second port for /metrics, /livez and /readyz; null: none.",
        ),
        "wait_seconds": (_between(0, 3_600), "How long a call waits for its operation before it is answered 202."),
        "drain_seconds": (_between(0, 3_600), "How long calls in flight may take after SIGTERM."),
        "max_body_bytes": (_whole(1_024, 1_073_741_824), "Largest request body."),
        "max_cases": (COUNT, "Most cases in a request."),
        "max_items": (COUNT, "Most items in a request."),
        "max_queued_cases": (COUNT, "Most cases that wait; over it, requests are answered 503 `overloaded`."),
        "auth": (
            {"enum": ["required", "disabled"], "default": "required"},
            "`disabled` lets everybody in, and is refused unless `host` is loopback.",
        ),
        "tls": (_tls() | {"type": ["object", "null"]}, "TLS of the listener; null: none."),
        "allow_link_local": (FLAG, "Whether upstreams and others may be at link-local addresses."),
        "log_level": (
            {"enum": list(LOG_LEVELS)},
            "The least level that is logged; docs/logs.md has that of every line.",
        ),
        "log_format": ({"enum": list(LOG_FORMATS)}, "`auto`: text where standard output is a terminal, else JSON."),
    }
    return _section(Server, "The listener, and the bounds of what it takes in. Needs a restart.", keys)


def _tls() -> Json:
    return _closed(
        {
            "certificate_file": _said(TEXT, "The listener's certificate, and what leads to its authority, in PEM."),
            "private_key_file": _said(TEXT, "The key of that certificate, in PEM, without a passphrase."),
            "client_ca_file": _said(TEXT, "Authorities in PEM; callers then need a certificate of one of them, too."),
        },
        "certificate_file",
        "private_key_file",
    )


def _store() -> Json:
    keys: dict[str, tuple[Json, str]] = {
        "url": (
            {"type": "string", "pattern": "^(sqlite:///|postgresql://)."},
            "The ledger: `sqlite:///relative.db`, `sqlite:////absolute.db`, or `postgresql://user@host/database`.",
        ),
        "retention_days": (_whole(1, 36_500), "How long ended operations are kept."),
        "password_file": (TEXT, "The file that PostgreSQL's password is in."),
        "password_env": (VARIABLE, "The environment variable that it is in."),
    }
    password = {
        "not": {"required": ["password_file", "password_env"]},
        "dependentRequired": {"password_file": ["url"], "password_env": ["url"]},
    }
    return _section(Store, "The ledger's place. Needs a restart.", keys) | password


def _audit() -> Json:
    text_or_null = TEXT | {"type": ["string", "null"]}
    keys: dict[str, tuple[Json, str]] = {
        "key_file": (text_or_null, "The key that marks and seals receipts; null: one that the ledger keeps."),
        "earlier_key_files": (_list(TEXT), "Keys that were in use before."),
        "checkpoint_key_file": (text_or_null, "Ed25519 private key in PEM that signs the chain of receipts."),
        "checkpoint_file": (text_or_null, "The file that checkpoints are appended to."),
        "checkpoint_minutes": (_over_zero(WEEK_MINUTES), "How often, if there is something new."),
    }
    together = {
        "earlier_key_files": ["key_file"],
        "checkpoint_key_file": ["checkpoint_file"],
        "checkpoint_file": ["checkpoint_key_file"],
    }
    said = "What makes the record of ended operations evidence. Needs a restart."
    return _section(Audit, said, keys) | {"dependentRequired": together}


def _retry() -> Json:
    keys: dict[str, tuple[Json, str]] = {
        "max_attempts": (_whole(1, 1_000), "Most calls for one case that may have acted."),
        "deadline_seconds": (_over_zero(31 * DAY_SECONDS), "Open time, from its first call, in which a case is tried."),
        "backoff_base_seconds": (_over_zero(3_600), "The first pause between two calls."),
        "backoff_max_seconds": (_over_zero(DAY_SECONDS), "The longest pause; not less than the first."),
        "budget_ratio": (_between(0, 1), "Most retries to a backend, as a share of its calls."),
    }
    return _section(Retry, "How often and how long an unfinished case is tried.", keys)


def _circuit() -> Json:
    keys: dict[str, tuple[Json, str]] = {
        "window_calls": (_whole(1, 100_000), "The last calls to a backend that are looked at."),
        "failure_ratio": (_between(0.01, 1), "The share of failures from which the backend is left alone."),
        "open_seconds": (_over_zero(DAY_SECONDS), "For how long."),
    }
    return _section(Circuit, "When a failing backend is left alone.", keys)


def _issuer() -> Json:
    default = Issuer("", "", "")
    keys = {
        "issuer": _said(TEXT, "The exact `iss` of its tokens."),
        "audience": _said(TEXT, "The exact `aud`."),
        "jwks_url": _said(ENDPOINT, "Where its keys are; https, or http on loopback."),
        "jwks_file": _said(TEXT, "The file that its keys are in."),
        "algorithms": _said(_list({"enum": list(ALGORITHMS)}), "Accepted signatures.", list(default.algorithms)),
        "max_lifetime_seconds": _said(
            _whole(1, 31_536_000), "Tokens that live longer are refused.", default.max_lifetime_seconds
        ),
        "token_type": _said(
            TEXT | {"type": ["string", "null"]}, "The `typ` of its tokens; null: the usual ones, or none.", None
        ),
        "ca_file": _said(TEXT, "Authorities in PEM that vouch for the host of `jwks_url`; left out: the system's."),
        "token_file": _said(TEXT, "A file with a bearer token to show to `jwks_url`."),
    }
    return _closed(
        keys,
        "issuer",
        "audience",
        oneOf=_one_of("jwks_url", "jwks_file"),
        dependentRequired={"ca_file": ["jwks_url"], "token_file": ["jwks_url"]},
    )


def _caller() -> Json:
    places = ("api_key_sha256", "api_key_sha256_file", "api_key_sha256_env")
    keys = {
        "api_key_sha256": _said(
            {"anyOf": [DIGEST, {"type": "array", "items": DIGEST, "minItems": 1}]},
            "SHA-256 of its API key in hexadecimal digits, or a list of such while keys are changed.",
        ),
        "api_key_sha256_file": _said(TEXT, "A file with one or several, separated by white space."),
        "api_key_sha256_env": _said(VARIABLE, "A variable with one or several, separated by white space."),
        "issuer": _said(WORD, "The name of an issuer."),
        "subject": _said(TEXT, "The exact `sub` of its tokens."),
        "tenants": _said(_list(WORD), "The tenants that it may use."),
        "operations": _said(_list({"enum": [*Kind, "*"]}), 'Kinds of operations; `"*"`, in quotes, is all.'),
        "execute": _said(FLAG, "true: may act; false: dry runs only."),
        "requests_per_minute": _said(COUNT_OR_NULL, "Its quota; null: none.", None),
        "max_queued_cases": _said(COUNT_OR_NULL, "Most cases that wait for it; null: only the server's bound.", None),
    }
    proofs = [{"required": [place]} for place in places] + [{"required": ["issuer", "subject"]}]
    one_place = {"not": {"anyOf": [{"required": [one, other]} for one in places for other in places if one < other]}}
    return _closed(
        keys,
        "tenants",
        "operations",
        "execute",
        anyOf=proofs,
        dependentRequired={"issuer": ["subject"], "subject": ["issuer"]},
        **one_place,
    )


def _credential() -> Json:
    by_token = {
        "token_url": _said(ENDPOINT, "The token endpoint."),
        "client_id": _said(TEXT, "Who the gateway is to it."),
        "scope": _said(TEXT | {"type": ["string", "null"]}, "What is asked for.", None),
    }
    by_key = by_token | {
        "audience": _said(TEXT | {"type": ["string", "null"]}, "Null: the token URL.", None),
        "private_key_file": _said(TEXT, "RSA of at least 2,048 bits in PEM, without a passphrase."),
        "certificate_file": _said(TEXT, "The certificate of that key, in PEM."),
    }
    username = {"username": _said(TEXT | {"pattern": r"^[^:\s]([^:]*[^:\s])?$"}, "The user's name, without a colon.")}
    return {
        "type": "object",
        "oneOf": [
            _typed("private_key_jwt", by_key, "token_url", "client_id", "private_key_file", "certificate_file"),
            _typed("client_secret", by_token, "token_url", "client_id", kept="client_secret"),
            _typed("basic", username, "username", kept="password"),
            _typed("bearer", {}, kept="token"),
            _typed("none", {}),
        ],
    }


def _typed(kind: str, keys: Json, *required: str, kept: str | None = None) -> Json:
    """The credential of one type; what is `kept` secret is in a file or in a variable."""
    properties = {"type": _said({"const": kind}, "How the gateway proves itself; decides which keys belong."), **keys}
    if kept is None:
        return _closed(properties, "type", *required)
    in_file, in_variable = f"{kept}_file", f"{kept}_env"
    properties |= {
        in_file: _said(TEXT, "The file that it is in: UTF-8, one line."),
        in_variable: _said(VARIABLE, "The environment variable that it is in."),
    }
    return _closed(properties, "type", *required, oneOf=_one_of(in_file, in_variable))


def _limits() -> Json:
    return _closed(
        {
            "per_second": _said(COUNT_OR_NULL, "Most calls in any second; null: no such limit."),
            "per_minute": _said(COUNT_OR_NULL, "Most calls in any minute; null: no such limit."),
            "max_in_flight": _said(COUNT_OR_NULL, "Most calls under way at the upstream; null: no such limit."),
        },
        minProperties=1,
    )


def _backend() -> Json:
    version = {"version": _said(WORD, "Of the API, as in its URL.", _default_of_backends("version"))}
    country = {"country": _said(WORD, 'As in its URL: `dk`, `"no"`.')}
    cases = {"cases_per_call": _said(_whole(1, 1_000), "Cases in one call.", _default_of_backends("cases_per_call"))}
    return {
        "type": "object",
        "oneOf": [
            _of_system(System.HUB_PROPERTY, version),
            _of_system(System.CLAIMSHOP, version | country, "country"),
            _of_system(System.ORACLE_ECM, cases),
        ],
    }


def _of_system(system: System, own: Json, *required: str) -> Json:
    documented = DOCUMENTED_HOURS[system]
    default = documented and {"open": f"{documented.opens:%H:%M}", "close": f"{documented.closes:%H:%M}"}
    hours = _closed(
        {
            "open": _said(TIME_OF_DAY, 'In quotes: `"16:00"`.'),
            "close": _said(TIME_OF_DAY, "At or before the opening: on the next day."),
            "timezone": _said(TEXT, "An IANA time zone.", "UTC"),
        },
        "open",
        "close",
    )
    keys = {
        "system": _said({"const": system}, "What speaks there; decides which keys belong."),
        "base_url": _said(URL, "http or https; the system's paths are appended."),
        "credentials": _said(WORD, "The name of a credential."),
        "limits": _said(WORD, "The name of a group; left out: one of its own, with the documented limits."),
        "hours": _said(hours | {"type": ["object", "null"]}, "Daily, local time; null: always open.", default),
        "timeout_seconds": _said(
            SECONDS, "A whole call, from connecting to the last byte.", _default_of_backends("timeout_seconds")
        ),
        "linger_seconds": _said(
            SECONDS,
            "How long the upstream may go on working on a call that got no answer.",
            _default_of_backends("linger_seconds"),
        ),
        "ca_file": _said(TEXT, "Authorities in PEM that vouch for the upstream; left out: the system's."),
        "client_certificate_file": _said(TEXT, "A certificate in PEM to show to the upstream."),
        "client_private_key_file": _said(TEXT, "The key of that certificate, in PEM, without a passphrase."),
    }
    pair = ("client_certificate_file", "client_private_key_file")
    together = {one: [other] for one, other in (pair, reversed(pair))}
    return _closed(keys | own, "system", "base_url", "credentials", *required, dependentRequired=together)


def _default_of_backends(key: str) -> object:
    return next(field.default for field in structs.fields(BackendSettings) if field.name == key)


def _tenant() -> Json:
    backend = _said(WORD, "The name of a backend.")
    cases = _closed({"backend": backend, "tenant": _said(WORD, "The tenant's name there.")}, "backend", "tenant")
    ecm = _closed({"backend": backend}, "backend")
    return _closed(
        {
            "cases": _said(cases | {"type": ["object", "null"]}, "For deletions: a Hub Property or ClaimShop backend."),
            "ecm": _said(ecm | {"type": ["object", "null"]}, "For removals: an Oracle ECM backend."),
        },
        anyOf=[{"required": [key], "properties": {key: {"type": "object"}}} for key in ("cases", "ecm")],
    )


def _one_of(*keys: str) -> list[Json]:
    return [{"required": [key]} for key in keys]
