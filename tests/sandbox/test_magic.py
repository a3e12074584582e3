from pathlib import Path

import pytest

from gateway.sandbox.magic import KINDS, WORDS, Kind, Spell, Word, fault_of, spell_of

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[1] / "docs" / "sandbox.md"


@pytest.mark.parametrize("word", WORDS, ids=lambda word: word.prefix)
def test_every_prefix_has_a_test_and_a_row_in_the_document(word: Word) -> None:
    tests = "".join((HERE / name).read_text() for name in ("test_magic_scalepoint.py", "test_magic_ecm.py"))
    assert f'"{word.prefix}-' in tests
    assert f"| `{word.prefix}-*` | {word.where} | " in DOCUMENT.read_text()


def test_every_situation_has_a_prefix() -> None:
    assert {word.kind for word in WORDS} == set(Kind)


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ("NOTFOUND-1", Spell(Kind.NOTFOUND, None)),
        ("NOTFOUND-", Spell(Kind.NOTFOUND, None)),
        ("NOTFOUND-12", Spell(Kind.NOTFOUND, None)),
        ("NOTFOUND-12-x", Spell(Kind.NOTFOUND, 12)),
        ("NOTFOUND-1234-x", Spell(Kind.NOTFOUND, None)),
        ("NOTFOUND-ONCE-x", Spell(Kind.NOTFOUND, 1)),
        ("THROTTLED-ALWAYS-x", Spell(Kind.THROTTLED, None)),
        ("DROP-AFTER-2-x", Spell(Kind.DROP, 2, 0, after=True)),
        ("DROP-BEFORE-x", Spell(Kind.DROP, 1)),
        ("SLOW-0.5-x", Spell(Kind.SLOW, None, 0.5)),
        ("SLOW-x", Spell(Kind.SLOW, None, 1)),
        ("SLOW-2-3-x", Spell(Kind.SLOW, 3, 2)),
        ("STATUS-504-AFTER-ONCE-x", Spell(Kind.STATUS, 1, 504, after=True)),
        ("NOTFOUND", None),
        ("CN10000", None),
        ("LOCKED-1", None),
        ("", None),
    ],
)
def test_an_identifier_is_read_as_documented(identifier: str, expected: Spell | None) -> None:
    assert spell_of(identifier, KINDS["hub-property"]) == expected


def test_a_fault_is_written_as_a_prefix_alone() -> None:
    assert fault_of("STATUS-503", KINDS["oracle-ecm"]) == Spell(Kind.STATUS, None, 503)
    assert fault_of("DROP-AFTER", KINDS["claimshop"]) == Spell(Kind.DROP, 1, 0, after=True)
    assert fault_of("INPROGRESS", KINDS["claimshop"]) is None
