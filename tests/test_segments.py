"""Segments, words and tokens: TypeScript finds what Python finds. Needs `make web`."""

import asyncio
from pathlib import Path

import pytest

from export.golden_texts import golden_texts
from registry import Artifact, FileStore, NotFoundError
from registry.normal_forms import identity
from registry.segments import count_words, segments
from registry.store import DEFAULT_ROOT
from runtime_server.engine import Scores
from runtime_server.explained import Explained
from runtime_server.graph_session import SessionPlan
from runtime_server.local_engine import LocalEngine
from runtime_server.placement import MemoryBudget
from runtime_server.token_input import TokenInput
from tests.runtimes import parity_script
from tests.texts import natural_texts, random_texts

# Windows of several texts share padded batches.
TOLERANCE = 1e-4


@pytest.fixture
def perplexity_small() -> Artifact:
    try:
        return FileStore(DEFAULT_ROOT).resolve("perplexity-small")
    except NotFoundError:
        pytest.skip("perplexity-small is not built: make export")


def in_python(text: str) -> dict[str, object]:
    places = [[segment.start, segment.end] for segment in segments(text)]
    return {"segments": places, "words": count_words(text)}


@pytest.mark.parametrize("kind", ["natural", "random", "joined"])
def test_python_and_typescript_cut_texts_alike(root: Path, kind: str) -> None:
    texts = {
        "natural": natural_texts(),
        "random": random_texts(2_000),
        # Random pieces alone are too short to be cut.
        "joined": [". ".join(random_texts(2_000)[at : at + 20]) for at in range(0, 2_000, 20)],
    }[kind]
    found = parity_script(root, "segments", [], texts)
    assert found == [in_python(text) for text in texts]
    assert any(len(one["segments"]) > 2 for one in found) or kind == "random"


def test_tokens_are_where_the_tokenizer_says(perplexity_small: Artifact) -> None:
    reader = TokenInput.load(perplexity_small).tokenizers[0]
    for text in (*golden_texts(), *random_texts(500)):
        form = identity(text)
        encoding = reader.tokenizer.encode(form, add_special_tokens=False)
        # Offsets are code points, and a token of a part of a character has the whole one's.
        places = tuple(end - 1 for _, end in encoding.offsets)
        # SmolLM2 has no token for some bytes, and loses them.
        lost = reader.tokenizer.decode(encoding.ids, skip_special_tokens=False) != form
        assert reader.places(text, encoding.ids) == (None if lost else places)


def test_python_and_typescript_find_tokens_of_golden_texts_equally_probable(
    root: Path, perplexity_small: Artifact
) -> None:
    chosen = [text for text in golden_texts() if 1 < len(segments(text)) < 10]
    asked = Explained.of(chosen)

    async def _scores() -> Scores:
        engine = LocalEngine(SessionPlan(2, allow_cuda=False), MemoryBudget(None, None))
        try:
            return await engine.predict(perplexity_small, asked.all_texts, token_level=True)
        finally:
            await engine.close()

    ours = [parts or () for *_, parts in asked.sorted(asyncio.run(_scores()).items)]
    arguments = ["--runtime", "onnxruntime-node", "--artifact", str(perplexity_small.folder)]
    _, *found = parity_script(
        root, "run", arguments, ({"text": t, "explain": True} for t in chosen)
    )
    assert sum(map(len, ours)) > len(chosen) > 1
    for answer, parts in zip(found, ours, strict=True):
        for theirs, part in zip(answer["metadata"]["segments"], parts, strict=True):
            assert part.mean_log_probability is not None
            assert theirs == pytest.approx(part.model_dump(), abs=TOLERANCE)
