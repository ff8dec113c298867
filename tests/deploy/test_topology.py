"""The compose file's nginx, replicas and Redis, as a caller from outside sees them."""

import http.client
import json
import ssl
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from benchmarks.topology import Topology
from registry import Artifact
from runtime_server.static_files import MEDIA_TYPES
from tests.deploy.conftest import needs
from tests.server.test_metrics import samples
from tests.waiting import wait_for

TEXT = {"text": "It is important to note that effective communication fosters growth."}


@pytest.fixture
def client(topology: Topology) -> Iterator[httpx.Client]:
    with topology.client() as client:
        yield client


@pytest.fixture
def script(static: Path) -> str:
    """The page's own script, below /demo/."""
    (file,) = static.glob("page-*/app.js")
    return file.relative_to(static).as_posix()


def answered(topology: Topology, route: str) -> list[float]:
    """How many requests to the route each replica has answered so far."""
    return [_answered(url, route) for url in topology.replica_urls]


def _answered(url: str, route: str) -> float:
    with httpx.Client(base_url=url) as client:
        found = samples(client)
    return sum(
        value
        for (name, labels), value in found.items()
        if name == "requests_total" and labels.endswith(f",{route}")
    )


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def access_log(topology: Topology) -> list[dict[str, Any]]:
    # A request is logged after it is answered.
    folder = topology.nginx.log.parent / "log"
    wait_for(lambda: any(file.stat().st_size for file in folder.glob("access-*.log")))
    (file,) = folder.glob("access-*.log")
    return lines(file.read_text())


def head_answer(
    topology: Topology, method: str, path: str, headers: Mapping[str, str]
) -> tuple[int, dict[str, Any]]:
    """What is answered to the head of a request whose body never comes."""
    parts = urlsplit(topology.url)
    trusted = ssl.create_default_context(cafile=str(topology.certificate))
    assert parts.hostname is not None
    connection = http.client.HTTPSConnection(parts.hostname, parts.port, context=trusted)
    connection.putrequest(method, path)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    problem: dict[str, Any] = json.loads(answer.read())
    connection.close()
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == answer.status
    return answer.status, problem


def test_requests_are_spread_over_the_replicas(topology: Topology, client: httpx.Client) -> None:
    before = answered(topology, "/predict")
    for _ in range(40):
        assert client.post("/predict", json=TEXT).status_code == 200
    counts = [now - then for now, then in zip(answered(topology, "/predict"), before, strict=True)]
    assert sum(counts) == 40
    assert min(counts) >= 10


def test_http_2_is_negotiated_and_an_older_caller_gets_http_1(topology: Topology) -> None:
    with topology.client() as new, topology.client(http2=False) as old:
        assert new.get("/livez").http_version == "HTTP/2"
        assert old.get("/livez").http_version == "HTTP/1.1"


def test_the_certificate_is_checked_and_old_tls_is_refused(topology: Topology) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"{topology.url}/livez")
    old = ssl.create_default_context(cafile=str(topology.certificate))
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1 "):
        old.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(httpx.ConnectError, match="alert protocol version"):
        httpx.get(f"{topology.url}/livez", verify=old)


def test_plain_http_leads_to_https_and_serves_the_challenge_of_acme(topology: Topology) -> None:
    moved = httpx.post(f"{topology.plain_url}/predict?a=b", headers={"Host": "localhost"})
    assert (moved.status_code, moved.headers["location"]) == (308, f"{topology.url}/predict?a=b")
    folder = topology.nginx.log.parent / "acme" / ".well-known" / "acme-challenge"
    folder.mkdir(parents=True)
    (folder / "token").write_text("answer")
    answer = httpx.get(f"{topology.plain_url}/.well-known/acme-challenge/token")
    assert (answer.status_code, answer.text) == (200, "answer")


@pytest.mark.parametrize(
    ("accepted", "coding"), [("br, gzip", "br"), ("gzip", "gzip"), ("identity", None)]
)
def test_the_page_is_sent_as_it_was_compressed(
    client: httpx.Client, static: Path, script: str, accepted: str, coding: str | None
) -> None:
    if (
        coding == "br"
        and not Path("/usr/lib/nginx/modules/ngx_http_brotli_static_module.so").exists()
    ):
        pytest.skip("nginx has no brotli (Debian: libnginx-mod-http-brotli-static)")
    answer = client.get(f"/demo/{script}", headers={"Accept-Encoding": accepted})
    assert answer.headers.get("content-encoding") == coding
    assert "Accept-Encoding" in answer.headers["vary"]
    assert answer.content == (static / script).read_bytes()
    suffix = {"br": ".br", "gzip": ".gz", None: ""}[coding]
    assert int(answer.headers["content-length"]) == (static / f"{script}{suffix}").stat().st_size


def test_the_runtime_of_the_page_is_a_third_of_its_size_on_the_wire(
    client: httpx.Client, static: Path
) -> None:
    (runtime,) = static.glob("ort-*.wasm")
    with client.stream("GET", f"/demo/{runtime.name}", headers={"Accept-Encoding": "gzip"}) as wasm:
        assert wasm.headers["content-type"] == "application/wasm"
        assert int(wasm.headers["content-length"]) < runtime.stat().st_size / 3


def test_a_page_that_the_caller_has_is_not_sent_again(client: httpx.Client, script: str) -> None:
    answer = client.get(f"/demo/{script}")
    assert answer.headers["cache-control"] == "no-cache"
    again = client.get(f"/demo/{script}", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_page_has_the_headers_that_the_server_gives_it(
    topology: Topology, client: httpx.Client, static: Path
) -> None:
    of_nginx = {"strict-transport-security", "vary", "content-encoding", "connection"}
    differ = {"server", "date", "etag", "last-modified", "content-length", "accept-ranges"}
    # Of requests, not of files.
    differ |= {"x-request-id", "traceparent", "transfer-encoding"}
    files = [file.relative_to(static).as_posix() for file in static.rglob("*") if file.is_file()]
    paths = [path for path in files if not path.endswith((".br", ".gz", ".LEGAL.txt"))]
    assert "server.json" in paths
    for path in ("/demo/", *(f"/demo/{path}" for path in paths)):
        ours = httpx.get(f"{topology.replica_urls[0]}{path}")
        theirs = client.get(path)
        assert (ours.status_code, theirs.status_code) == (200, 200), path
        assert ours.content == theirs.content, path
        assert {k: v for k, v in theirs.headers.items() if k not in differ | of_nginx} == {
            k: v for k, v in ours.headers.items() if k not in differ
        }


def test_nginx_has_the_servers_table_of_media_types() -> None:
    table = (Path(__file__).parents[2] / "deploy/nginx/media_types.conf.template").read_text()
    rows = [line.strip(" ;").split() for line in table.splitlines() if line.startswith("    ")]
    found = {f".{suffix}": kind for kind, *suffixes in rows for suffix in suffixes}
    assert found == {suffix: kind.partition(";")[0] for suffix, kind in MEDIA_TYPES.items()}


def test_a_pinned_download_is_asked_of_a_replica_once_and_can_be_resumed(
    topology: Topology, client: httpx.Client, lexical_tiny: Artifact
) -> None:
    route = "/models/{model}/download"
    model = lexical_tiny.manifest.model
    url = f"/models/lexical-tiny/download?file={model.path}&sha256={model.sha256}"
    content = lexical_tiny.path(model.path).read_bytes()
    before = sum(answered(topology, route))
    first = client.get(url)
    assert (first.status_code, first.content) == (200, content)
    assert first.headers["access-control-allow-origin"] == "*"
    part = client.get(url, headers={"Range": "bytes=1000-1999"})
    assert (part.status_code, part.content) == (206, content[1000:2000])
    known = client.get(url, headers={"If-None-Match": first.headers["etag"]})
    assert known.status_code == 304
    assert sum(answered(topology, route)) - before == 1


def test_a_download_without_a_pin_is_asked_of_a_replica_each_time(
    topology: Topology, client: httpx.Client, lexical_tiny: Artifact
) -> None:
    route = "/models/{model}/download"
    before = sum(answered(topology, route))
    first = client.get("/models/lexical-tiny/download")
    part = client.get("/models/lexical-tiny/download", headers={"Range": "bytes=1000-1999"})
    assert (part.status_code, part.content) == (206, first.content[1000:2000])
    tag = {"If-None-Match": first.headers["etag"]}
    assert client.get("/models/lexical-tiny/download", headers=tag).status_code == 304
    assert sum(answered(topology, route)) - before == 3


def test_what_is_for_operators_is_closed_from_outside(
    topology: Topology, client: httpx.Client
) -> None:
    for path in ("/metrics", "/admin", "/admin/models", "/admin/../metrics"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
    assert httpx.get(f"{topology.replica_urls[0]}/metrics").status_code == 200


def test_who_asks_is_what_nginx_sees_not_what_the_caller_claims(
    topology: Topology, client: httpx.Client
) -> None:
    name = uuid.uuid4().hex
    claimed = {"X-Forwarded-For": "203.0.113.7", "X-Request-Id": name}
    assert client.post("/predict", json=TEXT, headers=claimed).status_code == 200
    told = [line for part in topology.replicas for line in lines(part.log.read_text())]
    assert [line["client"] for line in told if line.get("request_id") == name] == ["127.0.0.1"]


def test_a_request_has_one_id_in_both_logs_and_neither_has_its_query(
    topology: Topology, client: httpx.Client
) -> None:
    answer = client.get("/models?secret=hunter2")
    name = answer.headers["x-request-id"]
    (line,) = (line for line in access_log(topology) if line["request_id"] == name)
    assert (line["path"], line["status"], line["protocol"]) == ("/models", 200, "HTTP/2.0")
    assert any(name in part.log.read_text() for part in topology.replicas)
    assert "hunter2" not in json.dumps(access_log(topology))


def test_a_stream_of_lines_comes_through(client: httpx.Client) -> None:
    headers = {"Accept": "application/x-ndjson"}
    body = {"texts": [TEXT["text"]] * 5}
    with client.stream("POST", "/batch-predict", json=body, headers=headers) as answer:
        assert [json.loads(line)["status"] for line in answer.iter_lines()] == [200] * 5


def test_a_wish_for_a_websocket_is_passed_over(topology: Topology) -> None:
    wish = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    with topology.client(http2=False) as client:
        assert client.get("/livez", headers=wish).status_code == 200


def test_what_nginx_refuses_is_a_problem_too(topology: Topology) -> None:
    large = {"Content-Type": "application/json", "Content-Length": "17000000"}
    assert head_answer(topology, "POST", "/predict", large)[1]["code"] == "body_too_large"
    status, problem = head_answer(topology, "GET", "/livez", {"X": "y" * 20_000})
    assert (status, problem["code"]) == (431, "head_too_large")
    status, problem = head_answer(topology, "GET", "/demo/nothing", {})
    assert (status, problem["code"]) == (404, "not_found")


def test_without_replicas_and_over_its_limit_a_caller_is_told_when_to_come_again(
    static: Path, tmp_path: Path
) -> None:
    needs("nginx", "envsubst")
    limits = {"ADDRESS_REQUESTS_PER_S": "1", "ADDRESS_BURST": "2"}
    alone = Topology(tmp_path, static, proxy=limits)
    alone.nginx.start()
    try:
        with alone.client() as client:
            answers = [client.post("/predict", json=TEXT) for _ in range(5)]
            codes = [answer.json()["code"] for answer in answers]
            assert codes == ["no_replica"] * 3 + ["too_many_requests"] * 2
            assert {(answer.status_code, answer.headers["retry-after"]) for answer in answers} == {
                (503, "2"),
                (429, "1"),
            }
    finally:
        alone.nginx.kill()


def test_problems_of_nginx_have_the_headers_of_the_servers(topology: Topology) -> None:
    with topology.client() as client:
        nginx, server = client.get("/demo/nothing.js"), client.get("/nothing")
    names = ("content-security-policy", "x-content-type-options", "x-frame-options")
    for name in (*names, "referrer-policy", "strict-transport-security", "content-type"):
        assert nginx.headers[name] == server.headers[name], name


def test_a_proxy_that_is_trusted_says_who_asks(static: Path, tmp_path: Path) -> None:
    needs("nginx", "envsubst")
    alone = Topology(tmp_path, static, proxy={"TRUSTED_PROXIES": "10.0.0.0/8 127.0.0.1"})
    alone.nginx.start()
    try:
        with alone.client() as client:
            client.get("/livez", headers={"X-Forwarded-For": "198.51.100.1, 203.0.113.7"})
        assert [line["client"] for line in access_log(alone)] == ["203.0.113.7"]
    finally:
        alone.nginx.kill()
