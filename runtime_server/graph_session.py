"""One loaded text-in graph: the only file that imports onnxruntime."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from registry import Artifact, sha256_of_bytes
from runtime_server.errors import EngineError

CPU: Final = "CPUExecutionProvider"
CUDA: Final = "CUDAExecutionProvider"
_ERRORS_ONLY: Final = 3


@dataclass(frozen=True)
class SessionPlan:
    """How sessions are made: threads inside an operator, and whether a GPU may be used."""

    threads: int
    allow_cuda: bool

    @property
    def providers(self) -> tuple[str, ...]:
        """Execution providers to ask for, in order."""
        with_cuda = self.allow_cuda and CUDA in ort.get_available_providers()
        return (CUDA, CPU) if with_cuda else (CPU,)


class GraphSession:
    """`text: string[N]` → `probability: float32[N]`. Blocking: call it off the event loop."""

    def __init__(self, graph: bytes, plan: SessionPlan) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = plan.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        self._session: Any = ort.InferenceSession(graph, options, providers=list(plan.providers))

    @classmethod
    def load(cls, artifact: Artifact, plan: SessionPlan) -> "GraphSession":
        """A session of exactly the bytes that the manifest names.

        Raises:
            EngineError: the file is missing, is not what the manifest says, or does not load.
        """
        graph = _verified_graph(artifact)
        try:
            return cls(graph, plan)
        except Exception as exc:  # onnxruntime's errors have no base class of their own
            first_line = str(exc).partition("\n")[0]
            raise EngineError(
                "load_failed", f"onnxruntime refused the graph: {first_line}"
            ) from exc

    @property
    def provider(self) -> str:
        """The execution provider in use, which may be another than asked for."""
        return str(self._session.get_providers()[0])

    def run(self, texts: Sequence[str]) -> tuple[float, ...]:
        """Probabilities, float32 widened to float without rounding. Raises EngineError."""
        feed = np.array(texts, dtype=np.object_)
        try:
            (output,) = self._session.run(["probability"], {"text": feed})
        except Exception as exc:  # onnxruntime's errors have no base class of their own
            raise EngineError("run_failed", "onnxruntime failed on the batch") from exc
        return _probabilities(np.asarray(output), len(texts))


def _verified_graph(artifact: Artifact) -> bytes:
    entry = artifact.manifest.model
    try:
        graph = artifact.path(entry.path).read_bytes()
    except OSError as exc:
        raise EngineError("artifact_missing", f"{entry.path} cannot be read") from exc
    actual = sha256_of_bytes(graph)
    if actual != entry.sha256:
        raise EngineError(
            "digest_mismatch",
            f"{entry.path} has sha256 {actual}, the manifest says {entry.sha256}",
        )
    return graph


def _probabilities(output: npt.NDArray[np.float32], n_texts: int) -> tuple[float, ...]:
    in_range = bool(np.all((output >= 0) & (output <= 1)))  # False for NaN too
    if output.dtype != np.float32 or output.shape != (n_texts,) or not in_range:
        raise EngineError(
            "invalid_output",
            f"the graph gave {output.dtype}{list(output.shape)}, "
            f"not {n_texts} float32 probabilities",
        )
    return tuple(float(value) for value in output)
