"""Parts are scored by actors on a Ray cluster; what a lost node had is scored elsewhere.

The corpus and the parts stay with the driver: nodes get texts and give outcomes, so they need no
disk in common with it.
"""

import logging
import os
import socket
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Self

from registry import Artifact
from runtime_server.bulk.errors import BulkError
from runtime_server.bulk.outcome import Outcome
from runtime_server.bulk.part import Part, Span
from runtime_server.bulk.scorer import Room, Told
from runtime_server.bulk.shipment import Shipment
from runtime_server.bulk.workers import ScoredPart
from runtime_server.cpu_quota import usable_cores

# Ray reports its use to its makers unless this is set before it loads.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
try:
    import ray
    from ray.exceptions import RayError, RayTaskError
except ModuleNotFoundError as exc:
    raise BulkError.lacking("ray", "ray") from exc

from runtime_server.bulk.ray_worker import RayWorker, Versions

# One runs while the next is read.
_AT_ONCE: Final = 2
# A part that was lost so often is taken for what kills the workers.
_MOST_LOSSES: Final = 3
# Of a cluster that is started here; texts and outcomes are small.
_OBJECT_STORE_BYTES: Final = 200_000_000
_TELL_AFTER_S: Final = 30.0
_CONNECT_S: Final = 10.0


def shares(nodes: Sequence[int], wanted: int | None) -> tuple[int, ...]:
    """The cores of each worker, on nodes with so many cores each.

    A worker per node with all of its cores, or as many equal ones as are wanted; the largest first.

    Raises:
        BulkError: the cluster has no cores.
    """
    cores = sorted((one for one in nodes if one > 0), reverse=True)
    if not cores:
        raise BulkError("the cluster has no CPUs for workers")
    if wanted is None:
        return tuple(cores)
    return (max(1, min(cores[-1], sum(cores) // wanted)),) * wanted


@dataclass(eq=False)
class _Worker:
    """An actor, the answer to its start, and how many parts it has."""

    cores: int
    actor: Any
    ready: Any
    n_parts: int = 0


class RayWorkers:
    """Actors with a session each, and parts on their way to and from them."""

    def __init__(self, start: Callable[[int], _Worker], say: Callable[[str], None]) -> None:
        self._start = start
        self._say = say
        self._starting: dict[Any, _Worker] = {}
        self._ready: list[_Worker] = []
        self._running: dict[Any, tuple[_Worker, Part]] = {}
        self._again: deque[Part] = deque()
        self._losses: Counter[Span] = Counter()
        self._failed_starts = 0

    @classmethod
    @contextmanager
    def started(
        cls,
        artifact: Artifact,
        room: Room,
        wanted: int | None,
        address: str | None,
        say: Callable[[str], None],
    ) -> Iterator[Self]:
        """On the cluster at `address`, or on one that is started here.

        Raises:
            BulkError: there is no cluster, or it has no cores.
        """
        _connect(address)
        try:
            shipment, versions = Shipment.of(artifact, ray.put), Versions.here()
            kind = ray.remote(RayWorker)

            def start(cores: int) -> _Worker:
                # Lost ones are replaced here: Ray would keep their parts waiting for their return.
                options = {"num_cpus": cores, "max_concurrency": _AT_ONCE, "max_restarts": 0}
                actor = kind.options(**options).remote()
                return _Worker(cores, actor, actor.start.remote(shipment, room, cores, versions))

            workers = cls(start, say)
            for cores in shares(_cores_of_nodes(), wanted):
                workers._begin(cores)
            yield workers
        finally:
            ray.shutdown()

    def scored(self, parts: Iterable[Part], told: Told) -> Iterator[ScoredPart]:
        """In any order. Raises BulkError."""
        waiting = iter(parts)
        while self._send(waiting):
            done, _ = ray.wait([*self._running, *self._starting], timeout=_TELL_AFTER_S)
            if not done and not self._running:
                self._say("waiting for a worker: the cluster has no free CPUs")
            for one in done:
                if one in self._starting:
                    self._take_up(one)
                elif (scored := self._result(one)) is not None:
                    yield scored

    def _begin(self, cores: int) -> None:
        worker = self._start(cores)
        self._starting[worker.ready] = worker

    def _send(self, waiting: Iterator[Part]) -> bool:
        """Give each worker its parts; whether there is still something to wait for."""
        while idle := [worker for worker in self._ready if worker.n_parts < _AT_ONCE]:
            part = self._again.popleft() if self._again else next(waiting, None)
            if part is None:
                return bool(self._running)
            worker = min(idle, key=lambda one: one.n_parts)
            worker.n_parts += 1
            self._running[worker.actor.outcomes.remote(part.texts)] = (worker, part)
        return True

    def _take_up(self, ready: Any) -> None:  # noqa: ANN401
        worker = self._starting.pop(ready)
        try:
            node = ray.get(ready)
        except RayTaskError as exc:
            raise BulkError(str(exc.cause)) from None
        except RayError as exc:
            self._failed_starts += 1
            if self._failed_starts >= _MOST_LOSSES:
                raise BulkError(f"workers end while they start: {_first_line(exc)}") from None
            self._begin(worker.cores)
        else:
            self._say(f"a worker on {node}, cores: {worker.cores}")
            self._ready.append(worker)

    def _result(self, one: Any) -> ScoredPart | None:  # noqa: ANN401
        worker, part = self._running.pop(one)
        worker.n_parts -= 1
        try:
            outcomes: Sequence[Outcome] = ray.get(one)
        except RayTaskError as exc:
            raise BulkError(str(exc.cause)) from None
        except RayError:
            self._lost(worker, part)
            return None
        return ScoredPart(part, part.joined(outcomes))

    def _lost(self, worker: _Worker, part: Part) -> None:
        first, last = part.span.first + 1, part.span.first + part.span.rows
        self._losses[part.span] += 1
        if self._losses[part.span] >= _MOST_LOSSES:
            raise BulkError(
                f"rows {first:,} to {last:,} were lost with their worker {_MOST_LOSSES} times: one "
                "of their texts may be what ends it"
            )
        self._say(f"a worker is lost: rows {first:,} to {last:,} are scored again elsewhere")
        self._again.append(part)
        if worker in self._ready:
            self._ready.remove(worker)
            ray.kill(worker.actor)  # it may be out of reach only
            self._begin(worker.cores)


def _connect(address: str | None) -> None:
    if address is not None:
        _require_listener(address)
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if address is not None:
            ray.init(address, **quiet)
        else:
            ray.init(
                "local",
                num_cpus=usable_cores(),
                include_dashboard=False,
                object_store_memory=_OBJECT_STORE_BYTES,
                **quiet,
            )
    except (RayError, ConnectionError, RuntimeError, ValueError) as exc:
        where = "cannot be started here" if address is None else f"cannot be reached at {address}"
        raise BulkError(f"a Ray cluster {where}: {_first_line(exc)}") from None


def _require_listener(address: str) -> None:
    # Ray itself would try for ever.
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return  # "auto", or another word of Ray's
    try:
        with socket.create_connection((host.strip("[]"), int(port)), _CONNECT_S):
            pass
    except OSError as exc:
        raise BulkError(f"no Ray cluster at {address}: {exc}") from None


def _cores_of_nodes() -> list[int]:
    return [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
