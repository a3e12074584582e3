import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from msgspec import Struct, structs

from gateway.config import load
from gateway.config.notes import notes
from gateway.config.settings import (
    BackendSettings,
    Caller,
    Circuit,
    Credential,
    Issuer,
    Limits,
    ListenerTls,
    Retry,
    Route,
    Server,
    Store,
)

ROOT = Path(__file__).parents[3]
WRITTEN_OTHERWISE = {
    "authenticate": {"auth"},
    "credential": {"credentials"},
    "client_secret": {"client_secret_file", "client_secret_env"},
    "password": {"password_file", "password_env"},
    "token": {"token_file", "token_env"},
    "name": set[str](),
}
"""Fields of the settings whose keys in the file have other names."""


def test_the_example_loads_and_leaves_nothing_without_effect(
    tmp_path: Path, pems: Mapping[str, bytes], sound: Mapping[str, Mapping[str, Mapping[str, str]]]
) -> None:
    shutil.copy(ROOT / "examples" / "gateway.yaml", tmp_path)
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "scalepoint.key").write_bytes(pems["tls.key"])
    (secrets / "scalepoint.crt").write_bytes(pems["tls.crt"])
    (secrets / "ecm-password").write_text("s3cret\n")
    (secrets / "retention-job.sha256").write_text(sound["callers"]["job"]["api_key_sha256"])

    settings = load(tmp_path / "gateway.yaml", {})

    assert notes(settings) == ()


@pytest.mark.parametrize(
    "section", [Server, ListenerTls, Store, Retry, Circuit, Issuer, Caller, Credential, Limits, BackendSettings, Route]
)
def test_every_key_is_documented(section: type[Struct]) -> None:
    documented = set(re.findall(r"`([a-z0-9_]+)`", (ROOT / "docs" / "configuration.md").read_text()))

    keys = {key for field in structs.fields(section) for key in WRITTEN_OTHERWISE.get(field.name, {field.name})}

    assert keys - documented == set()
