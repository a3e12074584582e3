import hashlib
from collections.abc import Callable, Mapping

import pytest

from gateway.config.settings import Caller, Settings
from gateway.model.kinds import Kind

Faults = Callable[[Mapping[str, object]], list[str]]
With = Callable[[Mapping[str, object]], Settings]

FIRST = hashlib.sha256(b"the key of retention-job").hexdigest()
NEXT = hashlib.sha256(b"next").hexdigest()


def test_a_caller_by_key_has_its_grants(settings_with: With) -> None:
    job = settings_with({"callers.job.requests_per_minute": 600, "callers.job.max_queued_cases": 20_000}).callers["job"]

    assert job == Caller(
        name="job",
        tenants=frozenset({"acme-dk", "acme-no"}),
        operations=frozenset(Kind),
        execute=True,
        api_key_sha256=frozenset({FIRST}),
        requests_per_minute=600,
        max_queued_cases=20_000,
    )


def test_a_caller_by_token_has_its_issuer_and_subject(settings_with: With) -> None:
    caller = settings_with({}).callers["ui"]

    assert (caller.issuer, caller.subject) == ("cluster", "system:serviceaccount:claims:ui")
    assert caller.operations == {Kind.CASE_DELETION}
    assert caller.api_key_sha256 == frozenset()


@pytest.mark.parametrize(
    ("key", "value", "hashes"),
    [
        ("api_key_sha256", FIRST.upper(), {FIRST}),
        ("api_key_sha256", [FIRST, NEXT], {FIRST, NEXT}),
        ("api_key_sha256_file", "hashes", {FIRST, NEXT}),
        ("api_key_sha256_env", "KEY_HASH", {FIRST}),
    ],
)
def test_key_hashes_are_read_from_where_they_are(
    settings_with: With, key: str, value: object, hashes: set[str]
) -> None:
    settings = settings_with({"callers.job.api_key_sha256": ..., f"callers.job.{key}": value})

    assert settings.callers["job"].api_key_sha256 == hashes


def test_a_hash_of_digits_alone_needs_no_quotes(settings_in: Callable[[str], Settings]) -> None:
    digits = "1234567890" * 6 + "1234"
    tenants = (
        "backends: {e: {system: oracle-ecm, base_url: 'http://e', credentials: n}}\ntenants: {t: {ecm: {backend: e}}}"
    )
    caller = f"{{api_key_sha256: {digits}, tenants: [t], operations: ['*'], execute: true}}"

    settings = settings_in(f"credentials: {{n: {{type: none}}}}\n{tenants}\ncallers: {{a: {caller}}}\n")

    assert settings.callers["a"].api_key_sha256 == {digits}


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("tenants", ..., "tenants: missing"),
        ("tenants", [], "tenants: expected a list, got an empty one"),
        ("tenants", "acme-dk", 'tenants: expected a list, got "acme-dk"'),
        ("tenants", ["acme-dk", "acme-dl"], 'tenants[1]: unknown tenant "acme-dl"; did you mean "acme-dk"?'),
        ("tenants", ["acme-dk", "acme-dk"], "tenants: holds the same value twice"),
        ("tenants", ["*"], 'tenants[0]: unknown tenant "*"; known: acme-dk, acme-no'),
        ("operations", ["case-removal"], "operations[0]: expected one of case-deletion, external-entity-removal"),
        ("operations", [True], "operations[0]: expected one of case-deletion"),
        ("execute", ..., "execute: missing"),
        ("execute", "true", 'execute: expected true or false, got "true"'),
        ("execute", 1, "execute: expected true or false, got 1"),
        ("requests_per_minute", 0, "requests_per_minute: expected a number over 0, got 0"),
        ("api_key", "k", "api_key: a secret does not belong in this file: give its hash as api_key_sha256 or"),
        ("api_key_sha256", ..., "api_key_sha256: missing: a caller needs api_key_sha256 (or _file, _env), or issuer"),
        ("api_key_sha256", [], "api_key_sha256: expected the SHA-256 of the key"),
        ("api_key_sha256", [[FIRST]], "api_key_sha256: expected the SHA-256 of the key"),
        ("api_key_sha256", FIRST[1:], "api_key_sha256: expected the SHA-256 of the key"),
        ("api_key_sha256_env", "KEY_HASH", "api_key_sha256_env: give api_key_sha256 or api_key_sha256_env, not both"),
        ("issuer", "cluster", "issuer: issuer without subject: a caller's tokens are known by both"),
        ("subject", "me", "subject: subject without issuer: a caller's tokens are known by both"),
    ],
)
def test_a_faulty_caller_is_told_once(faults_with: Faults, key: str, value: object, fault: str) -> None:
    [found] = faults_with({f"callers.job.{key}": value})

    assert found.startswith(f"callers.job.{fault}")


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("api_key_sha256_file", "absent", "cannot be read: No such file or directory"),
        ("api_key_sha256_file", "empty", "expected the SHA-256 of the key"),
        ("api_key_sha256_file", "latin-1", "is not UTF-8"),
        ("api_key_sha256_env", "ABSENT", "the environment variable ABSENT is not set"),
        ("api_key_sha256_env", "EMPTY", "expected the SHA-256 of the key"),
        ("api_key_sha256_env", "SECRET", "expected the SHA-256 of the key"),
        ("api_key_sha256", hashlib.sha256(b"").hexdigest(), "got that of an empty one"),
        ("api_key_sha256", hashlib.sha256(b"\n").hexdigest(), "got that of an empty one"),
    ],
)
def test_a_hash_that_is_not_to_be_had_is_told(faults_with: Faults, key: str, value: str, fault: str) -> None:
    [found] = faults_with({"callers.job.api_key_sha256": ..., f"callers.job.{key}": value})

    assert found.startswith(f"callers.job.{key}: ")
    assert fault in found


def test_a_key_given_in_place_of_its_hash_is_not_shown(faults_with: Faults) -> None:
    assert "hunter2" not in str(faults_with({"callers.job.api_key_sha256": ["hunter2 "]}))


def test_two_callers_with_one_key_are_refused(faults_with: Faults) -> None:
    other = {"api_key_sha256": [NEXT, FIRST], "tenants": ["acme-dk"], "operations": ["*"], "execute": False}

    assert faults_with({"callers.other": other}) == ["callers.other.api_key_sha256: the same key as that of caller job"]


def test_two_callers_with_one_issuer_and_subject_are_refused(faults_with: Faults) -> None:
    other = {
        "issuer": "cluster",
        "subject": "system:serviceaccount:claims:ui",
        "tenants": ["acme-dk"],
        "operations": ["*"],
        "execute": False,
    }

    assert faults_with({"callers.other": other}) == [
        "callers.other.subject: the same issuer and subject as those of caller ui"
    ]


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("issuer", ..., "issuer: missing"),
        ("audience", ..., "audience: missing"),
        ("jwks_url", ..., "jwks_url: give jwks_url or jwks_file, and not both"),
        ("jwks_file", "jwks.json", "jwks_url: give jwks_url or jwks_file, and not both"),
        ("jwks_url", "http://issuer/jwks", 'jwks_url: expected an https URL, got "http://issuer/jwks"'),
        ("algorithms", ["HS256"], "algorithms[0]: expected one of RS256, RS384"),
        ("algorithms", ["none"], "algorithms[0]: expected one of RS256, RS384"),
        ("max_lifetime_seconds", 0, "max_lifetime_seconds: expected a whole number from 1 to 31536000, got 0"),
    ],
)
def test_a_faulty_issuer_is_told_once(faults_with: Faults, key: str, value: object, fault: str) -> None:
    [found] = faults_with({f"issuers.cluster.{key}": value})

    assert found.startswith(f"issuers.cluster.{fault}")


@pytest.mark.parametrize(
    ("name", "fault"),
    [("absent", "cannot be read"), ("password", "is no JSON Web Key Set"), ("no-keys.json", "holds no key")],
)
def test_a_key_set_without_keys_is_refused(faults_with: Faults, name: str, fault: str) -> None:
    [found] = faults_with({"issuers.cluster.jwks_url": ..., "issuers.cluster.jwks_file": name})

    assert found.startswith("issuers.cluster.jwks_file: ")
    assert fault in found


def test_an_issuer_takes_its_keys_from_a_file_or_from_http_on_loopback(settings_with: With) -> None:
    local = {"issuer": "l", "audience": "a", "jwks_url": "http://127.0.0.1:8000/jwks", "algorithms": ["ES256"]}
    filed = {"issuer": "f", "audience": "a", "jwks_file": "jwks.json"}

    issuers = settings_with({"issuers.local": local, "issuers.filed": filed}).issuers

    assert issuers["local"].algorithms == ("ES256",)
    assert issuers["filed"].jwks_file is not None
    assert issuers["filed"].algorithms == ("RS256",)
