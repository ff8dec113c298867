import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from export.build import build
from export.errors import ExportError, VerificationError
from export.golden_texts import LONGEST, golden_texts
from export.jobs.plan import reason_to_build
from export.passes.load import LoadedModel, load
from export.passes.quantize import quantize
from export.passes.to_onnx import to_onnx
from export.passes.verify import verify
from export.recipe import RECIPES, Recipe, read_recipe
from export.sources.sklearn import SklearnText
from registry import Artifact, FileStore, sha256_of_file


class Silent:
    def begin(self, model_id: str, step: str) -> None:
        pass


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return read_recipe(RECIPES / "lexical-tiny")


@pytest.fixture
def own_recipe(tmp_path: Path) -> Recipe:
    shutil.copytree(RECIPES / "lexical-tiny", tmp_path / "lexical-tiny")
    return read_recipe(tmp_path / "lexical-tiny")


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "artifacts")


def export_command(store: FileStore, *arguments: str, seed: str = "0") -> subprocess.Popen[str]:
    fixed = ("-m", "export", "build", "lexical-tiny", "--json", "--root", str(store.root))
    return subprocess.Popen(
        [sys.executable, *fixed, *arguments],
        env={**os.environ, "PYTHONHASHSEED": seed},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_processes_build_the_same_bytes(tmp_path: Path) -> None:
    stores = [FileStore(tmp_path / name) for name in ("one", "two")]
    for seed, store in enumerate(stores):
        with export_command(store, seed=str(seed)) as process:
            assert process.wait() == 0, process.stderr
    first, second = (store.resolve("lexical-tiny").folder for store in stores)
    for name in ("model.onnx", "golden.jsonl", "manifest.json"):
        assert sha256_of_file(first / name) == sha256_of_file(second / name), name


def test_nothing_is_done_when_nothing_has_changed(store: FileStore, recipe: Recipe) -> None:
    built = build(recipe, store, Silent())
    with export_command(store) as process:
        output, _ = process.communicate()
    (row,) = json.loads(output)
    assert (row["built"], row["digest"]) == (False, built.manifest.digest)


def test_a_build_with_nothing_to_do_does_not_load_the_heavy_packages(
    store: FileStore, recipe: Recipe
) -> None:
    build(recipe, store, Silent())
    program = (
        "import sys, export.__main__ as m\n"
        f"sys.argv = ['export', 'build', 'lexical-tiny', '--json', '--root', {str(store.root)!r}]\n"
        "try: m.main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'sklearn', 'onnx', 'onnxruntime', 'skl2onnx'} & set(sys.modules)))"
    )
    completed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert completed.stdout.splitlines()[-1] == "[]"


def test_changed_weights_are_built_again(store: FileStore, own_recipe: Recipe) -> None:
    build(own_recipe, store, Silent())
    assert reason_to_build(own_recipe, store) is None
    content = bytearray(own_recipe.weights.read_bytes())
    content[-100_000] ^= 1
    own_recipe.weights.write_bytes(content)
    assert reason_to_build(own_recipe, store) == "its inputs changed"


def test_a_damaged_artifact_is_built_again(store: FileStore, recipe: Recipe) -> None:
    artifact = build(recipe, store, Silent())
    artifact.path("model.onnx").write_bytes(b"damaged")
    assert "damaged" in (reason_to_build(recipe, store) or "")
    build(recipe, store, Silent())
    store.resolve("lexical-tiny").verify()


def test_a_graph_that_gives_other_numbers_is_refused_by_text_and_number(
    recipe: Recipe, tmp_path: Path
) -> None:
    loaded = load(recipe)
    graph = to_onnx(loaded)
    other: LoadedModel = load(recipe)
    assert isinstance(other.source, SklearnText)
    encoder = other.source.pipeline["evidence"].named_transformers["words"]
    encoder.scale_ = encoder.scale_ * 2
    with pytest.raises(VerificationError, match=r"text \d+ \('.*the graph says 0\.\d+, scikit"):
        verify(replace(quantize(graph, tmp_path), loaded=other))


def test_a_failed_pass_is_named_and_nothing_is_published(
    store: FileStore, own_recipe: Recipe
) -> None:
    own_recipe.weights.write_bytes(b"not safetensors")
    with pytest.raises(ExportError, match=r"lexical-tiny: pass load: .*weights\.safetensors"):
        build(own_recipe, store, Silent())
    assert store.artifacts() == ()


def test_golden_texts_are_many_and_reach_from_empty_to_the_longest() -> None:
    texts = golden_texts()
    assert len(set(texts)) == len(texts) >= 64
    assert min(map(len, texts)) == 0
    assert max(map(len, texts)) == LONGEST


def test_golden_vectors_hold_text_normal_form_and_probability(lexical_tiny: Artifact) -> None:
    lines = lexical_tiny.path("golden.jsonl").read_text("ascii").splitlines()
    vectors = [json.loads(line) for line in lines]
    assert tuple(vector["text"] for vector in vectors) == golden_texts()
    assert all(0 <= vector["probability"] <= 1 for vector in vectors)


def test_the_catalogues_tiny_model_meets_its_bars(lexical_tiny: Artifact) -> None:
    manifest = lexical_tiny.manifest
    assert manifest.size_bytes < 5_000_000
    assert manifest.quality.auroc >= 0.965
    assert manifest.quality.leave_one_domain_out_auroc is not None
    assert manifest.quality.leave_one_domain_out_auroc >= 0.92
    assert manifest.quality.fpr_at_threshold <= 0.02
    assert manifest.quality.expected_calibration_error <= 0.03
    assert manifest.runtime.browser.supported
