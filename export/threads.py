"""How many threads a build computes with: builds that run side by side share the cores."""

import os

# PyTorch reads it when it is imported; onnxruntime does not, and is told by `session_threads`.
VARIABLE = "OMP_NUM_THREADS"


def share_cores(jobs: int) -> None:
    """Give this process its share of the cores; before PyTorch is imported.

    More threads than cores are much slower than fewer: those of onnxruntime spin while they wait.
    """
    if jobs > 1:
        os.environ.setdefault(VARIABLE, str(max(1, _cores() // jobs)))


def session_threads() -> int:
    """For onnxruntime's `intra_op_num_threads`; 0 is as many as there are cores."""
    given = os.environ.get(VARIABLE, "")
    return int(given) if given.isdecimal() else 0


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
