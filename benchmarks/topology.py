"""docker-compose.prod.yml without containers: its nginx, replicas and Redis, from its own files.

Only addresses, folders and the certificate are this machine's, given in the way that the compose
file gives them.
"""

import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

import httpx
import trustme

from benchmarks.live_server import free_port
from benchmarks.system_programs import find_program
from runtime_server.settings import Settings

REPOSITORY: Final = Path(__file__).resolve().parents[1]
DEPLOY: Final = REPOSITORY / "deploy"
NEEDED: Final = ("envsubst", "nginx", "redis-server")
PASSWORD: Final = "a-password-of-the-topology"  # noqa: S105 (of a Redis that lives for a test)
PATIENCE_S: Final = 60.0


class Part:
    """A program of the topology, which can be stopped, killed and started again."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        is_ready: Callable[[], bool],
        *,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.log = folder / f"{name}.log"
        self._name, self._command, self._environment = name, command, environment
        self._is_ready, self._stop_signal = is_ready, stop_signal
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the process that was started last."""
        if self._process is None:
            raise RuntimeError(f"{self._name} has not been started")
        return self._process.pid

    def start(self) -> None:
        """Start it, and wait until it is ready. Raises RuntimeError with its last words."""
        self.launch()
        self.await_ready()

    def launch(self) -> None:
        """Start it."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env={**_environment(), **self._environment},
                stdout=log,
                stderr=log,
                # A group of its own, so that all of it can be killed at once, like a container.
                start_new_session=True,
            )

    def await_ready(self) -> None:
        """Return once it is. Raises RuntimeError with its last words."""
        deadline = time.monotonic() + PATIENCE_S
        while not self._is_ready():
            if not self.is_running or time.monotonic() > deadline:
                raise RuntimeError(f"{self._name} did not start: {self.log.read_text()[-2000:]}")
            time.sleep(0.05)

    @property
    def is_running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def signal_to_stop(self) -> None:
        """What `docker stop` sends first."""
        os.kill(self.pid, self._stop_signal)

    def wait(self, within_s: float = PATIENCE_S) -> int:
        """Its exit status. Raises TimeoutExpired."""
        if self._process is None:
            return 0
        status = self._process.wait(within_s)
        self.kill()
        return status

    def stop(self) -> int:
        """Stop it as `docker stop` does; its exit status."""
        self.signal_to_stop()
        return self.wait()

    def kill(self) -> None:
        """SIGKILL to all of its processes."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


class Topology:
    """nginx in front of replicas of the server that share a Redis. A context manager."""

    def __init__(
        self,
        folder: Path,
        static: Path,
        *,
        replicas: int = 2,
        workers: int = 2,
        api: Mapping[str, str] | None = None,
        proxy: Mapping[str, str] | None = None,
    ) -> None:
        """`folder` is empty and writable; `api` and `proxy` are further variables of `.env`."""
        self.url = f"https://localhost:{free_port()}"
        self.plain_url = f"http://127.0.0.1:{free_port()}"
        redis_port = free_port()
        self.redis_url = redis_url(redis_port, PASSWORD)
        self.redis = redis_server(folder, redis_port, PASSWORD)
        self.replica_urls = tuple(f"http://127.0.0.1:{free_port()}" for _ in range(replicas))
        shared = {"WORKERS": str(workers), "REDIS_URL": self.redis_url, **(api or {})}
        self.replicas = tuple(
            _replica(folder, number, url, shared) for number, url in enumerate(self.replica_urls)
        )
        self.certificate = _certificate(folder)
        self.nginx = self._nginx(folder, static, proxy or {})

    @property
    def parts(self) -> tuple[Part, ...]:
        """In the order in which the compose file stops them."""
        return (self.nginx, *self.replicas, self.redis)

    def client(self, *, http2: bool = True) -> httpx.Client:
        """A caller from outside, who trusts the certificate."""
        trusted = ssl.create_default_context(cafile=str(self.certificate))
        return httpx.Client(base_url=self.url, verify=trusted, http2=http2, timeout=PATIENCE_S)

    def __enter__(self) -> Self:
        try:
            for part in self.parts:
                part.launch()
            for part in self.parts:
                part.await_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for part in self.parts:
            part.kill()

    def _nginx(self, folder: Path, static: Path, proxy: Mapping[str, str]) -> Part:
        for name in ("acme", "cache", "log"):
            (folder / name).mkdir()
        environment = {
            "API_SERVERS": " ".join(url.removeprefix("http://") for url in self.replica_urls),
            "LISTEN_HTTP": self.plain_url.removeprefix("http://"),
            "LISTEN_HTTPS": f"127.0.0.1:{self.url.rpartition(':')[2]}",
            "PUBLIC_HTTPS_PORT": self.url.rpartition(":")[2],
            "TLS_CERTIFICATE": str(folder / "fullchain.pem"),
            "TLS_KEY": str(folder / "privkey.pem"),
            "RUN_FOLDER": str(folder / "nginx"),
            "STATIC_FOLDER": str(static),
            "ACME_FOLDER": str(folder / "acme"),
            "CACHE_FOLDER": str(folder / "cache"),
            "LOG_FOLDER": str(folder / "log"),
            # All callers have one address here.
            "ADDRESS_REQUESTS_PER_S": "100000",
            "ADDRESS_BURST": "100000",
            "ADDRESS_CONNECTIONS": "60000",
            **proxy,
        }
        command = [str(DEPLOY / "nginx" / "start")]
        if os.geteuid() == 0:
            # In the image it is another user from the start; here the folders are root's.
            command += ["-g", "user root;"]
        alive = f"{self.plain_url}/.proxy/alive"
        return Part(
            "nginx",
            command,
            environment,
            folder,
            lambda: answers(alive, 204),
            stop_signal=signal.SIGQUIT,
        )


def answers(url: str, status: int = 200) -> bool:
    """Whether it answers with this status now."""
    try:
        return httpx.get(url, timeout=5).status_code == status
    except httpx.TransportError:
        return False


def _replica(folder: Path, number: int, url: str, shared: Mapping[str, str]) -> Part:
    port = url.rpartition(":")[2]
    environment = {"PORT": port, "FORWARDED_ALLOW_IPS": "127.0.0.1", **shared}
    command = [sys.executable, "-m", "runtime_server"]
    return Part(f"api-{number + 1}", command, environment, folder, lambda: answers(f"{url}/readyz"))


def redis_url(port: int, password: str) -> str:
    """Of what `redis_server` starts there."""
    credentials = f":{password}@" if password else ""
    return f"redis://{credentials}127.0.0.1:{port}/0"


def redis_server(folder: Path, port: int, password: str) -> Part:
    """A Redis with the configuration of the deployment; it asks for the password if it is one."""
    data = folder / "redis"
    data.mkdir(exist_ok=True)
    # The words of the compose file's command.
    command = [
        *(find_program("redis-server") or "redis-server", str(DEPLOY / "redis.conf")),
        *("--bind", "127.0.0.1", "--port", str(port)),
        *("--dir", str(data), "--requirepass", password),
    ]
    return Part("redis", command, {}, folder, lambda: _answers_ping(port, password))


def _answers_ping(port: int, password: str) -> bool:
    from redis import Redis
    from redis.exceptions import RedisError

    try:
        with Redis(port=port, password=password or None, socket_timeout=1) as redis:
            return bool(redis.ping())
    except RedisError:
        return False


def _certificate(folder: Path) -> Path:
    """An authority of our own, and a certificate of it for nginx; the authority's file."""
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    certificate.private_key_pem.write_to_path(str(folder / "privkey.pem"))
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(str(folder / "fullchain.pem"), append=True)
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    return folder / "authority.pem"


def _environment() -> Mapping[str, str]:
    names = {name.upper() for name in Settings.model_fields}
    inherited = {name: value for name, value in os.environ.items() if name not in names}
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    return {**inherited, "PATH": path, "PYTHONPATH": str(REPOSITORY)}
