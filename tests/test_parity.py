"""The heart: one artifact, one text, one answer, whichever runtime gives it."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from rich.table import Table

from benchmarks.live_server import live_server
from export.passes.load import load
from export.recipe import RECIPES, read_recipe
from export.tolerances import tolerance_for
from export.verification_texts import HEAVY
from registry import Artifact, FileStore
from registry.store import DEFAULT_ROOT
from tests.demo_page import DemoPage, demo_page
from tests.runtimes import Answers, in_node, onnxruntime_python, over_http

REFERENCE_TOLERANCE = 1e-5
ARTIFACTS = FileStore(DEFAULT_ROOT).artifacts()


def golden_texts(artifact: Artifact) -> list[str]:
    lines = artifact.path("golden.jsonl").read_text("ascii").splitlines()
    return [json.loads(line)["text"] for line in lines]


def reference(artifact: Artifact, texts: list[str]) -> Answers:
    """The source framework; where int8 weights are not its own, what the build wrote down."""
    if artifact.manifest.input.kind == "tokens":
        lines = artifact.path("golden.jsonl").read_text("ascii").splitlines()
        golden = np.array([json.loads(line)["probability"] for line in lines])
        return Answers("golden.jsonl", "", golden)
    loaded = load(read_recipe(RECIPES / artifact.manifest.base_id))
    prepared = [loaded.preparation.prepare(text) for text in texts]
    expected = loaded.preparation.probabilities(loaded.source.run, prepared)
    return Answers(loaded.source.reference, "", expected)


def every_runtime(
    artifact: Artifact, texts: list[str], url: str, demo: DemoPage, root: Path
) -> Iterator[Answers]:
    """Those that can run the artifact; what takes minutes in WebAssembly is in tests/browser."""
    manifest = artifact.manifest
    yield onnxruntime_python(artifact, texts)
    yield over_http(artifact, texts, url)
    if manifest.input.companions:
        return
    yield in_node(artifact, texts, "onnxruntime-node", root)
    if manifest.runtime.browser.supported and manifest.source.kind not in HEAVY:
        yield in_node(artifact, texts, "onnxruntime-web", root)
        yield demo.answers(artifact, texts)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with live_server(MIN_TEXT_LENGTH="0") as url:
        yield url


@pytest.fixture(scope="module")
def demo(url: str) -> Iterator[DemoPage]:
    with demo_page(url) as demo:
        yield demo


def table(answers: list[Answers], expected: Answers) -> Table:
    """Rows and columns are runtimes; a cell is the largest difference over all texts."""
    columns = [(a.runtime, a.probabilities) for a in (expected, *answers)]
    shown = Table("largest |Δp| between", *(str(n) for n in range(1, len(columns) + 1)))
    for number, (name, row) in enumerate(columns, start=1):
        cells = (f"{np.abs(row - column).max():.1e}" for _, column in columns)
        shown.add_row(f"{number} {name}", *cells)
    return shown


@pytest.mark.parametrize("artifact", ARTIFACTS, ids=lambda a: a.manifest.reference)
def test_every_runtime_gives_the_same_answer_from_the_same_graph(
    artifact: Artifact,
    url: str,
    demo: DemoPage,
    root: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    texts = golden_texts(artifact)
    expected = reference(artifact, texts)
    answers = list(every_runtime(artifact, texts, url, demo, root))
    with capsys.disabled():
        console = Console(width=110)
        console.print(f"\n{artifact.manifest.reference}: {len(texts)} golden texts")
        console.print(table(answers, expected))

    assert {a.model_sha256 for a in answers} == {artifact.manifest.model.sha256}
    assert len({a.readings for a in answers if a.readings is not None}) == 1
    text_in = artifact.manifest.input.kind == "text"
    allowed = tolerance_for(artifact.manifest.quantization, text_in=text_in).runtime
    for answer in answers:
        difference = np.abs(answer.probabilities - expected.probabilities).max()
        assert difference <= max(allowed, REFERENCE_TOLERANCE), answer.runtime
    for one, other in itertools.combinations(answers, 2):
        difference = np.abs(one.probabilities - other.probabilities).max()
        assert difference <= allowed, (one.runtime, other.runtime)


def test_there_is_an_artifact_to_compare() -> None:
    assert ARTIFACTS, "make export builds them"
