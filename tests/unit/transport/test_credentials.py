"""The value of the Authorization header, for credentials that need no token endpoint."""

from base64 import b64decode
from pathlib import Path

import pytest

from gateway.errors import CredentialRefused
from gateway.transport.credentials import Basic, Bearer, NoAuthorization
from gateway.transport.secret_files import SecretFile


@pytest.fixture
def secret(tmp_path: Path) -> SecretFile:
    (tmp_path / "secret").write_text("first\n")
    return SecretFile(tmp_path / "secret", "password_file")


async def test_without_a_credential_there_is_no_header() -> None:
    assert await NoAuthorization().header() is None


async def test_a_bearer_token_stands_behind_its_scheme(secret: SecretFile) -> None:
    assert await Bearer(secret).header() == "Bearer first"


@pytest.mark.parametrize("token", ["two words", "two\nlines", "tøken", "\ttab"])
async def test_a_bearer_token_that_would_break_out_of_its_header_is_refused(tmp_path: Path, token: str) -> None:
    (tmp_path / "token").write_text(token)

    with pytest.raises(CredentialRefused) as raised:
        await Bearer(SecretFile(tmp_path / "token", "token_file")).header()

    assert token not in str(raised.value)


@pytest.mark.parametrize("password", ["first", "pass:word", "blåbær", " "])
async def test_basic_is_user_and_password_in_utf_8(tmp_path: Path, password: str) -> None:
    (tmp_path / "password").write_text(password)

    header = await Basic("gateway", SecretFile(tmp_path / "password", "password_file")).header()

    assert header is not None
    scheme, _, pair = header.partition(" ")
    assert (scheme, b64decode(pair).decode()) == ("Basic", f"gateway:{password}")


async def test_a_rotated_secret_is_in_the_next_header(tmp_path: Path, secret: SecretFile) -> None:
    credential = Bearer(secret)
    await credential.header()
    (tmp_path / "secret").write_text("second")

    assert await credential.header() == "Bearer second"


async def test_a_401_changes_nothing_and_closing_is_quiet(secret: SecretFile) -> None:
    credential = Bearer(secret)
    credential.invalidate("Bearer first")
    await credential.close()

    assert await credential.header() == "Bearer first"


async def test_no_representation_shows_a_secret(secret: SecretFile) -> None:
    for credential in (Bearer(secret), Basic("gateway", secret)):
        await credential.header()
        assert "first" not in repr(credential) + repr(vars(credential))
