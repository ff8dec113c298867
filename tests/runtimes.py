"""One artifact in several runtimes: the probabilities of texts, and how each of them was read."""

import hashlib
import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx
import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from export.inference import PreparedText, TextPreparation
from registry import Artifact


@dataclass(frozen=True)
class Reading:
    """A text's tokens (null where the graph reads text), its windows, and whether any were lost."""

    tokens: int | None
    windows: int
    truncated: bool

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> Self:
        return cls(metadata["tokens"], metadata["windows"], metadata["truncated"])

    @classmethod
    def of_prepared(cls, text: PreparedText) -> Self:
        if text.ids is None:
            return cls(None, windows=1, truncated=False)
        truncated = any(window.cut for window in text.windows)
        return cls(len(text.ids), len(text.windows), truncated)


@dataclass(frozen=True)
class Answers:
    """Probabilities of all texts, how they were read if known, and the sha256 of the graph."""

    runtime: str
    model_sha256: str
    probabilities: npt.NDArray[np.float64]
    readings: tuple[Reading, ...] | None = None


def answers_of(runtime: str, sha256: str, results: Iterable[Mapping[str, Any]]) -> Answers:
    """From results that say `probability` and `metadata`, as every backend's do."""
    results = tuple(results)
    probabilities = np.array([result["probability"] for result in results])
    readings = tuple(Reading.of(result["metadata"]) for result in results)
    return Answers(runtime, sha256, probabilities, readings)


def onnxruntime_python(artifact: Artifact, texts: Sequence[str]) -> Answers:
    """Window by window, so that no batch-mate can show."""
    content = artifact.path("model.onnx").read_bytes()
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    preparation = TextPreparation.of_artifact(artifact)
    prepared = [preparation.prepare(text) for text in texts]
    probabilities = preparation.probabilities(
        lambda feeds: session.run(["probability"], dict(feeds))[0], prepared, batch=1
    )
    readings = tuple(map(Reading.of_prepared, prepared))
    sha256 = hashlib.sha256(content).hexdigest()
    return Answers("onnxruntime", sha256, probabilities, readings)


def in_node(artifact: Artifact, texts: Sequence[str], runtime: str, root: Path) -> Answers:
    """The npm package as it is built, with `runtime` under it."""
    lines = parity_script(
        root,
        "run",
        ["--runtime", runtime, "--artifact", str(artifact.folder)],
        ({"text": text} for text in texts),
    )
    header, *answers = lines
    assert header["runtime"] == runtime
    return answers_of(f"{runtime} in Node.js", header["model_sha256"], answers)


def parity_script(
    root: Path, name: str, arguments: Sequence[str], lines: Iterable[object]
) -> list[Any]:
    """What a script of web_bundle/parity answers, line by line."""
    completed = subprocess.run(
        ["node", f"parity/{name}.mjs", *arguments],
        cwd=root / "web_bundle",
        input="".join(f"{json.dumps(line)}\n" for line in lines),
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr
    return [json.loads(line) for line in completed.stdout.splitlines()]


def over_http(artifact: Artifact, texts: Sequence[str], url: str) -> Answers:
    """The server's local backend, one request per text."""
    reference = artifact.manifest.reference
    results = []
    with httpx.Client(base_url=url, timeout=30) as client:
        for text in texts:
            # json= would write UTF-8, which has no lone surrogates; JSON's escapes do.
            body = json.dumps({"text": text, "model_id": reference, "prefer_backend": "local"})
            headers = {"content-type": "application/json"}
            response = client.post("/predict", content=body, headers=headers)
            assert response.status_code == 200, response.text
            results.append(response.json())
    assert {result["backend"] for result in results} == {"local"}
    assert {r["metadata"]["artifact_digest"] for r in results} == {artifact.manifest.digest}
    (sha256,) = {result["metadata"]["model_sha256"] for result in results}
    return answers_of("HTTP", sha256, results)
