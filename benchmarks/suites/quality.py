"""Size against quality against latency, for each model; drift for each quantization scheme.

Quality is what each manifest says of the artifact's own graph: it was measured when the model was
trained, on documents that are not part of this project. Latency is measured here.
"""

import asyncio
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.expected_latency import measured
from benchmarks.measurement import Better, Finding, Measurement, Missing
from benchmarks.report.picture import AUROC, LATENCY, SIZE, UNSEEN
from benchmarks.schemes import (
    FORMS,
    TOKENS,
    SchemeBench,
    form_name,
    graph_bytes,
    speed_ratios,
)
from benchmarks.suites import Context
from export.drift_texts import drift_texts
from export.errors import ExportError
from export.evaluation import read_evaluation
from export.passes.load import load
from export.protocol.documents import Documents
from export.protocol.statistics import auroc
from export.recipe import RECIPES, read_recipe
from registry import Artifact
from registry.manifest import Drift, Quantization
from runtime_server.local_engine import LocalEngine
from runtime_server.settings import load_settings

WORDS = (150, 150)
TEXTS = 12
SCHEMES_OF = "minilm-small"
FEWEST_TEXTS, MOST_TEXTS = 20, 100
ROUNDS = 5
DOCUMENTS = 150


def run(context: Context) -> Iterator[Finding]:
    """Of every artifact, then of every scheme on one model."""
    texts = list(drift_texts(count=TEXTS, words=WORDS))
    for artifact in context.artifacts:
        yield from _of_manifest(artifact)
        context.tell(f"timing {artifact.manifest.reference}")
        yield Measurement(
            subject=artifact.manifest.model_id,
            quantity=LATENCY,
            unit="ms",
            values=tuple(asyncio.run(_milliseconds(artifact, texts))),
            told="local backend, one text at a time, warm",
        )
    if context.artifact(SCHEMES_OF) is None:
        yield Missing(subject="schemes", why=f"{SCHEMES_OF} is not built: make export")
        return
    yield from _schemes(context)


def _of_manifest(artifact: Artifact) -> Iterator[Measurement]:
    manifest = artifact.manifest
    name, quality = manifest.model_id, manifest.quality
    size = manifest.size_bytes / 1e6
    yield Measurement(subject=name, quantity=SIZE, unit="MB", values=(size,))
    if quality is None:
        return
    figures = {
        AUROC: (quality.auroc, Better.HIGHER),
        UNSEEN: (quality.leave_one_domain_out_auroc, Better.HIGHER),
        "calibration error": (quality.expected_calibration_error, Better.LOWER),
        "human texts flagged at the threshold": (quality.fpr_at_threshold, Better.LOWER),
        "AI texts found at the threshold": (quality.tpr_at_threshold, Better.HIGHER),
    }
    for quantity, (value, better) in figures.items():
        if value is not None:
            told = f"from the manifest: {quality.dataset}, n = {quality.n}"
            yield Measurement(
                subject=name, quantity=quantity, values=(value,), better=better, told=told
            )


async def _milliseconds(artifact: Artifact, texts: Sequence[str]) -> list[float]:
    engine = LocalEngine.of(load_settings())
    try:
        return await measured(engine, artifact, texts)
    finally:
        await engine.close()


def _schemes(context: Context) -> Iterator[Finding]:
    texts = min(MOST_TEXTS, max(FEWEST_TEXTS, int(context.budget_s)))
    context.tell(f"exporting {SCHEMES_OF} in {len(FORMS)} forms")
    try:
        loaded = load(read_recipe(RECIPES / SCHEMES_OF))
    except ExportError as exc:
        yield Missing(subject="schemes", why=str(exc))
        return
    with tempfile.TemporaryDirectory() as folder:
        bench = SchemeBench(loaded, Path(folder), texts)
        graphs = bench.write_graphs(FORMS)
        for form, graph in graphs.items():
            yield from _of_scheme(form_name(form), graph, bench.drift(graph), texts)
        yield from _aurocs(context, bench, graphs)
        for form, ratios in speed_ratios(graphs, bench.feeds(1), ROUNDS).items():
            yield Measurement(
                subject=form_name(form),
                quantity=f"speed of a scheme of {SCHEMES_OF}, times fp32",
                values=tuple(ratios),
                better=Better.HIGHER,
                told=f"CPU time of one thread, one window of {TOKENS} tokens",
            )


def _aurocs(
    context: Context, bench: SchemeBench, graphs: Mapping[Quantization, Path]
) -> Iterator[Finding]:
    if context.data is None:
        yield Missing(
            subject="AUROC of the schemes", why="it needs labelled documents: --data FILE"
        )
        return
    training = read_evaluation(RECIPES / SCHEMES_OF).dataset_sha256
    documents = Documents.read(context.data, frozenset({training})).sample(DOCUMENTS)
    held_out = " that no fit has seen" if documents.held_out else ""
    for form, graph in graphs.items():
        found = bench.probabilities(graph, documents.texts)
        yield Measurement(
            subject=form_name(form),
            quantity="AUROC of a scheme",
            values=(auroc(found, documents.labels),),
            better=Better.HIGHER,
            told=f"{len(documents)} documents of {documents.name}{held_out}",
        )


def _of_scheme(name: str, graph: Path, drift: Drift, texts: int) -> Iterator[Measurement]:
    told = f"against torch in fp32, {texts} texts"
    figures = {
        ("size of a scheme", "MB", ""): graph_bytes(graph) / 1e6,
        ("drift of a scheme, p99 of |Δp|", "", told): drift.p99,
        ("labels that a scheme flips", "", told): drift.flips,
    }
    for (quantity, unit, said), value in figures.items():
        yield Measurement(subject=name, quantity=quantity, unit=unit, values=(value,), told=said)
