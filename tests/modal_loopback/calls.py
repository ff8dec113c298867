"""Calls: inputs that wait, outputs that are waited for, on the control and the input plane."""

import asyncio
import base64
import json
import time
from contextlib import suppress
from typing import Any

from grpclib import GRPCError, Status
from modal_proto import api_pb2 as pb

from tests.modal_loopback.core import EMPTY, Core
from tests.modal_loopback.state import Call

Result = pb.GenericResult


class Calls(Core):
    """`spawn`, `get`, `cancel`, and `remote` on the input plane."""

    def require_container(self, function_id: str) -> None:
        """Have one that takes the inputs of this function."""
        raise NotImplementedError

    def submit(self, function_id: str, given: pb.FunctionInput, prefix: str, *, sync: bool) -> Call:
        if function_id not in self.functions or self.app_of[function_id] not in (
            self.deployed.values()
        ):
            raise GRPCError(Status.NOT_FOUND, f"Function {function_id} not found")
        call = Call(self.new_id(prefix), self.new_id("in"), function_id, given, sync)
        self.calls[call.id] = call
        self.enqueue(call)
        return call

    def enqueue(self, call: Call) -> None:
        self.queues[call.function_id].put_nowait(call)
        self.require_container(call.function_id)

    def finish(self, call: Call, result: pb.GenericResult, data_format: int = 0) -> None:
        call.item = pb.FunctionGetOutputsItem(
            result=result,
            idx=0,
            input_id=call.input_id,
            data_format=data_format,
            task_id=call.task_id or "",
            output_created_at=time.time(),
        )
        call.done.set()

    async def FunctionMap(self, request: Any) -> pb.FunctionMapResponse:
        if not request.pipelined_inputs:
            raise GRPCError(Status.UNIMPLEMENTED, "only calls of one input")
        kind = request.function_call_invocation_type
        call = self.submit(
            request.function_id,
            request.pipelined_inputs[0].input,
            "fc",
            sync=kind == pb.FUNCTION_CALL_INVOCATION_TYPE_SYNC,
        )
        item = pb.FunctionPutInputsResponseItem(
            idx=0, input_id=call.input_id, input_jwt=call.input_id
        )
        return pb.FunctionMapResponse(
            function_call_id=call.id,
            function_call_jwt=call.id,
            sync_client_retries_enabled=True,
            retry_policy=self.functions[request.function_id].retry_policy,
            pipelined_inputs=[item],
        )

    async def FunctionGetOutputs(self, request: Any) -> pb.FunctionGetOutputsResponse:
        item = await self._output(self._call(request.function_call_id), request.timeout)
        return pb.FunctionGetOutputsResponse(
            outputs=[item] if item else [],
            last_entry_id="1-0",
            num_unfinished_inputs=0 if item else 1,
        )

    async def FunctionCallCancel(self, request: Any) -> Any:
        call = self._call(request.function_call_id)
        call.cancelled = True
        self.cancels[call.input_id] = time.monotonic()
        self.finish(call, Result(status=Result.GENERIC_STATUS_TERMINATED, exception="cancelled"))
        return EMPTY

    async def AuthTokenGet(self, _: Any) -> pb.AuthTokenGetResponse:
        parts = ({"alg": "none"}, {"exp": time.time() + 1200})
        coded = (base64.urlsafe_b64encode(json.dumps(part).encode()) for part in parts)
        return pb.AuthTokenGetResponse(
            token=".".join([*(c.rstrip(b"=").decode() for c in coded), "x"])
        )

    async def AttemptStart(self, request: Any) -> pb.AttemptStartResponse:
        call = self.submit(request.function_id, request.input.input, "at", sync=True)
        policy = self.functions[request.function_id].retry_policy
        return pb.AttemptStartResponse(attempt_token=call.id, retry_policy=policy)

    async def AttemptAwait(self, request: Any) -> pb.AttemptAwaitResponse:
        item = await self._output(self._call(request.attempt_token), request.timeout_secs)
        return pb.AttemptAwaitResponse(output=item)

    def _call(self, call_id: str) -> Call:
        if call_id not in self.calls:
            raise GRPCError(Status.NOT_FOUND, f"call {call_id} not found")
        return self.calls[call_id]

    async def _output(self, call: Call, within_s: float) -> pb.FunctionGetOutputsItem | None:
        with suppress(TimeoutError):
            await asyncio.wait_for(call.done.wait(), within_s)
        return call.item
