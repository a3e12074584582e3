from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.check import check
from gateway.config.settings import Settings

SCALEPOINT_HOURS = "open 16:00 to 08:00 UTC"
HUB_LIMITS = "5 a second, 100 a minute, 5 in flight"


def test_a_sound_file_is_summed_up(settings_with: Callable[[Mapping[str, object]], Settings], folder: Path) -> None:
    settings_with(
        {
            "credentials.oauth": ...,
            "limits.claimshop": {"max_in_flight": None},
            "backends.claimshop-dk.limits": "claimshop",
            "backends.claimshop-dk.base_url": "https://claimshop.example/webapp",
            "backends.ecm.hours": {"open": "06:30", "close": "22:00"},
        }
    )

    done = CliRunner().invoke(check, ["--config", str(folder / "gateway.yaml")])

    assert done.exit_code == 0
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        f"{folder}/gateway.yaml: no faults",
        "backends:",
        f"  hub-dk: hub-property at https://hub.example/ecx, {SCALEPOINT_HOURS}, limits hub ({HUB_LIMITS})",
        f"  claimshop-dk: claimshop at https://claimshop.example/webapp, {SCALEPOINT_HOURS}, limits claimshop (none)",
        "  ecm: oracle-ecm at http://ecm.internal:7001/ECM, open 06:30 to 22:00 UTC, limits ecm (20 in flight)",
        "tenants:",
        "  acme-dk: deletions by hub-dk as acme, removals by ecm",
        "  acme-no: deletions by claimshop-dk as acmeno",
        "callers:",
        "  job: executes; every operation; acme-dk, acme-no",
        "  ui: dry runs only; case-deletion; acme-dk",
        "receipts:",
        "  sealed with a key that the ledger keeps: who can write the ledger can forge them; give audit.key_file",
        "  no checkpoints: nobody notices if the end of their chain is cut off; give audit.checkpoint_key_file",
        "without effect:",
        "  credentials.static: not used by any backend",
        "  credentials.open: not used by any backend",
    ]


def test_an_almost_empty_file_says_what_it_lacks(folder: Path) -> None:
    (folder / "gateway.yaml").write_text("server: {}\n")

    done = CliRunner().invoke(check, [], env={"GATEWAY_CONFIG": str(folder / "gateway.yaml")})

    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[1:5] == ["backends: none", "tenants: none", "callers: none", "receipts:"]
    assert lines[-1] == "without effect: none"


def test_each_fault_is_a_line_on_stderr(folder: Path) -> None:
    (folder / "gateway.yaml").write_text("server: {port: five}\ncircuit: {open: 5}\n")

    done = CliRunner().invoke(check, ["--config", str(folder / "gateway.yaml")])

    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        'server.port: expected a whole number from 0 to 65535, got "five"',
        "circuit.open: unknown key; known: failure_ratio, open_seconds, window_calls",
    ]


def test_the_default_is_gateway_yaml_in_this_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)

    done = CliRunner().invoke(check, [], env={"GATEWAY_CONFIG": None})

    assert done.exit_code == 1
    assert done.stderr == "gateway.yaml cannot be read: No such file or directory\n"


def test_an_unknown_option_is_a_usage_error() -> None:
    assert CliRunner().invoke(check, ["--conf", "gateway.yaml"]).exit_code == 2
