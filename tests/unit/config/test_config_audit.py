"""The section `audit`: keys are checked at start, and are no part of the settings (docs/configuration.md)."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from gateway.config.audit import keyring, signing_key
from gateway.config.settings import Audit, Settings
from gateway.errors import ConfigurationError
from tests.signing import make_signing_key

With = Callable[[Mapping[str, object]], Settings]
KEY, EARLIER = "a key of receipts, 32 characters and more", "the key before it, 32 characters and more"


@pytest.fixture
def keys(folder: Path) -> Path:
    (folder / "receipt.key").write_text(KEY + "\n")
    (folder / "earlier.key").write_text(EARLIER + "\n")
    make_signing_key(folder)
    return folder


def test_left_out_there_are_no_keys(settings_with: With) -> None:
    audit = settings_with({}).audit

    assert audit == Audit()
    assert (keyring(audit).current, signing_key(audit)) == (None, None)


def test_keys_are_in_files_beside_the_configuration(settings_with: With, keys: Path) -> None:
    audit = settings_with(
        {
            "audit": {
                "key_file": "receipt.key",
                "earlier_key_files": ["earlier.key"],
                "checkpoint_key_file": "checkpoint.key",
                "checkpoint_file": "evidence/checkpoints.jsonl",
                "checkpoint_minutes": 5,
            }
        }
    ).audit

    found = keyring(audit)
    assert found.current is not None
    assert len(found.given) == 2
    assert audit.checkpoint_file == keys / "evidence" / "checkpoints.jsonl"
    assert audit.checkpoint_minutes == 5
    assert signing_key(audit) is not None
    assert not any(secret in repr((audit, found, found.current)) for secret in (KEY, EARLIER))


@pytest.mark.parametrize(
    ("section", "fault"),
    [
        ({"key_file": "absent.key"}, "audit.key_file: "),
        ({"key_file": "short.key"}, "at least 32 characters"),
        ({"key_file": "two-lines.key"}, "at least 32 characters"),
        ({"key": KEY}, "audit.key: unknown key"),
        ({"earlier_key_files": ["receipt.key"]}, "needs key_file"),
        ({"checkpoint_key_file": "checkpoint.key"}, "or neither"),
        ({"checkpoint_file": "checkpoints"}, "or neither"),
        ({"checkpoint_key_file": "receipt.key", "checkpoint_file": "c"}, "no Ed25519 private key in PEM"),
        ({"checkpoint_key_file": "tls.key", "checkpoint_file": "c"}, "not Ed25519"),
        ({"checkpoint_minutes": 0}, "audit.checkpoint_minutes: expected a number over 0"),
    ],
)
def test_what_cannot_be_used_is_said(settings_with: With, keys: Path, section: dict[str, object], fault: str) -> None:
    (keys / "short.key").write_text(KEY[:31])
    (keys / "two-lines.key").write_text(f"{KEY}\n{KEY}\n")

    with pytest.raises(ConfigurationError) as raised:
        settings_with({"audit": section})

    assert fault in str(raised.value)
    assert KEY not in str(raised.value)


def test_a_key_that_is_gone_by_the_time_it_is_read_is_said(settings_with: With, keys: Path) -> None:
    audit = settings_with({"audit": {"key_file": "receipt.key"}}).audit
    (keys / "receipt.key").unlink()

    with pytest.raises(ConfigurationError, match=r"audit\.key_file"):
        keyring(audit)
