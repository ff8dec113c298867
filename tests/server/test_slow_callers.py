"""Callers that hold connections by being slow, and those beside them who are not."""

import select
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import cycle

import pytest

from tests.server.wire import JSON, Server, Wire, get, post, serving

FINE = b'{"text": "a"}'
TIMEOUT_S = 0.3
# Long enough for a busy machine; far below what a server without limits would wait.
SOON_S = 5.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, graph: bytes) -> Iterator[Server]:
    settings = {"HEADER_TIMEOUT_S": str(TIMEOUT_S), "BODY_TIMEOUT_S": str(TIMEOUT_S)}
    with serving(tmp_path_factory.mktemp("slow"), graph, **settings) as server:
        yield server


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, graph: bytes) -> Iterator[Server]:
    """A server that takes four connections."""
    with serving(tmp_path_factory.mktemp("small"), graph, MAX_CONNECTIONS="4") as server:
        yield server


def trickle(wire: Wire, data: bytes) -> None:
    """Send byte by byte, over and over, until the server says something or closes."""
    end = time.perf_counter() + SOON_S
    for byte in cycle(data):
        if select.select([wire.socket], [], [], 0.05)[0]:
            return
        wire.send(bytes([byte]))
        assert time.perf_counter() < end, f"still taken after {SOON_S} s"


def test_a_head_that_trickles_in_is_a_408_and_the_end_of_the_connection(server: Server) -> None:
    with server.wire(SOON_S) as wire:
        wire.send(b"GET /livez HTTP/1.1\r\nhost: test\r\n")
        trickle(wire, b"x: y\r\n")
        answer = wire.answer()
        assert (answer.status, answer.code) == (408, "request_too_slow")
        assert answer.headers["connection"] == "close"
        assert wire.is_closed()
    assert server.ask(get(b"/livez")).status == 200


@pytest.mark.parametrize("in_chunks", [False, True])
def test_a_body_that_trickles_in_is_a_408_and_the_end_of_the_connection(
    server: Server, in_chunks: bool
) -> None:
    head = post(b"", JSON, length=1000)
    if in_chunks:
        head = head.replace(b"content-length: 1000", b"transfer-encoding: chunked")
    with server.wire(SOON_S) as wire:
        wire.send(head)
        trickle(wire, b"1\r\nx\r\n" if in_chunks else b"x")
        answer = wire.answer()
        assert (answer.status, answer.code) == (408, "request_too_slow")
        assert wire.is_closed()
    assert server.ask(post(FINE, JSON)).status == 200


def test_a_connection_on_which_nothing_comes_is_closed_without_a_word(server: Server) -> None:
    with server.wire(SOON_S) as wire:
        assert wire.socket.recv(1) == b""


@pytest.mark.parametrize("already", [b"", get(b"/livez")], ids=["new", "used"])
def test_empty_lines_do_not_keep_a_connection_open(server: Server, already: bytes) -> None:
    with server.wire(SOON_S) as wire:
        if already:
            wire.send(already)
            assert wire.answer().status == 200
        trickle(wire, b"\r\n")
        assert wire.is_closed()


def test_a_body_that_nobody_waits_for_does_not_keep_a_connection_open(server: Server) -> None:
    with server.wire(SOON_S) as wire:
        wire.send(get(b"/livez", "content-length: 1000"))
        assert wire.answer().status == 200
        trickle(wire, b"x")
        assert wire.is_closed()


def test_half_a_head_behind_another_request_is_limited_too(server: Server) -> None:
    with server.wire(SOON_S) as wire:
        wire.send(get(b"/livez") + b"GET /livez HTTP/1.1\r\nx: ")
        assert wire.answer().status == 200
        trickle(wire, b"y")
        assert wire.answer().code == "request_too_slow"


def test_a_caller_that_pauses_between_whole_requests_keeps_its_connection(server: Server) -> None:
    with server.wire() as wire:
        for _ in range(3):
            wire.send(post(FINE, JSON))
            assert wire.answer().status == 200
            time.sleep(1.5 * TIMEOUT_S)


def test_a_request_that_comes_slowly_but_in_time_is_answered(server: Server) -> None:
    request = post(FINE, JSON)
    with server.wire() as wire:
        for start in range(0, len(request), 40):
            wire.send(request[start : start + 40])
            time.sleep(TIMEOUT_S / 20)
        assert wire.answer().status == 200


def test_many_slow_callers_do_not_touch_the_others(server: Server) -> None:
    with ExitStack() as stack:
        wires = [stack.enter_context(server.wire(SOON_S)) for _ in range(200)]
        for number, wire in enumerate(wires):
            wire.send(b"GET /livez HTTP/1.1\r\n" if number % 2 else post(b"{", JSON, length=50))
        for _ in range(5):
            assert server.ask(get(b"/livez")).status == 200
            assert server.ask(post(FINE, JSON)).status == 200
        assert {wire.answer().code for wire in wires} == {"request_too_slow"}
    assert server.ask(post(FINE, JSON)).status == 200


def test_one_connection_too_many_takes_the_place_of_the_one_idle_longest(small: Server) -> None:
    with ExitStack() as stack:
        wires = [stack.enter_context(small.wire(SOON_S)) for _ in range(4)]
        for wire in (*wires[1:], wires[0]):
            wire.send(get(b"/livez"))
            assert wire.answer().status == 200
        assert small.ask(get(b"/livez")).status == 200
        assert wires[1].socket.recv(1) == b""
        for wire in (wires[2], wires[3], wires[0]):
            wire.send(get(b"/livez"))
            assert wire.answer().status == 200


def test_where_none_is_idle_one_more_is_told_to_come_again(small: Server) -> None:
    with ExitStack() as stack:
        wires = [stack.enter_context(small.wire()) for _ in range(4)]
        for wire in wires:
            wire.send(post(b"", JSON, "expect: 100-continue", length=len(FINE)))
            assert wire.socket.recv(1000).startswith(b"HTTP/1.1 100")
        answer = small.ask(get(b"/livez"))
        assert (answer.status, answer.code) == (503, "overloaded")
        assert answer.headers["retry-after"] == "1"
        for wire in wires:
            wire.send(FINE)
            assert wire.answer().status == 200
    assert small.ask(post(FINE, JSON)).status == 200
