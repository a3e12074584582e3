"""Secrets are read again when they change, and no error shows one."""

import os
from pathlib import Path

import pytest

from gateway.config.settings import Secret
from gateway.errors import CredentialRefused
from gateway.transport.secret_files import SecretFile, SecretVariable, secret_source


def test_a_secret_is_read_without_its_line_end_and_with_its_spaces(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b" s3cret \r\n")

    assert SecretFile(tmp_path / "secret", "password_file").text() == " s3cret "


def test_a_secret_that_was_written_over_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old")
    source = SecretFile(path, "password_file")
    before = source.text(), source.signature()
    path.write_text("newer")

    assert before[0] == "old"
    assert source.text() == "newer"
    assert source.signature() != before[1]


def test_a_secret_of_the_same_length_and_time_is_read_again_when_the_file_is_another(tmp_path: Path) -> None:
    path, other = tmp_path / "secret", tmp_path / "other"
    path.write_text("old")
    other.write_text("new")
    for file in (path, other):
        os.utime(file, ns=(1, 1))
    source = SecretFile(path, "password_file")
    source.text()
    other.rename(path)

    assert source.text() == "new"


def test_a_secret_behind_a_link_that_is_switched_is_read_again(tmp_path: Path) -> None:
    """Kubernetes mounts secrets behind a link to a folder, and replaces the link."""
    for generation in ("one", "two"):
        (tmp_path / generation).mkdir()
        (tmp_path / generation / "secret").write_text(generation)
    (tmp_path / "data").symlink_to("one")
    source = SecretFile(tmp_path / "data" / "secret", "password_file")
    source.text()
    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").rename(tmp_path / "data")

    assert source.text() == "two"


def test_an_unchanged_secret_is_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("same")
    status = path.stat()
    source = SecretFile(path, "password_file")
    source.text()
    with path.open("r+") as file:
        file.write("SAME")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    assert source.text() == "same"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "password_file cannot be read (No such file or directory)"),
        (b"", "password_file holds nothing"),
        (b"\n", "password_file holds nothing"),
        (b"s3cret\xff", "password_file is not UTF-8 (invalid start byte)"),
    ],
)
def test_a_secret_that_cannot_be_used_names_the_setting_and_nothing_else(
    tmp_path: Path, content: bytes | None, text: str
) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(CredentialRefused) as raised:
        SecretFile(path, "password_file").text()

    assert (raised.value.reason, str(raised.value)) == ("secret", text)


def test_a_secret_that_came_back_is_read(tmp_path: Path) -> None:
    source = SecretFile(tmp_path / "secret", "password_file")
    with pytest.raises(CredentialRefused):
        source.text()
    missing = source.signature()
    (tmp_path / "secret").write_text("here")

    assert source.text() == "here"
    assert source.signature() != missing


def test_a_secret_that_vanished_is_not_used_any_more(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("here")
    source = SecretFile(path, "password_file")
    source.text()
    path.unlink()

    with pytest.raises(CredentialRefused):
        source.text()


def test_a_secret_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECM_PASSWORD", "s3cret")

    source = secret_source(Secret(env="ECM_PASSWORD"), "password")

    assert source.text() == "s3cret"
    assert source.signature() is None


def test_a_missing_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ECM_PASSWORD", raising=False)

    with pytest.raises(CredentialRefused, match="password_env holds nothing"):
        SecretVariable("ECM_PASSWORD", "password_env").text()


def test_no_representation_shows_a_secret(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret")
    source = SecretFile(tmp_path / "secret", "password_file")
    source.text()

    assert "s3cret" not in repr(source)
