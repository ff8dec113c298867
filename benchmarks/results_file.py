"""Results on disk."""

from pathlib import Path

from pydantic import ValidationError

from benchmarks.measurement import Results
from registry.whole_file import write_whole

REPORTS = Path(__file__).resolve().parent / "reports"
# Committed; the others are git-ignored.
LATEST = REPORTS / "latest.json"


class ResultsFileError(Exception):
    """A file of results that cannot be read."""


def read_results(path: Path) -> Results:
    """Raises ResultsFileError, saying which file and why."""
    try:
        return Results.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise ResultsFileError(f"{path} does not exist") from None
    except (OSError, ValidationError) as exc:
        why = exc.errors()[0]["msg"] if isinstance(exc, ValidationError) else exc
        raise ResultsFileError(f"{path} is not a file of results: {why}") from None


def write_results(results: Results, path: Path) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, (results.model_dump_json(indent=1) + "\n").encode())
