"""Fine-tuned classifiers of every architecture, from their folder to a published artifact."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, AutoTokenizer

from export.build import build
from export.encoder.architecture import ARCHITECTURES
from export.encoder.logits_graph import LOGITS, logits_graph
from export.errors import RecipeError
from export.golden_texts import NATURAL
from export.inference import TextPreparation
from export.passes.load import load
from export.passes.optimize import optimize
from export.passes.quantize import quantize
from export.passes.to_onnx import to_onnx
from export.passes.verify import GraphRun
from export.provenance import source_digest
from export.recipe import Recipe, read_recipe
from export.sources.classifier_checkpoint import ClassifierCheckpoint
from registry import Artifact, FileStore
from tests.export import checkpoints
from tests.export.checkpoints import POSITIONS, write_checkpoint

RECIPE = """
model_id = "own-classifier"
version = "1.0.0"
task = "ai-text-detection"
labels = ["human", "ai"]
[source]
kind = "encoder"
base = "../checkpoint"
reference = "test"
licence = "Apache-2.0"
attribution = "test"
{source}
[input]
normalizer = "identity"
max_tokens = {max_tokens}
window = {{tokens = 126, stride = 100, pooling = "mean_logit"}}
[decision]
threshold = 0.5
[quantization]
scheme = "{scheme}"
bits = {bits}
"""
# Wide enough that its matrices are worth quantizing.
WIDE: dict[str, object] = {"hidden_size": 64, "intermediate_size": 128}
WIDE_OF = {"distilbert": {"dim": 64, "hidden_dim": 128}, "electra": {**WIDE, "embedding_size": 64}}


class Silent:
    def begin(self, model_id: str, step: str) -> None:
        pass


def write_recipe(
    folder: Path, source: str = "", *, scheme: str = "fp32", max_tokens: int = POSITIONS
) -> Recipe:
    """A recipe for the folder `checkpoint` beside it."""
    recipe = folder / "own-classifier"
    recipe.mkdir(exist_ok=True)
    bits = {"fp32": 32, "int8_weight": 8}[scheme]
    text = RECIPE.format(source=source, scheme=scheme, bits=bits, max_tokens=max_tokens)
    (recipe / "recipe.toml").write_text(text)
    return read_recipe(recipe)


@pytest.fixture(scope="session", params=ARCHITECTURES)
def published(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Artifact]:
    """A checkpoint of each architecture, and the artifact that was built of it."""
    folder = tmp_path_factory.mktemp(request.param)
    write_checkpoint(request.param, folder / "checkpoint")
    artifact = build(write_recipe(folder), FileStore(folder / "artifacts"), Silent())
    return folder / "checkpoint", artifact


def test_there_is_a_checkpoint_of_each_architecture() -> None:
    assert set(checkpoints.ARCHITECTURES) == set(ARCHITECTURES)


def test_a_checkpoint_becomes_an_exact_artifact(published: tuple[Path, Artifact]) -> None:
    manifest = published[1].manifest
    assert manifest.parity.drift is not None
    assert manifest.parity.drift.max <= 1e-5
    assert manifest.parity.batch_max_abs_diff is not None
    assert manifest.parity.batch_max_abs_diff <= 1e-5
    assert manifest.runtime.browser.supported
    assert (manifest.quality, manifest.decision.threshold) == (None, 0.5)


def test_its_probability_is_transformers_own_softmax(published: tuple[Path, Artifact]) -> None:
    folder, artifact = published
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    texts = [text[:70] for text in NATURAL]
    run = GraphRun(artifact.path("model.onnx"))
    preparation = TextPreparation.of_artifact(artifact)
    ours = preparation.probabilities(run, [preparation.prepare(text) for text in texts])
    encoded = [tokenizer(text, return_tensors="pt") for text in texts]
    with torch.inference_mode():
        logits = torch.cat([model(**ids).logits for ids in encoded])
    assert max(ids["input_ids"].shape[1] for ids in encoded) <= POSITIONS
    np.testing.assert_allclose(ours, logits.softmax(-1)[:, 1], atol=1e-5)
    assert np.ptp(ours) > 0.01


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_int8_weights_stay_close(name: str, tmp_path: Path) -> None:
    write_checkpoint(name, tmp_path / "checkpoint", **WIDE_OF.get(name, WIDE))
    loaded = load(write_recipe(tmp_path, scheme="int8_weight"))
    graph = quantize(optimize(to_onnx(loaded)), tmp_path)
    model = onnx.load(graph.files.model)
    kinds = [tensor.data_type for tensor in model.graph.initializer]
    assert kinds.count(onnx.TensorProto.INT8) >= 4
    texts = [loaded.preparation.prepare(text) for text in NATURAL]
    run = GraphRun(graph.files.model)
    alone = loaded.preparation.probabilities(run, texts, batch=1)
    exact = loaded.preparation.probabilities(loaded.source.run, texts)
    np.testing.assert_allclose(alone, loaded.preparation.probabilities(run, texts), atol=1e-5)
    np.testing.assert_allclose(alone, exact, atol=0.1)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_head_over_the_means_of_its_layers_exports_too(name: str, tmp_path: Path) -> None:
    folder = write_checkpoint(name, tmp_path / "checkpoint")
    config = AutoConfig.from_pretrained(folder)
    width = config.hidden_size * (config.num_hidden_layers + 1)
    tensors = {"mean": torch.zeros(width), "weight": torch.ones(width), "bias": torch.zeros(())}
    (tmp_path / "own-classifier").mkdir()
    weights = tmp_path / "own-classifier" / "head.safetensors"
    save_file({f"head.{key}": tensor for key, tensor in tensors.items()}, weights)
    loaded = load(write_recipe(tmp_path, 'weights = "head.safetensors"'))
    texts = [loaded.preparation.prepare(text) for text in NATURAL]
    run = GraphRun(quantize(optimize(to_onnx(loaded)), tmp_path).files.model)
    alone = loaded.preparation.probabilities(run, texts, batch=1)
    np.testing.assert_allclose(alone, loaded.preparation.probabilities(run, texts), atol=1e-5)
    expected = loaded.preparation.probabilities(loaded.source.run, texts)
    np.testing.assert_allclose(alone, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["deberta-v2", "modernbert", "roberta"])
def test_large_classifiers_export_through_torch_to_the_same_logits(
    name: str, tmp_path: Path
) -> None:
    write_checkpoint(name, tmp_path / "checkpoint")
    source = load(write_recipe(tmp_path)).source
    assert isinstance(source, ClassifierCheckpoint)
    ids = np.random.RandomState(0).randint(5, 250, size=(3, 40))
    feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    expected = source.model(**{key: torch.from_numpy(value) for key, value in feeds.items()})
    graph = logits_graph(source.model, optimum_bytes=0)
    assert graph.producer_name == "pytorch"
    (logits,) = ort.InferenceSession(graph.SerializeToString()).run([LOGITS], feeds)
    np.testing.assert_allclose(logits, expected.logits.detach(), atol=1e-5)


def probability(folder: Path, source: str) -> float:
    """The graph's answer to one text, with these lines in the recipe's [source]."""
    loaded = load(write_recipe(folder, source))
    run = GraphRun(quantize(optimize(to_onnx(loaded)), folder).files.model)
    texts = [loaded.preparation.prepare(NATURAL[0])]
    ours = loaded.preparation.probabilities(run, texts)
    np.testing.assert_allclose(
        ours, loaded.preparation.probabilities(loaded.source.run, texts), atol=1e-6
    )
    return float(ours[0])


@pytest.mark.parametrize(
    ("labels", "source", "slope", "intercept"),
    [
        (("human", "ai"), "", 1, 0),
        (("Fake", "Real"), "", -1, 0),
        (("LABEL_0", "LABEL_1"), 'ai_label = "LABEL_1"', 1, 0),
        (("LABEL_0", "LABEL_1"), "ai_label = 0", -1, 0),
        (
            ("human", "ai"),
            'calibration = {method = "temperature", temperature = 4.0}',
            0.25,
            0,
        ),
        (
            ("ai", "human"),
            'calibration = {method = "platt", slope = 0.5, intercept = 0.3}',
            -0.5,
            0.3,
        ),
    ],
)
def test_label_and_calibration_of_the_recipe_are_in_the_graph(
    tmp_path: Path, labels: tuple[str, str], source: str, slope: float, intercept: float
) -> None:
    write_checkpoint("bert", tmp_path / "checkpoint", id2label=dict(enumerate(labels)))
    logits = own_logits(tmp_path / "checkpoint")
    expected = torch.sigmoid(slope * (logits[1] - logits[0]) + intercept).item()
    assert probability(tmp_path, source) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("label", "source", "slope"),
    [
        ("LABEL_0", "", 1),
        ("ai", "", 1),
        ("human", "", -1),
        ("LABEL_0", "ai_label = 0", -1),
        ("score", "ai_label = 1", 1),
    ],
)
def test_one_logit_is_the_log_odds_of_its_label(
    tmp_path: Path, label: str, source: str, slope: float
) -> None:
    write_checkpoint("bert", tmp_path / "checkpoint", id2label={0: label})
    (logit,) = own_logits(tmp_path / "checkpoint")
    expected = torch.sigmoid(slope * logit).item()
    assert probability(tmp_path, source) == pytest.approx(expected, abs=1e-6)


def own_logits(folder: Path) -> torch.Tensor:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        logits: torch.Tensor = model(**tokenizer(NATURAL[0], return_tensors="pt")).logits[0]
    return logits


@pytest.mark.parametrize(
    ("settings", "source", "message"),
    [
        ({"id2label": {0: "a", 1: "b", 2: "c"}}, "", "3 labels"),
        ({"id2label": {0: "LABEL_0", 1: "LABEL_1"}}, "", 'ai_label = "LABEL_1"'),
        ({"id2label": {0: "not AI", 1: "non-human"}}, "", "unclear"),
        ({}, 'ai_label = "robot"', "none of the model's labels: 'human', 'ai'"),
        ({"problem_type": "multi_label_classification"}, "", "not those of one choice"),
        ({"id2label": {0: "LABEL_0"}, "problem_type": "regression"}, "", "Platt"),
        ({"is_decoder": True}, "", "decoders are sources of kind causal_lm"),
    ],
)
def test_a_checkpoint_that_is_no_detector_is_refused(
    tmp_path: Path, settings: dict[str, object], source: str, message: str
) -> None:
    write_checkpoint("bert", tmp_path / "checkpoint", **settings)
    with pytest.raises(RecipeError, match=message):
        load(write_recipe(tmp_path, source))


@pytest.mark.parametrize("name", ["bert", "roberta", "mpnet"])
def test_a_window_longer_than_the_positions_is_refused(name: str, tmp_path: Path) -> None:
    write_checkpoint(name, tmp_path / "checkpoint")
    with pytest.raises(RecipeError, match=f"max_tokens is {POSITIONS + 1}, .* most {POSITIONS}$"):
        load(write_recipe(tmp_path, max_tokens=POSITIONS + 1))


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("tokenizer.json", None, "has no tokenizer.json: .*save_pretrained"),
        ("tokenizer.json", b"{}", "tokenizer .* cannot be loaded"),
        ("config.json", None, "no usable config.json"),
        ("config.json", b'{"model_type": "gpt2"}', "'gpt2' is not an encoder"),
        ("model.safetensors", None, "holds no .*safetensors"),
        ("model.safetensors", b"damaged", "cannot be loaded"),
    ],
)
def test_a_damaged_checkpoint_is_refused_by_its_file(
    tmp_path: Path, file: str, content: bytes | None, message: str
) -> None:
    path = write_checkpoint("bert", tmp_path / "checkpoint") / file
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(RecipeError, match=message):
        load(write_recipe(tmp_path))


def test_a_pickle_is_refused_with_the_way_to_convert_it(tmp_path: Path) -> None:
    folder = write_checkpoint("bert", tmp_path / "checkpoint")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(RecipeError, match=r"pickle.*save_pretrained"):
        load(write_recipe(tmp_path))


def test_an_encoder_without_a_classifier_is_refused(tmp_path: Path) -> None:
    folder = write_checkpoint("bert", tmp_path / "checkpoint")
    AutoModel.from_pretrained(folder).save_pretrained(folder)
    with pytest.raises(RecipeError, match=r"no fine-tuned classifier: classifier\.bias"):
        load(write_recipe(tmp_path))


def test_a_head_of_our_own_has_no_label(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="has its own label"):
        write_recipe(tmp_path, 'weights = "head.safetensors"\nai_label = 1')


def test_a_retrained_checkpoint_is_another_source(tmp_path: Path) -> None:
    folder = write_checkpoint("bert", tmp_path / "checkpoint")
    recipe = write_recipe(tmp_path)
    before = source_digest(recipe)
    assert source_digest(recipe) == before
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "model.safetensors").write_bytes(content)
    assert source_digest(recipe) != before
