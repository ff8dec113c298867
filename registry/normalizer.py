"""norm-1: the text normalisation that every artifact of kind "text" is fed with.

Specification: docs/norm-1.md. The TypeScript twin is web_bundle/src/norm1.ts; both are held
equal by property tests and by the golden vectors of each artifact.
"""

import json
import re
import unicodedata
from importlib.resources import files
from typing import Any, Final

REPLACEMENT: Final = "\ufffd"
# Soft hyphen, zero width space, word joiner, byte order mark: they show nothing and split words.
INVISIBLE: Final = "\u00ad\u200b\u2060\ufeff"
WHITE_SPACE: Final = (
    "\t\n\x0b\x0c\r\x1c-\x1f \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
)

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_WHITE_SPACE_RUN = re.compile(f"[{WHITE_SPACE}]+")


def _load_table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads((files("registry") / "norm1_table.json").read_bytes())
    return table


def _unassigned_pattern(ranges: list[list[int]]) -> re.Pattern[str]:
    spans = (f"{re.escape(chr(first))}-{re.escape(chr(last))}" for first, last in ranges)
    return re.compile(f"[{''.join(spans)}]")


def _lower_map(table: dict[str, Any]) -> dict[int, str]:
    lower = {
        point: chr(point + delta)
        for first, last, step, delta in table["lower"]
        for point in range(first, last + 1, step)
    }
    expansions = {int(k): "".join(map(chr, v)) for k, v in table["lower_expansions"].items()}
    return {**lower, **expansions, **dict.fromkeys(map(ord, INVISIBLE), "")}


_TABLE = _load_table()
_UNASSIGNED = _unassigned_pattern(_TABLE["unassigned"])
_LOWER = _lower_map(_TABLE)


def norm1(text: str) -> str:
    """The norm-1 form of `text`: well-formed, NFC, lower-case, single spaces, trimmed.

    Total and idempotent: any `str`, lone surrogates included, has a normal form, and the normal
    form of a normal form is itself.
    """
    if text.isascii():
        lowered = text.replace("\0", " ").lower()
    else:
        lowered = _lower_unicode(text.replace("\0", " "))
    return _WHITE_SPACE_RUN.sub(" ", lowered).strip(" ")


def _lower_unicode(text: str) -> str:
    if _LONE_SURROGATE.search(text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    assigned = _UNASSIGNED.sub(REPLACEMENT, text)
    compatible = unicodedata.normalize("NFKC", assigned)
    return unicodedata.normalize("NFC", compatible.translate(_LOWER))
