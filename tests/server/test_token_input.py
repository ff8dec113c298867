import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Sequence

import httpx
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers

from registry import Artifact
from registry.manifest import InputSpec, SpecialTokens, Window
from runtime_server.engine import Score
from runtime_server.errors import EngineError
from runtime_server.graph_session import SessionPlan
from runtime_server.loaded_model import LoadedModel
from runtime_server.local_engine import LocalEngine, MemoryBudget

WORDS = ("alpha", "beta", "gamma", "delta", "epsilon")
VOCABULARY = {"[pad]": 0, "[cls]": 1, "[sep]": 2, "[unk]": 3} | {
    w: 4 + i for i, w in enumerate(WORDS)
}
EMBEDDING = np.random.RandomState(0).normal(size=len(VOCABULARY)).astype(np.float32)
SPEC = InputSpec(
    kind="tokens",
    normalizer="norm-1",
    max_tokens=8,
    window=Window(tokens=6, stride=4, pooling="mean_logit"),
    special_tokens=SpecialTokens(prefix=(1,), suffix=(2,), pad=0),
)
PLAN = SessionPlan(threads=1, allow_cuda=False)


def tokenizer_json(*, meddling: bool = False) -> bytes:
    tokenizer = Tokenizer(models.WordLevel(VOCABULARY, unk_token="[unk]"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    if meddling:
        tokenizer.enable_truncation(3)
        tokenizer.enable_padding(length=50)
    return tokenizer.to_str().encode()


def token_model() -> onnx.ModelProto:
    """Sigmoid of the masked mean of a number per id, with an output nobody asks for."""
    nodes = [
        helper.make_node("Gather", ["embedding", "input_ids"], ["values"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["values", "mask"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "axis"], ["total"], keepdims=0),
        helper.make_node("ReduceSum", ["mask", "axis"], ["count"], keepdims=0),
        helper.make_node("Div", ["total", "count"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["probability"]),
    ]
    ids = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["N", "T"])
        for name in ("input_ids", "attention_mask")
    ]
    outputs = [
        helper.make_tensor_value_info("kept", TensorProto.FLOAT, ["N", "T"]),
        helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["N"]),
    ]
    constants = [
        numpy_helper.from_array(EMBEDDING, "embedding"),
        numpy_helper.from_array(np.array([1], np.int64), "axis"),
    ]
    graph = helper.make_graph(nodes, "tokens", ids, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


@pytest.fixture
def token_artifact(publish: Callable[..., Artifact]) -> Artifact:
    content = token_model().SerializeToString()
    return publish(content, input_spec=SPEC, others={"tokenizer.json": tokenizer_json()})


def by_hand(ids: Sequence[int]) -> float:
    """Pooled probability of word ids, from the specification alone."""
    starts = [0] if len(ids) <= 6 else [*range(0, len(ids) - 6, 4), len(ids) - 6]
    windows = [ids[start : start + 6] for start in starts]
    logits = [EMBEDDING[[1, *window, 2]].mean(dtype=np.float64) for window in windows]
    return float(1 / (1 + np.exp(-np.average(logits, weights=list(map(len, windows)) or None))))


def words(count: int, seed: int = 0) -> tuple[str, list[int]]:
    chosen = np.random.RandomState(seed).choice(WORDS, size=count)
    return " ".join(chosen), [VOCABULARY[word] for word in chosen]


def scores(artifact: Artifact, *texts: str) -> tuple[Score, ...]:
    async def _scores() -> tuple[Score, ...]:
        engine = LocalEngine(PLAN, MemoryBudget(cpu_bytes=None, gpu_bytes=None))
        try:
            return (await engine.predict(artifact, texts)).items
        finally:
            await engine.close()

    return asyncio.run(_scores())


@pytest.mark.parametrize("count", [1, 6, 7, 10, 11, 40])
def test_a_text_is_the_pool_of_its_windows(token_artifact: Artifact, count: int) -> None:
    text, ids = words(count)
    (score,) = scores(token_artifact, text)
    assert score.probability == pytest.approx(by_hand(ids), abs=1e-6)
    assert (score.tokens, score.truncated) == (count, False)


def test_batch_mates_and_padding_change_nothing_and_order_is_kept(token_artifact: Artifact) -> None:
    texts = [words(1 + 13 * n % 47, seed=n)[0] for n in range(40)]
    together = scores(token_artifact, *texts)
    for text, score in zip(texts, together, strict=True):
        (alone,) = scores(token_artifact, text)
        assert score.probability == pytest.approx(alone.probability, abs=1e-6)
        assert score.windows == alone.windows


def test_an_empty_text_has_no_tokens_and_a_probability(token_artifact: Artifact) -> None:
    (score,) = scores(token_artifact, "")
    assert (score.tokens, score.windows) == (0, 1)
    assert score.probability == pytest.approx(float(1 / (1 + np.exp(-EMBEDDING[[1, 2]].mean()))))


def test_what_tokenizer_json_says_of_truncation_and_padding_is_ignored(
    publish: Callable[..., Artifact],
) -> None:
    files = {"tokenizer.json": tokenizer_json(meddling=True)}
    artifact = publish(token_model().SerializeToString(), input_spec=SPEC, others=files)
    text, ids = words(9)
    (score,) = scores(artifact, text)
    assert score.tokens == 9
    assert score.probability == pytest.approx(by_hand(ids), abs=1e-6)


def test_a_changed_tokenizer_is_never_used(token_artifact: Artifact) -> None:
    path = token_artifact.path("tokenizer.json")
    path.write_bytes(path.read_bytes().replace(b'"alpha":4', b'"alpha":5'))
    with pytest.raises(EngineError) as caught:
        LoadedModel.load(token_artifact, PLAN)
    assert caught.value.reason == "digest_mismatch"


def test_a_changed_tokenizer_is_a_reason_over_http_until_it_is_repaired(
    token_artifact: Artifact, make_client: Callable[..., httpx.Client]
) -> None:
    path = token_artifact.path("tokenizer.json")
    content = path.read_bytes()
    path.write_bytes(content + b" ")
    client = make_client()
    refused = client.post("/predict", json={"text": "alpha"})
    assert refused.status_code == 503
    assert refused.json()["attempts"][-1]["reason"] == "digest_mismatch"
    assert str(path) not in refused.text
    path.write_bytes(content)
    assert client.post("/predict", json={"text": "alpha"}).status_code == 200


def test_a_file_that_is_no_tokenizer_is_a_failed_load(publish: Callable[..., Artifact]) -> None:
    files = {"tokenizer.json": b"{}"}
    artifact = publish(token_model().SerializeToString(), input_spec=SPEC, others=files)
    with pytest.raises(EngineError) as caught:
        LoadedModel.load(artifact, PLAN)
    assert caught.value.reason == "load_failed"


@pytest.mark.parametrize("text", ["", "\0", "\ud800", "alpha\udfffbeta"], ids=ascii)
def test_a_hostile_text_does_not_change_its_batch_mates(
    token_artifact: Artifact, text: str
) -> None:
    longer, ids = words(9)
    _, score = scores(token_artifact, text, longer)
    assert score.probability == pytest.approx(by_hand(ids), abs=1e-6)


def test_a_model_with_a_tokenizer_needs_nothing_that_only_making_models_needs(
    token_artifact: Artifact,
) -> None:
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from registry import FileStore\n"
        "from runtime_server.graph_session import SessionPlan\n"
        "from runtime_server.loaded_model import LoadedModel\n"
        f"artifact = FileStore(Path({str(token_artifact.folder.parents[1])!r})).artifacts()[0]\n"
        "model = LoadedModel.load(artifact, SessionPlan(1, allow_cuda=False))\n"
        "model.run(model.input.rows(['alpha']), (0,))\n"
        "heavy = {'torch', 'transformers', 'sklearn', 'onnx', 'huggingface_hub'}\n"
        "print(*(heavy & set(sys.modules)))\n"
    )
    result = subprocess.run(
        (sys.executable, "-c", script), capture_output=True, text=True, timeout=60, check=True
    )
    assert result.stdout.strip() == ""


@pytest.fixture
def external_artifact(
    publish: Callable[..., Artifact], tmp_path_factory: pytest.TempPathFactory
) -> Artifact:
    folder = tmp_path_factory.mktemp("external")
    onnx.save_model(
        token_model(),
        folder / "model.onnx",
        save_as_external_data=True,
        location="model.onnx.data",
        size_threshold=60,  # the embedding, not the axis
    )
    names = ("model.onnx.data",)
    others = {name: (folder / name).read_bytes() for name in names}
    others["tokenizer.json"] = tokenizer_json()
    return publish((folder / "model.onnx").read_bytes(), input_spec=SPEC, others=others)


def test_a_graph_with_external_data_runs(external_artifact: Artifact) -> None:
    text, ids = words(5)
    (score,) = scores(external_artifact, text)
    assert score.probability == pytest.approx(by_hand(ids), abs=1e-6)


def test_a_flipped_byte_of_external_data_is_refused(external_artifact: Artifact) -> None:
    path = external_artifact.path("model.onnx.data")
    content = bytearray(path.read_bytes())
    content[3] ^= 1
    path.write_bytes(content)
    with pytest.raises(EngineError) as caught:
        LoadedModel.load(external_artifact, PLAN)
    assert caught.value.reason == "digest_mismatch"


def test_the_answer_tells_tokens_and_windows(
    token_artifact: Artifact, make_client: Callable[..., httpx.Client]
) -> None:
    text, ids = words(40)
    body = json.dumps({"text": text, "prefer_backend": "local"})
    headers = {"content-type": "application/json"}
    answer = make_client().post("/predict", content=body, headers=headers).json()
    assert answer["probability"] == pytest.approx(by_hand(ids), abs=1e-6)
    assert (answer["metadata"]["tokens"], answer["metadata"]["windows"]) == (40, 10)
