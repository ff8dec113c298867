"""What the modal package raises, said to an operator: one line with what to do about it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from modal import exception as raised

from runtime_server.errors import StartError
from runtime_server.modal_credentials import HOW_TO


class MissingError(StartError):
    """Modal knows nothing of that name."""


@asynccontextmanager
async def answering(within_s: float) -> AsyncIterator[asyncio.Timeout]:
    """Inside, Modal is asked; not longer than `within_s` seconds. Raises StartError."""
    try:
        async with asyncio.timeout(within_s) as limit:
            yield limit
    except (raised.NotFoundError, FileNotFoundError) as exc:
        raise MissingError(f"Modal has no such thing: {exc}") from exc
    except (raised.AuthError, raised.PermissionDeniedError) as exc:
        raise StartError(f"Modal refuses the token; {HOW_TO}") from exc
    except (TimeoutError, raised.ConnectionError, raised.ServiceError, OSError) as exc:
        raise StartError("Modal cannot be reached; is there a way to api.modal.com?") from exc
    except raised.Error as exc:
        raise StartError(f"Modal: {type(exc).__name__}: {exc}") from exc
