"""A release changes the version everywhere at once, or nothing."""

import datetime as dt
import re
import shutil
from pathlib import Path

import pytest
import yaml

from gateway.version import __version__
from tests.deploy.tools import ROOT
from tools.release import PLACES, Refused, dated, git_in, release

DAY = dt.date(2026, 11, 22)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with every file that a release touches, and a commit."""
    for name in (*(place.file for place in PLACES), "CHANGELOG.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "CHANGELOG.md").write_text(
        "# Changelog\n\n## Unreleased\n\n### Added\n\n- A thing.\n", encoding="utf-8"
    )
    git = git_in(tmp_path)
    git("init", "--quiet")
    git("config", "user.name", "Somebody")
    git("config", "user.email", "somebody@example.org")
    git("add", ".")
    git("commit", "--quiet", "--message", "First")
    return tmp_path


def test_a_release_writes_the_version_everywhere_commits_and_tags(repository: Path) -> None:
    git = git_in(repository)

    release(repository, "7.8.9", DAY, git)

    assert git("status", "--porcelain") == ""
    assert git("describe") == "v7.8.9"
    assert git("log", "--format=%s", "-1") == "Release 7.8.9"
    chart = yaml.safe_load((repository / "helm/case-gateway/Chart.yaml").read_text(encoding="utf-8"))
    assert (chart["version"], chart["appVersion"]) == ("7.8.9", "7.8.9")
    assert "case-gateway:7.8.9" in chart["annotations"]["artifacthub.io/images"]
    assert '__version__ = "7.8.9"' in (repository / "gateway/version.py").read_text(encoding="utf-8")
    assert (
        yaml.safe_load((repository / "openapi/gateway.yaml").read_text(encoding="utf-8"))["info"]["version"] == "7.8.9"
    )
    changelog = (repository / "CHANGELOG.md").read_text(encoding="utf-8")
    assert (
        changelog
        == "# Changelog\n\n## Unreleased\n\nNothing yet.\n\n## 7.8.9 - 2026-11-22\n\n### Added\n\n- A thing.\n"
    )


def test_no_place_of_the_version_is_forgotten() -> None:
    """What names the version as it is now, outside of locks, tests and history, is what a release changes."""
    git = git_in(ROOT)
    tracked = git("grep", "--files-with-matches", "--fixed-strings", __version__).splitlines()
    named = {file for file in tracked if mentions(ROOT / file, __version__)}

    assert named - {place.file for place in PLACES} == set()


def mentions(file: Path, version: str) -> bool:
    """Whether a file speaks of the gateway's version, and not of something else's with the same number."""
    others = file.suffix in {".lock", ".in"} or file.name in {"CHANGELOG.md", "package-lock.json", "package.json"}
    if others or "tests" in file.parts or "docs" in file.parts:
        return False
    text = file.read_text(encoding="utf-8", errors="replace")
    return re.search(rf"(?<![\d.]){re.escape(version)}(?![\d.])", text) is not None


@pytest.mark.parametrize(
    ("version", "word"),
    [("7.8", "no version"), ("v7.8.9", "no version"), ("0.0.1", "not later than"), ("7.8.9", "not later than")],
)
def test_a_version_that_is_none_or_not_later_is_refused(repository: Path, version: str, word: str) -> None:
    git = git_in(repository)
    release(repository, "7.8.9", DAY, git)
    head = git("rev-parse", "HEAD")

    with pytest.raises(Refused, match=word):
        release(repository, version, DAY, git)

    assert (git("status", "--porcelain"), git("rev-parse", "HEAD")) == ("", head)


def test_a_tree_with_changes_is_refused(repository: Path) -> None:
    (repository / "CHANGELOG.md").write_text("changed", encoding="utf-8")

    with pytest.raises(Refused, match="not committed"):
        release(repository, "7.8.9", DAY, git_in(repository))


def test_a_release_of_nothing_is_refused() -> None:
    with pytest.raises(Refused, match="nothing is unreleased"):
        dated("# Changelog\n\n## Unreleased\n\nNothing yet.\n\n## 1.0.0 - 2026-01-01\n\n- A thing.\n", "1.0.1", DAY)
