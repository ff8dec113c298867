"""A graph that hashes texts, and runs over corpora with it in this process."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import onnx
import pytest
from onnx import numpy_helper

from registry import Artifact
from runtime_server.bulk.part import Cut
from runtime_server.bulk.result_columns import ResultColumns
from runtime_server.bulk.run import Done, Job, run
from runtime_server.bulk.scorer import Room
from runtime_server.bulk.workers import LocalWorkers
from runtime_server.local_engine import QueueLimits
from runtime_server.placement import MemoryBudget
from runtime_server.requests import TextLimits
from tests.server.conftest import hash_graph, publish_to

ROOM = Room(QueueLimits(), MemoryBudget(None, None))
LIMITS = TextLimits(1, 100_000)


@pytest.fixture(scope="session")
def hash_tiny(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return publish_to(tmp_path_factory.mktemp("registry"), hash_graph())


@pytest.fixture(scope="session")
def half_failing(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """About half of all texts get a probability above 1, which is none."""
    model = onnx.load_from_string(hash_graph())
    scale = next(one for one in model.graph.initializer if one.name == "scale")
    scale.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(scale) / 2, "scale"))
    return publish_to(tmp_path_factory.mktemp("registry"), model.SerializeToString())


@dataclass
class Heard:
    """A meter that only listens."""

    total: int = 0
    kept: int = 0
    rows: list[int] = field(default_factory=list)

    @contextmanager
    def shown(self, total: int, kept: int) -> Iterator["Heard"]:
        self.total, self.kept = total, kept
        yield self

    def partly(self, rows: float) -> None:
        pass

    def finished(self, rows: int) -> None:
        self.rows.append(rows)


class BreakOffError(Exception):
    """In place of a crash."""


@dataclass
class BreaksAfter(Heard):
    """A run that hears it ends there."""

    parts: int = 1

    def finished(self, rows: int) -> None:
        super().finished(rows)
        if len(self.rows) == self.parts:
            raise BreakOffError


def job(artifact: Artifact, corpus: Path, out: Path, **changes: object) -> Job:
    columns = ResultColumns(artifact.manifest, 0.5)
    return replace(Job(corpus, out, columns, Cut(3, LIMITS)), **changes)


Run = Callable[..., Done]


@pytest.fixture
def run_job(hash_tiny: Artifact) -> Run:
    def run_it(
        corpus: Path,
        out: Path,
        meter: Heard | None = None,
        artifact: Artifact = hash_tiny,
        **changes: object,
    ) -> Done:
        def start() -> object:
            return LocalWorkers.started(artifact, ROOM, 2)

        show = (meter or Heard()).shown
        return run(job(artifact, corpus, out, **changes), start, show)

    return run_it


def write_lines(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def read_lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
