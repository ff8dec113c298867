"""How long one text takes, measured in a process of its own and kept beside the artifacts."""

import multiprocessing
import os
import time
from bisect import bisect_left
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from pydantic import Field, ValidationError

from export.jobs.machine import this_machine
from registry import Artifact, Manifest
from registry.manifest import Frozen, Sha256

if TYPE_CHECKING:
    from export.inference import TextPreparation

FOLDER = ".latency"
TOKENS = (128, 256, 512)
WORDS_PER_TOKEN = 0.75
REPEATS = 9
WARM_UP = 2


class Latency(Frozen):
    """Median milliseconds of onnxruntime on the CPU for one text of so many tokens.

    A text longer than the model is as many windows in one batch. Tokenising is not counted, but
    for text-in graphs, which do it themselves; their texts have 3 words for 4 tokens.
    """

    digest: Sha256
    milliseconds: Mapping[int, float] = Field(min_length=1)
    repeats: int = Field(gt=0)
    runtime: str
    machine: str
    load: float = Field(ge=0)

    @property
    def conditions(self) -> str:
        """How it was measured, and beside how many other running processes."""
        measured = f"{self.repeats} runs of {self.runtime} on {self.machine}"
        return f"{measured} (load {self.load:.0f})"


def read_latency(root: Path, manifest: Manifest) -> Latency | None:
    """What was measured of this artifact; None where nothing was."""
    try:
        latency = Latency.model_validate_json(_path(root, manifest).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    return latency if latency.digest == manifest.digest else None


def measure_latency(root: Path, artifact: Artifact) -> Latency:
    """Measure now, keep it, and give it. Raises VerificationError where the graph does not load."""
    # A fresh process: nothing else has warmed its caches or holds its cores.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as executor:
        latency = executor.submit(_measured, artifact).result()
    path = _path(root, artifact.manifest)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(latency.model_dump_json(indent=2) + "\n", "utf-8")
    return latency


def _measured(artifact: Artifact) -> Latency:
    from export.drift_texts import drift_texts
    from export.inference import TextPreparation
    from export.passes.verify import GraphRun
    from export.provenance import onnxruntime_version

    preparation = TextPreparation.of_artifact(artifact)
    run = GraphRun(artifact.path(artifact.manifest.model.path))
    words = " ".join(drift_texts(count=4, words=(300, 350))).split()

    load = os.getloadavg()[0]

    def milliseconds(tokens: int) -> float:
        text = preparation.prepare(_of_tokens(preparation, words, tokens))
        timings = []
        for _ in range(WARM_UP + REPEATS):
            began = time.perf_counter()
            preparation.probabilities(run, [text])
            timings.append(time.perf_counter() - began)
        return round(1000 * median(timings[WARM_UP:]), 2)

    return Latency(
        digest=artifact.manifest.digest,
        milliseconds={tokens: milliseconds(tokens) for tokens in TOKENS},
        repeats=REPEATS,
        runtime=f"onnxruntime {onnxruntime_version()}",
        machine=this_machine(),
        load=round(load, 1),
    )


def _of_tokens(preparation: "TextPreparation", words: list[str], tokens: int) -> str:
    if preparation.spec.kind == "text":
        return " ".join(words[: int(tokens * WORDS_PER_TOKEN)])

    def counted(n: int) -> int:
        return len(preparation.prepare(" ".join(words[:n])).ids or ())

    return " ".join(words[: bisect_left(range(len(words)), tokens, key=counted)])


def _path(root: Path, manifest: Manifest) -> Path:
    return root / FOLDER / manifest.model_id / f"{manifest.version}.json"
