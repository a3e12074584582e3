"""What the image is made of, and what is known against it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from packaging.requirements import Requirement

from gateway.version import __version__
from tests.deploy.tools import ROOT, TOOLS, Finished, is_of, run, succeed, tool

VULNERABLE = "litestar"
REVISION = "0123456789abcdef"


def locked() -> dict[str, str]:
    """What the image's locks install on this machine."""
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in ("requirements.lock", "requirements-otel.lock")]
    found = [Requirement(line.rstrip(" \\")) for text in texts for line in text.splitlines() if line[:1].isalnum()]
    here = [each for each in found if each.marker is None or each.marker.evaluate()]
    return {each.name: str(each.specifier).removeprefix("==") for each in here}


def test_the_sbom_lists_what_is_installed_with_its_licence_and_says_of_what_it_is() -> None:
    tool("cyclonedx-py")
    succeed("make", "sbom", f"REVISION={REVISION}", seconds=600)
    document = json.loads((ROOT / f"dist/case-gateway-{__version__}.cdx.json").read_text(encoding="utf-8"))

    about = document["metadata"]["component"]
    assert (document["bomFormat"], about["name"], about["version"]) == ("CycloneDX", "case-gateway", __version__)
    assert about["properties"] == [{"name": "vcs.revision", "value": REVISION}]
    listed = {each["name"].lower().replace("_", "-"): each["version"] for each in document["components"]}
    assert listed == locked()
    # What these two say of their licence in their metadata is not in a form that CycloneDX takes.
    assert {each["name"] for each in document["components"] if not each.get("licenses")} <= {"protobuf", "rich-click"}


def test_no_target_that_a_test_makes_sets_up_tools_which_another_test_is_using() -> None:
    """It would where the stamps are not those that the tests look for."""
    tool("cyclonedx-py")
    planned = succeed("make", "--dry-run", "sbom", "audit")

    assert "cyclonedx-py" in planned
    assert "requirements-tools.lock" not in planned


def test_tools_of_another_lock_than_now_are_not_taken(tmp_path: Path) -> None:
    lock = tmp_path / "some.lock"
    lock.write_text("a==1\n", encoding="utf-8")
    stamp = succeed("git", "hash-object", lock).strip()
    (tmp_path / f".stamp-{stamp}").touch()
    assert is_of(tmp_path, lock)

    lock.write_text("a==2\n", encoding="utf-8")
    assert not is_of(tmp_path, lock)


class Service(BaseHTTPRequestHandler):
    """A database of vulnerabilities: it knows of one, or none."""

    known: ClassVar[dict[str, list[dict[str, Any]]]] = {}

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps({"vulns": self.known.get(asked["package"]["name"], [])}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's signature
        """Nobody reads it."""


@contextmanager
def database(known: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    Service.known = known
    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v1/query"
        finally:
            server.shutdown()
            thread.join()


def audit(url: str) -> Finished:
    tool("pip-audit")
    assert TOOLS.exists()
    return run("make", "audit", f"AUDIT_ARGS=--osv-url {url} --timeout 5")


def test_an_audit_that_finds_nothing_passes() -> None:
    with database({}) as url:
        finished = audit(url)

    assert finished.returncode == 0, finished.stderr
    assert "No known vulnerabilities found" in finished.stderr


def test_an_audit_fails_on_a_known_vulnerability() -> None:
    affected = {"package": {"name": VULNERABLE, "ecosystem": "PyPI"}, "versions": [locked()[VULNERABLE]]}
    vulnerability = {"id": "GHSA-0000-0000-0000", "summary": "Made up", "affected": [affected]}
    with database({VULNERABLE: [vulnerability]}) as url:
        finished = audit(url)

    assert finished.returncode != 0
    assert "GHSA-0000-0000-0000" in finished.stdout + finished.stderr


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/v1/query"])
def test_an_audit_fails_where_it_could_not_ask(url: str) -> None:
    finished = audit(url)

    assert finished.returncode != 0
    assert "it could not be found out" in finished.stderr
