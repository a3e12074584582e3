import pytest

from gateway.backends.texts import WORDS, all_passed_on, passed_on
from gateway.model.outcomes import Code

OURS_ALONE = {Code.CASE_CANCELLED, Code.UPSTREAM_UNREACHABLE, Code.OUTCOME_UNKNOWN}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Case number CN39983 not found", "Case number CN39983 not found"),
        ("  Sag æøå findes ikke 🗂 ", "Sag æøå findes ikke 🗂"),
        ("line\r\nbreak\tand\x00null", "line  break and\N{REPLACEMENT CHARACTER}null"),
        ("\x1b[31mred", "\N{REPLACEMENT CHARACTER}[31mred"),
        ("lone \ud800 surrogate", "lone \N{REPLACEMENT CHARACTER} surrogate"),
        ("right\u202eleft", "right\N{REPLACEMENT CHARACTER}left"),
        ("line\u2028separator", "line separator"),
        ("\x07\n", "\N{REPLACEMENT CHARACTER}"),
        ("\n", ""),
    ],
)
def test_a_text_is_made_harmless(text: str, expected: str) -> None:
    assert passed_on(text) == expected


def test_a_long_text_is_cut_to_a_thousand_characters() -> None:
    assert passed_on("x" * 5_000) == "x" * 999 + "…"


def test_twenty_texts_are_passed_on_and_empty_ones_are_not() -> None:
    assert all_passed_on(["", " ", *(str(number) for number in range(30))]) == tuple(map(str, range(20)))


def test_every_code_that_an_answer_can_have_has_words_of_our_own() -> None:
    assert WORDS.keys() == set(Code) - OURS_ALONE
