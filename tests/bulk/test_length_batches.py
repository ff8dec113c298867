"""Batches of rows that are all known."""

from hypothesis import given
from hypothesis import strategies as st

from runtime_server.batch_choice import BatchLimits
from runtime_server.bulk.length_batches import length_batches
from runtime_server.bulk.meter import rate
from runtime_server.bulk.portions import portions

LIMITS = BatchLimits(rows=4, tokens=32)


@given(st.lists(st.integers(0, 40)))
def test_every_row_is_in_one_batch_that_keeps_the_limits(lengths: list[int]) -> None:
    batches = length_batches(lengths, LIMITS)
    assert sorted(place for batch in batches for place in batch) == [*range(len(lengths))]
    for batch in batches:
        longest = max(lengths[place] for place in batch)
        assert 0 < len(batch) <= LIMITS.rows
        assert len(batch) == 1 or longest * len(batch) <= LIMITS.tokens


def test_the_longest_run_first_beside_their_like() -> None:
    assert length_batches([3, 30, 8, 7, 0, 5], LIMITS) == ((1,), (2, 3, 5, 0), (4,))
    assert length_batches([], LIMITS) == ()


@given(st.lists(st.integers(0, 9)), st.integers(1, 5), st.integers(1, 20))
def test_portions_are_the_stream_in_pieces_that_fit(
    items: list[int], most: int, largest: int
) -> None:
    found = list(portions(items, most, largest, lambda item: item))
    assert [item for portion in found for item in portion] == items
    for portion in found:
        assert 0 < len(portion) <= most
        assert sum(portion[:-1]) < largest


def test_rates_are_told_as_people_read_them() -> None:
    assert [rate(30_000, 2), rate(301, 2), rate(5, 20)] == [
        "15,000 rows/s",
        "150 rows/s",
        "0.25 rows/s",
    ]
