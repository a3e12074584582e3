import pytest

from gateway.backends.ecm_texts import code_of
from gateway.model.outcomes import Code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("External Entity does not exist in case.", Code.ITEM_NOT_IN_CASE),
        ("Transaction does not exist in case", Code.ITEM_NOT_IN_CASE),
        ("CUSTOMER DOES NOT  EXIST\nIN CASE.", Code.ITEM_NOT_IN_CASE),
        ("Case does not exist.", Code.CASE_NOT_FOUND),
        ("case does not exist", Code.CASE_NOT_FOUND),
        ("Case is locked by another user JSMITH.", Code.CASE_LOCKED),
        ("Case is locked by another user", Code.CASE_LOCKED),
        (
            "Account removal failed as error occurred while deleting from Case Account related tables.",
            Code.UPSTREAM_ERROR,
        ),
        ("Invalid JSON Input format. Please correct the data.", Code.UPSTREAM_REJECTED),
    ],
)
def test_a_documented_text_is_known_whatever_its_noun(text: str, code: Code) -> None:
    assert code_of(text) is code


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "External Entity removed successfully.",
        "It is not known whether the item does not exist in case of a failover.",
        "Case does not exist in the archive, but here.",
        "The upper case does not exist.",
        "Case is not locked by another user.",
    ],
)
def test_any_other_text_is_not(text: str | None) -> None:
    assert code_of(text) is None
