"""The answers of the modal backend are those of the local one."""

import asyncio
import math
from collections.abc import Sequence

import numpy as np
import pytest

from registry import Artifact
from runtime_server.engine import Engine, Scores
from runtime_server.local_engine import LocalEngine
from runtime_server.metrics import Metrics
from runtime_server.modal_credentials import ModalCredentials
from runtime_server.modal_engine import ModalEngine
from runtime_server.result_cache import cache_key
from runtime_server.settings import Settings
from tests.modal_backend.conftest import built, golden, run_modal
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


@pytest.mark.parametrize("model", ["lexical-tiny", "minilm-small", "perplexity-small"])
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
