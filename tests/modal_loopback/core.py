"""The state that the parts of the loopback server share, and how RPCs reach them."""

import asyncio
import itertools
from collections import Counter, defaultdict, deque
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from google.protobuf import empty_pb2, message_factory
from grpclib import GRPCError, Status
from grpclib.const import Cardinality, Handler
from modal_proto import api_pb2 as pb

from tests.modal_loopback.state import Call, Container, Deployment, Fault

SERVICE = pb.DESCRIPTOR.services_by_name["ModalClient"]
EMPTY = empty_pb2.Empty()
TOKEN_ID, TOKEN_SECRET = "ak-loopback", "as-loopback"


class Core:
    """Every RPC is a method of its name on a subclass; the rest is UNIMPLEMENTED."""

    def __init__(
        self,
        *,
        input_plane: bool = False,
        start_s: float = 0.0,
        container_env: dict[str, str] | None = None,
    ) -> None:
        """`start_s` passes before a container is launched."""
        self.input_plane = input_plane
        self.start_s = start_s
        self.container_env = dict(container_env or {})
        self.faults: dict[str, deque[Fault]] = defaultdict(deque)
        self.always: dict[str, Fault] = {}
        # What every call returns instead of what the container says: bytes of CBOR, or not.
        self.garbled: bytes | None = None
        # Before the body of an uploaded block is read.
        self.blob_delay_s = 0.0
        self.log: list[tuple[str, Any]] = []
        self.folder = Path()
        self.url = self.blob_url = ""
        self.apps: dict[str, Deployment] = {}
        self.deployed: dict[str, str] = {}
        self.functions: dict[str, pb.Function] = {}
        self.handles: dict[str, pb.FunctionHandleMetadata] = {}
        self.described: dict[str, pb.FunctionData] = {}
        self.params: dict[str, bytes] = {}
        self.app_of: dict[str, str] = {}
        self.images: dict[str, pb.Image] = {}
        self.volumes: dict[str, str] = {}
        self.secrets: dict[str, dict[str, str]] = {}
        self.mounts: dict[str, list[pb.MountFile]] = {}
        self.files: dict[str, bytes] = {}
        self.blobs: dict[str, bytes] = {}
        self.calls: dict[str, Call] = {}
        self.queues: dict[str, asyncio.Queue[Call]] = defaultdict(asyncio.Queue)
        self.containers: dict[str, Container] = {}
        self.starting: Counter[str] = Counter()
        # Inputs to be given up, and when that was said.
        self.cancels: dict[str, float] = {}
        self._numbers = itertools.count(1)
        self._tasks: set[asyncio.Task[Any]] = set()

    def new_id(self, prefix: str) -> str:
        return f"{prefix}-{next(self._numbers):06d}"

    def count(self, rpc: str) -> int:
        """How often it was called."""
        return sum(name == rpc for name, _ in self.log)

    def forget(self) -> None:
        """Faults and the log."""
        self.garbled = None
        self.blob_delay_s = 0.0
        self.faults.clear()
        self.always.clear()
        self.log.clear()

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def end_tasks(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def __mapping__(self) -> dict[str, Handler]:
        handlers = {}
        for method in SERVICE.methods:
            if method.client_streaming:
                continue
            streams = method.server_streaming
            handlers[f"/{SERVICE.full_name}/{method.name}"] = Handler(
                self._handler(method.name, streams=streams),
                Cardinality.UNARY_STREAM if streams else Cardinality.UNARY_UNARY,
                message_factory.GetMessageClass(method.input_type),
                message_factory.GetMessageClass(method.output_type),
            )
        return handlers

    def _handler(self, name: str, *, streams: bool) -> Any:
        async def handle(stream: Any) -> None:
            request, metadata = await stream.recv_message(), dict(stream.metadata)
            self.log.append((name, request))
            self._require_token(metadata)
            await self._misbehave(name)
            answer = getattr(self, name, None)
            if answer is None:
                raise GRPCError(Status.UNIMPLEMENTED, f"the loopback server has no {name}")
            if streams:
                async for message in answer(request):
                    await stream.send_message(message)
            else:
                await stream.send_message(await answer(request))

        return handle

    def _require_token(self, metadata: dict[str, Any]) -> None:
        if metadata.get("x-modal-client-type") == str(pb.CLIENT_TYPE_CONTAINER):
            return
        given = metadata.get("x-modal-token-id"), metadata.get("x-modal-token-secret")
        if given != (TOKEN_ID, TOKEN_SECRET):
            raise GRPCError(Status.UNAUTHENTICATED, "Token missing or invalid")

    async def _misbehave(self, name: str) -> None:
        fault = self.faults[name].popleft() if self.faults[name] else self.always.get(name)
        if fault is None:
            return
        await asyncio.sleep(fault.delay_s)
        if fault.status is not None:
            raise GRPCError(fault.status, fault.message)
