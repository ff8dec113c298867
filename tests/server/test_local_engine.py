import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from registry import Artifact, norm1
from runtime_server.cpu_quota import usable_cores
from runtime_server.engine import Scores
from runtime_server.errors import EngineError
from runtime_server.graph_session import GraphSession, SessionPlan
from runtime_server.loaded_model import LoadedModel
from runtime_server.local_engine import LocalEngine
from runtime_server.placement import MemoryBudget

PLAN = SessionPlan(threads=1, allow_cuda=False)
NO_LIMIT = MemoryBudget(cpu_bytes=None, gpu_bytes=None)


def alone(session: GraphSession, text: str) -> float:
    (probability,) = session.run({"text": np.array([text], dtype=np.object_)})
    return probability


def run(artifact: Artifact, *requests: tuple[str, ...]) -> list[Scores]:
    async def _run() -> list[Scores]:
        engine = LocalEngine(PLAN, NO_LIMIT)
        try:
            return await asyncio.gather(*(engine.predict(artifact, texts) for texts in requests))
        finally:
            await engine.close()

    return asyncio.run(_run())


def test_requests_at_the_same_time_share_one_load(artifact: Artifact) -> None:
    loads: list[Artifact] = []

    def load(wanted: Artifact, plan: SessionPlan) -> LoadedModel:
        loads.append(wanted)
        return LoadedModel.load(wanted, plan)

    async def _run() -> list[Scores]:
        engine = LocalEngine(PLAN, NO_LIMIT, load)
        requests = (("a",), ("a", "b"), ("c",))
        scores = await asyncio.gather(*(engine.predict(artifact, texts) for texts in requests))
        scores.append(await engine.predict(artifact, ("d",)))
        await engine.close()
        return scores

    scores = asyncio.run(_run())
    assert scores[0].items[0] == scores[1].items[0]
    assert len(loads) == 1


def test_a_request_that_goes_away_does_not_cancel_the_load_of_the_others(
    artifact: Artifact,
) -> None:
    async def _run() -> Scores:
        engine = LocalEngine(PLAN, NO_LIMIT)
        first = asyncio.create_task(engine.predict(artifact, ("a",)))
        second = asyncio.create_task(engine.predict(artifact, ("b",)))
        await asyncio.sleep(0)
        first.cancel()
        scores = await second
        await engine.close()
        return scores

    assert len(asyncio.run(_run()).items) == 1


def test_many_texts_come_back_in_their_order(artifact: Artifact) -> None:
    session = GraphSession.load(artifact, PLAN)
    texts = tuple("y" * (31 * i % 53) + str(i) for i in range(70))
    (scores,) = run(artifact, texts)
    assert [s.probability for s in scores.items] == [alone(session, norm1(t)) for t in texts]


def test_a_missing_file_is_a_reason(artifact: Artifact) -> None:
    artifact.path("model.onnx").unlink()
    with pytest.raises(EngineError) as caught:
        GraphSession.load(artifact, PLAN)
    assert caught.value.reason == "artifact_missing"


@pytest.mark.parametrize(
    ("files", "most"),
    [
        ({"cpu.max": "100000 100000"}, 1),
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu.max": "max 100000"}, 10_000),
        ({"cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "100000"}, 1),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 10_000),
        ({"cpu.max": "max 100000", "a/cpu.max": "100000 100000"}, 1),
        ({"a/b/cpu.max": "max 100000", "a/cpu.max": "100000 100000"}, 1),
        ({"cpu.max": "nonsense"}, 10_000),
        ({}, 10_000),
    ],
    ids=str,
)
def test_cores_are_limited_by_the_quota(tmp_path: Path, files: dict[str, str], most: int) -> None:
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(content)
    membership = tmp_path / "membership"
    membership.write_text("1:cpu:/x\n0::/a/b\n")
    assert 1 <= usable_cores(tmp_path, membership) <= most


def test_an_identity_normalizer_leaves_the_text_alone(
    publish: Callable[..., Artifact], graph: bytes
) -> None:
    (upper,) = run(publish(graph, normalizer="identity"), ("A",))
    session = GraphSession.load(publish(graph, version="2.0.0"), PLAN)
    assert upper.items[0].probability == alone(session, "A") != alone(session, "a")
