"""measure_memory: what a fresh process needs for the graph and its largest batch."""

import json
import subprocess
import sys
from dataclasses import dataclass

from export.errors import VerificationError
from export.passes.check_browser import BrowserCheckedGraph
from registry.manifest import InputSpec
from registry.windows import RUN_ROWS, RUN_TOKENS

# Coarse on purpose: resident memory varies by a few pages between two runs of the same process.
STEP_BYTES = 16 << 20
# Gigabytes of weights on a busy machine take minutes.
TIMEOUT_SECONDS = 900
_PROBE = """
import json, sys
import numpy as np, onnxruntime as ort
from export.memory import peak_bytes
before = peak_bytes()
session = ort.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
texts = json.load(sys.stdin)
if texts:
    feeds = {"text": np.array(texts, dtype=object)}
else:
    ids = np.ones((int(sys.argv[2]), int(sys.argv[3])), dtype=np.int64)
    feeds = {value.name: ids for value in session.get_inputs()}
session.run(["probability"], feeds)
print(peak_bytes() - before)
"""


@dataclass(frozen=True)
class MeasuredGraph:
    """A checked graph and its memory, rounded up to STEP_BYTES.

    Text-in graphs run the longest golden text, others as many full windows as one run may hold.
    """

    checked: BrowserCheckedGraph
    memory_bytes: int


def measure_memory(checked: BrowserCheckedGraph) -> MeasuredGraph:
    """Load and run in a subprocess. Raises VerificationError if that fails."""
    spec = checked.verified.graph.loaded.source.input
    longest = max((text.normalized for text in checked.verified.golden), key=len)
    texts = [longest] if spec.kind == "text" else []
    model = checked.verified.graph.files.model
    completed = subprocess.run(  # noqa: S603
        [sys.executable, "-c", _PROBE, str(model), *map(str, _largest_run(spec))],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    if completed.returncode != 0:
        raise VerificationError(f"memory probe failed: {completed.stderr.strip()[-500:]}")
    steps = -(-int(completed.stdout) // STEP_BYTES)
    return MeasuredGraph(checked, max(steps, 1) * STEP_BYTES)


def _largest_run(spec: InputSpec) -> tuple[int, int]:
    """Windows, and tokens of each."""
    tokens = spec.max_tokens or 1
    return max(1, min(RUN_ROWS, RUN_TOKENS // tokens)), tokens
