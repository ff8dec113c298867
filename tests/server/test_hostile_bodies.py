"""Bodies and heads that no client library would send, to a real server process."""

import gzip
import json
import socket
from collections.abc import Iterator

import pytest

from tests.server.wire import JSON, Answer, Server, get, post, serving

FINE = b'{"text": "a"}'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, graph: bytes) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("hostile")
    with serving(folder, graph, MAX_BODY_BYTES="1000000") as server:
        yield server


def answer_and_next(server: Server, body: bytes, *headers: str) -> Answer:
    """The answer to `body`; the same connection and a new one must go on as if nothing had been."""
    with server.wire() as wire:
        wire.send(post(body, *headers))
        answer = wire.answer()
        wire.send(post(FINE, JSON))
        assert wire.answer().status == 200
    assert server.ask(post(FINE, JSON)).status == 200
    return answer


def ascii_beginning(value: object) -> str:
    return ascii(value)[:40]


def nested(depth: int) -> bytes:
    return b'{"text": "a", "x": ' + b"[" * depth + b"]" * depth + b"}"


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 422, "body: Field required"),
        (b"null", 422, "body: "),
        (b'"text"', 422, "body: "),
        (b"{", 400, "not JSON at character 1"),
        (b'{"text": "a"} {}', 400, "not JSON at character 14"),
        (b'{"text": "\xff"}', 400, "not UTF-8 at byte 10"),
        (b'{"text": "\xed\xa0\x80"}', 400, "not UTF-8 at byte 10"),
        (b'{"text": "\xc0\xaf"}', 400, "not UTF-8 at byte 10"),
        ('{"text": "a"}'.encode("utf-16"), 400, "not UTF-8 at byte 0"),
        ('{"text": "a"}'.encode("utf-32-le"), 400, "not JSON at character 1"),
        (b'{"text": "a\0b"}', 400, "not JSON at character 11"),
        (b'{"text": "a", "\\u0000": 1}', 422, "\0: "),
        (b'{"text": "a", "x\0": 1}', 400, "not JSON at character 16"),
        (b'{"text": "a", "text": "b"}', 400, "the name text occurs twice in one object"),
        (b'{"text": "a", "x": {"y": 1, "y": 1}}', 400, "the name y occurs twice in one object"),
        (b'{"text": NaN}', 400, "NaN is not JSON"),
        (b'{"text": "a", "threshold": Infinity}', 400, "Infinity is not JSON"),
        (b'{"text": "a", "threshold": -Infinity}', 400, "-Infinity is not JSON"),
        (b'{"text": "a", "threshold": 1e999}', 422, "threshold: "),
        (b'{"text": "a", "threshold": -1e999}', 422, "threshold: "),
        (b'{"text": "a", "threshold": ' + b"9" * 400 + b"}", 422, "threshold: "),
        (b'{"text": "a", "threshold": ' + b"9" * 9999 + b"}", 400, "too many digits"),
        (b'{"text": ' + b"1" * 9999 + b"}", 400, "too many digits"),
        (nested(31), 422, "x: "),
        (nested(32), 400, "nested more than 32 deep"),
        (nested(5_000), 400, "nested more than 32 deep"),
        (nested(60_000), 400, "nested more than 32 deep"),
        (b'{"text":' * 30_000, 400, "nested more than 32 deep"),
    ],
    ids=ascii_beginning,
)
def test_a_body_that_cannot_be_taken_is_a_clear_problem_and_harms_no_one(
    server: Server, body: bytes, status: int, said: str
) -> None:
    answer = answer_and_next(server, body, JSON)
    assert answer.status == status
    assert said in answer.problem["detail"]
    assert answer.code == ("malformed_body" if status == 400 else "invalid_request")


@pytest.mark.parametrize(
    "body",
    [
        b'{"texts": [' + b"[]," * 300_000 + b"0]}",
        b'{"texts": [' + b"{}," * 300_000 + b"0]}",
        b'{"texts": [' + b'"",' * 300_000 + b'""]}',
        b'{"text": ' + b" " * 200_000 + b'"a"}',
    ],
    ids=ascii_beginning,
)
def test_a_body_of_many_small_parts_is_a_413_before_it_becomes_objects(
    server: Server, body: bytes
) -> None:
    answer = answer_and_next(server, body, JSON)
    assert (answer.status, answer.code) == (413, "body_too_large")


def test_a_body_of_one_long_text_is_not_mistaken_for_many_parts(server: Server) -> None:
    text = b'[{,}] \\" ' * 9_000
    assert answer_and_next(server, b'{"text": "' + text + b'"}', JSON).status == 200


@pytest.mark.parametrize(
    "body",
    [
        b'\xef\xbb\xbf{"text": "a"}',
        b'{"text": "a\\u0000b"}',
        b'{"text": "\\ud800"}',
        b'{"text": "\\udfff\\ud83d\\ude00"}',
        '{"text": "\U0001f600\ufffe\ufdd0"}'.encode(),
        b' \r\n\t{"text": "a"} \n',
        b'{"text": "a", "threshold": 1e-999}',
        b'{"text": "a", "timeout_ms": 9e3}',
    ],
    ids=ascii,
)
def test_a_strange_body_that_is_json_gets_its_right_answer(server: Server, body: bytes) -> None:
    answer = answer_and_next(server, body, JSON)
    assert answer.status == 200
    assert 0 <= json.loads(answer.content)["probability"] <= 1


@pytest.mark.parametrize("batch", [b'["\\ud800", "b\\u0000", "a"]', b'["a", {}, "a"]'])
def test_texts_of_a_batch_are_read_in_the_same_way(server: Server, batch: bytes) -> None:
    answer = server.ask(post(b'{"texts": ' + batch + b"}", JSON, path="/batch-predict"))
    assert answer.status == 200
    assert len(json.loads(answer.content)["results"]) == 3


@pytest.mark.parametrize(
    ("declared", "status"),
    [
        ("application/json", 200),
        ("Application/JSON; charset=UTF-8", 200),
        ('application/json;charset="utf-8"', 200),
        ("application/vnd.example+json", 200),
        ("application/json; charset=latin-1", 415),
        ("application/json; charset=utf-16", 415),
        ("application/json; charset=", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/jsonp", 415),
        ("nonsense", 415),
        ("", 415),
    ],
)
def test_only_json_in_utf8_is_taken(server: Server, declared: str, status: int) -> None:
    answer = answer_and_next(server, FINE, f"content-type: {declared}")
    assert answer.status == status
    assert answer.code == ("" if status == 200 else "unsupported_media_type")


@pytest.mark.parametrize(
    ("coding", "body", "status", "code"),
    [
        ("gzip", gzip.compress(FINE, mtime=0), 200, ""),
        ("identity", FINE, 200, ""),
        ("gzip", FINE, 400, "malformed_body"),
        ("gzip", gzip.compress(FINE, mtime=0)[:-4], 400, "malformed_body"),
        ("gzip", gzip.compress(b" " * 2_000_000, mtime=0), 413, "body_too_large"),
        ("br", FINE, 415, "unsupported_content_coding"),
        (
            "gzip, gzip",
            gzip.compress(gzip.compress(FINE, mtime=0), mtime=0),
            415,
            "unsupported_content_coding",
        ),
    ],
    ids=ascii_beginning,
)
def test_a_coded_body_is_read_or_refused_with_what_would_be_read(
    server: Server, coding: str, body: bytes, status: int, code: str
) -> None:
    answer = answer_and_next(server, body, JSON, f"content-encoding: {coding}")
    assert (answer.status, answer.code) == (status, code)
    assert ("accept-encoding" in answer.headers) == (status == 415)


def chunked(*chunks: bytes, path: str = "/predict") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: test\r\n{JSON}\r\ntransfer-encoding: chunked\r\n\r\n"
    return head.encode() + b"".join(b"%x\r\n%b\r\n" % (len(c), c) for c in (*chunks, b""))


def test_a_body_in_chunks_of_one_byte_is_read_whole(server: Server) -> None:
    with server.wire() as wire:
        for _ in range(2):
            wire.send(chunked(*(bytes([byte]) for byte in FINE)))
            assert wire.answer().status == 200


@pytest.mark.parametrize(
    "request_",
    [
        chunked(FINE).replace(b"d\r\n", b"zz\r\n"),
        chunked(FINE).replace(b"d\r\n", b"-1\r\n"),
        chunked(FINE).replace(b"chunked\r\n", b"chunked\r\ncontent-length: 5\r\n"),
        post(FINE, JSON, "content-length: 5"),
        post(FINE, JSON).replace(b"content-length: 13", b"content-length: -1"),
        post(FINE, JSON).replace(b"content-length: 13", b"content-length: 13, 13"),
        post(FINE, JSON).replace(b"content-length: 13", b"content-length: " + b"9" * 40),
        post(FINE, "a header without its colon"),
        post(FINE, "folded: a\r\n b\0c"),
        post(FINE, "sp ace: 1"),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"HELO there\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        get(b"/\xff\xfe"),
        get(b"/a b"),
        get(b"no-slash"),
    ],
    ids=lambda data: ascii(data)[2:60],
)
def test_what_is_not_http_is_a_problem_and_the_end_of_the_connection(
    server: Server, request_: bytes
) -> None:
    with server.wire() as wire:
        wire.send(request_)
        answer = wire.answer()
        assert (answer.status, answer.code) == (400, "malformed_request")
        assert answer.headers["connection"] == "close"
        assert wire.is_closed()
    assert server.ask(post(FINE, JSON)).status == 200


@pytest.mark.parametrize("kept", [0, 5, len(FINE) - 1])
def test_a_body_shorter_than_its_length_is_a_400_once_the_caller_ends_it(
    server: Server, kept: int
) -> None:
    with server.wire() as wire:
        wire.send(post(FINE[:kept], JSON, length=len(FINE)))
        wire.socket.shutdown(socket.SHUT_WR)
        answer = wire.answer()
    assert (answer.status, answer.code) == (400, "malformed_request")
    assert server.ask(post(FINE, JSON)).status == 200


def test_a_caller_that_vanishes_within_its_body_is_not_a_failure_of_the_server(
    server: Server,
) -> None:
    with server.wire() as wire:
        wire.send(post(FINE[:5], JSON, length=len(FINE)))
    assert server.ask(post(FINE, JSON)).status == 200
    counted = server.ask(get(b"/metrics")).content.decode()
    assert 'code="500"' not in counted


def test_expect_100_continue_is_answered_before_the_body_is_sent(server: Server) -> None:
    with server.wire() as wire:
        wire.send(post(b"", JSON, "expect: 100-continue", length=len(FINE)))
        assert wire.socket.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.send(FINE)
        assert wire.answer().status == 200


def test_expect_100_continue_of_too_large_a_body_is_a_413_at_once(server: Server) -> None:
    with server.wire() as wire:
        wire.send(post(b"", JSON, "expect: 100-continue", length=2_000_000))
        assert (answer := wire.answer()).code == "body_too_large"
        assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("declared", [True, False])
def test_a_caller_that_sends_too_much_without_reading_still_gets_its_413(
    server: Server, declared: bool
) -> None:
    body = b'{"text": "' + b"x" * 30_000_000 + b'"}'
    with server.wire() as wire:
        wire.send(post(body, JSON) if declared else chunked(body))
        assert (wire.answer().code, wire.is_closed()) == ("body_too_large", True)
    assert server.ask(post(FINE, JSON)).status == 200


@pytest.mark.parametrize(
    "request_",
    [
        get(b"/livez", "x: " + "y" * 70_000),
        get(b"/livez", *(f"x{number}: y" for number in range(9000))),
        get(b"/" + b"x" * 70_000),
        get(b"/livez", "x: " + "y" * 3_000_000),
    ],
    ids=["one long line", "many lines", "long path", "3 MB"],
)
def test_a_head_that_is_too_large_is_a_431(server: Server, request_: bytes) -> None:
    with server.wire() as wire:
        wire.send(request_)
        answer = wire.answer()
        assert (answer.status, answer.code) == (431, "head_too_large")
        assert wire.is_closed()
    assert server.ask(get(b"/livez")).status == 200


def test_a_long_head_below_the_limit_is_taken_again_and_again(server: Server) -> None:
    with server.wire() as wire:
        for _ in range(3):
            wire.send(get(b"/livez", "x: " + "y" * 65_000))
            assert wire.answer().status == 200


def test_requests_sent_at_once_are_answered_in_their_order(server: Server) -> None:
    with server.wire() as wire:
        wire.send(get(b"/livez") + post(b"{", JSON) + chunked(FINE) + get(b"/nowhere"))
        statuses = [wire.answer().status for _ in range(4)]
    assert statuses == [200, 400, 200, 404]


def test_a_body_that_nobody_reads_does_not_become_the_next_request(server: Server) -> None:
    smuggled = get(b"/nowhere") * 2000
    with server.wire() as wire:
        wire.send(get(b"/livez", f"content-length: {len(smuggled)}"))
        assert wire.answer().status == 200
        wire.send(smuggled + get(b"/models"))
        assert (wire.answer().status, server.ask(get(b"/livez")).status) == (200, 200)


def test_an_upgrade_that_is_not_offered_is_answered_as_usual(server: Server) -> None:
    upgrade = ("connection: Upgrade, HTTP2-Settings", "upgrade: h2c", "http2-settings: AAMAAABk")
    with server.wire() as wire:
        wire.send(post(FINE, JSON, *upgrade))
        assert wire.answer().status == 200
        wire.send(get(b"/livez"))
        assert wire.answer().status == 200
