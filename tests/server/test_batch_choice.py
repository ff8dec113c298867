import random

import pytest

from runtime_server.batch_choice import BatchLimits, choose_batch

LIMITS = BatchLimits(rows=4, tokens=100, waste=1.25, window=8)


@pytest.mark.parametrize(
    ("lengths", "batch"),
    [
        ([10], (0,)),
        ([10, 10, 10, 10, 10], (0, 1, 2, 3)),
        ([10, 40, 11, 9], (0, 2, 3)),
        ([40, 2, 40, 38], (0, 2)),
        ([500, 500], (0,)),
        ([1, 500, 500], (0,)),
        ([30, 1, 1, 1, 1, 1, 1, 1, 30], (0,)),
        ([0, 0, 0, 0, 0, 0], (0, 1, 2, 3)),
    ],
    ids=[
        "one row runs at once",
        "as many as a batch holds",
        "rows of like length",
        "padding counts against the tokens",
        "a row beyond the limit runs alone",
        "too much padding",
        "only the window is looked at",
        "rows that are not padded",
    ],
)
def test_what_runs_together(lengths: list[int], batch: tuple[int, ...]) -> None:
    assert sorted(choose_batch(lengths, LIMITS)) == sorted(batch)


def test_limits_hold_and_the_first_is_in_whatever_waits() -> None:
    choose = random.Random(0)
    for _ in range(500):
        lengths = [choose.randint(1, 150) for _ in range(choose.randint(1, 30))]
        batch = choose_batch(lengths, LIMITS)
        found = [lengths[place] for place in batch]
        padded = max(found) * len(found)
        assert batch[0] == 0
        assert len(set(batch)) == len(batch) <= LIMITS.rows
        assert max(batch) < LIMITS.window
        assert len(batch) == 1 or padded <= min(LIMITS.tokens, LIMITS.waste * sum(found))


def test_a_mixed_corpus_is_padded_by_less_than_the_waste_allows() -> None:
    choose = random.Random(1)
    waiting = [round(choose.lognormvariate(3.1, 0.8)) + 2 for _ in range(400)]
    limits, real, padded = BatchLimits(tokens=512), 0, 0
    while waiting:
        batch = choose_batch(waiting, limits)
        found = [waiting[place] for place in batch]
        real, padded = real + sum(found), padded + max(found) * len(found)
        waiting = [length for place, length in enumerate(waiting) if place not in batch]
    assert padded / real <= limits.waste
