import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from registry.manifest import InputSpec, SpecialTokens, Window
from registry.windows import encodings, pooled, window_bounds

WINDOW = Window(tokens=10, stride=7, pooling="mean_logit")
SPEC = InputSpec(
    kind="tokens",
    normalizer="norm-1",
    max_tokens=12,
    window=WINDOW,
    special_tokens=SpecialTokens(prefix=(101,), suffix=(102,), pad=0),
)


@pytest.mark.parametrize(
    ("n_tokens", "bounds"),
    [
        (0, ((0, 0),)),
        (10, ((0, 10),)),
        (11, ((0, 10), (1, 11))),
        (17, ((0, 10), (7, 17))),
        (18, ((0, 10), (7, 17), (8, 18))),
        (30, ((0, 10), (7, 17), (14, 24), (20, 30))),
    ],
)
def test_windows_start_every_stride_and_the_last_ends_with_the_text(
    n_tokens: int, bounds: tuple[tuple[int, int], ...]
) -> None:
    assert window_bounds(n_tokens, WINDOW) == bounds


@given(st.integers(0, 500), st.integers(1, 40), st.integers(1, 40))
def test_windows_cover_every_token_and_never_exceed_their_size(
    n_tokens: int, tokens: int, stride: int
) -> None:
    window = Window(tokens=tokens, stride=min(stride, tokens), pooling="mean_logit")
    bounds = window_bounds(n_tokens, window)
    assert set().union(*(range(*pair) for pair in bounds)) == set(range(n_tokens))
    assert all(end - start <= tokens for start, end in bounds)


def test_each_window_is_framed_by_special_tokens() -> None:
    first, last = encodings(range(11), SPEC)
    assert (first.ids, first.content) == ((101, *range(10), 102), 10)
    assert (last.ids, last.content) == ((101, *range(1, 11), 102), 10)


def test_an_empty_text_is_one_window_of_special_tokens() -> None:
    (only,) = encodings([], SPEC)
    assert (only.ids, only.content) == ((101, 102), 0)


def test_one_window_is_taken_as_it_is() -> None:
    assert pooled([0.0], [0], WINDOW) == 0.0


def test_pooling_weighs_windows_by_their_tokens() -> None:
    by_logit = pooled([0.9, 0.1], [3, 1], WINDOW)
    assert by_logit == pytest.approx(1 / (1 + math.exp(-math.log(9) / 2)))
    mean = WINDOW.model_copy(update={"pooling": "mean_probability"})
    assert pooled([0.9, 0.1], [3, 1], mean) == pytest.approx(0.7)
    largest = WINDOW.model_copy(update={"pooling": "max_probability"})
    assert pooled([0.9, 0.1], [3, 1], largest) == 0.9


def test_certain_windows_do_not_break_the_logit() -> None:
    assert pooled([1.0, 0.0], [5, 5], WINDOW) == pytest.approx(0.5)


@pytest.mark.parametrize(
    "changes",
    [
        {"window": None},
        {"special_tokens": None},
        {"max_tokens": 11},
        {"kind": "text"},
        {"special_tokens": {"prefix": [], "suffix": [], "pad": 0}},
        {"window": {"tokens": 5, "stride": 6, "pooling": "mean_logit"}},
    ],
)
def test_an_input_that_does_not_add_up_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        InputSpec.model_validate({**SPEC.model_dump(), **changes})
