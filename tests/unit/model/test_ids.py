from uuid import UUID

from gateway.model.ids import Ids

NOON = 1_795_262_400_123_456


def test_an_id_is_a_version_7_uuid_that_tells_its_millisecond() -> None:
    made = UUID(Ids().make(NOON))
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert made.int >> 80 == NOON // 1_000


def test_ids_of_one_instant_are_different_and_sort_in_the_order_of_their_making() -> None:
    ids = Ids()
    made = [ids.make(NOON) for _ in range(1_000)]
    assert made == sorted(set(made))


def test_ids_sort_by_instant_down_to_the_microsecond() -> None:
    ids = Ids()
    made = [ids.make(NOON + step) for step in range(0, 5_000, 7)]
    assert made == sorted(made)


def test_a_clock_that_goes_back_makes_no_smaller_id() -> None:
    ids = Ids()
    later = ids.make(NOON)
    assert ids.make(NOON - 10_000_000) > later


def test_two_makers_do_not_make_the_same() -> None:
    assert Ids().make(NOON) != Ids().make(NOON)
