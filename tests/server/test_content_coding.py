"""gzip and deflate of bodies: what is taken, and how much of it."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime_server.content_coding import accepted_coding, decoded, encoded
from runtime_server.errors import (
    BodyTooLargeError,
    MalformedBodyError,
    UnsupportedContentCodingError,
)

CODINGS = st.sampled_from(("gzip", "deflate"))
PACK = {"gzip": gzip.compress, "deflate": zlib.compress}


@given(st.binary(max_size=200), CODINGS)
def test_what_others_encoded_is_decoded_up_to_the_limit(content: bytes, coding: str) -> None:
    packed = PACK[coding](content)
    assert decoded(packed, coding, most_bytes=len(content)) == content
    if content:
        with pytest.raises(BodyTooLargeError):
            decoded(packed, coding, most_bytes=len(content) - 1)


@given(st.binary(max_size=200), CODINGS)
def test_others_decode_what_is_encoded(content: bytes, coding: str) -> None:
    unpack = {"gzip": gzip.decompress, "deflate": zlib.decompress}
    assert unpack[coding](encoded(content, coding)) == content


def test_a_bomb_is_given_up_at_the_limit() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    assert len(bomb) < 60_000
    with pytest.raises(BodyTooLargeError, match="more than 1000 bytes"):
        decoded(bomb, "gzip", most_bytes=1000)


@pytest.mark.parametrize("coding", ["", "identity", " Identity "])
def test_no_coding_leaves_the_body_alone(coding: str) -> None:
    assert decoded(b"body", coding, most_bytes=1) == b"body"


@pytest.mark.parametrize("coding", ["br", "gzip, gzip", "zstd", "gzip;q=1", "\xff"])
def test_another_coding_is_refused_and_told_which_are_read(coding: str) -> None:
    with pytest.raises(UnsupportedContentCodingError) as caught:
        decoded(b"body", coding, most_bytes=100)
    assert caught.value.headers == {"Accept-Encoding": "gzip, deflate"}


@given(st.binary(max_size=60), CODINGS)
def test_any_bytes_are_decoded_or_refused(body: bytes, coding: str) -> None:
    try:
        decoded(body, coding, most_bytes=100)
    except (MalformedBodyError, BodyTooLargeError):
        return
    assert body


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_body_that_is_cut_or_has_more_behind_it_is_refused(coding: str) -> None:
    packed = PACK[coding](b"a body")
    for wrong in (packed[:-1], packed[:3], b"", packed + b"x"):
        with pytest.raises(MalformedBodyError):
            decoded(wrong, coding, most_bytes=100)


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("gzip", "gzip"),
        ("deflate", "deflate"),
        ("deflate, GZIP;q=0.5", "gzip"),
        ("gzip;q=0, deflate", "deflate"),
        ("gzip; q=0.000", None),
        ("br", None),
        ("*", None),
        ("", None),
    ],
)
def test_an_answer_has_a_coding_that_was_asked_for_by_name(accept: str, coding: str | None) -> None:
    assert accepted_coding(accept) == coding
