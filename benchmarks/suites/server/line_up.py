"""All servers, started one after the other; who answers otherwise than the others is not timed."""

import time
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace

import httpx
import psutil

from benchmarks.live_server import Program, runtime_server
from benchmarks.measurement import Finding, Measurement, Missing
from benchmarks.peers.dialect import OURS as OUR_DIALECT
from benchmarks.peers.dialect import Dialect
from benchmarks.peers.installation import PeerMissingError
from benchmarks.peers.peer import BY_NAME, PEERS
from benchmarks.serving.usage import usage
from benchmarks.suites.server.field import HEADERS, OURS, Field, Subject

# What a batch may change, and a bit: the same graph, other batch-mates.
SAME = 1e-4
COMPARED = 20
PATIENCE_S = 30
# A server that takes so much of a second of a core when nobody asks is in the way of others.
POLLING_MS = 50
SETTLE_S, IDLE_S = 0.5, 1.0


class OtherAnswerError(Exception):
    """A server whose probability is another: it does not do the same work."""


def line_up(
    field: Field, right: dict[str, float], stack: ExitStack
) -> Generator[Finding, None, tuple[Subject, ...]]:
    """Those that run until `stack` is closed, ours first; yields how long each took to start."""
    subjects = []
    for name in ("", *field.peers):
        title = _title(name)
        try:
            subject, first_s = _started(field, name, right, stack)
            idle_ms = _idle_ms(subject)
        except (PeerMissingError, OtherAnswerError, RuntimeError, OSError) as exc:
            yield Missing(subject=title, why=_last_words(exc))
            continue
        except httpx.HTTPError as exc:
            yield Missing(subject=title, why=f"no answer: {type(exc).__name__}")
            continue
        yield from _figures(subject, first_s, idle_ms)
        subject = replace(subject, polls=idle_ms > POLLING_MS)
        # However this ends: what is stopped does not hear SIGTERM.
        stack.callback(_wake_if_there, subject)
        subject.rest()
        subjects.append(subject)
    return tuple(subjects)


def _title(name: str) -> str:
    return BY_NAME[name].title if name in BY_NAME else name or OURS


def _program(field: Field, name: str) -> tuple[Dialect, AbstractContextManager[Program]]:
    if not name:
        return OUR_DIALECT, _ours(field)
    if name not in BY_NAME:
        raise PeerMissingError(f"is none of {', '.join(peer.name for peer in PEERS)}")
    peer = BY_NAME[name]
    return peer.dialect, peer.running(field.artifact, field.plan.threads, field.tell)


def _ours(field: Field) -> AbstractContextManager[Program]:
    """With its own defaults, as the others."""
    root, name = field.artifact.folder.parent.parent, field.artifact.manifest.model_id
    field.tell(f"starting {OURS}")
    given = {"REGISTRY_ROOT": str(root), "DEFAULT_MODEL": name, "AVAILABLE_MODELS": name}
    return runtime_server(**given)


def _started(
    field: Field, name: str, right: dict[str, float], stack: ExitStack
) -> tuple[Subject, float]:
    """Seconds to the first right answer. Raises OtherAnswerError, HTTPError, and what `running`."""
    dialect, context = _program(field, name)
    program = stack.enter_context(context)
    ready = time.perf_counter()
    subject = Subject(_title(name), dialect, program, right)
    _ask(subject, field.texts[0])
    first_s = time.perf_counter() - ready + program.ready_s
    for text in field.texts[1:COMPARED]:
        _ask(subject, text)
    return subject, first_s


def _idle_ms(subject: Subject) -> float:
    """CPU time in a second in which nobody asks."""
    # onnxruntime's threads look for more work for a while.
    time.sleep(SETTLE_S)
    before, began = usage(subject.program.pid).cpu_s, time.perf_counter()
    time.sleep(IDLE_S)
    spent = usage(subject.program.pid).cpu_s - before
    return spent / (time.perf_counter() - began) * 1e3


def _figures(subject: Subject, first_s: float, idle_ms: float) -> Iterator[Measurement]:
    yield Measurement(
        subject=subject.title,
        quantity="start",
        unit="s",
        values=(first_s,),
        told="from its beginning to its first right answer",
    )
    yield Measurement(
        subject=subject.title,
        quantity="CPU time when idle",
        unit="CPU-ms",
        values=(idle_ms,),
        told="in a second",
    )


def _ask(subject: Subject, text: str) -> None:
    body = subject.dialect.body(text)
    answer = httpx.post(subject.url, content=body, headers=HEADERS, timeout=PATIENCE_S)
    difference = subject.difference(text, answer)
    if not difference <= SAME:
        shown = f"{answer.status_code} {answer.text[:120]!r}"
        raise OtherAnswerError(f"differs by {difference:.1e} on {text[:40]!r}: {shown}")


def _wake_if_there(subject: Subject) -> None:
    if psutil.pid_exists(subject.program.pid):
        subject.wake()


def _last_words(exc: Exception) -> str:
    return next(iter(reversed(str(exc).strip().splitlines())), type(exc).__name__)[-300:]
