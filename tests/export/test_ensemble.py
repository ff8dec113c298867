"""Ensembles of tiny BERTs with random weights: one artifact, one or two tokenizers."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from safetensors.numpy import save_file
from transformers import BertConfig, BertModel, BertTokenizerFast

from export.build import build
from export.errors import RecipeError
from export.inference import TextPreparation
from export.passes.verify import GraphRun
from export.provenance import source_digest
from export.recipe import Recipe, read_recipe
from export.sources.loading import load_source
from registry import FileStore
from tests.export.vocabulary import LETTERS, vocabulary

WIDTH, LAYERS = 16, 1
FEATURES = WIDTH * (LAYERS + 1)
COMMON = """
model_id = "{name}"
version = "1.0.0"
task = "ai-text-detection"
labels = ["human", "ai"]
decision = {{threshold = 0.5}}
quantization = {{scheme = "fp32", bits = 32}}
[input]
normalizer = "{normalizer}"
max_tokens = 40
window = {{tokens = 38, stride = 30, pooling = "mean_logit"}}
[source]
reference = "test"
licence = "Apache-2.0"
attribution = "test"
"""
MEANS = """
[[source.members]]
name = "{name}"
kind = "encoder"
base = "{base}"
normalizer = "{normalizer}"
max_tokens = 64
"""


class Silent:
    def begin(self, model_id: str, step: str) -> None:
        pass


def checkpoint(folder: Path, letters: str, seed: int) -> Path:
    folder.mkdir(parents=True)
    words = vocabulary(letters)
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder)
    return folder


def write_recipe(folder: Path, source: str, width: int, normalizer: str = "norm-1") -> Recipe:
    folder.mkdir()
    head = ""
    if width:
        head = 'weights = "weights.safetensors"\n'
        tensors = {
            "head.mean": np.zeros(width, np.float32),
            "head.weight": np.random.RandomState(width).normal(size=width).astype(np.float32),
            "head.bias": np.array(0.1, np.float32),
        }
        save_file(tensors, folder / "weights.safetensors")
    common = COMMON.format(name=folder.name, normalizer=normalizer)
    (folder / "recipe.toml").write_text(common + head + source)
    return read_recipe(folder)


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return checkpoint(tmp_path / "first", LETTERS, seed=0)


@pytest.fixture
def second(tmp_path: Path) -> Path:
    return checkpoint(tmp_path / "second", "etaoinshrdlu", seed=1)


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "artifacts")


def single(folder: Path, base: Path) -> Recipe:
    return write_recipe(folder, f'kind = "encoder"\nbase = "{base}"\n', FEATURES)


def test_two_tokenizers_make_one_artifact(
    tmp_path: Path, first: Path, second: Path, store: FileStore
) -> None:
    members = MEANS.format(name="one", base=first, normalizer="norm-1")
    members += MEANS.format(name="two", base=second, normalizer="identity")
    recipe = write_recipe(tmp_path / "pair", f'kind = "ensemble"\n{members}', 2 * FEATURES)
    artifact = build(recipe, store, Silent())
    manifest = artifact.manifest
    assert manifest.parity.drift is not None
    assert manifest.parity.drift.max <= 1e-5
    assert manifest.source.kind == "ensemble"
    assert [other.name for other in manifest.input.companions] == ["two"]
    assert artifact.path("two.tokenizer.json").is_file()
    assert "several encodings" in manifest.runtime.browser.reasons[0]
    vectors = [json.loads(line) for line in artifact.path("golden.jsonl").read_text().splitlines()]
    preparation = TextPreparation.of_artifact(artifact)
    prepared = [preparation.prepare(vector["text"]) for vector in vectors]
    found = preparation.probabilities(GraphRun(artifact.path("model.onnx")), prepared)
    expected = [vector["probability"] for vector in vectors]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert len(set(expected)) > 50


def test_members_with_one_base_share_its_graph(
    tmp_path: Path, first: Path, store: FileStore
) -> None:
    alone = build(single(tmp_path / "alone", first), store, Silent())
    members = MEANS.format(name="means", base=first, normalizer="norm-1")
    members += '[[source.members]]\nname = "odds"\nkind = "recipe"\nrecipe = "../alone"\n'
    recipe = write_recipe(tmp_path / "both", f'kind = "ensemble"\n{members}', FEATURES + 1)
    artifact = build(recipe, store, Silent())
    graphs = [onnx.load(a.path("model.onnx")).graph for a in (alone, artifact)]
    counts = [sum(node.op_type == "MatMul" for node in graph.node) for graph in graphs]
    assert counts[0] == counts[1]
    assert artifact.manifest.input.companions == ()
    assert artifact.manifest.size_bytes < 1.2 * alone.manifest.size_bytes


def test_log_odds_are_averaged_where_no_head_is_given(
    tmp_path: Path, first: Path, second: Path, store: FileStore
) -> None:
    one = build(single(tmp_path / "one", first), store, Silent())
    single(tmp_path / "two", second)
    members = (
        f'[[source.members]]\nname = "one"\nkind = "artifact"\nartifact = "{one.folder}"\n'
        '[[source.members]]\nname = "two"\nkind = "recipe"\nrecipe = "../two"\n'
    )
    recipe = write_recipe(tmp_path / "mean", f'kind = "ensemble"\n{members}', 0)
    build(recipe, store, Silent())
    source, two = load_source(recipe), load_source(read_recipe(tmp_path / "two"))
    assert "onnxruntime" in source.reference
    assert "torch" in source.reference
    ids = {"input_ids": np.array([[2, 7, 8, 9, 3]]), "attention_mask": np.ones((1, 5), np.int64)}
    others = {f"two_{name}": value for name, value in ids.items()}
    pair = [GraphRun(one.path("model.onnx"))(ids)[0], two.run(ids)[0]]
    logit = np.mean([np.log(p / (1 - p)) for p in pair])
    assert source.run({**ids, **others})[0] == pytest.approx(1 / (1 + np.exp(-logit)), abs=1e-6)


def test_what_a_member_is_built_from_is_part_of_the_digest(tmp_path: Path, first: Path) -> None:
    inner = single(tmp_path / "inner", first)
    members = "".join(
        f'[[source.members]]\nname = "{name}"\nkind = "recipe"\nrecipe = "../inner"\n'
        for name in ("a", "b")
    )
    recipe = write_recipe(tmp_path / "outer", f'kind = "ensemble"\n{members}', 0)
    before = source_digest(recipe)
    path = inner.folder / "recipe.toml"
    path.write_text(path.read_text().replace("threshold = 0.5", "threshold = 0.6"))
    assert source_digest(recipe) != before


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([("one", "norm-1"), ("two", "norm-1")], "source.weights is missing: member one gives fea"),
        ([("one", "identity"), ("two", "norm-1")], "input.normalizer is 'norm-1', but the first"),
        ([("one", "norm-1"), ("one", "norm-1")], "a name is given twice"),
    ],
)
def test_members_that_do_not_fit_are_refused(
    tmp_path: Path, first: Path, members: list[tuple[str, str]], message: str
) -> None:
    source = "".join(MEANS.format(name=n, base=first, normalizer=form) for n, form in members)
    recipe = write_recipe(tmp_path / "unfit", f'kind = "ensemble"\n{source}', 0)
    with pytest.raises(RecipeError, match=message):
        load_source(recipe)


def test_a_head_over_other_features_is_refused(tmp_path: Path, first: Path) -> None:
    members = "".join(
        MEANS.format(name=name, base=first, normalizer="norm-1") for name in ("one", "two")
    )
    recipe = write_recipe(tmp_path / "odd", f'kind = "ensemble"\n{members}', 2 * FEATURES - 8)
    with pytest.raises(RecipeError, match=r"56 features, but .* 32 of one \+ 32 of two; train"):
        load_source(recipe)


def test_an_artifact_that_is_not_built_is_named(tmp_path: Path) -> None:
    members = "".join(
        f'[[source.members]]\nname = "{name}"\nkind = "artifact"\nartifact = "../nowhere"\n'
        for name in ("a", "b")
    )
    recipe = write_recipe(tmp_path / "missing", f'kind = "ensemble"\n{members}', 0)
    with pytest.raises(RecipeError, match=r"member a: .*nowhere is no artifact"):
        load_source(recipe)
    with pytest.raises(RecipeError, match=r"nowhere/manifest\.json is missing; build it first"):
        source_digest(recipe)
