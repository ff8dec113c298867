"""Runs the application under uvicorn, in one process or several."""

import errno
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from shutil import rmtree
from types import FrameType
from typing import Any, Final

import uvicorn
from uvicorn.supervisors import Multiprocess

from runtime_server.app import create_app
from runtime_server.connections import ConnectionLimits
from runtime_server.errors import StartError
from runtime_server.logs import log_config
from runtime_server.settings import Settings
from runtime_server.shared_metrics import forget_gone, shared_folder
from runtime_server.stopping import KILLED_BY, SIGNALS

FACTORY: Final = "runtime_server.app:app_from_environment"
BACKLOG: Final = 2048
WORKER_START_S: Final = 30.0

Announce = Callable[[], None]


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises StartError, with what to do about it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as exc:
        listener.close()
        raise StartError(_why_not(exc, host, port)) from exc
    listener.set_inheritable(True)
    return listener


def serve(settings: Settings, listener: socket.socket, announce: Announce) -> None:
    """Serve until a signal comes; `announce` is called once, when requests are taken.

    After SIGTERM nothing new is taken, what was accepted is answered, and the process ends with 0.
    A second signal ends it at once.
    """
    # When all is done, uvicorn raises the signal again: that must not be what the process dies of.
    signal.signal(signal.SIGTERM, _all_is_answered)
    if settings.workers == 1:
        config = _config(settings, create_app(settings))
        server: Any = _AnnouncingServer(config, announce)
        server.run(sockets=[listener])
    else:
        config = _config(settings, FACTORY, factory=True)
        _export(settings)
        with shared_folder() as counts:
            _AnnouncingSupervisor(config, [listener], announce, counts).run()


def _all_is_answered(_signum: int, _frame: FrameType | None) -> None:
    pass


class _AnnouncingServer(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, announce: Announce) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._announce()


class _AnnouncingSupervisor(Multiprocess):
    def __init__(
        self,
        config: uvicorn.Config,
        sockets: list[socket.socket],
        announce: Announce,
        counts: Path,
    ) -> None:
        super().__init__(config, sockets)
        self._announce = announce
        self._counts = counts
        self._known: set[int] = set()
        self._stopping = False
        for number in SIGNALS:
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if self._stopping:
            for process in self.processes:
                process.process.kill()
            rmtree(self._counts, ignore_errors=True)
            os._exit(KILLED_BY + number)
        self._stopping = True
        self.signal_queue.append(number)

    def init_processes(self) -> None:
        super().init_processes()
        ready = [p.wait_until_ready(WORKER_START_S, self.should_exit) for p in self.processes]
        if all(ready):
            self._announce()

    def terminate_all(self) -> None:
        # Else it would take connections that nobody answers any more.
        for listener in self.sockets:
            listener.close()
        super().terminate_all()

    def keep_subprocess_alive(self) -> None:
        super().keep_subprocess_alive()
        living = {process.pid for process in self.processes if process.pid is not None}
        forget_gone(self._counts, self._known - living)
        self._known = living


def _config(settings: Settings, app: Any, *, factory: bool = False) -> uvicorn.Config:  # noqa: ANN401
    return uvicorn.Config(
        app,
        factory=factory,
        workers=settings.workers,
        http=ConnectionLimits.of(settings).protocol,
        ws="none",
        log_config=log_config(settings),
        access_log=False,
        forwarded_allow_ips=settings.forwarded_allow_ips,
        server_header=False,
        timeout_graceful_shutdown=10,
    )


def _export(settings: Settings) -> None:
    # Workers are new processes, which read the environment and not this object.
    os.environ["WORKERS"] = str(settings.workers)


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} of {host} is in use; stop what uses it, or take another: "
            f"--port {port + 1}, or PORT={port + 1}"
        )
    if error.errno == errno.EACCES:
        return f"port {port} of {host} needs more rights; take one from 1024 on"
    return f"cannot listen on {host}, port {port}: {error.strerror or error}"
