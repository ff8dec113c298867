"""A graph whose members read different tokens of the same text, served by the local engine."""

import asyncio
from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from registry import Artifact
from registry.manifest import Companion, InputSpec, SpecialTokens, Window
from runtime_server.engine import Score
from runtime_server.graph_session import SessionPlan
from runtime_server.local_engine import LocalEngine
from runtime_server.placement import MemoryBudget

LETTERS = {letter: number for number, letter in enumerate("?abcdefgh<>", start=0)}
SPEC = InputSpec(
    kind="tokens",
    normalizer="norm-1",
    max_tokens=6,
    window=Window(tokens=4, stride=4, pooling="mean_probability"),
    special_tokens=SpecialTokens(prefix=(9,), suffix=(10,), pad=0),
    companions=(
        Companion(
            name="pairs",
            tokenizer="pairs.tokenizer.json",
            normalizer="identity",
            max_tokens=4,
            special_tokens=SpecialTokens(prefix=(9,), suffix=(), pad=0),
        ),
    ),
)


def tokenizer_json(pattern: str, vocabulary: dict[str, int]) -> bytes:
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="?"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(pattern), "isolated")
    return tokenizer.to_str().encode()


def sums_of_ids() -> onnx.ModelProto:
    """A thousandth of the sum of the unmasked ids, and a hundredth of the companion's sum."""
    names = ("input_ids", "attention_mask", "pairs_input_ids", "pairs_attention_mask")
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["N", f"T{place // 2}"])
        for place, name in enumerate(names)
    ]
    constants = [
        helper.make_tensor("axis", TensorProto.INT64, [1], [1]),
        helper.make_tensor("thousand", TensorProto.FLOAT, [], [1000]),
        helper.make_tensor("hundred", TensorProto.FLOAT, [], [100]),
    ]
    nodes = []
    for prefix, divisor in (("", "thousand"), ("pairs_", "hundred")):
        ids, mask = f"{prefix}input_ids", f"{prefix}attention_mask"
        nodes += [
            helper.make_node("Mul", [ids, mask], [f"{prefix}kept"]),
            helper.make_node("ReduceSum", [f"{prefix}kept", "axis"], [f"{prefix}sum"], keepdims=0),
            helper.make_node("Cast", [f"{prefix}sum"], [f"{prefix}wide"], to=TensorProto.FLOAT),
            helper.make_node("Div", [f"{prefix}wide", divisor], [f"{prefix}share"]),
        ]
    nodes.append(helper.make_node("Add", ["share", "pairs_share"], ["probability"]))
    output = helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["N"])
    graph = helper.make_graph(nodes, "sums", inputs, [output], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


@pytest.fixture
def artifact(publish: Callable[..., Artifact]) -> Artifact:
    others = {
        "tokenizer.json": tokenizer_json(".", LETTERS),
        "pairs.tokenizer.json": tokenizer_json("..", {"?": 0, "ab": 1, "AB": 2, "cd": 3}),
    }
    return publish(sums_of_ids().SerializeToString(), input_spec=SPEC, others=others)


def scores(artifact: Artifact, *texts: str) -> tuple[Score, ...]:
    async def _scores() -> tuple[Score, ...]:
        plan = SessionPlan(threads=1, allow_cuda=False)
        engine = LocalEngine(plan, MemoryBudget(cpu_bytes=None, gpu_bytes=None))
        try:
            return (await engine.predict(artifact, texts)).items
        finally:
            await engine.close()

    return asyncio.run(_scores())


def test_each_tokenizer_reads_the_text_in_its_own_normal_form(artifact: Artifact) -> None:
    lower, upper = scores(artifact, "ab", "AB")
    # a + b + frame = 1 + 2 + 19; the pair and its frame are 1 + 9, or 2 + 9 where case is kept.
    assert lower.probability == pytest.approx(0.022 + 0.10)
    assert upper.probability == pytest.approx(0.022 + 0.11)
    assert (lower.tokens, lower.windows, lower.truncated) == (2, 1, False)


def test_windows_of_a_long_text_have_their_share_of_both(artifact: Artifact) -> None:
    (score,) = scores(artifact, "ababcdcd")
    first, last = (1 + 2 + 1 + 2 + 19) / 1000 + 0.11, (3 + 4 + 3 + 4 + 19) / 1000 + 0.15
    assert score.probability == pytest.approx(np.mean([first, last]))
    assert (score.windows, score.truncated) == (2, False)


def test_what_a_companion_loses_is_said(artifact: Artifact) -> None:
    # Trailing white space is no part of norm-1's form: one window of two tokens, and six pairs.
    (score,) = scores(artifact, "ab" + " " * 10)
    assert score.probability == pytest.approx(0.022 + 0.10)
    assert (score.windows, score.truncated) == (1, True)
