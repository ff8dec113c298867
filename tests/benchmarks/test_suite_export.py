"""The suite of exporters: what it counts, how it judges, and our own way once."""

import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.bar import State, Verdict
from benchmarks.measurement import Finding, Measurement, Missing
from benchmarks.suites import Context
from benchmarks.suites.export import TEXTS, Turns, judged, measured, run
from benchmarks.suites.export.cost import CommandError, Cost, cost_of
from benchmarks.suites.export.exporters import Exporter, olive_workflow
from benchmarks.suites.export.graphs import Distances

HOLD = "held = bytearray(b'x') * {bytes}; import time; time.sleep(0.6)"
PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"


def distances(count: int = TEXTS, *, flips: float = 0, drift: float = 0.001) -> Distances:
    return Distances(np.full(count, 0.03), np.full(count, drift), np.zeros(32), flips)


def python(script: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-c", script, *arguments)


def test_time_adds_up_and_memory_is_that_of_the_hungriest_with_its_children() -> None:
    small, large = HOLD.format(bytes=1), HOLD.format(bytes=90_000_000)
    cost = cost_of([python(small), python(PARENT, large)])
    assert cost.seconds >= 1.2
    assert cost.peak_bytes > 90_000_000


def test_a_command_that_fails_says_its_last_line() -> None:
    with pytest.raises(CommandError, match="status 3: no such graph"):
        cost_of([python("import sys; print('no such graph'); sys.exit(3)")])


def test_an_exporter_that_failed_is_not_tried_again(tmp_path: Path) -> None:
    made = tmp_path / "made"
    fails = python("import pathlib, sys; pathlib.Path(sys.argv[1]).mkdir(); exit('no')", str(made))
    turns = Turns(Exporter("one", "", made, (fails,), made / "model.onnx"))
    turns.run()
    assert made.is_dir()
    made.rmdir()
    turns.run()
    assert (turns.costs, turns.failed, made.exists()) == ([], "status 1: no", False)


def test_every_exporter_is_measured_by_the_same_quantities(tmp_path: Path) -> None:
    graph = tmp_path / "model.onnx"
    graph.write_bytes(b"g" * 123)
    turns = Turns(Exporter("Olive", "0.13", tmp_path, (), graph), costs=[Cost(3.0, 2_000_000)])
    found = {one.quantity: one for one in measured(turns, distances())}
    assert found["export and quantize"].values == (3.0,)
    assert found["peak memory"].values == (2.0,)
    assert found["graph"].values == (123.0,)
    assert found["|Δp| from torch"].n == TEXTS
    assert all(one.told.startswith("0.13") for one in found.values())


def test_our_graph_is_judged_by_what_its_scheme_allows() -> None:
    def states(found: Distances) -> list[State]:
        return [one.state for one in judged(found) if isinstance(one, Verdict)]

    assert states(distances()) == [State.MET] * 3
    assert states(distances(flips=0.02, drift=0.03)) == [State.NOT_MET, State.NOT_MET, State.MET]
    assert states(distances(20)) == [State.MISSING, State.MISSING, State.MET]


def test_olive_converts_and_quantizes_below_its_folder_its_cache_too(tmp_path: Path) -> None:
    workflow = olive_workflow(tmp_path / "checkpoint", tmp_path / "olive")
    assert [one["type"] for one in workflow["passes"].values()] == [
        "OnnxConversion",
        "OnnxDynamicQuantization",
    ]
    for name in ("output_dir", "cache_dir"):
        assert Path(workflow[name]).is_relative_to(tmp_path / "olive")


@pytest.mark.slow
def test_our_own_way_is_measured_and_keeps_its_promises() -> None:
    context = Context((), peers=(), budget_s=2, tell=lambda _: None)
    found: list[Finding] = list(run(context))
    assert not [one for one in found if isinstance(one, Missing)]
    quantities = {one.quantity for one in found if isinstance(one, Measurement)}
    assert {"export and quantize", "peak memory", "graph", "labels flipped"} <= quantities
    batch = next(one for one in found if isinstance(one, Verdict) and one.bar.name == "E3")
    assert batch.state is State.MET
