"""What a route asks before texts are judged."""

from typing import Protocol

from starlette.requests import Request


class Quota(Protocol):
    """How many texts a caller may have judged."""

    async def take(self, request: Request, texts: int) -> None:
        """Let so many more pass. Raises RateLimitedError, TooManyTextsError."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class Unlimited:
    """As many as they like."""

    async def take(self, request: Request, texts: int) -> None:
        """Nothing is counted."""

    async def close(self) -> None:
        """Nothing is held."""
