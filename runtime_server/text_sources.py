"""Texts of a command line: arguments, files, standard input."""

import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Final

STDIN: Final = "-"


def texts_of(sources: Sequence[str | Path], *, lines: bool) -> Iterator[str]:
    """The texts, read one after another; where `lines`, each line of files and of `-` is one.

    Files are UTF-8; what is not is U+FFFD, as in norm-1.
    """
    for source in sources:
        if isinstance(source, str) and source != STDIN:
            yield source
            continue
        with _opened(source, newline=None if lines else "") as content:
            if lines:
                yield from (line.rstrip("\n") for line in content)
            else:
                yield content.read()


def _opened(source: str | Path, newline: str | None) -> AbstractContextManager[io.TextIOWrapper]:
    if isinstance(source, Path):
        return source.open(encoding="utf-8", errors="replace", newline=newline)
    assert isinstance(sys.stdin, io.TextIOWrapper)  # noqa: S101  # only a test replaces it
    sys.stdin.reconfigure(encoding="utf-8", errors="replace", newline=newline)
    return nullcontext(sys.stdin)
