"""The lock files: complete, hashed, and silent about where packages come from."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCKS = sorted(ROOT.glob("requirements*.lock"))
PIN = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[^]]+\])?==([^ ;\\]+)", re.MULTILINE)


def pins(lock: Path) -> dict[str, str]:
    """The exact version of each package in `lock`."""
    return {canonicalize_name(name): version for name, version in PIN.findall(lock.read_text(encoding="utf-8"))}


def dependencies() -> list[Requirement]:
    """What pyproject.toml names, its extras included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [text for extra in project["optional-dependencies"].values() for text in extra]
    return [Requirement(text) for text in (*project["dependencies"], *extras)]


def imported_libraries() -> set[str]:
    """The top-level names of what the gateway imports, without itself and the standard library."""
    names: set[str] = set()
    for path in (ROOT / "gateway").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - {"gateway"}


def test_everything_that_the_gateway_imports_is_named_as_its_dependency() -> None:
    named = {canonicalize_name(requirement.name) for requirement in dependencies()}
    providers = packages_distributions()

    unnamed = [
        name for name in imported_libraries() if not named & {canonicalize_name(each) for each in providers[name]}
    ]
    assert unnamed == []


def test_every_dependency_of_the_package_is_locked_at_a_version_it_allows() -> None:
    locked = pins(ROOT / "requirements.lock") | pins(ROOT / "requirements-otel.lock")

    for requirement in dependencies():
        version = locked.get(canonicalize_name(requirement.name))
        assert version is not None, requirement
        assert requirement.specifier.contains(version), requirement


def test_what_several_locks_name_has_one_version() -> None:
    runtime = pins(ROOT / "requirements.lock")

    for lock in LOCKS:
        assert {name: version for name, version in pins(lock).items() if runtime.get(name, version) != version} == {}


def test_what_is_tested_has_the_versions_of_the_extra_that_the_image_has() -> None:
    extra, tested = pins(ROOT / "requirements-otel.lock"), pins(ROOT / "requirements-dev.lock")

    assert {name: version for name, version in tested.items() if extra.get(name, version) != version} == {}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_has_a_hash_for_every_package_and_no_address(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")

    assert "://" not in text
    assert all("--hash=sha256:" in entry for entry in re.split(r"^(?=\S+==)", text, flags=re.MULTILINE)[1:])
