from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from gateway.config import load
from gateway.config.settings import Settings
from gateway.errors import ConfigurationError

Faults = Callable[[Mapping[str, object]], list[str]]


def test_all_faults_are_told_at_once_in_the_order_of_the_file(faults_with: Faults) -> None:
    faults = faults_with(
        {
            "server.port": "five",
            "callers.ui.execute": ...,
            "credentials.ecm.password_file": "absent",
            "limits.hub.per_second": "five",
            "backends.claimshop-dk.country": ...,
            "backends.ecm.credentials": "nobody",
            "tenants.acme-no.cases.backend": "ecm",
        }
    )

    assert [fault.split(": ")[0] for fault in faults] == [
        "server.port",
        "callers.ui.execute",
        "credentials.ecm.password_file",
        "limits.hub.per_second",
        "backends.claimshop-dk.country",
        "backends.ecm.credentials",
        "tenants.acme-no.cases.backend",
    ]


def test_the_error_s_text_has_a_line_for_each_fault(folder: Path) -> None:
    path = folder / "gateway.yaml"
    path.write_text("server: {port: x, host: 5}\n")

    with pytest.raises(ConfigurationError) as caught:
        load(path, {})

    assert str(caught.value).count("\n") == 1
    assert str(caught.value).startswith("server.host: expected text, got 5")


def test_relative_paths_start_from_the_file_s_folder(
    folder: Path, settings_in: Callable[[str], Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings_in("server: {}\n")
    monkeypatch.chdir(folder.parent)

    settings = load(Path(folder.name) / "gateway.yaml", {})

    assert settings.store.url == f"sqlite:///{folder}/gateway.db"
    assert settings.path == Path(folder.name) / "gateway.yaml"


def test_the_settings_hold_no_secret(settings_with: Callable[[Mapping[str, object]], Settings]) -> None:
    assert "s3cret" not in repr(settings_with({}))
    assert "PRIVATE" not in repr(settings_with({}))


@pytest.mark.parametrize("name", ["no", "Ünited", "a b", "a/b", "-a", ".", "a" * 65, "", "a\nb", "a{b}", "%2e"])
def test_a_name_that_could_not_stand_in_a_path_or_a_label_is_refused(faults_with: Faults, name: str) -> None:
    faults = faults_with({"credentials": {name: {"type": "none"}}, "backends": {}, "tenants": {}, "callers": {}})

    assert len(faults) == (0 if name == "no" else 1)
    assert all("expected a name that is a word of 1 to 64 letters" in fault for fault in faults)
