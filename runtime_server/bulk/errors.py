"""What ends a run over a corpus."""

from typing import Final, Self

_INSTALL: Final = "{} is not installed: pip install 'samegraph[{}]'"


class BulkError(Exception):
    """The corpus cannot be scored, or not now; the message says why, and what to do."""

    @classmethod
    def lacking(cls, package: str, extra: str) -> Self:
        """The error of an installation without that extra."""
        return cls(_INSTALL.format(package, extra))
