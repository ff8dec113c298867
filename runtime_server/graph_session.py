"""One loaded graph: the only file that imports onnxruntime."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from registry import Artifact
from registry.manifest import MODEL_FILE
from runtime_server.errors import CudaError, EngineError
from runtime_server.graph_input import TOKEN_LOG_PROBABILITIES, Feed
from runtime_server.verified_files import verified_bytes, verify_files

PROBABILITY: Final = "probability"
CPU: Final = "CPUExecutionProvider"
CUDA: Final = "CUDAExecutionProvider"
# Products in TF32 have ten bits of mantissa: the answer would be another one than on a CPU.
_CUDA_OPTIONS: Final[Mapping[str, str]] = {"use_tf32": "0"}
EXTERNAL_DATA_FILE: Final = f"{MODEL_FILE}.data"
# Errors are raised; onnxruntime's own lines about them may quote the text.
_FATAL_ONLY: Final = 4
_SPINNING: Final = "session.intra_op.allow_spinning"
_DATA_FOLDER: Final = "session.model_external_initializers_file_folder_path"


@dataclass(frozen=True)
class SessionPlan:
    """How sessions are made: threads inside an operator, and whether a GPU may be used.

    `gpu_bytes` is the most that a session may take there; None is no limit.
    """

    threads: int
    allow_cuda: bool
    gpu_bytes: int | None = None

    @property
    def providers(self) -> tuple[str, ...]:
        """Execution providers to ask for, in order."""
        with_cuda = self.allow_cuda and CUDA in ort.get_available_providers()
        return (CUDA, CPU) if with_cuda else (CPU,)

    @property
    def with_options(self) -> list[tuple[str, dict[str, str]]]:
        """The same with their options, as onnxruntime takes them."""
        limit = {} if self.gpu_bytes is None else {"gpu_mem_limit": str(self.gpu_bytes)}
        options = {CUDA: {**_CUDA_OPTIONS, **limit}}
        return [(name, options.get(name, {})) for name in self.providers]


def preload_cuda() -> None:
    """Have CUDA and cuDNN from packages, where they are, instead of from the system's folders."""
    if CUDA in ort.get_available_providers():
        ort.preload_dlls()


class GraphSession:
    """Runs a graph for its `probability: float32[N]`. Blocking: call it off the event loop."""

    def __init__(self, graph: bytes | Path, plan: SessionPlan) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = plan.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _FATAL_ONLY
        # Threads that wait busily take the time of those that have work (docs/benchmarks.md).
        options.add_session_config_entry(_SPINNING, "0")
        if isinstance(graph, bytes):
            # Else onnxruntime would take external data, unverified, from the working directory.
            options.add_session_config_entry(_DATA_FOLDER, os.devnull)
        self._session: Any = ort.InferenceSession(graph, options, providers=plan.with_options)

    @classmethod
    def load(cls, artifact: Artifact, plan: SessionPlan) -> "GraphSession":
        """A session of exactly the bytes that the manifest names.

        External data is verified and then mapped by onnxruntime: it must be replaced by a
        rename, as the store does, and not be written in place while it is served.

        Raises:
            EngineError: a file is missing, is not what the manifest says, or does not load.
            CudaError: CUDA was asked for, and it does not load or not run there.
        """
        graph = _verified_graph(artifact)
        name = artifact.manifest.reference
        try:
            session = cls(graph, plan)
        except Exception as exc:  # onnxruntime's errors have no base class of their own
            told = _first_line(exc, without=artifact.folder)
            if CUDA in plan.providers:
                raise CudaError(f"CUDA refused {name}: {told}") from exc
            raise EngineError("load_failed", f"onnxruntime refused the graph: {told}") from exc
        # onnxruntime falls back to the CPU without a word where CUDA does not start.
        if session.provider != plan.providers[0]:
            raise CudaError(f"CUDA is installed but does not run {name}")
        return session

    @property
    def provider(self) -> str:
        """The execution provider in use, which may be another than asked for."""
        return str(self._session.get_providers()[0])

    def run(self, feed: Feed) -> tuple[float, ...]:
        """One probability per row, float32 widened to float without rounding.

        The graph's other outputs are not asked for. Raises EngineError.
        """
        (output,) = self._outputs(feed, PROBABILITY)
        return _probabilities(output, _n_rows(feed))

    def run_with_tokens(self, feed: Feed) -> tuple[tuple[float, ...], npt.NDArray[np.float32]]:
        """The same, and `token_log_probabilities: float32[N, T-1]`. Raises EngineError."""
        output, tokens = self._outputs(feed, PROBABILITY, TOKEN_LOG_PROBABILITIES)
        n_rows, width = feed["input_ids"].shape
        if tokens.dtype != np.float32 or tokens.shape != (n_rows, width - 1):
            raise EngineError(
                "invalid_output",
                f"the graph gave {tokens.dtype}{list(tokens.shape)}, not "
                f"float32{[n_rows, width - 1]} log-probabilities of tokens",
                counts=False,
            )
        return _probabilities(output, _n_rows(feed)), tokens

    def _outputs(self, feed: Feed, *names: str) -> Sequence[npt.NDArray[Any]]:
        try:
            return [np.asarray(output) for output in self._session.run(names, dict(feed))]
        except Exception as exc:  # onnxruntime's errors have no base class of their own
            raise EngineError(
                "run_failed", "onnxruntime failed on the batch", counts=False
            ) from exc


def _n_rows(feed: Feed) -> int:
    return len(next(iter(feed.values())))


def _verified_graph(artifact: Artifact) -> bytes | Path:
    if artifact.manifest.file(EXTERNAL_DATA_FILE) is None:
        return verified_bytes(artifact, MODEL_FILE)
    # onnxruntime finds external data beside the graph's path only.
    verify_files(artifact)
    return artifact.path(MODEL_FILE)


def _first_line(error: Exception, *, without: Path) -> str:
    line = str(error).partition("\n")[0]
    for folder in (without.resolve(), without):  # onnxruntime follows links
        line = line.replace(f"{folder}{os.sep}", "")
    return line


def _probabilities(output: npt.NDArray[np.float32], n_rows: int) -> tuple[float, ...]:
    in_range = bool(np.all((output >= 0) & (output <= 1)))  # False for NaN too
    if output.dtype != np.float32 or output.shape != (n_rows,) or not in_range:
        raise EngineError(
            "invalid_output",
            f"the graph gave {output.dtype}{list(output.shape)}, "
            f"not {n_rows} float32 probabilities",
            counts=False,
        )
    return tuple(float(value) for value in output)
