"""The server on an event loop of its own, beside the code that is tested."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.modal_loopback.server import LoopbackModal


@contextmanager
def running(**options: Any) -> Iterator[LoopbackModal]:
    """A server that runs until the block ends; options as of LoopbackModal."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="modal-loopback", daemon=True)
    thread.start()

    def wait_for(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(30)

    async def made() -> LoopbackModal:
        return await LoopbackModal(**options).__aenter__()

    server = wait_for(made())
    try:
        yield server
    finally:
        wait_for(server.__aexit__())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
