"""What an ECM answer says of one item, and what follows from it for that item."""

from msgspec import Struct

from gateway.backends.answers import Flaw
from gateway.backends.ecm_texts import code_of
from gateway.backends.texts import WORDS, passed_on
from gateway.model.calls import GrantedCase
from gateway.model.cases import Item
from gateway.model.kinds import Evidence, Status
from gateway.model.outcomes import Code, ItemOutcome, error

ABSENT = frozenset({Code.CASE_NOT_FOUND, Code.ITEM_NOT_IN_CASE})


class Word(Struct, frozen=True):
    """Done or failed, and the text that came with it.

    `exact`: the text speaks of this item or of its case alone, so that absence can be inferred from it.
    """

    done: bool
    text: str | None
    exact: bool = True


class Trust(Struct, frozen=True):
    """How far a word carries: the code of a failure with an undocumented text, and whether success is believed."""

    failure: Code
    success: bool


def item_outcome(case: GrantedCase, item: Item, word: Word | Flaw, trust: Trust) -> ItemOutcome:
    """What becomes of `item` by `word`, or why there is none to believe."""
    if isinstance(word, Flaw):
        return unknown_item(item, word)
    documented = code_of(word.text)
    text = passed_on(word.text or "") or None
    if not word.done:
        return _not_done(case, item, documented or trust.failure, text, exact=word.exact)
    if documented is not None or not trust.success:
        return unknown_item(item, Flaw.CONTRADICTION)
    return ItemOutcome(item.id, item.type_code, Status.SUCCEEDED, text, Evidence.CONFIRMED)


def unknown_item(item: Item | ItemOutcome, flaw: Flaw) -> ItemOutcome:
    """Neither failed nor succeeded; the upstream's text is not passed on, since it is not believed."""
    return ItemOutcome(item.id, item.type_code, Status.UNKNOWN, errors=(error(Code.OUTCOME_UNKNOWN, flaw.value),))


def _not_done(case: GrantedCase, item: Item, code: Code, text: str | None, *, exact: bool) -> ItemOutcome:
    if code in ABSENT and (item.id, item.type_code) in case.unsettled_items:
        if not exact:
            return unknown_item(item, Flaw.MISSING)
        return ItemOutcome(item.id, item.type_code, Status.SUCCEEDED, text, Evidence.INFERRED)
    fault = error(code, text or WORDS[code])
    return ItemOutcome(item.id, item.type_code, Status.FAILED, text, Evidence.CONFIRMED, (fault,))
