"""`python -m benchmarks.cuda`: golden vectors on a GPU, and which operators do not run there.

For docs/cuda.md, as a Markdown table. Needs onnxruntime-gpu and an NVIDIA GPU.
"""

import json
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort
import typer

from export.inference import Feeds, Float32s, TextPreparation
from registry import Artifact, FileStore

CUDA = "CUDAExecutionProvider"
# Products in TF32 have ten bits of mantissa: the answer would be another one.
OPTIONS = {"use_tf32": "0"}


@dataclass(frozen=True)
class CudaCheck:
    """How far the golden vectors move on the GPU, and how many nodes of each operator stay off it.

    `on_cuda` counts the nodes that run on the GPU.
    """

    reference: str
    n: int
    max_abs_diff: float
    on_cuda: int
    off_cuda: Mapping[str, int]


def has_gpu() -> bool:
    """Whether onnxruntime can use a GPU here: the package may be there without one."""
    if CUDA not in ort.get_available_providers():
        return False
    return Path("/dev/nvidia0").exists() or Path("/dev/dxg").exists()


def check(artifact: Artifact) -> CudaCheck:
    """Run the artifact's golden texts on the GPU and compare with golden.jsonl."""
    lines = artifact.path("golden.jsonl").read_text("ascii").splitlines()
    golden = [json.loads(line) for line in lines]
    preparation = TextPreparation.of_artifact(artifact)
    prepared = [preparation.prepare(vector["text"]) for vector in golden]
    with tempfile.TemporaryDirectory() as folder:
        options = ort.SessionOptions()
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = ort.InferenceSession(
            artifact.path("model.onnx"),
            options,
            providers=[(CUDA, OPTIONS), "CPUExecutionProvider"],
        )

        def run(feeds: Feeds) -> Float32s:
            (probability,) = session.run(["probability"], dict(feeds))
            return np.asarray(probability, dtype=np.float32)

        found = preparation.probabilities(run, prepared, batch=1)
        placed = placement(Path(session.end_profiling()))
    expected = np.array([vector["probability"] for vector in golden])
    return CudaCheck(
        reference=artifact.manifest.reference,
        n=len(golden),
        max_abs_diff=float(np.abs(found - expected).max()),
        on_cuda=sum(len(nodes) for (_, provider), nodes in placed.items() if provider == CUDA),
        off_cuda={op: len(nodes) for (op, provider), nodes in placed.items() if provider != CUDA},
    )


def placement(profile: Path) -> dict[tuple[str, str], set[str]]:
    """Names of nodes by operator and execution provider, from a profile of onnxruntime."""
    placed: dict[tuple[str, str], set[str]] = defaultdict(set)
    for event in json.loads(profile.read_bytes()):
        arguments = event.get("args", {})
        if event.get("cat") == "Node" and "provider" in arguments:
            name = event["name"].removesuffix("_kernel_time")
            placed[arguments["op_name"], arguments["provider"]].add(name)
    return dict(placed)


def markdown(checks: list[CudaCheck]) -> str:
    """The table of docs/cuda.md."""
    lines = [
        "| artifact | golden texts | largest difference | nodes on CUDA | nodes that are not |",
        "|---|---|---|---|---|",
    ]
    for one in checks:
        others = ", ".join(f"{count} {op}" for op, count in sorted(one.off_cuda.items())) or "none"
        cells = (one.reference, one.n, f"{one.max_abs_diff:.1e}", one.on_cuda, others)
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def main() -> None:
    """Print what every artifact of the registry does on this machine's GPU, as Markdown."""
    if not has_gpu():
        typer.echo(
            f"error: no {CUDA} here: it needs an NVIDIA GPU and onnxruntime-gpu "
            "(pip install -e '.[gpu]' instead of '.[cpu]')",
            err=True,
        )
        raise typer.Exit(1)
    typer.echo(f"onnxruntime {ort.__version__}\n")
    typer.echo(markdown([check(artifact) for artifact in FileStore().artifacts()]))


if __name__ == "__main__":
    typer.run(main)
