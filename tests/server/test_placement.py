"""GPU or CPU: where a model fits, and what happens where CUDA does not run it."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

import onnxruntime as ort
import pytest

from registry import Artifact, Manifest
from registry.manifest import InputSpec, SpecialTokens, Window
from runtime_server.engine import Scores
from runtime_server.errors import CudaError, EngineError
from runtime_server.graph_session import CUDA, GraphSession, SessionPlan
from runtime_server.loaded_model import LoadedModel
from runtime_server.local_engine import LocalEngine
from runtime_server.placement import MemoryBudget, Place, availability, places
from runtime_server.settings import Settings
from runtime_server.text_input import TextInput

GPU, CPU = Place.GPU, Place.CPU
TOKENS = InputSpec(
    kind="tokens",
    normalizer="norm-1",
    max_tokens=10,
    window=Window(tokens=8, stride=8, pooling="mean_logit"),
    special_tokens=SpecialTokens(prefix=(1,), suffix=(2,), pad=0),
)
PLAN = SessionPlan(threads=1, allow_cuda=False)
NO_LIMIT = MemoryBudget(None, None)


def tokens_in(manifest_of: Callable[..., Manifest], memory_bytes: int) -> Manifest:
    others = {"tokenizer.json": b"{}"}
    return manifest_of(input_spec=TOKENS, others=others, memory_bytes=memory_bytes)


@pytest.mark.parametrize(
    ("budget", "gpu", "expected"),
    [
        (NO_LIMIT, True, (GPU, CPU)),
        (NO_LIMIT, False, (CPU,)),
        (MemoryBudget(10, 10), True, (GPU, CPU)),
        (MemoryBudget(10, 5), True, (CPU,)),
        (MemoryBudget(5, 10), True, (GPU,)),
        (MemoryBudget(5, 5), True, ()),
        (MemoryBudget(5, 10), False, ()),
    ],
    ids=str,
)
def test_a_model_of_seven_bytes_runs_where_it_fits_on_the_gpu_first(
    manifest_of: Callable[..., Manifest],
    budget: MemoryBudget,
    gpu: bool,
    expected: tuple[Place, ...],
) -> None:
    manifest = tokens_in(manifest_of, memory_bytes=7)
    assert places(manifest, budget, gpu=gpu) == expected
    state = availability(manifest, budget, gpu=gpu)
    assert state.reason == (None if expected else "exceeds_memory_budget")


def test_a_graph_that_reads_text_stays_on_the_cpu(manifest_of: Callable[..., Manifest]) -> None:
    assert places(manifest_of(memory_bytes=7), NO_LIMIT, gpu=True) == (CPU,)
    assert places(manifest_of(memory_bytes=7), MemoryBudget(5, 10), gpu=True) == ()


def test_workers_share_the_budget_as_each_loads_its_own_models() -> None:
    settings = Settings(_env_file=None, vps_cpu_memory_gb=2, vps_gpu_memory_gb=4, workers=4)
    assert MemoryBudget.of(settings) == MemoryBudget(cpu_bytes=5e8, gpu_bytes=1e9)
    without = Settings(_env_file=None, workers=4)
    assert MemoryBudget.of(without) == NO_LIMIT


def test_the_budget_is_the_limit_of_what_cuda_may_take() -> None:
    limited = SessionPlan(1, allow_cuda=True, gpu_bytes=5_000_000_000)
    if CUDA in ort.get_available_providers():
        assert dict(limited.with_options)[CUDA]["gpu_mem_limit"] == "5000000000"
    else:
        assert limited.providers == ("CPUExecutionProvider",)


@dataclass(frozen=True)
class WithGpu(SessionPlan):
    """As on a machine whose onnxruntime lists CUDA."""

    @property
    def providers(self) -> tuple[str, ...]:
        return (CUDA, *super().providers) if self.allow_cuda else super().providers


def test_a_session_that_silently_runs_on_the_cpu_is_refused(artifact: Artifact) -> None:
    if CUDA in ort.get_available_providers():
        pytest.skip("CUDA is there: nothing falls back")
    with pytest.raises(CudaError):
        GraphSession.load(artifact, WithGpu(1, allow_cuda=True))
    assert GraphSession.load(artifact, PLAN).provider == "CPUExecutionProvider"


def test_a_model_that_cuda_does_not_run_runs_on_the_cpu_and_the_log_says_so(
    publish: Callable[..., Artifact], graph: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    artifact = publish(graph, input_spec=TOKENS, others={"tokenizer.json": b"{}"})
    plans: list[SessionPlan] = []

    def load(artifact: Artifact, plan: SessionPlan) -> LoadedModel:
        plans.append(plan)
        if plan.allow_cuda:
            raise CudaError("CUDA is installed but does not run it")
        text = InputSpec(kind="text", normalizer="norm-1")
        return LoadedModel(TextInput.of(text), GraphSession(graph, plan))

    async def _run() -> list[Scores]:
        engine = LocalEngine(WithGpu(1, allow_cuda=True), NO_LIMIT, load=load)
        found = [await engine.predict(artifact, ("a text",)) for _ in range(3)]
        await engine.close()
        return found

    with caplog.at_level(logging.ERROR):
        found = asyncio.run(_run())
    assert [plan.allow_cuda for plan in plans] == [True, False]
    assert len({scores.items for scores in found}) == 1
    assert caplog.text.count("runs on the CPU instead") == 1


def test_where_the_cpu_has_no_room_for_it_the_caller_hears_so(
    publish: Callable[..., Artifact], graph: bytes
) -> None:
    artifact = publish(graph, input_spec=TOKENS, others={"tokenizer.json": b"{}"}, memory_bytes=7)

    def load(artifact: Artifact, plan: SessionPlan) -> LoadedModel:
        raise CudaError("CUDA is installed but does not run it")

    async def _run() -> None:
        engine = LocalEngine(WithGpu(1, allow_cuda=True), MemoryBudget(5, 10), load=load)
        try:
            assert engine.available(artifact).ok
            await engine.predict(artifact, ("a text",))
        finally:
            assert engine.available(artifact).reason == "exceeds_memory_budget"
            await engine.close()

    with pytest.raises(EngineError) as caught:
        asyncio.run(_run())
    assert caught.value.reason == "exceeds_memory_budget"
