"""Whose token it is, over several issuers whose settings may change."""

import asyncio
import resource
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.config.settings import Issuer
from gateway.errors import IssuerUnavailable, NotSent
from gateway.identity.issuers import Issuers
from gateway.identity.verdict import Flaw, Verified
from gateway.model.hours import SECOND
from gateway.telemetry.events import Event, KeySetRequested
from tests.clock import ManualClock
from tests.tokens import CLUSTER, NOW, SUBJECT, header, key_set, public, rsa, token

URL = replace(CLUSTER, jwks_url="https://issuer/jwks")
CLAIMS_UI = Verified("cluster", SUBJECT)


class Issued:
    """Issuers over documents by the name of their issuer."""

    def __init__(self) -> None:
        self.documents: dict[str, bytes] = {"cluster": key_set()}
        self.asked: list[str] = []
        self.events: list[Event] = []
        self.clock = ManualClock(NOW * SECOND)
        self.issuers = Issuers(self._fetch, self.clock, self.events.append)

    async def verify(self, text: bytes, *known: Issuer) -> Verified | Flaw:
        return await self.issuers.verify(text, {issuer.name: issuer for issuer in known})

    async def _fetch(self, issuer: Issuer) -> bytes:
        self.asked.append(issuer.name)
        if issuer.name not in self.documents:
            raise NotSent("connect", "nobody answers")
        return self.documents[issuer.name]


def replaced(path: Path, content: bytes | None) -> None:
    """Another file at `path`, as a mounted secret is replaced, or none."""
    path.unlink()
    if content is not None:
        path.with_suffix(".next").write_bytes(content)
        path.with_suffix(".next").rename(path)


@pytest.fixture
async def issued() -> AsyncIterator[Issued]:
    made = Issued()
    yield made
    await made.issuers.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "jwks.json"
    path.write_bytes(key_set())
    return path


async def test_a_good_token_is_that_of_its_subject_and_a_forged_one_is_not(issued: Issued) -> None:
    assert await issued.verify(token(), URL) == CLAIMS_UI
    assert await issued.verify(token(key=rsa("forger")), URL) == Flaw.SIGNATURE
    assert await issued.verify(token(head=header(kid="second")), URL) == Flaw.KEY


async def test_one_issuer_s_keys_prove_nothing_of_another_s_token(issued: Issued) -> None:
    other = Issuer("other", "https://other", "case-gateway", jwks_url="https://other/jwks")
    issued.documents["other"] = key_set(public(rsa("other")))

    assert await issued.verify(token(iss="https://other"), URL, other) == Flaw.SIGNATURE
    found = await issued.verify(token(iss="https://other", key=rsa("other")), URL, other)
    assert found == Verified("other", SUBJECT)


async def test_what_needs_no_key_is_refused_while_the_issuer_is_down(issued: Issued) -> None:
    issued.documents.clear()

    assert await issued.verify(b"nonsense", URL) == Flaw.MALFORMED
    assert await issued.verify(token(iat=NOW - 3_600, exp=NOW - 31), URL) == Flaw.EXPIRED
    with pytest.raises(IssuerUnavailable):
        await issued.verify(token(), URL)


async def test_without_issuers_no_token_is_good(issued: Issued) -> None:
    assert await issued.verify(token()) == Flaw.ISSUER


async def test_a_change_of_the_settings_keeps_the_keys_of_issuers_that_stay(issued: Issued) -> None:
    other = Issuer("other", "https://other", "case-gateway", jwks_url="https://other/jwks")
    await issued.verify(token(), URL)
    await issued.verify(token(), URL, other)
    await issued.verify(token(), URL)

    assert issued.asked.count("cluster") == 1
    assert await issued.verify(token(), replace(URL, audience="elsewhere")) == Flaw.AUDIENCE


async def test_what_a_removed_issuer_had_running_is_ended(issued: Issued) -> None:
    await issued.verify(token(), URL)
    [renewal] = asyncio.all_tasks() - {asyncio.current_task()}
    await issued.verify(token())
    async with asyncio.timeout(5):
        await asyncio.wait([renewal])


async def test_keys_in_a_file_are_read_again_when_they_change(issued: Issued, file: Path) -> None:
    filed = replace(CLUSTER, jwks_file=file)
    assert await issued.verify(token(), filed) == CLAIMS_UI
    replaced(file, key_set(public(rsa("second"), "second")))

    assert await issued.verify(token(), filed) == Flaw.KEY
    assert await issued.verify(token(head=header(kid="second"), key=rsa("second")), filed) == CLAIMS_UI
    assert issued.asked == []


async def test_a_file_that_became_unusable_leaves_the_last_good_keys_and_is_told_of_once(
    issued: Issued, file: Path
) -> None:
    filed = replace(CLUSTER, jwks_file=file)
    await issued.verify(token(), filed)
    replaced(file, b"half a file")
    assert [await issued.verify(token(), filed) for _ in range(3)] == [CLAIMS_UI] * 3
    replaced(file, None)

    assert await issued.verify(token(), filed) == CLAIMS_UI
    told = [event.outcome for event in issued.events if isinstance(event, KeySetRequested)]
    assert told == ["taken", "unusable"]


async def test_a_file_that_could_not_be_opened_for_a_moment_is_opened_again(issued: Issued, file: Path) -> None:
    """The file stays as it is: nothing but another look can find it readable."""
    filed = replace(CLUSTER, jwks_file=file)
    usual = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, usual[1]))  # what is open stays open
    try:
        for _ in range(3):
            with pytest.raises(IssuerUnavailable):
                await issued.verify(token(), filed)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, usual)

    assert await issued.verify(token(), filed) == CLAIMS_UI
    told = [event.outcome for event in issued.events if isinstance(event, KeySetRequested)]
    assert told == ["unusable", "taken"]


async def test_a_file_that_was_never_usable_says_nothing_of_the_token(issued: Issued, tmp_path: Path) -> None:
    with pytest.raises(IssuerUnavailable):
        await issued.verify(token(), replace(CLUSTER, jwks_file=tmp_path / "absent"))
