"""The server against other servers on the same graph, the same texts and the same threads."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

from benchmarks.fp32_artifact import fp32_artifact
from benchmarks.measurement import Finding
from benchmarks.mixed_texts import mixed_texts
from benchmarks.peers.installation import PeerMissingError
from benchmarks.peers.peer import BY_NAME
from benchmarks.serving.offline import Offline
from benchmarks.suites import Context
from benchmarks.suites.server.bad_input import bad_input
from benchmarks.suites.server.field import Field
from benchmarks.suites.server.latencies import alone, latencies
from benchmarks.suites.server.line_up import line_up
from benchmarks.suites.server.overload import overload
from benchmarks.suites.server.pace import Pace
from benchmarks.suites.server.peaks import peaks
from benchmarks.suites.server.sigterm import sigterm
from registry import norm1

TEXTS = 200


def run(context: Context) -> Iterator[Finding]:
    """On minilm-fp32, which every server can run: built where it is missing."""
    field = Field(
        artifact=fp32_artifact(context.tell),
        texts=tuple(map(norm1, mixed_texts(TEXTS))),
        # Names of other suites' peers are none of ours.
        peers=tuple(name for name in BY_NAME if context.peers is None or name in context.peers),
        budget_s=context.budget_s,
        tell=context.tell,
    )
    install(field)
    yield from measure(field)


def install(field: Field) -> None:
    """What peers need, before the clock starts; who cannot be installed says so when started."""
    for name in field.peers:
        with suppress(PeerMissingError, KeyError):
            BY_NAME[name].python(field.tell)


def measure(field: Field) -> Iterator[Finding]:
    """All questions, of ours and of the peers that run."""
    began = time.perf_counter()
    offline = Offline(field.artifact, field.plan)
    right = {text: offline.probability(text) for text in field.texts}
    with ExitStack() as stack:
        subjects = yield from line_up(field, right, stack)
        left_s = field.budget_s - (time.perf_counter() - began)
        pace = Pace.of(left_s, len(subjects))
        found = yield from peaks(field, subjects, offline, pace)
        yield alone(field, offline)
        loaded = tuple(one for one in subjects if one.title in found)
        yield from latencies(field, loaded, found, pace)
        yield from bad_input(field, subjects)
        yield from overload(field, loaded, found, pace)
        yield from sigterm(field, subjects)
