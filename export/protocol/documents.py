"""The documents that are measured, drawn from a file of any length."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from pydantic import Field

from export.training.dataset import LabelledText, read_dataset, read_rows, short_name
from export.training.held_out import validation_split
from registry import sha256_of_file

UNKNOWN = "unknown"


class TestDocument(LabelledText):
    """What is known of one; documents of one group share a prompt or a source."""

    __test__ = False

    domain: str = UNKNOWN
    generator: str = UNKNOWN
    group: str | None = Field(default=None)


@dataclass(frozen=True)
class Documents:
    """n documents as they are, and what is known of each."""

    name: str
    sha256: str
    held_out: bool
    texts: tuple[str, ...]
    labels: npt.NDArray[np.int64]
    domains: npt.NDArray[np.str_]
    generators: npt.NDArray[np.str_]
    groups: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.texts)

    @classmethod
    def read(cls, path: Path, training_sha256: frozenset[str]) -> Self:
        """All documents of a file; of the training data only what no fit has seen.

        Raises DatasetError.
        """
        if sha256_of_file(path) in training_sha256:
            dataset = read_dataset(path, str)
            own = dataset.part(validation_split(dataset)[1])
            texts = tuple(map(str, own.texts))
            columns = (own.labels, own.domains, own.generators, own.groups)
            return cls(own.name, own.sha256, True, texts, *columns)
        rows = read_rows(path, TestDocument)
        return cls(
            name=short_name(path),
            sha256=sha256_of_file(path),
            held_out=False,
            texts=tuple(row.text for row in rows),
            labels=np.array([row.label for row in rows]),
            domains=np.array([row.domain for row in rows]),
            generators=np.array([row.generator for row in rows]),
            # A document without a group is one of its own.
            groups=np.array([row.group or f"#{place}" for place, row in enumerate(rows)]),
        )

    def part(self, rows: npt.NDArray[np.int64]) -> Self:
        """These documents, in this order."""
        return type(self)(
            self.name,
            self.sha256,
            self.held_out,
            tuple(self.texts[row] for row in rows),
            self.labels[rows],
            self.domains[rows],
            self.generators[rows],
            self.groups[rows],
        )

    def sample(self, count: int) -> Self:
        """At most so many, drawn at random, the same ones every time, with both labels."""
        order = np.random.default_rng(0).permutation(len(self))
        firsts = [order[np.flatnonzero(self.labels[order] == label)[0]] for label in (0, 1)]
        rest = order[~np.isin(order, firsts)]
        return self.part(np.concatenate([firsts, rest])[:count])
