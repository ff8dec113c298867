"""What the parts in a folder are parts of; parts of anything else are not mixed with them."""

from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict

from registry import sha256_of_file
from runtime_server.bulk.corpus import Corpus, Survey
from runtime_server.bulk.part import Cut

VERSION: Final = 1


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(_Value):
    """The corpus as it was when the run began, and what was found in it."""

    name: str
    bytes: int
    modified_ns: int
    sha256: str
    limit: int | None
    text_column: str
    rows: int
    columns: tuple[str, ...]

    @classmethod
    def of(cls, corpus: Corpus, text_column: str, limit: int | None) -> Self:
        """Reads all of it. Raises BulkError, OSError."""
        before = corpus.path.stat()
        survey = corpus.survey(text_column)
        return cls(
            name=corpus.path.name,
            bytes=before.st_size,
            modified_ns=before.st_mtime_ns,
            sha256=sha256_of_file(corpus.path),
            limit=limit,
            text_column=text_column,
            rows=survey.rows,
            columns=survey.columns,
        )

    @property
    def survey(self) -> Survey:
        """What was found."""
        return Survey(self.rows, self.columns)

    def is_untouched(self, path: Path) -> bool:
        """Whether size and time of the file are those that it had. Raises OSError."""
        now = path.stat()
        return (now.st_size, now.st_mtime_ns) == (self.bytes, self.modified_ns)


class Record(_Value):
    """Everything that a part's outcomes depend on."""

    version: int = VERSION
    source: Source
    model: str
    digest: str
    part_rows: int
    part_characters: int
    shortest_text: int
    longest_text: int

    @classmethod
    def of(cls, source: Source, model: str, digest: str, cut: Cut) -> Self:
        """Of a run over `source` with the artifact of that name and digest."""
        return cls(
            source=source,
            model=model,
            digest=digest,
            part_rows=cut.rows,
            part_characters=cut.characters,
            shortest_text=cut.limits.shortest,
            longest_text=cut.limits.longest,
        )

    def difference(self, other: "Record") -> str | None:
        """What keeps `other`'s parts from being used in this run; None where nothing does."""
        differences = (
            ("the input has another content", self.source.sha256 != other.source.sha256),
            ("--text-column is another", self.source.text_column != other.source.text_column),
            ("--limit is another", self.source.limit != other.source.limit),
            (
                f"the model is {self.model} ({self.digest[:12]}), it was {other.model} "
                f"({other.digest[:12]})",
                self.digest != other.digest,
            ),
            (
                f"--part-rows is {self.part_rows}, it was {other.part_rows}",
                (self.part_rows, self.part_characters) != (other.part_rows, other.part_characters),
            ),
            (
                "MIN_TEXT_LENGTH or MAX_TEXT_LENGTH is another",
                (self.shortest_text, self.longest_text)
                != (other.shortest_text, other.longest_text),
            ),
        )
        return next((told for told, differs in differences if differs), None)
