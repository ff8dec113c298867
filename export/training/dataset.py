"""Labelled documents for training and evaluation, read from JSON Lines."""

import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from export.errors import DatasetError
from registry import norm1, sha256_of_file


class LabelledText(BaseModel):
    """A text, and 0 (human) or 1 (AI)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    text: str = Field(min_length=1)
    label: int = Field(ge=0, le=1)


class Document(LabelledText):
    """What training needs to know of one. Documents of one group share a prompt or a source."""

    domain: str
    generator: str
    source: str
    group: str


Row = TypeVar("Row", bound=LabelledText)


@dataclass(frozen=True)
class Dataset:
    """Columns of n documents: normalised texts and what is known of each."""

    name: str
    sha256: str
    texts: npt.NDArray[np.object_]
    labels: npt.NDArray[np.int64]
    domains: npt.NDArray[np.str_]
    generators: npt.NDArray[np.str_]
    groups: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def strata(self) -> npt.NDArray[np.str_]:
        """Domain and label of each document, as one name."""
        return np.char.add(self.domains, self.labels.astype(str))

    def part(self, rows: npt.NDArray[np.int64]) -> "Dataset":
        """These documents, in this order."""
        return replace(
            self,
            texts=self.texts[rows],
            labels=self.labels[rows],
            domains=self.domains[rows],
            generators=self.generators[rows],
            groups=self.groups[rows],
        )


@dataclass(frozen=True)
class LabelledTexts:
    """Texts as they are, and their labels int64[N]."""

    name: str
    sha256: str
    texts: tuple[str, ...]
    labels: npt.NDArray[np.int64]


def read_dataset(path: Path, normalize: Callable[[str], str] = norm1) -> Dataset:
    """Read a `.jsonl` or `.jsonl.gz` file of Documents. Raises DatasetError."""
    documents = read_rows(path, Document)
    return Dataset(
        name=short_name(path),
        sha256=sha256_of_file(path),
        texts=np.array([normalize(document.text) for document in documents], dtype=object),
        labels=np.array([document.label for document in documents], dtype=np.int64),
        domains=np.array([_merged_domain(document.domain) for document in documents]),
        generators=np.array([document.generator for document in documents]),
        groups=np.array([document.group for document in documents]),
    )


def read_labelled_texts(path: Path) -> LabelledTexts:
    """Read a `.jsonl` or `.jsonl.gz` file of LabelledText rows. Raises DatasetError."""
    rows = read_rows(path, LabelledText)
    return LabelledTexts(
        name=short_name(path),
        sha256=sha256_of_file(path),
        texts=tuple(row.text for row in rows),
        labels=np.array([row.label for row in rows], dtype=np.int64),
    )


def short_name(path: Path) -> str:
    """What a file of documents is called in reports."""
    return path.name.removesuffix(".gz")


def read_rows(path: Path, row: type[Row]) -> list[Row]:
    """All rows of a `.jsonl` or `.jsonl.gz` file, of both labels. Raises DatasetError."""
    try:
        content = path.read_bytes()
        plain = gzip.decompress(content) if path.suffix == ".gz" else content
    except OSError as exc:
        raise DatasetError(f"{path} cannot be read: {exc}") from None
    rows = list(_rows(plain, path, row))
    if len({one.label for one in rows}) < 2:
        raise DatasetError(f"{path}: both labels, 0 (human) and 1 (AI), are needed")
    return rows


def _rows(plain: bytes, path: Path, row: type[Row]) -> Iterator[Row]:
    for number, line in enumerate(plain.splitlines(), start=1):
        try:
            yield row.model_validate_json(line)
        except ValidationError as exc:
            first = exc.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise DatasetError(f"{path}, line {number}: {where} {first['msg']}") from None


def _merged_domain(domain: str) -> str:
    # L2R cut one crawl into many small subjects: leaving out one of them leaves the rest in.
    return "l2r" if domain.startswith("l2r_") else domain
