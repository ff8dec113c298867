"""measure_memory: what a fresh process needs to load the graph and run the longest text."""

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from export.errors import VerificationError
from export.passes.check_browser import BrowserCheckedGraph
from registry.manifest import MODEL_FILE

# Coarse on purpose: resident memory varies by a few pages between two runs of the same process.
STEP_BYTES = 16 << 20
TIMEOUT_SECONDS = 300
_PROBE = """
import resource, sys
import numpy as np, onnxruntime as ort
def peak():
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
before = peak()
session = ort.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
session.run(None, {"text": np.array([sys.stdin.read()], dtype=object)})
print(peak() - before)
"""


@dataclass(frozen=True)
class MeasuredGraph:
    """A checked graph and its memory, rounded up to STEP_BYTES."""

    checked: BrowserCheckedGraph
    memory_bytes: int


def measure_memory(checked: BrowserCheckedGraph) -> MeasuredGraph:
    """Load and run in a subprocess. Raises VerificationError if that fails."""
    longest = max((vector.normalized for vector in checked.verified.golden), key=len)
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / MODEL_FILE
        model.write_bytes(checked.verified.graph.content)
        completed = subprocess.run(  # noqa: S603
            [sys.executable, "-c", _PROBE, str(model)],
            input=longest,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    if completed.returncode != 0:
        raise VerificationError(f"memory probe failed: {completed.stderr.strip()[-500:]}")
    steps = -(-int(completed.stdout) // STEP_BYTES)
    return MeasuredGraph(checked, max(steps, 1) * STEP_BYTES)
