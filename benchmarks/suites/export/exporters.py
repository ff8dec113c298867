"""The ways from a checkpoint to a quantized graph: commands, and where the graph lies then."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.peers.installation import HERE, PeerMissingError, installed

Command = tuple[str, ...]
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Exporter:
    """Writes the graph, and nothing outside `folder`, which does not exist yet."""

    name: str
    told: str
    folder: Path
    commands: tuple[Command, ...]
    graph: Path


def samegraph(folder: Path) -> Exporter:
    """This project, with its portable scheme."""
    command = (sys.executable, "-m", "benchmarks.suites.export.own_graph", str(folder))
    return Exporter("samegraph", "int8_weight", folder, (command,), folder / "model.onnx")


def optimum(checkpoint: Path, folder: Path) -> Exporter:
    """`optimum-cli export onnx`, then `onnxruntime quantize`. Raises PeerMissingError."""
    cli = Path(sys.executable).parent / "optimum-cli"
    if not cli.exists():
        raise PeerMissingError("optimum is not installed: `make setup` installs it")
    plain, quantized = folder / "plain", folder / "quantized"
    export = ("export", "onnx", "--model", str(checkpoint), "--task", "feature-extraction")
    quantize = ("onnxruntime", "quantize", "--onnx_model", str(plain), "--avx2")
    return Exporter(
        name="optimum-cli",
        told=f"{version('optimum')}, dynamic int8",
        folder=folder,
        commands=(
            (str(cli), *export, str(plain)),
            (str(cli), *quantize, "-o", str(quantized)),
        ),
        graph=quantized / "model_quantized.onnx",
    )


def olive(checkpoint: Path, folder: Path, workflows: Path, tell: Tell) -> Exporter:
    """Olive's own conversion and dynamic quantization, as one workflow, written to `workflows`.

    Raises PeerMissingError.
    """
    python = installed("olive", tell)
    path = workflows / "olive.json"
    path.write_text(json.dumps(olive_workflow(checkpoint, folder)))
    run = ("-m", "olive", "run", "--config", str(path), "--disable_telemetry")
    return Exporter(
        name="Olive",
        told=f"{_pinned_version()}, dynamic int8",
        folder=folder,
        commands=((str(python), *run),),
        graph=folder / "model.onnx",
    )


def olive_workflow(checkpoint: Path, folder: Path) -> dict[str, Any]:
    """As `olive run` reads it; the cache is below the folder, which every turn begins without."""
    return {
        "input_model": {
            "type": "HfModel",
            "model_path": str(checkpoint),
            "task": "feature-extraction",
        },
        "passes": {
            "conversion": {"type": "OnnxConversion"},
            "quantization": {"type": "OnnxDynamicQuantization"},
        },
        "evaluate_input_model": False,
        "cache_dir": str(folder / "cache"),
        "output_dir": str(folder),
    }


def _pinned_version() -> str:
    lines = (HERE / "olive.txt").read_text("ascii").splitlines()
    return next(line.partition("==")[2] for line in lines if line.startswith("olive-ai=="))
