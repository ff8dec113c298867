"""Lines of a text file, maybe compressed, each with its number; what is not UTF-8 is refused."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final, cast

from runtime_server.bulk.errors import BulkError

# Excel writes it in front of a CSV file.
_BYTE_ORDER_MARK: Final = "\ufeff"


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """(1, first line), …, with their ends. Raises BulkError, which names the line."""
    number = 0
    try:
        with opened(path) as file:
            for number, line in enumerate(file, 1):  # the errors below name it
                text = line.decode("utf-8")
                yield number, text.removeprefix(_BYTE_ORDER_MARK) if number == 1 else text
    except UnicodeDecodeError as exc:
        raise BulkError(
            f"{path}, line {number}: not UTF-8 (byte {exc.start + 1} of the line); convert the "
            f"file first, as in: iconv -f WINDOWS-1252 -t UTF-8 {path.name}"
        ) from None
    except (OSError, EOFError, zlib.error) as exc:
        raise BulkError(f"{path} cannot be read after line {number}: {exc}") from None


def opened(path: Path) -> IO[bytes]:
    """Its bytes, uncompressed."""
    if path.suffix == ".gz":
        return cast(IO[bytes], gzip.open(path, "rb"))
    return path.open("rb")
