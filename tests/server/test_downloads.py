import asyncio
import base64
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from starlette.datastructures import Headers

from registry import Artifact
from registry.manifest import ArtifactFile
from registry.store import verify_file
from registry.whole_file import write_whole
from runtime_server.catalogue import ServedFile
from runtime_server.downloads import Downloads
from runtime_server.errors import ArtifactCorruptError

URL = "/models/hash-tiny/download"


@pytest.fixture
def sha256(artifact: Artifact) -> str:
    return artifact.manifest.model.sha256


@pytest.mark.parametrize("reference", ["hash-tiny", "hash-tiny@latest", "hash-tiny@1.0.0"])
def test_the_model_file_is_what_the_manifest_says(
    client: httpx.Client, sha256: str, reference: str
) -> None:
    answer = client.get(f"/models/{reference}/download")
    digest = base64.b64encode(hashlib.sha256(answer.content).digest()).decode()
    assert hashlib.sha256(answer.content).hexdigest() == sha256
    assert answer.headers["etag"] == f'"{sha256}"'
    assert answer.headers["repr-digest"] == f"sha-256=:{digest}:"
    assert answer.headers["digest"] == f"sha-256={digest}"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_manifest_is_served_as_published(client: httpx.Client, artifact: Artifact) -> None:
    for url in ("/models/hash-tiny", f"{URL}?file=manifest.json"):
        answer = client.get(url)
        assert answer.content == artifact.manifest.to_bytes()
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["etag"] == f'"{hashlib.sha256(answer.content).hexdigest()}"'
        assert client.get(url, headers={"if-none-match": answer.headers["etag"]}).status_code == 304


def test_an_address_without_pin_is_revalidated_and_one_with_pin_kept_for_ever(
    client: httpx.Client, sha256: str
) -> None:
    newest = client.get(URL).headers["cache-control"]
    pinned = client.get(f"{URL}?sha256={sha256}").headers["cache-control"]
    assert newest == "no-cache"
    assert pinned == "public, max-age=31536000, immutable"


def test_a_pin_that_is_not_the_current_content_is_a_conflict(
    client: httpx.Client, sha256: str
) -> None:
    answer = client.get(f"{URL}?sha256={'0' * 64}")
    assert (answer.status_code, answer.json()["code"]) == (409, "sha256_mismatch")
    assert answer.json()["current_sha256"] == sha256
    assert answer.headers["cache-control"] == "no-store"


def test_a_pin_that_is_no_sha256_is_an_invalid_request(client: httpx.Client) -> None:
    answer = client.get(f"{URL}?sha256=abc")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "sha256")


@pytest.mark.parametrize("form", ['"{}"', 'W/"{}"', '"x", "{}"', "*"])
def test_a_caller_that_has_the_file_gets_a_304(
    client: httpx.Client, sha256: str, form: str
) -> None:
    answer = client.get(URL, headers={"if-none-match": form.format(sha256)})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == f'"{sha256}"'
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["access-control-allow-origin"] == "*"


def test_a_caller_that_has_another_file_gets_this_one(client: httpx.Client) -> None:
    assert client.get(URL, headers={"if-none-match": '"x"'}).status_code == 200


@pytest.mark.parametrize(
    ("asked", "start", "stop"), [("0-9", 0, 10), ("5-", 5, None), ("-7", -7, None)]
)
def test_a_range_is_answered_with_that_part(
    client: httpx.Client, graph: bytes, asked: str, start: int, stop: int | None
) -> None:
    answer = client.get(URL, headers={"range": f"bytes={asked}"})
    first = start % len(graph)
    assert answer.status_code == 206
    assert answer.content == graph[start:stop]
    last = first + len(answer.content) - 1
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(graph)}"


def test_several_ranges_are_answered_in_parts(client: httpx.Client, graph: bytes) -> None:
    answer = client.get(URL, headers={"range": "bytes=0-3,10-13"})
    assert answer.status_code == 206
    assert answer.headers["content-type"].startswith("multipart/byteranges")
    assert graph[10:14] in answer.content


def test_a_range_of_a_file_that_changed_is_answered_with_the_whole_file(
    client: httpx.Client, graph: bytes, sha256: str
) -> None:
    stale = {"range": "bytes=0-9", "if-range": '"old"'}
    current = {"range": "bytes=0-9", "if-range": f'"{sha256}"'}
    assert client.get(URL, headers=stale).content == graph
    assert client.get(URL, headers=current).content == graph[:10]


def test_a_range_outside_the_file_is_a_416_that_says_how_long_it_is(
    client: httpx.Client, graph: bytes
) -> None:
    answer = client.get(URL, headers={"range": "bytes=99999999-"})
    assert (answer.status_code, answer.json()["code"]) == (416, "range_not_satisfiable")
    assert answer.headers["content-range"] == f"bytes */{len(graph)}"
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_range_that_contradicts_itself_is_a_problem(client: httpx.Client) -> None:
    answer = client.get(URL, headers={"range": "bytes=9-3"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_range")


def test_a_range_in_an_unknown_unit_is_ignored(client: httpx.Client, graph: bytes) -> None:
    answer = client.get(URL, headers={"range": "pages=1-2"})
    assert (answer.status_code, answer.content) == (200, graph)


@pytest.mark.parametrize("url", ["/", "/models", "/models/hash-tiny", URL, "/livez", "/health"])
def test_head_gives_the_headers_of_get(client: httpx.Client, url: str) -> None:
    head, get = client.head(url), client.get(url)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]
    assert head.headers.get("etag") == get.headers.get("etag")


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "/etc/passwd",
        "model.onnx%00",
        "",
        "model.ONNX",
    ],
)
def test_a_file_that_the_manifest_does_not_list_is_not_found(
    client: httpx.Client, name: str
) -> None:
    answer = client.get(f"{URL}?file={name}")
    assert (answer.status_code, answer.json()["code"]) == (404, "file_not_found")
    assert answer.json()["files"] == ["manifest.json", "model.onnx"]


@pytest.mark.parametrize(
    "path",
    [
        "/models/..%2f..%2fetc",
        "/models/..%2f..%2fetc/download",
        "/models/%2e%2e/download",
        "/models/../../etc/passwd",
        "/models/.staging-x",
        "/models/hash-tiny%00",
        "/models/hash-tiny@..%2f1.0.0",
        "/models/hash-tiny@1.0.0%2fmodel.onnx",
        "/models/%ff%fe",
    ],
)
def test_a_path_that_climbs_out_finds_nothing(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert "root:" not in answer.text


def test_only_public_reads_are_open_to_every_origin(client: httpx.Client) -> None:
    elsewhere = {"origin": "https://elsewhere.example"}
    for url in ("/models", "/models/hash-tiny", URL, "/models/nothing"):
        answer = client.get(url, headers=elsewhere)
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "ETag" in answer.headers["access-control-expose-headers"]
    for answer in (
        client.get("/health", headers=elsewhere),
        client.post("/predict", json={"text": "x"}, headers=elsewhere),
    ):
        assert "access-control-allow-origin" not in answer.headers


def test_a_browser_may_ask_to_send_range_and_if_none_match(client: httpx.Client) -> None:
    asked = {
        "origin": "https://elsewhere.example",
        "access-control-request-method": "GET",
        "access-control-request-headers": "if-none-match",
    }
    answer = client.options(URL, headers=asked)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "If-None-Match" in answer.headers["access-control-allow-headers"]


def test_named_origins_may_predict(
    make_client: Callable[..., httpx.Client], artifact: Artifact
) -> None:
    client = make_client(cors_origins=("https://a.example",))
    body = {"text": "x"}
    allowed = client.post("/predict", json=body, headers={"origin": "https://a.example"})
    other = client.post("/predict", json=body, headers={"origin": "https://b.example"})
    preflight = client.options(
        "/predict",
        headers={
            "origin": "https://a.example",
            "access-control-request-method": "POST",
            "access-control-request-headers": "content-type",
        },
    )
    assert allowed.headers["access-control-allow-origin"] == "https://a.example"
    assert "access-control-allow-origin" not in other.headers
    assert preflight.status_code == 200


def test_a_file_that_changes_under_the_server_is_not_handed_out(
    make_client: Callable[..., httpx.Client], artifact: Artifact, graph: bytes
) -> None:
    client = make_client()
    assert client.get(URL).status_code == 200
    artifact.path("model.onnx").write_bytes(graph[:-1] + b"!")
    assert client.get(URL).json()["code"] == "artifact_corrupt"
    artifact.path("model.onnx").unlink()
    assert client.get(URL).json()["code"] == "artifact_corrupt"


def test_what_takes_the_place_of_a_file_is_not_sent_in_its_stead(
    artifact: Artifact, graph: bytes
) -> None:
    served = ServedFile(artifact.manifest.model, artifact.path("model.onnx"))
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "asgi": {}}
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    async def ask() -> None:
        answer = await Downloads().response(served, Headers(), None)
        write_whole(served.path, b"damaged")
        await answer(scope, receive, send)  # type: ignore[arg-type]

    held = len(os.listdir("/dev/fd"))
    asyncio.run(ask())
    assert dict(sent[0]["headers"])[b"content-length"] == str(len(graph)).encode()  # type: ignore[call-overload]
    assert b"".join(message["body"] for message in sent[1:]) == graph  # type: ignore[misc]
    assert len(os.listdir("/dev/fd")) == held


def test_workers_hash_a_file_once_between_them_and_again_when_it_has_changed(
    artifact: Artifact, tmp_path: Path
) -> None:
    hashed: list[str] = []

    def verify(folder: Path, file: ArtifactFile) -> None:
        hashed.append(file.path)
        time.sleep(0.05)
        verify_file(folder, file)

    workers = [Downloads(tmp_path, verify) for _ in range(4)]
    served = ServedFile(artifact.manifest.model, artifact.path("model.onnx"))

    async def ask_all() -> list[int]:
        asked = (worker.response(served, Headers(), None) for worker in workers * 3)
        return [answer.status_code for answer in await asyncio.gather(*asked)]

    assert asyncio.run(ask_all()) == [200] * 12
    assert hashed == ["model.onnx"]
    served.path.write_bytes(b"x" * served.file.bytes)
    for worker in workers:
        with pytest.raises(ArtifactCorruptError):
            asyncio.run(worker.response(served, Headers(), None))
    assert len(hashed) == 5
