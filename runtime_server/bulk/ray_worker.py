"""What runs on a node of a Ray cluster: one session, for the parts that it is sent."""

import os
import platform
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Self

import ray

from registry import RegistryError
from runtime_server.bulk.errors import BulkError
from runtime_server.bulk.outcome import Outcome
from runtime_server.bulk.scorer import Room, Scorer
from runtime_server.bulk.shipment import Shipment
from runtime_server.errors import EngineError


@dataclass(frozen=True)
class Versions:
    """What must be equal on all machines for the numbers to be."""

    samegraph: str
    onnxruntime: str

    @classmethod
    def here(cls) -> Self:
        """Of this machine."""
        import onnxruntime

        return cls(version("samegraph"), onnxruntime.__version__)


class RayWorker:
    """An actor. Errors are BulkErrors: those arrive at the driver as what they are."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._scorer: Scorer | None = None

    def start(self, shipment: Shipment[Any], room: Room, n_threads: int, wanted: Versions) -> str:
        """Loads the session; gives the node's name. Raises BulkError."""
        node = platform.node()
        # Before tokenizers is imported: it takes all cores of a node that others may use.
        os.environ.setdefault("RAYON_NUM_THREADS", str(n_threads))
        try:
            found = Versions.here()
            if found != wanted:
                raise BulkError(f"{node} has {found}, this machine {wanted}: install the same")
            with shipment.unpacked(ray.get) as artifact:
                loading = Scorer.loaded(artifact, room, n_threads)
                self._scorer = self._stack.enter_context(loading)
        except (EngineError, RegistryError, OSError, ImportError) as exc:
            raise BulkError(f"{node} cannot run the model: {exc}") from None
        return node

    def outcomes(self, texts: Sequence[str]) -> tuple[Outcome, ...]:
        """One per text. Raises BulkError."""
        if self._scorer is None:
            raise BulkError("the worker was not started")
        try:
            return self._scorer.outcomes(self._scorer.read(texts))
        except EngineError as exc:
            raise BulkError(str(exc)) from None
