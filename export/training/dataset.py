"""Labelled documents for training and evaluation, read from JSON Lines."""

import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from registry import norm1


class DatasetError(Exception):
    """The data file cannot be used; the message names the line."""


class Document(BaseModel):
    """One labelled text. Documents of one group share a prompt or a source text."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    text: str = Field(min_length=1)
    label: int = Field(ge=0, le=1)
    domain: str
    generator: str
    source: str
    group: str


@dataclass(frozen=True)
class Dataset:
    """Columns of n documents: norm-1 texts and what is known of each."""

    name: str
    sha256: str
    texts: npt.NDArray[np.object_]
    labels: npt.NDArray[np.int64]
    domains: npt.NDArray[np.str_]
    generators: npt.NDArray[np.str_]
    groups: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.labels)


def read_dataset(path: Path) -> Dataset:
    """Read a `.jsonl` or `.jsonl.gz` file of Documents. Raises DatasetError."""
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    plain = gzip.decompress(content) if path.suffix == ".gz" else content
    documents = list(_documents(plain, path))
    if len({document.label for document in documents}) < 2:
        raise DatasetError(f"{path}: both labels, 0 (human) and 1 (AI), are needed")
    return Dataset(
        name=path.name.removesuffix(".gz"),
        sha256=digest,
        texts=np.array([norm1(document.text) for document in documents], dtype=object),
        labels=np.array([document.label for document in documents], dtype=np.int64),
        domains=np.array([_merged_domain(document.domain) for document in documents]),
        generators=np.array([document.generator for document in documents]),
        groups=np.array([document.group for document in documents]),
    )


def _documents(plain: bytes, path: Path) -> Iterator[Document]:
    for number, line in enumerate(plain.splitlines(), start=1):
        try:
            yield Document.model_validate_json(line)
        except ValidationError as exc:
            first = exc.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise DatasetError(f"{path}, line {number}: {where} {first['msg']}") from None


def _merged_domain(domain: str) -> str:
    # L2R cut one crawl into many small subjects: leaving out one of them leaves the rest in.
    return "l2r" if domain.startswith("l2r_") else domain
