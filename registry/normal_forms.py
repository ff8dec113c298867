"""The normalisers that a manifest may name."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from registry.normalizer import norm1

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def identity(text: str) -> str:
    """The text itself, made well-formed: NUL is a space, each lone surrogate U+FFFD.

    Specification: docs/windows.md.
    """
    text = text.replace("\0", " ")
    if _LONE_SURROGATE.search(text):
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


NORMALIZERS: Final[Mapping[str, Callable[[str], str]]] = {"norm-1": norm1, "identity": identity}
