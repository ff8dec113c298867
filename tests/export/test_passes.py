"""What each pass ensures of the value that it gives; no pass may hand on one that is not so."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from export.errors import ConversionError, RecipeError, VerificationError
from export.graph_files import write_graph
from export.passes.check_browser import check_browser
from export.passes.load import LoadedModel, load
from export.passes.measure_memory import STEP_BYTES, measure_memory
from export.passes.optimize import optimize
from export.passes.package import PackagedArtifact, package
from export.passes.publish import publish
from export.passes.quantize import QuantizedGraph, quantize
from export.passes.to_onnx import Graph, to_onnx
from export.passes.verify import VerifiedGraph, verify
from export.recipe import RECIPES, read_recipe
from registry import FileStore


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    return load(read_recipe(RECIPES / "lexical-tiny"))


@pytest.fixture(scope="module")
def graph(loaded: LoadedModel) -> Graph:
    return optimize(to_onnx(loaded))


@pytest.fixture(scope="module")
def quantized(loaded: LoadedModel, tmp_path_factory: pytest.TempPathFactory) -> QuantizedGraph:
    return quantize(optimize(to_onnx(loaded)), tmp_path_factory.mktemp("quantized"))


@pytest.fixture(scope="module")
def verified(quantized: QuantizedGraph) -> VerifiedGraph:
    return verify(quantized)


@pytest.fixture
def packaged(verified: VerifiedGraph, tmp_path: Path) -> PackagedArtifact:
    folder = tmp_path / "packaged"
    shutil.copytree(verified.graph.files.folder, folder)
    files = replace(verified.graph.files, folder=folder)
    own = replace(verified, graph=replace(verified.graph, files=files))
    return package(measure_memory(check_browser(own)))


def copy_of(model: onnx.ModelProto) -> onnx.ModelProto:
    return onnx.ModelProto.FromString(model.SerializeToString())


def test_load_refuses_a_recipe_without_a_threshold(tmp_path: Path) -> None:
    shutil.copytree(RECIPES / "lexical-tiny", tmp_path / "lexical-tiny")
    (tmp_path / "lexical-tiny" / "evaluation.json").unlink()
    with pytest.raises(RecipeError, match=r"evaluation\.json is missing"):
        load(read_recipe(tmp_path / "lexical-tiny"))


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("scores", TensorProto.FLOAT, r"gives \{'scores'.* declares \{'probability'"),
        ("probability", TensorProto.DOUBLE, "'double, 1-d'.* declares .*'float32, 1-d'"),
    ],
)
def test_a_graph_that_gives_something_else_is_no_graph_of_the_source(
    graph: Graph, name: str, kind: int, message: str
) -> None:
    model = copy_of(graph.model)
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info(name, kind, ["N"]))
    with pytest.raises(ConversionError, match=message):
        replace(graph, model=model)


def test_a_graph_that_reads_something_else_is_no_graph_of_the_source(graph: Graph) -> None:
    model = copy_of(graph.model)
    more = helper.make_tensor_value_info("language", TensorProto.STRING, ["N"])
    model.graph.input.append(more)
    with pytest.raises(ConversionError, match=r"reads .*'language'.* declares \{'text'"):
        Graph(graph.loaded, model)


def test_quantize_ensures_the_same_of_what_it_wrote(
    quantized: QuantizedGraph, tmp_path: Path
) -> None:
    written = onnx.load(quantized.files.model)
    assert [value.name for value in written.graph.output] == ["probability"]
    written.graph.output[0].name = "scores"
    onnx.save(written, tmp_path / "model.onnx")
    with pytest.raises(ConversionError, match=r"gives \{'scores'"):
        replace(quantized, files=replace(quantized.files, folder=tmp_path))


@pytest.mark.parametrize("value", [np.nan, -0.1, 1.5])
def test_verify_gives_probabilities_only(verified: VerifiedGraph, value: float) -> None:
    wrong = verified.probabilities.copy()
    wrong[3] = value
    with pytest.raises(VerificationError, match="no probability"):
        replace(verified, probabilities=wrong)


def test_memory_is_measured_in_steps_and_holds_at_least_the_graph(
    verified: VerifiedGraph,
) -> None:
    measured = measure_memory(check_browser(verified))
    assert measured.memory_bytes % STEP_BYTES == 0
    assert measured.memory_bytes >= verified.graph.files.bytes


def test_package_lists_every_file_of_its_folder(packaged: PackagedArtifact) -> None:
    (packaged.folder / "notes.txt").write_text("left over")
    with pytest.raises(VerificationError, match=r"notes\.txt"):
        replace(packaged)


def test_publish_gives_the_artifact_back_as_it_was_packaged(
    packaged: PackagedArtifact, tmp_path: Path
) -> None:
    artifact = publish(packaged, FileStore(tmp_path / "artifacts"))
    artifact.verify()
    assert artifact.manifest == packaged.manifest


def test_a_graph_is_checked_without_its_weights_and_written_with_them(
    loaded: LoadedModel, tmp_path: Path
) -> None:
    model = to_onnx(loaded).model
    whole = model.SerializeToString(deterministic=True)
    files = write_graph(model, tmp_path, external_data=False)
    assert files.model.read_bytes() == whole
    assert model.ByteSize() < 0.05 * len(whole)


def test_a_graph_that_is_not_valid_onnx_is_refused(graph: Graph, tmp_path: Path) -> None:
    model = copy_of(graph.model)
    model.graph.node[0].input[0] = "nowhere"
    with pytest.raises(ConversionError, match="not valid ONNX"):
        write_graph(model, tmp_path, external_data=False)


def test_a_graph_is_used_up_by_what_makes_another_of_it(
    loaded: LoadedModel, tmp_path: Path
) -> None:
    graph = to_onnx(loaded)
    quantize(graph, tmp_path)
    assert not graph.model.graph.initializer
