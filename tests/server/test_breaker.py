"""When a backend is left alone, and how it comes back."""

from dataclasses import dataclass, field

import pytest

from runtime_server.breaker import BreakerLimits, BreakerState, CircuitBreaker
from runtime_server.errors import EngineError, EngineOverloadedError

CLOSED, HALF_OPEN, OPEN = BreakerState.CLOSED, BreakerState.HALF_OPEN, BreakerState.OPEN
BROKEN = EngineError("unreachable", "no route to it")


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Case:
    clock: Clock = field(default_factory=Clock)
    told: list[BreakerState] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.breaker = CircuitBreaker(BreakerLimits(), self.told.append, self.clock)

    def ends(self, *errors: BaseException | None) -> None:
        for error in errors:
            if not self.breaker.availability.ok:
                raise AssertionError("a call was made that the breaker does not let through")
            try:
                with self.breaker.call():
                    if error is not None:
                        raise error
            except BaseException as exc:
                if exc is not error:
                    raise


@pytest.fixture
def case() -> Case:
    return Case()


def test_a_few_failures_are_not_enough(case: Case) -> None:
    case.ends(*[BROKEN] * 4)
    assert case.breaker.state is CLOSED


def test_it_opens_where_half_of_the_calls_fail(case: Case) -> None:
    case.ends(None, BROKEN, None, BROKEN)
    assert case.breaker.state is CLOSED
    case.ends(None, BROKEN)
    assert case.breaker.state is OPEN
    assert case.told == [OPEN]


def test_only_the_last_twenty_calls_count(case: Case) -> None:
    case.ends(*[None] * 100, *[BROKEN] * 9)
    assert case.breaker.state is CLOSED
    case.ends(BROKEN)
    assert case.breaker.state is OPEN


def test_open_it_says_what_failed_and_for_how_long(case: Case) -> None:
    case.ends(*[BROKEN] * 5)
    case.clock.now += 3
    state = case.breaker.availability
    assert state.reason == "breaker_open"
    assert state.detail == (
        "5 of 5 calls failed, the last with unreachable; the next one is let through in 7 s"
    )
    assert case.breaker.retry_after_s == 7


def test_half_open_it_lets_one_call_through(case: Case) -> None:
    case.ends(*[BROKEN] * 5)
    case.clock.now += 10
    assert case.breaker.state is HALF_OPEN
    assert case.breaker.availability.ok
    with case.breaker.call():
        assert case.breaker.availability.reason == "breaker_open"
    assert case.breaker.state is CLOSED
    assert case.told == [OPEN, HALF_OPEN, CLOSED]


def test_a_probe_that_fails_opens_it_for_as_long_again(case: Case) -> None:
    case.ends(*[BROKEN] * 5)
    case.clock.now += 10
    case.ends(BROKEN)
    assert case.breaker.state is OPEN
    assert case.breaker.retry_after_s == 10


def test_a_probe_that_is_cancelled_leaves_the_next_call_to_find_out(case: Case) -> None:
    case.ends(*[BROKEN] * 5)
    case.clock.now += 10
    case.ends(KeyboardInterrupt())
    assert case.breaker.state is HALF_OPEN
    assert case.breaker.availability.ok


def test_once_closed_it_begins_without_a_record(case: Case) -> None:
    case.ends(*[BROKEN] * 5)
    case.clock.now += 10
    case.ends(None, *[BROKEN] * 4)
    assert case.breaker.state is CLOSED


@pytest.mark.parametrize(
    "error",
    [
        EngineOverloadedError("too much to do", retry_after_s=1),
        EngineError("run_failed", "this text", counts=False),
        KeyboardInterrupt(),
        ValueError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_says_nothing_of_the_backend_does_not_count(case: Case, error: BaseException) -> None:
    case.ends(*[error] * 50)
    case.ends(*[BROKEN] * 4)
    assert case.breaker.state is CLOSED


def test_a_call_may_blame_the_backend_for_how_it_was_ended(case: Case) -> None:
    for _ in range(5):
        with case.breaker.call() as call:
            call.blame()
    assert case.breaker.state is OPEN
