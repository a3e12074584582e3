"""The published document, read by others' tools: a linter, a fuzzer, and makers of clients in two languages."""

import json
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from tests.api.configuration import JOB_KEY
from tests.deploy.tools import NODE, ROOT, TOOLS, run, succeed, tool
from tests.faults.processes import Site, site

DOCUMENT = ROOT / "openapi/gateway.yaml"
HERE = Path(__file__).parent
SEED, SECONDS = "20261122", "30"
READ_BY_A_CLIENT = {
    "deleted": [True],
    "status": [200, 207, 404],
    "partial": "partial",
    "results": [["succeeded", None], ["failed", "case_not_found"]],
    "problem": "not_found",
}


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Site]:
    async with site(tmp_path, {"server.wait_seconds": 5}) as made:
        yield made


def test_a_strict_linter_finds_nothing_wrong_with_the_document() -> None:
    quiet = {"REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "REDOCLY_TELEMETRY": "off"}
    command = [tool("redocly"), "lint", "gateway.yaml", "--config=redocly.yaml", "--format=json"]
    finished = run(*command, folder=ROOT / "openapi", environ={**quiet, "PATH": tool_path()})

    totals = json.loads(finished.stdout)["totals"]
    assert (finished.returncode, totals["errors"], totals["warnings"]) == (0, 0, 0), finished.stdout
    ignored = yaml.safe_load((ROOT / "openapi/.redocly.lint-ignore.yaml").read_text(encoding="utf-8"))
    assert totals["ignored"] == sum(len(places) for places in ignored["gateway.yaml"].values())


def tool_path() -> str:
    """Where programs of Node find their interpreter."""
    return str(Path(tool("node")).parent) + ":/usr/bin:/bin"


async def test_a_fuzzer_finds_no_answer_that_the_document_does_not_tell_of(served: Site, tmp_path: Path) -> None:
    """Requests that the document allows, and ones that it does not, against every call; then along its links."""
    schemathesis, folder = tool("schemathesis"), tmp_path / "schemathesis"
    shutil.copytree(HERE / "schemathesis", folder)
    options = [f"--url={served.url}", f"--header=X-API-Key: {JOB_KEY}", f"--seed={SEED}", f"--max-time={SECONDS}"]
    finished = run(schemathesis, "run", DOCUMENT, *options, "--no-color", folder=folder, seconds=300)

    assert finished.returncode == 0, finished.stdout[-8_000:]
    [tested] = re.findall(r"^  Tested: (\d+)$", finished.stdout, re.MULTILINE)
    document = yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))
    assert int(tested) == sum(len(item) for item in document["paths"].values())


async def test_a_generated_python_client_deletes_a_case_and_reads_a_partial_result(
    served: Site, tmp_path: Path
) -> None:
    generator = tool("openapi-python-client")
    client = tmp_path / "case_gateway_client"
    settings = tmp_path / "settings.yaml"
    settings.write_text("post_hooks: []\n", encoding="utf-8")
    command = [generator, "generate", "--meta=none", "--fail-on-warning"]
    succeed(*command, "--path", DOCUMENT, "--output-path", client, "--config", settings)
    python = TOOLS / "bin/python"
    succeed(python, "-W", "error", "-m", "compileall", "-q", client)
    shutil.copy(HERE / "clients/client.py", tmp_path)

    printed = succeed(python, tmp_path / "client.py", served.url, JOB_KEY)

    assert json.loads(printed) == READ_BY_A_CLIENT


async def test_a_generated_typescript_client_deletes_a_case_and_reads_a_partial_result(
    served: Site, tmp_path: Path
) -> None:
    generator, compiler, node = tool("openapi-typescript"), tool("tsc"), tool("node")
    for name in ("client.ts", "tsconfig.json"):
        shutil.copy(HERE / "clients" / name, tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    (tmp_path / "node_modules").symlink_to(NODE / "node_modules")
    path = {"PATH": tool_path()}
    succeed(generator, DOCUMENT, "--output", tmp_path / "gateway.d.ts", environ=path)
    succeed(compiler, "--project", tmp_path, environ=path)

    printed = succeed(node, tmp_path / "out/client.js", served.url, JOB_KEY, folder=tmp_path)

    assert json.loads(printed) == READ_BY_A_CLIENT
