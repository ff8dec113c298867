"""The answers of the modal backend are those of the local one."""

import asyncio
import math
from collections.abc import Iterator, Sequence

import modal as modal_package
import numpy as np
import pytest

from registry import Artifact
from runtime_server.engine import Engine, Scores
from runtime_server.local_engine import LocalEngine
from runtime_server.metrics import Metrics
from runtime_server.modal_answer import ModalAnswer
from runtime_server.modal_credentials import ModalCredentials
from runtime_server.modal_engine import ModalEngine
from runtime_server.result_cache import cache_key
from runtime_server.settings import Settings
from tests.modal_backend.asking import TEXT, ask, serving
from tests.modal_backend.conftest import built, deployed, golden, run_modal
from tests.modal_loopback import LoopbackModal

TOLERANCE = 1e-5


def modal_engine(**changes: object) -> ModalEngine:
    settings = Settings(_env_file=None, **changes)
    credentials = ModalCredentials.find(settings)
    assert credentials is not None
    return ModalEngine.of(settings, credentials, Metrics())


async def scores(engine: Engine, artifact: Artifact, texts: Sequence[str]) -> Scores:
    try:
        return await engine.predict(artifact, texts)
    finally:
        await engine.close()


@pytest.fixture(scope="module")
def input_plane() -> Iterator[LoopbackModal]:
    """A Modal that has regional servers for inputs."""
    with deployed("lexical-tiny", input_plane=True) as server:
        yield server


@pytest.mark.parametrize(
    "model",
    ["lexical-tiny", "minilm-small", pytest.param("perplexity-small", marks=pytest.mark.slow)],
)
def test_golden_vectors_get_the_local_answer(modal: LoopbackModal, model: str) -> None:
    artifact = built(model)
    done = run_modal(modal.environment, "publish", model)
    assert done.returncode == 0, done.stderr
    texts = [str(line["text"]) for line in golden(artifact)]
    here = asyncio.run(scores(LocalEngine.of(Settings(_env_file=None)), artifact, texts))
    there = asyncio.run(scores(modal_engine(modal_batch_texts=16), artifact, texts))
    difference = np.abs(
        [a.probability - b.probability for a, b in zip(here.items, there.items, strict=True)]
    )
    assert difference.max() <= TOLERANCE
    read = [[(s.tokens, s.windows, s.truncated) for s in side.items] for side in (here, there)]
    assert read[0] == read[1]
    assert there.provider == "CPUExecutionProvider"
    # One call wakes a container; what reads the same is asked for once.
    n_forms = len({cache_key(artifact.manifest, text) for text in texts})
    assert modal.count("FunctionMap") == 1 + math.ceil(n_forms / 16)


def test_a_batch_that_is_large_goes_through_the_store_and_comes_back(
    modal: LoopbackModal, lexical_tiny: Artifact
) -> None:
    texts = [f"{n} {line['text']}" for line in golden(lexical_tiny) for n in range(3)]
    here = asyncio.run(scores(LocalEngine.of(Settings(_env_file=None)), lexical_tiny, texts))
    there = asyncio.run(scores(modal_engine(modal_batch_texts=1024), lexical_tiny, texts))
    both = zip(here.items, there.items, strict=True)
    assert all(a.probability == pytest.approx(b.probability, abs=TOLERANCE) for a, b in both)
    # The container's answer, too, is larger than a message may be.
    assert (modal.count("BlobCreate"), modal.count("BlobGet")) == (2, 2)


def test_a_modal_with_an_input_plane_is_asked_in_the_way_that_can_be_taken_back(
    input_plane: LoopbackModal,
) -> None:
    with serving() as client:
        answer = ask(client).json()
        here = client.post("/predict", json={"text": TEXT}).json()
    assert (answer["backend"], here["backend"]) == ("modal", "local")
    assert answer["probability"] == pytest.approx(here["probability"], abs=TOLERANCE)
    # The client calls by the control plane whatever it has spawned; attempts cannot be cancelled.
    assert (input_plane.count("FunctionMap"), input_plane.count("AttemptStart")) == (2, 0)


@pytest.mark.parametrize("plane", ["modal", "input_plane"])
def test_another_program_may_call_the_deployed_class(
    request: pytest.FixtureRequest, plane: str, lexical_tiny: Artifact
) -> None:
    server: LoopbackModal = request.getfixturevalue(plane)
    server.forget()
    texts = [str(line["text"]) for line in golden(lexical_tiny)]
    manifest = lexical_tiny.manifest

    async def called() -> object:
        client = await modal_package.Client.from_credentials.aio("ak-loopback", "as-loopback")
        try:
            found = modal_package.Cls.from_name("samegraph", "Detector", client=client)
            detector = found(model_id=manifest.model_id, digest=manifest.digest)
            return await detector.predict.remote.aio(texts)
        finally:
            await client.close.aio()

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODAL_SERVER_URL", server.url)
        there = ModalAnswer.read(asyncio.run(called()), len(texts))
    here = asyncio.run(scores(LocalEngine.of(Settings(_env_file=None)), lexical_tiny, texts))
    both = zip(here.items, there.items, strict=True)
    assert all(a.probability == pytest.approx(b.probability, abs=TOLERANCE) for a, b in both)
    by_input_plane = plane == "input_plane"
    assert server.count("AttemptStart") == by_input_plane
    assert server.count("FunctionMap") == (not by_input_plane)
