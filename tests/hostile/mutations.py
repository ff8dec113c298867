"""Bytes that resemble what a parser expects."""

from hypothesis import strategies as st

# What parsers trip over: nesting, numbers without end, escapes, bytes that are no text.
SPLINTERS = (
    b"",
    b"\x00",
    b"\xff\xfe",
    b"[" * 2000,
    b'{"a":' * 2000,
    b"9" * 400,
    b"1e999",
    b"-0",
    b"null",
    b'"\\ud800"',
    b"../../etc/passwd",
    b"\r\n",
    b'"""',
    b"=",
)


@st.composite
def mutated(draw: st.DrawFn, valid: bytes) -> bytes:
    """The bytes with up to four pieces cut, doubled or replaced; or any bytes at all."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=300))
    content = valid
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.integers(0, 30)))
        piece = draw(st.sampled_from((*SPLINTERS, content[start:end] * 2)) | st.binary(max_size=8))
        content = content[:start] + piece + content[end:]
    return content
