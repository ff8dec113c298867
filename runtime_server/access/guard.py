"""Lets in who has a key for what they ask."""

import secrets
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import SecretStr
from starlette.datastructures import Headers

from runtime_server.access.api_key import ApiKey, KeyScope
from runtime_server.access.live_keys import LiveKeys
from runtime_server.errors import (
    AdminDisabledError,
    KeysUnavailableError,
    MissingScopeError,
    UnauthorizedError,
)
from runtime_server.problems import documented, either
from runtime_server.request_notes import note_key

# Named in the OpenAPI document; a request needs one of the two.
SECURITY_SCHEMES: Final = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, or ADMIN_KEY."},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
Responses = Mapping[int | str, dict[str, Any]]
_ADMIN_KEY: Final = "ADMIN_KEY"
_SEND: Final = "send a key as Authorization: Bearer, or as X-API-Key"


@dataclass(frozen=True)
class Guard:
    """`keys` is None where API_KEYS is empty: then only the admin routes ask for one."""

    keys: LiveKeys | None
    admin_key: SecretStr | None

    def asks(self, scope: KeyScope) -> bool:
        """Whether these routes need a key."""
        return self.keys is not None or scope is KeyScope.ADMIN

    async def close(self) -> None:
        """Let go of the keys."""
        if self.keys is not None:
            await self.keys.close()

    async def admit(self, request: Request, scope: KeyScope) -> None:
        """Let the request pass, and keep its key as `request.state.api_key`.

        Raises:
            UnauthorizedError: there is no key, or one that is not good.
            MissingScopeError: the key is good for other routes.
            AdminDisabledError: nothing could be a key of the admin routes.
            KeysUnavailableError: the keys could not be read yet.
        """
        if not self.asks(scope):
            return
        if self.keys is None and self.admin_key is None:
            raise AdminDisabledError("set ADMIN_KEY, and send it as Authorization: Bearer")
        name, scopes, key = await self._identified(_sent(request.headers))
        note_key(name)
        if scope not in scopes:
            raise MissingScopeError(f"the key {name} has no scope {scope}", scope=scope.value)
        request.state.api_key = key

    async def _identified(self, sent: str) -> tuple[str, frozenset[KeyScope], ApiKey | None]:
        if self._is_admin_key(sent):
            return _ADMIN_KEY, frozenset({KeyScope.ADMIN}), None
        key = await self.keys.find(sent) if sent and self.keys is not None else None
        if key is None:
            raise UnauthorizedError("the key is not known here" if sent else _SEND)
        return key.name, key.scopes, key

    def _is_admin_key(self, sent: str) -> bool:
        if self.admin_key is None:
            return False
        expected = self.admin_key.get_secret_value()
        return secrets.compare_digest(sent.encode(), expected.encode())


def guarded(guard: Guard, scope: KeyScope, kind: type[APIRoute] = APIRoute) -> type[APIRoute]:
    """A kind of route that admits a request before anything of its body is read."""
    asks = guard.asks(scope)
    answers = documented(UnauthorizedError, MissingScopeError, KeysUnavailableError)

    class GuardedRoute(kind):  # type: ignore[valid-type,misc]
        def __init__(self, *given: Any, **options: Any) -> None:  # noqa: ANN401
            if asks:
                extra = options.get("openapi_extra") or {}
                needed: list[dict[str, list[str]]] = [{name: []} for name in SECURITY_SCHEMES]
                options["openapi_extra"] = {**extra, "security": needed}
                options["responses"] = _with(answers, options.get("responses") or {})
            super().__init__(*given, **options)

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def admitted(request: Request) -> Response:
                await guard.admit(request, scope)
                answer: Response = await handle(request)
                return answer

            return admitted if asks else handle

    return GuardedRoute


def _with(answers: Responses, own: Responses) -> Responses:
    return {
        **answers,
        **{
            status: either(answer, answers[status]) if status in answers else answer
            for status, answer in own.items()
        },
    }


def _sent(headers: Headers) -> str:
    kind, _, credentials = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return credentials.strip()
    return headers.get("x-api-key", "")
