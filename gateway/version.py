"""The version of the gateway, in one place, and what it was built from."""

from pathlib import Path

__version__ = "0.1.0"


def revision() -> str:
    """The commit that this was built from; "unknown" where the build did not say, as in a checkout."""
    try:
        return (Path(__file__).parent / "revision.txt").read_text(encoding="utf-8").strip()
    except OSError:
        return "unknown"
