"""A typed client of the server: needs httpx, tenacity and pydantic, and nothing that serves."""

from runtime_server.client.async_client import AsyncClient
from runtime_server.client.client import Client
from runtime_server.client.errors import ApiError, ServerUnreachableError
from runtime_server.errors import ClientError
from runtime_server.result import BatchItem, BatchLine, ErrorItem, PredictResult

__all__ = [
    "ApiError",
    "AsyncClient",
    "BatchItem",
    "BatchLine",
    "Client",
    "ClientError",
    "ErrorItem",
    "PredictResult",
    "ServerUnreachableError",
]
