import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from registry.manifest import Companion, InputSpec, SpecialTokens, Window
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


COMPANION = Companion(
    name="other",
    tokenizer="other.tokenizer.json",
    normalizer="identity",
    max_tokens=8,
    special_tokens=SpecialTokens(prefix=(7,), suffix=(8, 9), pad=1),
)
PAIR = SPEC.model_copy(update={"companions": (COMPANION,)})


def test_a_companion_has_the_same_share_of_its_tokens_as_the_window() -> None:
    windows = encodings(range(20), PAIR, (range(200, 210),))
    shares = [window.companions[0][1:-2] for window in windows]
    # Windows of 20 tokens are 0-10, 7-17, 10-20: of 10 tokens that is 0-5, 3-8, 5-10.
    assert shares == [tuple(range(a, b)) for a, b in ((200, 205), (203, 208), (205, 210))]
    assert {window.companions[0][0] for window in windows} == {7}
    assert {window.companions[0][-2:] for window in windows} == {(8, 9)}
    assert not any(window.cut for window in windows)


@given(st.integers(0, 60), st.integers(0, 200))
def test_a_companion_has_at_most_its_tokens_and_says_what_it_lost(n: int, m: int) -> None:
    for window in encodings(range(n), PAIR, (range(m),)):
        assert len(window.companions[0]) <= COMPANION.max_tokens
    whole = encodings(range(n), PAIR, (range(m),))
    seen = {token for window in whole for token in window.companions[0][1:-2]}
    assert any(window.cut for window in whole) or seen == set(range(m))


def test_a_companion_of_a_text_without_tokens_is_whole() -> None:
    (window,) = encodings((), PAIR, ((3, 4),))
    assert (window.ids, window.companions) == ((101, 102), ((7, 3, 4, 8, 9),))


def test_companions_need_a_frame_that_leaves_room_and_names_of_their_own() -> None:
    with pytest.raises(ValidationError, match="special_tokens fill max_tokens"):
        Companion(**{**dict(COMPANION), "max_tokens": 3})
    with pytest.raises(ValidationError, match="a name is given twice"):
        InputSpec(**{**dict(SPEC), "companions": (COMPANION, COMPANION)})
    with pytest.raises(ValidationError, match="cut by its windows"):
        InputSpec(kind="text", normalizer="norm-1", companions=(COMPANION,))
