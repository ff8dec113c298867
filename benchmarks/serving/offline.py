"""The least that the texts cost: all known beforehand, sorted by length, no server."""

import time
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from registry import Artifact
from runtime_server.graph_session import SessionPlan
from runtime_server.loaded_model import LoadedModel

ROWS = (8, 16, 32)


class Spent(NamedTuple):
    """Of one pass: CPU-ms per text, and texts a second."""

    cpu_ms: float
    per_s: float


class Offline:
    """The server's own session in this process; reading the texts is included."""

    def __init__(self, artifact: Artifact, plan: SessionPlan) -> None:
        self._model = LoadedModel.load(artifact, plan)

    def probability(self, text: str) -> float:
        """Of a text of one window, alone."""
        (answer,) = self._model.run(self._model.input.rows((text,)).rows)
        return answer.probability

    def cpu_ms(self, texts: Sequence[str]) -> float:
        """CPU time per text with the best number of rows in a batch."""
        return min(self.spent(texts, rows).cpu_ms for rows in ROWS)

    def milliseconds(self, text: str) -> float:
        """Of a text alone, from text to probability."""
        began = time.perf_counter()
        self.probability(text)
        return (time.perf_counter() - began) * 1e3

    def spent(self, texts: Sequence[str], rows: int) -> Spent:
        """One pass in batches of so many."""
        began, on_the_clock = time.process_time(), time.perf_counter()
        read = chain.from_iterable(self._model.input.rows((text,)).rows for text in texts)
        ordered = sorted(read, key=lambda row: row.padded)
        for start in range(0, len(ordered), rows):
            self._model.run(ordered[start : start + rows])
        cpu_s, seconds = time.process_time() - began, time.perf_counter() - on_the_clock
        return Spent(cpu_s / len(texts) * 1e3, len(texts) / seconds)
