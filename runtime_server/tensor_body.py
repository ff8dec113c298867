"""Bodies with a JSON document and tensors as bytes behind it: the binary tensor data extension.

Specification: the Open Inference Protocol's extension `binary_tensor_data`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from runtime_server.errors import MalformedTensorError

HEADER: Final = "Inference-Header-Content-Length"
EXTENSION: Final = "binary_tensor_data"
# Before each element of a BYTES tensor: its length, little-endian.
_LENGTH_BYTES: Final = 4


@dataclass(frozen=True)
class TensorBody:
    """A body in its two parts. A body without tensors is only its document."""

    document: bytes
    tensors: bytes = b""

    @classmethod
    def split(cls, body: bytes, document_bytes: str | None) -> Self:
        """The parts of a body; `document_bytes` is what its header HEADER says.

        Raises:
            MalformedTensorError: the header is no number, is 0, or is more than the body has.
        """
        if document_bytes is None:
            return cls(body)
        if not re.fullmatch("[1-9][0-9]{0,17}", document_bytes):
            raise MalformedTensorError(f"{HEADER} must be a whole number of bytes, 1 or more")
        length = int(document_bytes)
        if length > len(body):
            raise MalformedTensorError(
                f"{HEADER} says {length} bytes, and the body has {len(body)}"
            )
        return cls(body[:length], body[length:])

    @property
    def joined(self) -> bytes:
        """The body."""
        return self.document + self.tensors


def decode_texts(tensor: bytes, count: int) -> tuple[str, ...]:
    """The elements of a BYTES tensor of UTF-8 texts: exactly `count` of them.

    Raises:
        MalformedTensorError: there are fewer or more, or one is not UTF-8; `index` names it.
    """
    texts: list[str] = []
    at = 0
    for index in range(count):
        start = at + _LENGTH_BYTES
        end = start + int.from_bytes(tensor[at:start], "little")
        if end > len(tensor):
            raise MalformedTensorError(
                f"element {index} of {count} would end at byte {end} of {len(tensor)}", index=index
            )
        texts.append(_utf8(tensor[start:end], index))
        at = end
    if at != len(tensor):
        raise MalformedTensorError(f"{len(tensor) - at} bytes follow the {count} elements")
    return tuple(texts)


def encode_texts(texts: Iterable[str]) -> bytes:
    """A BYTES tensor of these texts in UTF-8, as `decode_texts` reads it."""
    contents = (text.encode() for text in texts)
    return b"".join(
        len(content).to_bytes(_LENGTH_BYTES, "little") + content for content in contents
    )


def _utf8(content: bytes, index: int) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as exc:
        # Without the cause, which quotes the text.
        raise MalformedTensorError(
            f"element {index} is not UTF-8 at its byte {exc.start}", index=index
        ) from None
