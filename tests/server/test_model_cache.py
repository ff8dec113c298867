"""Which models stay in memory, and that memory comes back."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from registry import Artifact
from runtime_server.errors import EngineError
from runtime_server.model_cache import ModelCache

Publish = Callable[..., Artifact]


@dataclass
class Model:
    """Remembers whether it was given up."""

    reference: str
    closed: bool = False

    async def close(self) -> None:
        self.closed = True


@dataclass
class Loads:
    """Loads models, and remembers them in order."""

    models: list[Model] = field(default_factory=list)

    async def __call__(self, artifact: Artifact) -> Model:
        await asyncio.sleep(0)
        self.models.append(Model(artifact.manifest.reference))
        return self.models[-1]

    @property
    def references(self) -> list[str]:
        return [model.reference for model in self.models]


@pytest.fixture
def three(publish: Publish, graph: bytes) -> tuple[Artifact, ...]:
    """Of 40 bytes each."""
    return tuple(
        publish(graph, model_id=name, memory_bytes=40, normalizer=normal, others=others)
        for name, normal, others in (
            ("a", "norm-1", None),
            ("b", "identity", None),
            ("c", "identity", {"notes.txt": b"c"}),
        )
    )


async def use(cache: ModelCache[Model], *artifacts: Artifact) -> None:
    for artifact in artifacts:
        async with cache.using(artifact):
            pass


def test_the_least_recently_used_is_given_up(three: tuple[Artifact, ...]) -> None:
    a, b, c = three

    async def _run() -> tuple[Loads, int]:
        loads = Loads()
        cache = ModelCache(loads, limit_bytes=100)
        await use(cache, a, b, a, c, a, b)
        return loads, cache.memory_bytes

    loads, memory = asyncio.run(_run())
    assert loads.references == ["a@1.0.0", "b@1.0.0", "c@1.0.0", "b@1.0.0"]
    assert [model.closed for model in loads.models] == [False, True, True, False]
    assert memory == 80


def test_a_model_in_use_is_never_given_up(three: tuple[Artifact, ...]) -> None:
    a, b, c = three

    async def _run() -> Loads:
        loads = Loads()
        cache = ModelCache(loads, limit_bytes=100)
        async with cache.using(a) as first:
            await use(cache, b, c)
            assert not first.closed
            async with cache.using(c):
                with pytest.raises(EngineError) as caught:
                    await use(cache, b)
        assert caught.value.reason == "memory_in_use"
        assert "a@1.0.0" in caught.value.detail
        await use(cache, b)
        return loads

    assert asyncio.run(_run()).references == ["a@1.0.0", "b@1.0.0", "c@1.0.0", "b@1.0.0"]


def test_many_who_ask_at_once_wait_for_one_load(three: tuple[Artifact, ...]) -> None:
    async def _run() -> Loads:
        loads = Loads()
        cache = ModelCache(loads, limit_bytes=100)
        await asyncio.gather(*(use(cache, three[0]) for _ in range(20)))
        return loads

    assert asyncio.run(_run()).references == ["a@1.0.0"]


def test_a_load_that_failed_is_tried_again(three: tuple[Artifact, ...]) -> None:
    async def _run() -> list[str]:
        tries: list[str] = []

        async def load(artifact: Artifact) -> Model:
            tries.append(artifact.manifest.reference)
            if len(tries) == 1:
                raise EngineError("load_failed", "a damaged file")
            return Model("a")

        cache = ModelCache(load)
        with pytest.raises(EngineError):
            await use(cache, three[0])
        await use(cache, three[0], three[0])
        return tries

    assert len(asyncio.run(_run())) == 2


def test_memory_returns_however_often_models_take_turns(
    publish: Publish, graph: bytes, tmp_path: Path
) -> None:
    """Two models of 60 MB, of which one fits: resident memory stays where it was."""
    program = """
import asyncio, sys
from pathlib import Path
import numpy as np, onnx
from onnx import TensorProto, helper, numpy_helper
from registry import FileStore
from runtime_server.engine import Scores
from runtime_server.graph_session import GraphSession, SessionPlan
from runtime_server.loaded_model import LoadedModel
from runtime_server.local_engine import LocalEngine
from runtime_server.placement import MemoryBudget
from runtime_server.text_input import TextInput

big = np.random.default_rng(0).normal(size=(3_000_000, 5)).astype(np.float32)

def graph():
    nodes = [
        helper.make_node("MurmurHash3", ["text"], ["hash"], domain="com.microsoft", positive=1),
        helper.make_node("Cast", ["hash"], ["wide"], to=TensorProto.INT64),
        helper.make_node("Mod", ["wide", "rows"], ["row"], fmod=0),
        helper.make_node("Gather", ["big", "row"], ["found"]),
        helper.make_node("ReduceMean", ["found", "axis"], ["mean"], keepdims=0),
        helper.make_node("Sigmoid", ["mean"], ["probability"]),
    ]
    body = helper.make_graph(
        nodes, "big",
        [helper.make_tensor_value_info("text", TensorProto.STRING, ["N"])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["N"])],
        [numpy_helper.from_array(big, "big"),
         numpy_helper.from_array(np.array(3_000_000), "rows"),
         numpy_helper.from_array(np.array([1]), "axis")],
    )
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(body, opset_imports=opsets, ir_version=9).SerializeToString()

content = graph()

def load(artifact, plan):
    return LoadedModel(TextInput.of(artifact.manifest.input), GraphSession(content, plan))

def resident():
    line = next(l for l in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in l)
    return int(line.split()[1]) / 1000

async def main():
    engine = LocalEngine(
        SessionPlan(1, allow_cuda=False), MemoryBudget(100_000_000, None), load=load
    )
    artifacts = FileStore(Path(sys.argv[1])).artifacts()
    sizes = []
    for turn in range(50):
        for artifact in artifacts:
            scores = await engine.predict(artifact, ("a text",))
            assert isinstance(scores, Scores)
        sizes.append(resident())
    await engine.close()
    print(sizes[4], sizes[-1])

asyncio.run(main())
"""
    for name, normal in (("a", "norm-1"), ("b", "identity")):
        publish(graph, model_id=name, memory_bytes=60_000_000, normalizer=normal)
    completed = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "registry")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr
    early, late = map(float, completed.stdout.split())
    assert late < 1.1 * early, (early, late)
