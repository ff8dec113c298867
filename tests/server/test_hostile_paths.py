"""Request targets that no client library would send, to a real server process."""

from collections.abc import Iterator

import pytest

from tests.server.wire import Server, get, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, graph: bytes) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("paths")
    # Beside the store and the page: what a path that climbs would find.
    (folder / "secret").write_text("secret of the house")
    (folder / "demo").mkdir()
    (folder / "demo" / "index.html").write_text("page")
    with serving(folder, graph, DEMO_ROOT=str(folder / "demo")) as server:
        yield server


@pytest.mark.parametrize(
    ("target", "code"),
    [
        (b"/models/..", "model_not_found"),
        (b"/models/%2e%2e", "model_not_found"),
        (b"/models/%252e%252e%252f", "model_not_found"),
        (b"/models/..%5c..%5csecret", "model_not_found"),
        (b"/models/%c0%ae%c0%ae", "model_not_found"),
        (b"/models/%e0%80%ae%e0%80%ae/download", "model_not_found"),
        (b"/models/%f8%80%80%80%ae", "model_not_found"),
        (b"/models/%ed%a0%80", "model_not_found"),
        (b"/models/%", "model_not_found"),
        (b"/models/%zz", "model_not_found"),
        (b"/models/hash-tiny%00", "model_not_found"),
        (b"/models/hash-tiny%0d%0aX-Evil:%201", "model_not_found"),
        (b"/models/hash-tiny;version=1", "model_not_found"),
        (b"/models/hash-tiny%20", "model_not_found"),
        (b"/models/hash-tiny@", ""),
        (b"/models/hash-tiny@1.0.0@1.0.0", "model_not_found"),
        (b"/models/hash-tiny@1e999", "model_not_found"),
        (b"/models/" + b"a" * 60_000, "model_not_found"),
        (b"/models/file:%2f%2f%2fetc%2fpasswd", "not_found"),
        (b"/models/../../secret", "not_found"),
        (b"/models//download", "not_found"),
        (b"/models/hash-tiny/download/", "not_found"),
        (b"//etc/passwd", "not_found"),
        (b"*", "not_found"),
        (b"/models/hash-tiny/download?file=%", "file_not_found"),
        (b"/models/hash-tiny/download?file=%ff", "file_not_found"),
        (b"/models/hash-tiny/download?file=%c0%ae%c0%ae%2fsecret", "file_not_found"),
        (b"/models/hash-tiny/download?file=../../../secret", "file_not_found"),
        (b"/models/hash-tiny/download?file=model.onnx&file=../secret", "file_not_found"),
        (b"/models/hash-tiny/download?file=./model.onnx", "file_not_found"),
        (b"/models/hash-tiny/download?sha256=%00", "invalid_request"),
        (b"/models/hash-tiny/download?sha256=" + b"0" * 64 + b"%0a", "invalid_request"),
        (b"/models/hash-tiny/download?" + b"&" * 9_000, ""),
        (b"/demo/%2e%2e/secret", "not_found"),
        (b"/demo/..%2fsecret", "not_found"),
        (b"/demo/%c0%ae%c0%ae/secret", "not_found"),
        (b"/demo//etc/passwd", "not_found"),
        (b"/demo/" + b"a" * 5_000, "not_found"),
        (b"/docs/%2e%2e/app.py", "not_found"),
        (b"/docs/..%2fapp.py", "not_found"),
        (b"/docs/start.js%00", "not_found"),
        (b"/docs/" + b"a" * 5_000, "not_found"),
        (b"http://elsewhere.example/models/nothing", "model_not_found"),
        (b"http://[::1/livez", "malformed_request"),
        (b"http://elsewhere.example:99999/livez", "malformed_request"),
    ],
    ids=lambda value: ascii(value)[:60],
)
def test_a_strange_target_finds_what_it_names_or_gets_a_clear_problem(
    server: Server, target: bytes, code: str
) -> None:
    answer = server.ask(get(target))
    assert answer.code == code
    assert answer.status in (200, 400, 404, 422)
    assert "x-evil" not in answer.headers
    assert b"secret of the house" not in answer.content
    assert b"root:" not in answer.content
    assert server.ask(get(b"/livez")).status == 200
