"""A release: the version in every place, the changelog's section with its date, a commit, a tag. Nothing is pushed."""

import datetime as dt
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
UNRELEASED = "## Unreleased\n"
NOTHING = "Nothing yet.\n"


class Refused(Exception):
    """The release cannot be made; nothing was changed."""


class Place(NamedTuple):
    """A file that holds the version, and the pattern of what stands before it, of it, and of what stands after."""

    file: str
    pattern: str


PLACES = (
    Place("gateway/version.py", r'(__version__ = ")[^"]*(")'),
    Place("helm/case-gateway/Chart.yaml", r"(\nversion: )\S+()"),
    Place("helm/case-gateway/Chart.yaml", r'(\nappVersion: ")[^"]*(")'),
    Place("helm/case-gateway/Chart.yaml", r"(image: case-gateway:)\S+()"),
    Place("helm/case-gateway/README.md", r"(case-gateway-)\d+\.\d+\.\d+(\.tgz)"),
    Place("openapi/gateway.yaml", r"(\ninfo:\n  title: Case gateway\n  version: )\S+()"),
)
"""`gateway/version.py` is the source; the others are held against it by tests."""


def written(text: str, place: Place, version: str) -> str:
    """`text` with the version at its place. Raises Refused: the place is not there exactly once."""
    changed, count = re.subn(place.pattern, lambda found: found[1] + version + found[2], text)
    if count != 1:
        raise Refused(f"{place.file}: the version was looked for once, and found {count} times")
    return changed


def dated(changelog: str, version: str, day: dt.date) -> str:
    """The changelog with what was unreleased under `version`. Raises Refused: there is nothing to release."""
    before, found, rest = changelog.partition(UNRELEASED)
    content = rest.split("\n## ", 1)[0].strip()
    if not found or content in {"", NOTHING.strip()}:
        raise Refused("CHANGELOG.md: nothing is unreleased")
    return f"{before}{UNRELEASED}\n{NOTHING}\n## {version} - {day:%Y-%m-%d}\n{rest}"


def check_version(current: str, new: str) -> None:
    """Raises Refused: `new` is no version, or not later than `current`, unless nothing was released yet."""
    if not VERSION.fullmatch(new):
        raise Refused(f"{new!r} is no version such as 1.2.3")
    if _parts(new) <= _parts(current):
        raise Refused(f"{new} is not later than {current}")


def release(root: Path, new: str, day: dt.date, git: Callable[..., str]) -> None:
    """Write, commit and tag version `new`. Raises Refused, before anything is changed."""
    if git("status", "--porcelain"):
        raise Refused("the tree has changes that are not committed")
    source = (root / PLACES[0].file).read_text(encoding="utf-8")
    if git("tag", "--list", "v*"):
        check_version(re.findall(PLACES[0].pattern.replace('[^"]*', '([^"]*)'), source)[0][1], new)
    elif not VERSION.fullmatch(new):
        raise Refused(f"{new!r} is no version such as 1.2.3")
    files = {name: (root / name).read_text(encoding="utf-8") for name in {place.file for place in PLACES}}
    for place in PLACES:
        files[place.file] = written(files[place.file], place, new)
    files["CHANGELOG.md"] = dated((root / "CHANGELOG.md").read_text(encoding="utf-8"), new, day)
    for name, text in files.items():
        (root / name).write_text(text, encoding="utf-8")
    git("add", *files)
    git("commit", "--quiet", "--message", f"Release {new}")
    git("tag", "--annotate", f"v{new}", "--message", f"Release {new}")


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def git_in(root: Path) -> Callable[..., str]:
    """Runs git there; what it prints, without the last line end. Raises CalledProcessError."""

    def git(*words: str) -> str:
        finished = subprocess.run(  # noqa: S603 - our own words
            ["git", *words],  # noqa: S607 - the machine's git
            cwd=root,
            check=True,
            capture_output=True,
            text=True,
        )
        return finished.stdout.rstrip("\n")

    return git


if __name__ == "__main__":
    try:
        release(ROOT, sys.argv[1], dt.datetime.now(dt.UTC).date(), git_in(ROOT))
    except Refused as refused:
        sys.exit(f"No release: {refused}")
