"""docs/security.md says what is tried: what it names is there."""

import re
from pathlib import Path

from tests.api.bad_requests import RULES
from tests.api.test_bad_input import SPELLINGS
from tests.api.test_injection import HOSTILE

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")


def test_every_test_that_it_names_exists() -> None:
    names = set(re.findall(r"`((?:[a-z_]+/)*test_[a-z0-9_]+)`", TEXT))
    missing = [
        name
        for name in sorted(names)
        if not any((ROOT / "tests" / part / f"{name}.py").is_file() for part in ("unit", ""))
    ]

    assert len(names) > 30
    assert missing == []


def test_every_rule_that_is_broken_at_random_has_its_line() -> None:
    lines = {line.removeprefix("| ").split(" |")[0] for line in TEXT.splitlines() if line.startswith("| ")}

    assert [rule for rule in RULES if not any(line.startswith(rule) for line in lines)] == []


def test_its_figures_are_those_of_the_tests() -> None:
    assert f"{len(SPELLINGS)} spellings" in TEXT
    assert f"{len(HOSTILE)} identifiers" in TEXT
