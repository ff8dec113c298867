"""What fails, one after the other: each is a context in which it has failed."""

import resource
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.chaos.stage import DEFAULT, OTHERS, ChaosError, Stage, publish_as
from benchmarks.serving.traffic import Stream
from registry import FileStore
from registry.whole_file import write_whole

Context = Callable[[Stage], AbstractContextManager[None]]
NEW: Final = "lexical-new"


@dataclass(frozen=True)
class Fault:
    """A failure, and what else is asked for meanwhile."""

    name: str
    broken: Context
    streams: Callable[[Stage], tuple[Stream, ...]] = lambda _: ()


@contextmanager
def a_replica_is_killed(stage: Stage) -> Iterator[None]:
    """SIGKILL to all of its processes; another one starts in its place."""
    replica = stage.topology.replicas[0]
    replica.kill()
    yield
    replica.start()


@contextmanager
def redis_is_stopped(stage: Stage) -> Iterator[None]:
    """As `docker stop` does it."""
    stage.topology.redis.stop()
    yield
    stage.await_counted("nobody has missed Redis", "samegraph_rate_limit_store_lost_total")
    stage.topology.redis.start()


@contextmanager
def modal_is_a_void(stage: Stage) -> Iterator[None]:
    """It always is here: what is new is that callers prefer it."""
    yield
    modal = {"from": "modal"}
    stage.await_counted("no request has gone to Modal", "samegraph_fallback_total", **modal)


@contextmanager
def artifacts_are_damaged(stage: Stage) -> Iterator[None]:
    """Of a model that is in memory, and of one that is not."""
    files = [stage.store.resolve(name).path("model.onnx") for name in (DEFAULT, OTHERS[0])]
    contents = [file.read_bytes() for file in files]
    for file in files:
        # By a rename: a download under way goes on with what it has opened.
        write_whole(file, b"damaged")
    yield
    for file, content in zip(files, contents, strict=True):
        write_whole(file, content)


@contextmanager
def memory_is_exhausted(stage: Stage) -> Iterator[None]:
    """More models are asked for than fit the budget of a worker."""
    yield
    stage.await_counted("no model had to make room", "samegraph_model_evictions_total")


def the_disk_is_full(build: bool) -> Context:
    """While a model is published: by `python -m export build`, or as its last step does it."""

    @contextmanager
    def broken(stage: Stage) -> Iterator[None]:
        before = _published(stage.store)
        source = stage.folder / "source"
        publish_as(FileStore(source), stage.store.resolve(DEFAULT), NEW, 0.9)
        command = ("export", "build", DEFAULT, "--force") if build else ("registry", "publish")
        arguments = (*command, *(() if build else (str(source),)), "--root", str(stage.store.root))
        with _full(stage.disk) as limit:
            done = subprocess.run(
                (sys.executable, "-m", *arguments),
                capture_output=True,
                text=True,
                check=False,
                preexec_fn=limit,
            )
            yield
        if done.returncode == 0 or "Traceback" in done.stderr:
            raise ChaosError(
                f"publishing on a full disk ended with {done.returncode}: {done.stderr}"
            )
        if _published(stage.store) != before or list(stage.store.root.glob(".staging-*")):
            raise ChaosError("publishing on a full disk has left something behind")

    return broken


@contextmanager
def _full(disk: Path | None) -> Iterator[Callable[[], None] | None]:
    """A full disk; where there is none to fill, what keeps a process from writing large files."""
    if disk is None:
        yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        return
    filler = disk / "filler"
    try:
        with filler.open("wb") as file:
            while True:
                file.write(bytes(100_000))
                file.flush()
    except OSError:
        pass
    try:
        yield None
    finally:
        filler.unlink()


def _published(store: FileStore) -> Mapping[str, str]:
    for artifact in store.artifacts():
        artifact.verify()
    return {a.manifest.reference: a.manifest.digest for a in store.artifacts()}


def _asking_modal(stage: Stage) -> tuple[Stream, ...]:
    return (stage.stream("modal", 5, prefer_backend="modal"),)


def _asking_what_is_damaged(stage: Stage) -> tuple[Stream, ...]:
    url = f"{stage.topology.url}/models/{DEFAULT}/download"
    download = Stream(name="download", url=url, per_s=5)
    return (stage.stream("other", 5, model_id=OTHERS[0]), download)


def _asking_all_models(stage: Stage) -> tuple[Stream, ...]:
    return tuple(stage.stream(name, 10, model_id=name) for name in OTHERS)


def faults(*, short: bool) -> tuple[Fault, ...]:
    """All but the end, which is `__main__`'s: everything is stopped."""
    return (
        Fault("a replica is killed", a_replica_is_killed),
        Fault("Redis is stopped", redis_is_stopped, _asking_modal),
        Fault("Modal is a void", modal_is_a_void, _asking_modal),
        Fault("artifacts are damaged", artifacts_are_damaged, _asking_what_is_damaged),
        Fault("the disk is full while a model is published", the_disk_is_full(build=not short)),
        Fault("the memory budget is exhausted", memory_is_exhausted, _asking_all_models),
    )
