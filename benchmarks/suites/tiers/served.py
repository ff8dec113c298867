"""Places behind a server: this machine's processor, its GPU, Modal on loopback."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from time import perf_counter, sleep
from typing import Final

import httpx
import psutil

from benchmarks.cuda import CUDA, has_gpu
from benchmarks.live_server import Program, free_port, program
from benchmarks.modal_latency import loopback_modal
from benchmarks.serving.bench import UnexpectedAnswerError, require_all_good
from benchmarks.serving.traffic import Answers, Stream, send
from benchmarks.suites.tiers.allowance import parts_of
from benchmarks.suites.tiers.memory import below, end, memory_mb, tree_mb
from benchmarks.suites.tiers.place import PlaceError
from registry import Artifact, Backend

# Nothing ends before the answer is there; how long it may take is the suite's to say.
PATIENT: Final = {"REQUEST_TIMEOUT_MS": "900000", "ATTEMPT_TIMEOUT_MS": "900000"}
QUIET: Final = {"LOG_LEVEL": "error"}
# So that no answer is this server's own, whatever Modal does.
NO_ROOM_HERE: Final = {"VPS_CPU_MEMORY_GB": "0.0001", "VPS_GPU_MEMORY_GB": "0"}
LOOK_EVERY_S: Final = 0.02
ENTRY_POINT: Final = "modal._container_entrypoint"


@dataclass(frozen=True)
class Served:
    """A Running that is asked over HTTP; `memory` is of what computes, in 10^6 bytes."""

    client: httpx.Client
    model: str
    backend: Backend
    first_ms: float
    memory: Callable[[], float]

    def ask(self, text: str, times: int) -> list[float]:
        """One kept-alive connection. Raises UnexpectedAnswerError."""
        return [self._milliseconds(text) for _ in range(times)]

    def crowd(self, text: str, callers: int, texts: int) -> list[float]:
        """By callers in a process of their own. Raises UnexpectedAnswerError."""
        stream = Stream(
            name="crowd",
            url=str(self.client.base_url.join("predict")),
            bodies=(json_body(text, self.model, self.backend),),
            callers=callers,
            requests=texts,
        )
        answers = send(stream)["crowd"]
        require_all_good(answers)
        return rates_by_part(answers, parts_of(texts, callers))

    def memory_mb(self) -> float:
        """Of what computes."""
        return self.memory()

    def _milliseconds(self, text: str) -> float:
        began = perf_counter()
        asked(self.client, text, self.model, self.backend)
        return (perf_counter() - began) * 1e3


def rates_by_part(answers: Answers, parts: int) -> list[float]:
    """Answers a second in parts of the time that are equally long."""
    part_s = answers.seconds / parts
    places = [min(parts - 1, int(item.second / part_s)) for item in answers.items]
    return [places.count(part) / part_s for part in range(parts)]


def json_body(text: str, model: str, backend: Backend) -> str:
    """Of a request for this model on this backend."""
    request = httpx.Request(
        "POST", "http://x", json={"text": text, "model_id": model, "prefer_backend": backend}
    )
    return request.content.decode()


def asked(
    client: httpx.Client, text: str, model: str, backend: Backend, answers: Backend | None = None
) -> Mapping[str, object]:
    """The answer's metadata.

    Raises UnexpectedAnswerError unless the backend answers, or `answers` where it is given.
    """
    body = json_body(text, model, backend)
    answer = client.post("/predict", content=body, headers={"content-type": "application/json"})
    if answer.status_code != 200:
        raise UnexpectedAnswerError(f"{answer.status_code} {answer.text[:200]}")
    found = answer.json()
    if found["backend"] != (answers or backend):
        raise UnexpectedAnswerError(f"{found['backend']} answered: {found['metadata']}")
    metadata: Mapping[str, object] = found["metadata"]
    return metadata


@dataclass(frozen=True)
class Local:
    """The local backend, on the processor or on a GPU."""

    on_gpu: bool = False

    @property
    def name(self) -> str:
        """As in the report."""
        return "local on CUDA" if self.on_gpu else "local"

    @property
    def told(self) -> str:
        """See Place."""
        return "over HTTP on loopback; cold: from the start of a server's process"

    def missing(self) -> str | None:
        """The one needs a GPU."""
        if self.on_gpu and not has_gpu():
            return f"no {CUDA} here: it needs an NVIDIA GPU and onnxruntime-gpu"
        return None

    def why_not(self, artifact: Artifact) -> str | None:
        """On a GPU, graphs that read tokens."""
        if self.on_gpu and artifact.manifest.input.kind == "text":
            return "a graph that reads text runs on the processor"
        return None

    def download_bytes(self, artifact: Artifact) -> int | None:
        """Nothing: the artifact is where the server is."""
        return None

    @contextmanager
    def open(self, artifact: Artifact, text: str, within_s: float) -> Iterator[Served]:
        """A server of this model alone."""
        gpu = {} if self.on_gpu else {"VPS_GPU_MEMORY_GB": "0"}
        began = perf_counter()
        with (
            _alive({**_only(artifact), **PATIENT, **QUIET, **gpu}) as server,
            httpx.Client(base_url=server.url, timeout=within_s) as client,
        ):
            model = artifact.manifest.model_id
            _wait_until_ready(client, within_s)
            metadata = asked(client, text, model, Backend.LOCAL)
            first_ms = (perf_counter() - began) * 1e3
            if self.on_gpu and metadata["provider"] != CUDA:
                raise UnexpectedAnswerError(f"{metadata['provider']} answered, not {CUDA}")
            yield Served(client, model, Backend.LOCAL, first_ms, lambda: tree_mb(server.pid))


@dataclass
class LoopbackModal:
    """Modal's client and a container's entry point, with a server on this machine between."""

    name: str = "Modal on loopback"
    told: str = (
        "the real client and container, over HTTP, without Modal's network, image or GPU; "
        "cold: no container is up; memory of the container"
    )
    _stack: ExitStack = field(default_factory=ExitStack)
    _environment: Mapping[str, str] = field(default_factory=dict)
    _published: set[str] = field(default_factory=set)

    def __enter__(self) -> "LoopbackModal":
        """Starts nothing yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Ends it, where it was started."""
        self._stack.close()

    def missing(self) -> str | None:
        """It needs the extra `modal`."""
        return None if find_spec("modal") else "the package modal is not installed"

    def why_not(self, artifact: Artifact) -> str | None:
        """It runs every artifact."""
        return None

    def download_bytes(self, artifact: Artifact) -> int | None:
        """Nothing: the artifact is in the Volume."""
        return None

    @contextmanager
    def open(self, artifact: Artifact, text: str, within_s: float) -> Iterator[Served]:
        """With no container up, by a server that does not know that."""
        self._publish(artifact)
        _end_containers()
        expected = {"MODAL_EXPECTED_START_S": "1", "MODAL_CACHE_ENTRIES": "0"}
        settings = {**_only(artifact), **PATIENT, **QUIET, **NO_ROOM_HERE, **expected}
        settings["AVAILABLE_MODELS"] = _left_to_callers(artifact)
        with (
            # Not ready: a model that neither this server nor callers can run never is.
            _alive({**settings, **self._environment}) as server,
            httpx.Client(base_url=server.url, timeout=within_s) as client,
        ):
            model = artifact.manifest.model_id
            began = perf_counter()
            asked(client, text, model, Backend.MODAL)
            first_ms = (perf_counter() - began) * 1e3
            yield Served(client, model, Backend.MODAL, first_ms, _containers_mb)
        _end_containers()

    def _publish(self, artifact: Artifact) -> None:
        if not self._environment:
            self._environment = self._stack.enter_context(loopback_modal())
            self._command("deploy", {})
        if artifact.manifest.reference not in self._published:
            root = {"REGISTRY_ROOT": str(artifact.folder.parent.parent)}
            self._command("publish", root, artifact.manifest.reference)
            self._published.add(artifact.manifest.reference)

    def _command(self, name: str, settings: Mapping[str, str], *arguments: str) -> None:
        command = (sys.executable, "-m", "runtime_server", "modal", name, *arguments)
        environment = {**os.environ, **self._environment, **settings}
        subprocess.run(command, env=environment, check=True, capture_output=True)


def _alive(settings: Mapping[str, str]) -> AbstractContextManager[Program]:
    """A server that listens, and loads its model meanwhile."""
    port = free_port()
    command = [sys.executable, "-m", "runtime_server", "--port", str(port)]
    return program(command, port, "/livez", settings)


def _wait_until_ready(client: httpx.Client, within_s: float) -> None:
    """Large models warm up for longer than servers take to start. Raises PlaceError."""
    until = perf_counter() + within_s
    while client.get("/readyz").status_code != 200:
        if perf_counter() > until:
            raise PlaceError(f"not ready within {within_s:.0f} s")
        sleep(LOOK_EVERY_S)


def _only(artifact: Artifact) -> dict[str, str]:
    name, root = artifact.manifest.model_id, artifact.folder.parent.parent
    return {"REGISTRY_ROOT": str(root), "DEFAULT_MODEL": name, "AVAILABLE_MODELS": name}


def _left_to_callers(artifact: Artifact) -> str:
    """So that a server does not ask Modal before anybody does."""
    name, order = artifact.manifest.model_id, {"preferred_backend": Backend.CLIENT_SIDE}
    return json.dumps([{"model": name, **order, "fallback_backends": []}])


def _containers() -> Iterator[psutil.Process]:
    for process in below():
        try:
            if ENTRY_POINT in process.cmdline():
                yield process
        except psutil.NoSuchProcess:
            continue


def _containers_mb() -> float:
    return memory_mb(_containers())


def _end_containers() -> None:
    ended = list(_containers())
    for process in ended:
        end(process.pid)
    psutil.wait_procs(ended, timeout=5)
