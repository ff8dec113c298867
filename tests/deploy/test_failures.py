"""Replicas that die, are replaced, and callers that do harm, under load through nginx."""

import json
import resource
import select
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from benchmarks.serving.traffic import Answers, Sending, Stream
from benchmarks.topology import Topology
from registry import Artifact
from tests.deploy.conftest import started

TEXT = {"text": "It is important to note that effective communication fosters growth."}
BODY = json.dumps(TEXT)
# After so long nginx gives a replica that failed another chance.
FAIL_TIMEOUT_S = 3.0
SLOW_CALLERS = 10_000


@pytest.fixture(scope="module")
def topology(static: Path, lexical_tiny: Artifact) -> Iterator[Topology]:
    with started(static) as topology:
        yield topology


class Load:
    """Its answers, once the block is over."""

    answers: Answers

    @property
    def outcomes(self) -> set[tuple[int, str]]:
        return {(item.status, item.code) for item in self.answers.items}


@contextmanager
def under_load(topology: Topology) -> Iterator[Load]:
    """Inside, a steady load goes through nginx."""
    stream = Stream(name="load", url=f"{topology.url}/predict", bodies=(BODY,), per_s=60)
    sending, load = Sending(stream, authority=topology.certificate), Load()
    try:
        time.sleep(1.5)
        yield load
        time.sleep(0.5)
    finally:
        load.answers = sending.stop()["load"]


def test_a_replica_that_is_killed_under_load_costs_no_request(topology: Topology) -> None:
    with under_load(topology) as load:
        topology.replicas[0].kill()
        time.sleep(1)
        topology.replicas[0].start()
    assert len(load.answers.items) > 100
    assert load.outcomes == {(200, "")}


def test_a_rolling_restart_under_load_costs_no_request(topology: Topology) -> None:
    with under_load(topology) as load:
        for replica in topology.replicas:
            assert replica.stop() == 0
            replica.start()
            time.sleep(FAIL_TIMEOUT_S)
    assert len(load.answers.items) > 400
    assert load.outcomes == {(200, "")}


def test_texts_are_counted_over_all_replicas_and_without_redis_nobody_is_refused_for_it(
    static: Path, lexical_tiny: Artifact
) -> None:
    with started(static, RATE_LIMIT="20/hour") as topology, topology.client() as client:
        answers = [client.post("/predict", json=TEXT) for _ in range(25)]
        assert [answer.status_code for answer in answers] == [200] * 20 + [429] * 5
        assert {answer.json().get("code") for answer in answers[20:]} == {"rate_limited"}
        topology.redis.kill()
        # Each process counts for itself now, from nothing.
        assert client.post("/predict", json=TEXT).status_code == 200


def test_ten_thousand_slow_callers_leave_others_answered(topology: Topology) -> None:
    port = int(topology.url.rpartition(":")[2])
    trusted = ssl.create_default_context(cafile=str(topology.certificate))
    with ExitStack() as stack:
        count = stack.enter_context(_many_files(SLOW_CALLERS + 500)) - 500
        poll = stack.enter_context(select.epoll())
        for number in range(count):
            caller = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            if number % 50 == 0:
                # Behind a handshake, half a head.
                caller = stack.enter_context(
                    trusted.wrap_socket(caller, server_hostname="localhost")
                )
                caller.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
            poll.register(caller, select.EPOLLRDHUP)
        with topology.client() as client:
            for _ in range(20):
                assert client.post("/predict", json=TEXT).status_code == 200
        # nginx has them all still.
        assert poll.poll(timeout=0) == []


@contextmanager
def _many_files(wanted: int) -> Iterator[int]:
    """Inside, this process may open so many files, or as many as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
    try:
        yield most
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
