"""Containers: the real entry point of the modal wheel, in processes of this machine."""

import asyncio
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from modal_proto import api_pb2 as pb

from tests.modal_loopback.calls import Calls, Result
from tests.modal_loopback.core import EMPTY
from tests.modal_loopback.deployments import Deployments
from tests.modal_loopback.state import Call, Container
from tests.modal_loopback.storage import Storage

POLL_S = 5.0
# Containers send a heartbeat every second.
HEARD_S = 5.0
# Where a deployed class finds the Volume that Modal would have mounted.
FOLDER_VARIABLE = "SAMEGRAPH_ARTIFACTS"


class Containers(Calls, Deployments, Storage):
    """One container per function and parameters; cancellations reach it by its heartbeat."""

    def require_container(self, function_id: str) -> None:
        if not self._alive(function_id) and not self.starting[function_id]:
            self.starting[function_id] += 1
            self.begin(self._run(function_id))

    def kill(self) -> int:
        """Every container, as if its machine were lost; how many there were."""
        alive = [c for c in self.containers.values() if c.alive]
        for container in alive:
            container.process.kill()
        return len(alive)

    @property
    def warm(self) -> int:
        """How many containers are up."""
        return sum(container.alive for container in self.containers.values())

    def freeze(self) -> None:
        """Every container: it takes inputs, and does nothing more until it is thawed or killed."""
        for container in self.containers.values():
            if container.alive:
                container.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on."""
        for container in self.containers.values():
            if container.alive:
                container.process.send_signal(signal.SIGCONT)

    async def end_containers(self) -> None:
        self.kill()
        for container in self.containers.values():
            await container.process.wait()

    def logs(self) -> str:
        """What containers have printed."""
        return "\n".join(c.log.read_text(errors="replace") for c in self.containers.values())

    def _alive(self, function_id: str) -> list[Container]:
        found = (c for c in self.containers.values() if c.function_id == function_id)
        return [container for container in found if container.alive and not container.replaced]

    async def _run(self, function_id: str) -> None:
        try:
            await asyncio.sleep(self.start_s)
            container = await self._launch(function_id)
        finally:
            self.starting[function_id] -= 1
        code = await container.process.wait()
        self._fail_what_it_left(container, code)
        if container.served and self.queues[function_id].qsize():
            self.require_container(function_id)

    async def _launch(self, function_id: str) -> Container:
        task_id = self.new_id("ta")
        folder = self.folder / task_id
        code = folder / "root"
        code.mkdir(parents=True)
        self._lay_out_sources(function_id, folder)
        arguments = pb.ContainerArguments(
            task_id=task_id,
            function_id=function_id,
            app_id=self.app_of[function_id],
            function_def=self.functions[function_id],
            serialized_params=self.params.get(function_id, b""),
            environment_name="main",
            app_layout=self.layout(self.app_of[function_id]),
        )
        (folder / "arguments.pb").write_bytes(arguments.SerializeToString())
        log = folder / "log"
        with log.open("wb") as out:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "modal._container_entrypoint",
                cwd=code,
                env=self._environment(function_id, task_id, folder),
                stdout=out,
                stderr=out,
            )
        container = Container(task_id, function_id, process, log)
        self.containers[task_id] = container
        return container

    def _lay_out_sources(self, function_id: str, folder: Path) -> None:
        for mount_id in self.functions[function_id].mount_ids:
            for file in self.mounts.get(mount_id, []):
                path = folder / file.filename.lstrip("/")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(self.files[file.sha256_hex])

    def _environment(self, function_id: str, task_id: str, folder: Path) -> dict[str, str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("MODAL_")}
        (mount,) = self.functions[function_id].volume_mounts
        secrets = (self.secrets[one] for one in self.functions[function_id].secret_ids)
        given = {name: value for secret in secrets for name, value in secret.items()}
        return {
            **inherited,
            **given,
            "MODAL_SERVER_URL": self.url,
            "MODAL_IS_REMOTE": "1",
            "MODAL_TASK_ID": task_id,
            "MODAL_IMAGE_ID": self.functions[function_id].image_id,
            "MODAL_CONTAINER_ARGUMENTS_PATH": str(folder / "arguments.pb"),
            "MODAL_HEARTBEAT_INTERVAL": "1",
            "MODAL_DISABLE_API_PROXY": "1",
            "PYTHONPATH": str(folder / "root"),
            FOLDER_VARIABLE: str(self.volume_folder(self.volumes[mount.volume_id])),
            **self.container_env,
        }

    def _fail_what_it_left(self, container: Container, code: int) -> None:
        last = container.log.read_text(errors="replace")[-2000:]
        for call in list(self.calls.values()):
            if call.done.is_set() or call.function_id != container.function_id:
                continue
            if call.task_id == container.task_id:
                status = Result.GENERIC_STATUS_INTERNAL_FAILURE
                self.finish(call, Result(status=status, exception=f"exit {code}: {last}"))
            elif not container.served:
                status = Result.GENERIC_STATUS_FAILURE
                failed = Result(status=status, exception=f"start: {last}")
                self.finish(call, container.failure or failed)

    async def ContainerHello(self, _: Any) -> Any:
        return EMPTY

    async def ContainerHeartbeat(self, _: Any) -> pb.ContainerHeartbeatResponse:
        # A heartbeat does not say whose it is: all hear all, and ignore what they do not know.
        since = time.monotonic() - HEARD_S
        ids = [input_id for input_id, said in self.cancels.items() if said > since]
        response = pb.ContainerHeartbeatResponse()
        if ids:
            response.cancel_input_event.CopyFrom(pb.CancelInputEvent(input_ids=ids))
        return response

    async def FunctionGetDynamicConcurrency(
        self, request: Any
    ) -> pb.FunctionGetDynamicConcurrencyResponse:
        return pb.FunctionGetDynamicConcurrencyResponse(concurrency=request.target_concurrency)

    async def FunctionGetInputs(self, request: Any) -> pb.FunctionGetInputsResponse:
        function_id = request.function_id
        found = [c for c in self.containers.values() if c.function_id == function_id and c.alive]
        container = found[-1]
        call = await self._next_call(container)
        if call is None:
            stop = [pb.FunctionGetInputsItem(kill_switch=True)] if container.replaced else []
            return pb.FunctionGetInputsResponse(inputs=stop)
        call.task_id = container.task_id
        container.served = True
        if self.functions[function_id].timeout_secs:
            self.begin(self._expire(call, self.functions[function_id].timeout_secs))
        kinds = (pb.FUNCTION_CALL_INVOCATION_TYPE_ASYNC, pb.FUNCTION_CALL_INVOCATION_TYPE_SYNC)
        item = pb.FunctionGetInputsItem(
            input_id=call.input_id,
            input=call.input,
            function_call_id=call.id,
            retry_count=call.retry_count,
            function_call_invocation_type=kinds[call.sync],
        )
        return pb.FunctionGetInputsResponse(inputs=[item])

    async def _next_call(self, container: Container) -> Call | None:
        queue, began = self.queues[container.function_id], time.monotonic()
        while time.monotonic() - began < POLL_S and not container.replaced:
            with suppress(TimeoutError):
                call = await asyncio.wait_for(queue.get(), 0.25)
                if not call.cancelled:
                    return call
        return None

    async def _expire(self, call: Call, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if not call.done.is_set():
            self.cancels[call.input_id] = time.monotonic()
            told = f"Task's current input exceeded its timeout of {seconds}s"
            self.finish(call, Result(status=Result.GENERIC_STATUS_TIMEOUT, exception=told))

    async def FunctionPutOutputs(self, request: Any) -> Any:
        by_input = {call.input_id: call for call in self.calls.values()}
        for output in request.outputs:
            call = by_input.get(output.input_id)
            if call is None or call.done.is_set():
                continue
            if self.garbled is not None:
                output.result.data = self.garbled
            self.finish(call, output.result, output.data_format)
        return EMPTY

    async def TaskResult(self, request: Any) -> Any:
        failed = request.result.status != Result.GENERIC_STATUS_SUCCESS
        for container in self.containers.values():
            if failed and container.alive and not container.served:
                container.failure = request.result
        return EMPTY

    async def ContainerStop(self, _: Any) -> pb.ContainerStopResponse:
        return pb.ContainerStopResponse()
