"""What the loopback server remembers."""

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path

from grpclib import Status
from modal_proto import api_pb2 as pb


@dataclass(frozen=True)
class Fault:
    """A misbehaviour of an RPC: wait, then fail, or go on where there is no status."""

    status: Status | None = None
    delay_s: float = 0.0
    message: str = "injected"


@dataclass
class Deployment:
    """An app: its functions and classes by tag."""

    name: str
    functions: dict[str, str] = field(default_factory=dict)
    classes: dict[str, str] = field(default_factory=dict)


@dataclass
class Call:
    """An input of a function, and its output once there is one."""

    id: str
    input_id: str
    function_id: str
    input: pb.FunctionInput
    sync: bool
    retry_count: int = 0
    done: asyncio.Event = field(default_factory=asyncio.Event)
    item: pb.FunctionGetOutputsItem | None = None
    task_id: str | None = None
    cancelled: bool = False


@dataclass
class Container:
    """A process of the real container entry point."""

    task_id: str
    function_id: str
    process: asyncio.subprocess.Process
    log: Path
    replaced: bool = False
    served: bool = False
    failure: pb.GenericResult | None = None
    started: float = field(default_factory=time.monotonic)

    @property
    def alive(self) -> bool:
        return self.process.returncode is None
