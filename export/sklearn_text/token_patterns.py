r"""Token patterns that mean the same in Python's re and in RE2, which onnxruntime uses.

Properties such as \w and \b differ between regular expression engines, and between Unicode
versions of one engine. What is left is a run of listed characters, such as `[a-z0-9]+`.
"""

import re

from export.sklearn_text.hashed_ngrams import word_pattern

# Words of any script, and each other character by itself: a `token_pattern` for CountVectorizer.
WORDS = word_pattern(r"\U%08x")
_CHARACTER = r"[^\\\[\]^-]"
_RUN = re.compile(rf"\[(\^?)((?:{_CHARACTER}(?:-{_CHARACTER})?)+)\](\+|\{{[0-9]+,\}})")


def re2_pattern(token_pattern: str) -> str | None:
    """The same pattern for RE2; null where it may find other tokens, or tokens with a space."""
    if token_pattern == WORDS:
        return word_pattern(r"\x{%x}")
    run = _RUN.fullmatch(token_pattern)
    if run is None:
        return None
    negated, characters, repetition = run.groups()
    if re.fullmatch(f"[{negated}{characters}]", " "):
        return None
    escaped = re.sub(
        rf"({_CHARACTER})(-?)", lambda one: rf"\x{{{ord(one[1]):x}}}{one[2]}", characters
    )
    return f"[{negated}{escaped}]{repetition}"
