"""Content codings of bodies: gzip and deflate (RFC 9110, 8.4.1)."""

import re
import zlib
from collections.abc import Mapping
from typing import Final

from runtime_server.errors import (
    BodyTooLargeError,
    MalformedBodyError,
    UnsupportedContentCodingError,
)

# By coding, in order of preference: zlib's number for the format that the RFC means.
_FORMATS: Final[Mapping[str, int]] = {"gzip": 31, "deflate": 15}
_NEVER: Final = re.compile(r"\s*q=0(\.0*)?\s*")


def decoded(body: bytes, coding: str, most_bytes: int) -> bytes:
    """The body without the coding that its Content-Encoding names; "" and identity are none.

    Raises:
        UnsupportedContentCodingError: another coding, or several.
        MalformedBodyError: the body is not what the coding says, or is cut, or has more after it.
        BodyTooLargeError: it would become more than `most_bytes`; no more than that is decoded.
    """
    name = coding.strip().lower()
    if name in ("", "identity"):
        return body
    if name not in _FORMATS:
        raise UnsupportedContentCodingError(
            f"a body may be sent as it is, or as {' or '.join(_FORMATS)}"
        )
    reader = zlib.decompressobj(_FORMATS[name])
    try:
        content = reader.decompress(body, most_bytes + 1)
    except zlib.error:
        raise MalformedBodyError(f"the body is not {name}, as its Content-Encoding says") from None
    if len(content) > most_bytes:
        raise BodyTooLargeError(
            f"decoded, the body has more than {most_bytes} bytes", limit=most_bytes
        )
    if not reader.eof:
        raise MalformedBodyError(f"the body ends before its {name} does")
    if reader.unused_data:
        raise MalformedBodyError(f"the body does not end where its {name} does")
    return content


def accepted_coding(accept_encoding: str) -> str | None:
    """The coding for an answer to this Accept-Encoding (RFC 9110, 12.5.3); None is none."""
    wishes = (wish.partition(";") for wish in accept_encoding.lower().split(","))
    named = {coding.strip() for coding, _, weight in wishes if not _NEVER.fullmatch(weight)}
    return next((coding for coding in _FORMATS if coding in named), None)


def encoded(body: bytes, coding: str) -> bytes:
    """The body in a coding that `accepted_coding` gave."""
    return zlib.compress(body, wbits=_FORMATS[coding])
