"""How probable each segment's tokens are, by a graph whose answers can be said by hand."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import onnx
import pytest
from onnx import TensorProto, helper
from tokenizers import Tokenizer, models, pre_tokenizers

from registry import Artifact
from registry.manifest import InputSpec, OutputSpec, SpecialTokens, Window
from runtime_server.app import create_app
from runtime_server.errors import EngineError
from runtime_server.graph_session import SessionPlan
from runtime_server.loaded_model import LoadedModel
from tests.conftest import ROOT
from tests.runtimes import parity_script
from tests.server.conftest import PROBABILITY, listening, make_settings

LETTERS = sorted(pre_tokenizers.ByteLevel.alphabet())
VOCABULARY = {"<|endoftext|>": 0} | {letter: n for n, letter in enumerate(LETTERS, start=1)}
VOCABULARY |= {"Ġt": 257, "he": 258, "Ã¯": 259}
MERGES = [("Ġ", "t"), ("h", "e"), ("Ã", "¯")]
PREFIX, WINDOW, STRIDE = 7, 64, 40
SPEC = InputSpec(
    kind="tokens",
    normalizer="identity",
    max_tokens=WINDOW + 1,
    window=Window(tokens=WINDOW, stride=STRIDE, pooling="mean_logit"),
    special_tokens=SpecialTokens(prefix=(PREFIX,), suffix=(), pad=0),
)
LOG_PROBABILITIES = OutputSpec(name="token_log_probabilities", dtype="float32", shape=("N", "T-1"))
PIECES = (
    "the cat ",
    "naïve × ",
    "\U0001f600\U0001f468\u200d ",
    "… ",
    "日本。",
    "\n\n",
    "x! ",
    "\x00",
)


def tokenizer() -> Tokenizer:
    bytes_of_text = Tokenizer(models.BPE(vocab=VOCABULARY, merges=MERGES))
    bytes_of_text.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return bytes_of_text


def graph(first: int = 1) -> bytes:
    """Of each id of a row from `first` on: minus the sum of the ids up to it."""
    node = helper.make_node
    nodes = [
        node("Cast", ["input_ids"], ["ids"], to=TensorProto.FLOAT),
        node("CumSum", ["ids", "one"], ["sums"]),
        node("Neg", ["sums"], ["negative"]),
        node("Slice", ["negative", "first", "far", "ones"], ["token_log_probabilities"]),
        node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        node("ReduceSum", ["mask", "ones"], ["count"], keepdims=0),
        node("Div", ["unit", "count"], ["probability"]),
    ]
    ids = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["N", "T"])
        for name in ("input_ids", "attention_mask")
    ]
    outputs = [
        helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["N"]),
        helper.make_tensor_value_info("token_log_probabilities", TensorProto.FLOAT, ["N", "S"]),
    ]
    constants = [
        helper.make_tensor("one", TensorProto.INT64, [], [1]),
        helper.make_tensor("ones", TensorProto.INT64, [1], [1]),
        helper.make_tensor("first", TensorProto.INT64, [1], [first]),
        helper.make_tensor("far", TensorProto.INT64, [1], [2**31]),
        helper.make_tensor("unit", TensorProto.FLOAT, [], [1.0]),
    ]
    model = helper.make_model(
        helper.make_graph(nodes, "tokens", ids, outputs, constants),
        opset_imports=[helper.make_opsetid("", 20)],
        ir_version=9,
    )
    onnx.checker.check_model(model)
    return model.SerializeToString()


@pytest.fixture
def publish_scorer(publish: Callable[..., Artifact]) -> Callable[..., Artifact]:
    def _publish(**changes: Any) -> Artifact:  # noqa: ANN401
        outputs = changes.pop("outputs", (PROBABILITY, LOG_PROBABILITIES))
        others = {"tokenizer.json": tokenizer().to_str().encode()}
        content = graph(changes.pop("first", 1))
        spec = SPEC.model_copy(update=changes)
        return publish(content, input_spec=spec, others=others, outputs=outputs)

    return _publish


def texts() -> list[str]:
    """Of one to some forty windows, with characters of one to four bytes across their edges."""
    choose = random.Random(5)
    long = ["".join(choose.choices(PIECES, k=choose.randrange(20, 200))) for _ in range(12)]
    return [" ", "short", *long]


def by_hand(text: str) -> list[tuple[int, float]]:
    """(character, log-probability) of each token, from the specification alone."""
    encoding = tokenizer().encode(text.replace("\x00", " "), add_special_tokens=False)
    count = len(encoding.ids)
    starts = [0] if count <= WINDOW else [*range(0, count - WINDOW, STRIDE), count - WINDOW]
    found = []
    for token, (_, end) in enumerate(encoding.offsets):
        start = next(start for start in starts if token < start + WINDOW)
        value = -float(PREFIX + sum(encoding.ids[start : token + 1]))
        found.append((end - 1, value))
    return found


def mean_by_hand(text: str, segment: dict[str, Any]) -> float | None:
    inside = range(segment["start"], segment["end"])
    own = [value for character, value in by_hand(text) if character in inside]
    return sum(own) / len(own) if own else None


def explained(client: httpx.Client, many: Sequence[str]) -> list[list[dict[str, Any]]]:
    answer = client.post("/batch-predict", json={"texts": many, "explain": True}).json()
    return [result["metadata"]["segments"] for result in answer["results"]]


@pytest.fixture
def serve(root: Path, tmp_path: Path) -> Callable[[], Any]:
    return lambda: listening(create_app(make_settings(root, tmp_path)))


def test_a_segment_has_the_mean_over_its_tokens_of_the_run_of_the_whole_text(
    publish_scorer: Callable[..., Artifact], serve: Callable[[], Any]
) -> None:
    publish_scorer()
    with serve() as client:
        found = explained(client, texts())
    assert max(map(len, found)) > 3
    for text, segments in zip(texts(), found, strict=True):
        for segment in segments:
            expected = pytest.approx(mean_by_hand(text, segment), rel=1e-12)
            assert segment["mean_log_probability"] == expected


@pytest.mark.parametrize("runtime", ["onnxruntime-web", "onnxruntime-node"])
def test_typescript_gives_what_the_server_gives(
    publish_scorer: Callable[..., Artifact], serve: Callable[[], Any], runtime: str
) -> None:
    """Needs `make web`."""
    folder = str(publish_scorer().folder)
    with serve() as client:
        expected = explained(client, texts())
    asked = ({"text": text, "explain": True} for text in texts())
    arguments = ["--runtime", runtime, "--artifact", folder]
    _, *found = parity_script(ROOT, "run", arguments, asked)
    for one, segments in zip(found, expected, strict=True):
        assert one["metadata"]["segments"] == [pytest.approx(part, rel=1e-6) for part in segments]


@pytest.mark.parametrize(
    "changes",
    [
        {"outputs": (PROBABILITY,)},
        {"normalizer": "norm-1"},
        {"special_tokens": SpecialTokens(prefix=(), suffix=(PREFIX,), pad=0)},
    ],
    ids=["no such output", "moved characters", "nothing before the first token"],
)
def test_it_is_null_where_the_manifest_does_not_promise_it(
    publish_scorer: Callable[..., Artifact], serve: Callable[[], Any], changes: dict[str, Any]
) -> None:
    publish_scorer(**changes)
    with serve() as client:
        (segments,) = explained(client, [texts()[-1]])
    assert len(segments) > 1
    assert {segment["mean_log_probability"] for segment in segments} == {None}


def test_only_rows_that_ask_get_log_probabilities(
    publish_scorer: Callable[..., Artifact],
) -> None:
    model = LoadedModel.load(publish_scorer(), SessionPlan(threads=1, allow_cuda=False))
    asks, silent = model.input.rows(["one"], True).rows, model.input.rows(["another"]).rows
    first, second = model.run([*asks, *silent])
    assert first.token_log_probabilities is not None
    assert second.token_log_probabilities is None
    (alone,) = model.run(silent)
    assert alone == second


def test_a_graph_that_gives_too_few_of_them_is_said_to(
    publish_scorer: Callable[..., Artifact],
) -> None:
    model = LoadedModel.load(publish_scorer(first=2), SessionPlan(threads=1, allow_cuda=False))
    with pytest.raises(EngineError, match=r"float32\[1, 2\], not float32\[1, 3\]"):
        model.run(model.input.rows(["one"], True).rows)
