import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers

from registry import Artifact
from registry.manifest import InputSpec, SpecialTokens, Window
from runtime_server.batch_choice import BatchLimits, choose_batch
from runtime_server.engine import Score
from runtime_server.errors import EngineError
from runtime_server.graph_session import SessionPlan
from runtime_server.loaded_model import LoadedModel
from runtime_server.local_engine import LocalEngine
from runtime_server.placement import MemoryBudget
from runtime_server.token_input import TokenInput

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


PublishTokens = Callable[..., Artifact]


@pytest.fixture
def publish_tokens(publish: Callable[..., Artifact]) -> PublishTokens:
    """Publishes a graph with files beside it, and SPEC with changes."""
    content, tokenizer = token_model().SerializeToString(), {"tokenizer.json": tokenizer_json()}

    def _publish(graph: bytes = content, version: str = "1.0.0", **changes: object) -> Artifact:
        others = {**tokenizer, **changes.pop("others", {})}
        spec = SPEC.model_copy(update=changes)
        return publish(graph, version=version, input_spec=spec, others=others)

    return _publish


@pytest.fixture
def token_artifact(publish_tokens: PublishTokens) -> Artifact:
    return publish_tokens()


def by_hand(ids: Sequence[int]) -> float:
    """Pooled probability of word ids, from the specification alone."""
    starts = [0] if len(ids) <= 6 else [*range(0, len(ids) - 6, 4), len(ids) - 6]
    windows = [ids[start : start + 6] for start in starts]
    logits = [EMBEDDING[[1, *window, 2]].mean(dtype=np.float64) for window in windows]
    return float(1 / (1 + np.exp(-np.average(logits, weights=list(map(len, windows))))))


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


def refusal(artifact: Artifact) -> EngineError:
    with pytest.raises(EngineError) as caught:
        LoadedModel.load(artifact, PLAN)
    return caught.value


@pytest.mark.parametrize(("count", "windows"), [(1, 1), (6, 1), (7, 2), (10, 2), (11, 3), (40, 10)])
def test_a_text_is_the_pool_of_its_windows(
    token_artifact: Artifact, count: int, windows: int
) -> None:
    text, ids = words(count)
    (score,) = scores(token_artifact, text)
    assert score.probability == pytest.approx(by_hand(ids), abs=1e-6)
    assert (score.tokens, score.windows, score.truncated) == (count, windows, False)


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
    publish_tokens: PublishTokens,
) -> None:
    artifact = publish_tokens(others={"tokenizer.json": tokenizer_json(meddling=True)})
    text, ids = words(9)
    (score,) = scores(artifact, text)
    assert score.tokens == 9
    assert score.probability == pytest.approx(by_hand(ids), abs=1e-6)


def test_windows_of_several_requests_share_a_padded_feed(publish_tokens: PublishTokens) -> None:
    artifact = publish_tokens(special_tokens=SpecialTokens(prefix=(1,), suffix=(2,), pad=3))
    reader = TokenInput.load(artifact)
    one = reader.rows(("alpha beta gamma delta epsilon alpha beta", "beta")).rows
    other = reader.rows(("",)).rows
    assert [row.padded for row in (*one, *other)] == [8, 8, 3, 2]
    feed = reader.feed((other[0], one[2], one[1]))
    assert {array.dtype for array in feed.values()} == {np.dtype(np.int64)}
    assert feed["input_ids"].tolist() == [
        [1, 2, 3, 3, 3, 3, 3, 3],
        [1, 5, 2, 3, 3, 3, 3, 3],
        [1, 5, 6, 7, 8, 4, 5, 2],
    ]
    assert feed["attention_mask"].tolist() == [[1, 1] + [0] * 6, [1, 1, 1] + [0] * 5, [1] * 8]


def test_long_windows_run_fewer_at_a_time(publish_tokens: PublishTokens) -> None:
    window = Window(tokens=510, stride=255, pooling="mean_logit")
    artifact = publish_tokens(max_tokens=512, window=window)
    rows = TokenInput.load(artifact).rows((words(5000)[0], words(3)[0])).rows
    limits = BatchLimits(tokens=4 * 512)
    batch = choose_batch([row.padded for row in rows], limits)
    assert [rows[place].padded for place in batch] == [512] * 4
    (score, _) = scores(artifact, words(5000)[0], words(3)[0])
    assert score.windows == 19


@pytest.mark.parametrize(
    ("normalizer", "ids"), [("norm-1", [4, 5, 6]), ("identity", [3, 5, 6])], ids=["norm-1", "id"]
)
def test_the_normal_form_is_what_is_tokenised(
    publish_tokens: PublishTokens, normalizer: str, ids: list[int]
) -> None:
    artifact = publish_tokens(normalizer=normalizer)
    (score,) = scores(artifact, "Alpha\0beta\tgamma")
    assert score.probability == pytest.approx(by_hand(ids), abs=1e-6)
    assert scores(artifact, "\ud800 beta")[0].tokens == 2


def test_a_file_that_is_no_tokenizer_is_a_failed_load(publish_tokens: PublishTokens) -> None:
    artifact = publish_tokens(others={"tokenizer.json": b"{}"})
    assert refusal(artifact).reason == "load_failed"


def test_a_missing_tokenizer_is_a_reason(token_artifact: Artifact) -> None:
    token_artifact.path("tokenizer.json").unlink()
    assert refusal(token_artifact).reason == "artifact_missing"


def test_without_the_package_the_answer_says_what_to_install(
    token_artifact: Artifact,
    make_client: Callable[..., httpx.Client],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "runtime_server.token_input")
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    problem = make_client().post("/predict", json={"text": "alpha"}).json()
    assert problem["attempts"][-1]["reason"] == "tokenizers_missing"
    assert "samegraph[tokens]" in problem["suggestion"]


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
        "model.run(model.input.rows(['alpha']).rows)\n"
        "heavy = {'torch', 'transformers', 'sklearn', 'onnx', 'huggingface_hub'}\n"
        "print(*(heavy & set(sys.modules)))\n"
    )
    result = subprocess.run(
        (sys.executable, "-c", script), capture_output=True, text=True, timeout=60, check=True
    )
    assert result.stdout.strip() == ""


@pytest.fixture
def external_artifact(publish_tokens: PublishTokens, tmp_path: Path) -> Artifact:
    path, data = tmp_path / "model.onnx", "model.onnx.data"
    # The threshold lets the embedding out, and keeps the axis.
    layout = {"save_as_external_data": True, "location": data, "size_threshold": 60}
    onnx.save_model(token_model(), path, **layout)
    return publish_tokens(path.read_bytes(), others={data: (tmp_path / data).read_bytes()})


def test_a_graph_with_external_data_runs(external_artifact: Artifact) -> None:
    text, ids = words(5)
    (score,) = scores(external_artifact, text)
    assert score.probability == pytest.approx(by_hand(ids), abs=1e-6)


@pytest.mark.parametrize("name", ["model.onnx", "model.onnx.data", "tokenizer.json"])
def test_an_artifact_with_a_flipped_byte_is_never_served(
    external_artifact: Artifact, make_client: Callable[..., httpx.Client], name: str
) -> None:
    path = external_artifact.path(name)
    content = path.read_bytes()
    path.write_bytes(content[:3] + bytes([content[3] ^ 1]) + content[4:])
    client = make_client()
    answer = client.post("/predict", json={"text": "alpha"})
    assert answer.status_code == 503
    assert answer.json()["attempts"][-1]["reason"] == "digest_mismatch"
    assert str(path.parent) not in answer.text
    path.write_bytes(content)
    assert client.post("/predict", json={"text": "alpha"}).status_code == 200


def test_external_data_that_the_manifest_does_not_list_is_never_read(
    external_artifact: Artifact, publish_tokens: PublishTokens
) -> None:
    graph, data = (external_artifact.path(n) for n in ("model.onnx", "model.onnx.data"))
    artifact = publish_tokens(graph.read_bytes(), version="2.0.0")
    for folder in (artifact.folder, Path.cwd()):
        (folder / data.name).write_bytes(data.read_bytes())
    error = refusal(artifact)
    assert error.reason == "load_failed"
    assert str(Path.cwd()) not in error.detail


def test_the_answer_tells_tokens_and_windows(
    token_artifact: Artifact, make_client: Callable[..., httpx.Client]
) -> None:
    text, ids = words(40)
    body = json.dumps({"text": text, "prefer_backend": "local"})
    headers = {"content-type": "application/json"}
    answer = make_client().post("/predict", content=body, headers=headers).json()
    assert answer["probability"] == pytest.approx(by_hand(ids), abs=1e-6)
    assert (answer["metadata"]["tokens"], answer["metadata"]["windows"]) == (40, 10)
