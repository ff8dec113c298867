"""All servers, started one after the other; who answers otherwise than the others is not timed."""

import time
from collections.abc import Generator
from contextlib import AbstractContextManager, ExitStack

import httpx
import psutil

from benchmarks.live_server import Program, runtime_server
from benchmarks.measurement import Finding, Measurement, Missing
from benchmarks.peers.dialect import OURS as OUR_DIALECT
from benchmarks.peers.dialect import Dialect
from benchmarks.peers.installation import PeerMissingError
from benchmarks.peers.peer import BY_NAME, PEERS
from benchmarks.suites.server.field import HEADERS, OURS, Field, Subject

# What a batch may change, and a bit: the same graph, other batch-mates.
SAME = 1e-4
COMPARED = 20
PATIENCE_S = 30
# What a server does when nobody asks.
IDLE_S = 0.5


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
            subject, measured = _started(field, name, right, stack)
        except (PeerMissingError, OtherAnswerError, RuntimeError, OSError) as exc:
            yield Missing(subject=title, why=_last_words(exc))
            continue
        except httpx.HTTPError as exc:
            yield Missing(subject=title, why=f"no answer: {type(exc).__name__}")
            continue
        yield measured
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
) -> tuple[Subject, Measurement]:
    dialect, context = _program(field, name)
    program = stack.enter_context(context)
    ready = time.perf_counter()
    subject = Subject(_title(name), dialect, program, right)
    # However this ends: what is stopped does not hear SIGTERM.
    stack.callback(_wake_if_there, subject)
    _ask(subject, field.texts[0])
    first = time.perf_counter() - ready + program.ready_s
    for text in field.texts[1:COMPARED]:
        _ask(subject, text)
    subject.rest()
    return subject, Measurement(
        subject=subject.title,
        quantity="start",
        unit="s",
        values=(first,),
        told="from its beginning to its first right answer",
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
