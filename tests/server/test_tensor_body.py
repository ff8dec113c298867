"""The binary form of bodies and texts: what comes back, and that nothing else is read."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.utils import deserialize_bytes_tensor, serialize_byte_tensor

from runtime_server.errors import MalformedTensorError
from runtime_server.tensor_body import TensorBody, decode_texts, encode_texts

TEXTS = st.lists(st.text(max_size=20), min_size=1, max_size=6)
LENGTHS = st.integers(0, 2**32 - 1).map(lambda length: struct.pack("<I", length))
# Bytes that are nearly tensors: lengths that are wrong, elements that are no UTF-8, ends missing.
NEARLY = st.lists(st.one_of(LENGTHS, st.binary(max_size=8)), max_size=8).map(b"".join)


@given(TEXTS)
def test_the_texts_of_tritonclient_are_read(texts: list[str]) -> None:
    tensor = serialize_byte_tensor(np.array(texts, dtype=np.object_)).item()
    assert encode_texts(texts) == tensor
    assert decode_texts(tensor, len(texts)) == tuple(texts)


@given(TEXTS)
def test_tritonclient_reads_what_is_encoded(texts: list[str]) -> None:
    read = deserialize_bytes_tensor(encode_texts(texts))
    assert [element.decode() for element in read] == texts


@given(NEARLY, st.integers(1, 4))
def test_any_bytes_are_the_one_form_of_their_texts_or_refused(tensor: bytes, count: int) -> None:
    try:
        texts = decode_texts(tensor, count)
    except MalformedTensorError:
        return
    assert len(texts) == count
    assert encode_texts(texts) == tensor


@given(TEXTS, st.integers(1, 30))
def test_a_cut_tensor_is_refused(texts: list[str], cut: int) -> None:
    with pytest.raises(MalformedTensorError):
        decode_texts(encode_texts(texts)[:-cut], len(texts))


@pytest.mark.parametrize(
    ("tensor", "index"),
    [
        (b"", 0),
        (b"\x01\0\0", 0),
        (b"\x02\0\0\0a", 0),
        (b"\xff\xff\xff\xffa", 0),
        (b"\x01\0\0\0a\x01\0\0\0", 1),
        (b"\x01\0\0\0a\x01\0\0\0\xff", 1),
        (b"\x01\0\0\0a\x03\0\0\0\xed\xa0\x80", 1),
    ],
    ids=ascii,
)
def test_the_error_names_the_element(tensor: bytes, index: int) -> None:
    with pytest.raises(MalformedTensorError) as caught:
        decode_texts(tensor, 2)
    assert caught.value.extra == {"index": index}
    assert caught.value.__cause__ is None


@given(st.binary(max_size=40), st.integers(1, 40))
def test_a_body_is_split_where_its_header_says(body: bytes, length: int) -> None:
    if length > len(body):
        with pytest.raises(MalformedTensorError):
            TensorBody.split(body, str(length))
        return
    parts = TensorBody.split(body, str(length))
    assert len(parts.document) == length
    assert parts.joined == body


def test_a_body_without_the_header_is_a_document() -> None:
    assert TensorBody.split(b"{}", None) == TensorBody(b"{}", b"")


@pytest.mark.parametrize("length", ["", "0", "-1", "+1", "1.0", "1e0", " 1", "²", "9" * 5000, "x"])
def test_a_header_that_is_no_length_is_refused(length: str) -> None:
    with pytest.raises(MalformedTensorError, match="whole number"):
        TensorBody.split(b"{}", length)
